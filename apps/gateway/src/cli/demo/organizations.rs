use crm_core::values::{LabeledValue, LongText, ShortText, Title, Url};
use crm_core::{OrganizationId, Timestamp};
use crm_directory::{Address, Emails, NewOrganization, Organization, Phones};
use crm_tags::TagRefs;

use super::dice::{Dice, slug};
use super::run::Run;
use super::{tags, team};

/// How a company's name ends, and its industry.
const TRADES: &[(&str, &str)] = &[
    ("Logistics", "Logistics and Supply Chain"),
    ("Foods", "Food Production"),
    ("Software", "Computer Software"),
    ("Medical", "Medical Devices"),
    ("Energy", "Renewables & Environment"),
    ("Motors", "Automotive"),
    ("Hotels", "Hospitality"),
    ("Insurance", "Insurance"),
    ("Construction", "Construction"),
    ("Printing", "Printing"),
    ("Textiles", "Textiles"),
    ("Machinery", "Machinery"),
    ("Pharma", "Pharmaceuticals"),
    ("Furniture", "Furniture"),
    ("Telecom", "Telecommunications"),
    ("Consulting", "Management Consulting"),
    ("Dental", "Hospital & Health Care"),
    ("Schools", "Primary / Secondary Education"),
];

/// How many people a company has, and what it makes in a year. The first are the most frequent.
const SIZES: &[(&str, &str)] = &[
    ("11-50", "1M-10M"),
    ("1-10", "under 1M"),
    ("51-200", "10M-50M"),
    ("201-500", "50M-250M"),
    ("501-1000", "over 250M"),
];

const NOTES: &[&str] = &[
    "Buys once a year, in autumn, by tender.",
    "Family business; decisions take one meeting.",
    "Has a framework contract with a competitor until the end of next year.",
    "Invoices go to the holding company.",
    "Moved from a competitor after a failed upgrade; careful with promises.",
];

/// An organization that was made.
pub(super) struct Company {
    pub(super) id: OrganizationId,
    pub(super) name: String,
    pub(super) since: Timestamp,
    /// Of its addresses; under `.example`, which nobody owns (RFC 2606).
    pub(super) domain: String,
}

/// Makes organizations, the oldest first.
pub(super) fn make(run: &mut Run, count: u32) -> anyhow::Result<Vec<Company>> {
    run.fill::<Organization, _>("organizations", count, 395, draft, |id, since, made| {
        let name = made.name.into_string();
        Company { id, since, domain: domain(&name), name }
    })
}

fn draft(dice: &mut Dice, _: Timestamp) -> anyhow::Result<NewOrganization> {
    let (trade, industry) = *dice.one(TRADES);
    let name = match dice.below(8) {
        0 => format!("{} {trade}", dice.town()),
        1..4 => format!("{} & {} {trade}", dice.last_name(), dice.last_name()),
        _ => format!("{} {trade}", dice.last_name()),
    };
    let domain = domain(&name);
    let size = dice.place(SIZES.len()).unwrap_or_default().min(dice.place(SIZES.len()).unwrap_or_default());
    let (size, revenue) = SIZES[size];
    let mut organization = NewOrganization::new(Title::new("name", name)?);
    organization.industry = Some(ShortText::new("industry", industry)?);
    organization.size = Some(ShortText::new("size", size)?);
    organization.annual_revenue = Some(ShortText::new("annualRevenue", revenue)?);
    organization.email = Emails::new([LabeledValue::new(format!("info@{domain}")).labeled("Office")])?;
    organization.phone = Phones::new([LabeledValue::new(dice.phone()).labeled("Office")])?;
    organization.address = Some(Address::new("address", dice.address())?);
    organization.website = Some(Url::new("website", format!("https://www.{domain}"))?);
    if dice.percent(30) {
        organization.note = Some(LongText::new("note", *dice.one(NOTES))?);
    }
    organization.owner = Some(team::member(dice)?);
    organization.tags = TagRefs::labeled(dice.some(&tags::chances(tags::ORGANIZATION)))?;
    Ok(organization)
}

fn domain(name: &str) -> String {
    format!("{}.example", slug(name))
}
