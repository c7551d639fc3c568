use crm_core::values::{Decimal, LongText, Money, Participant, Participants, ShortText, Title};
use crm_core::{Condition, LeadId, Timestamp};
use crm_leads::LeadRating;
use crm_leads::{Lead, NewLead};
use crm_suite::leads;
use crm_suite::resource::Resource;
use crm_tags::TagRefs;

use super::contacts::People;
use super::dice::Dice;
use super::run::{Run, days_after};
use super::{tags, team};

/// What the company sells, and its usual price.
const OFFERS: &[(&str, i64)] = &[
    ("Website relaunch", 24_000),
    ("Support contract", 9_600),
    ("Renewal of the support contract", 8_400),
    ("Cloud migration", 85_000),
    ("Security audit", 14_500),
    ("Warehouse scanners", 38_000),
    ("Training for the sales team", 4_800),
    ("Licences for a new branch", 12_000),
    ("Data platform", 160_000),
    ("Online shop", 46_000),
    ("Telephone system", 18_000),
    ("Pilot project", 6_500),
];

const NOTES: &[&str] = &[
    "Asked for an offer by the end of the month.",
    "Budget is there, the date is not.",
    "Compares us with two competitors; price will decide.",
    "Wants a reference from the same industry first.",
    "Came from the newsletter; has opened every issue since spring.",
    "Call again after the board meeting.",
    "Needs the contract reviewed by legal.",
];

const ORIGINS: &[&str] = &["website", "website", "referral", "partner", "inbound", "other"];
const RATINGS: &[LeadRating] =
    &[LeadRating::Cold, LeadRating::Cold, LeadRating::Warm, LeadRating::Warm, LeadRating::Hot];
const CURRENCIES: &[&str] = &["USD", "USD", "USD", "USD", "EUR", "GBP"];

/// Makes leads over the last year, most of them of these people, and puts some of the older ones aside.
pub(super) fn make(run: &mut Run, count: u32, people: &People) -> anyhow::Result<Vec<(LeadId, Timestamp)>> {
    let draft = |dice: &mut Dice, moment: Timestamp| draft(dice, moment, people);
    let made = run.fill::<Lead, _>("leads", count, 365, draft, |id, since, _| (id, since))?;
    archive(run, &made)?;
    Ok(made)
}

fn draft(dice: &mut Dice, moment: Timestamp, people: &People) -> anyhow::Result<NewLead> {
    let (offer, price) = *dice.one(OFFERS);
    let person = if dice.percent(92) { people.one(dice, moment) } else { None };
    let company = person.and_then(|person| person.company.as_ref());
    let title = match company {
        Some((_, name)) => format!("{offer} for {name}"),
        None => offer.to_owned(),
    };
    let most = dice.place(3).unwrap_or_default();
    let participants = person.map(|person| people.colleagues(person, moment, most)).unwrap_or_default();
    let participants = participants.into_iter().map(|other| Participant::new(other.id).named(&other.name));
    // From half to twice the usual price, in round hundreds.
    let amount = price * (50 + dice.below(150)) / 10_000 * 100;
    let mut lead = NewLead::new(Title::new("title", title)?);
    if dice.percent(85) {
        lead.value = Some(Money::new(Decimal::from(amount), dice.one(CURRENCIES).parse()?)?);
    }
    lead.origin = Some(ShortText::new("origin", *dice.one(ORIGINS))?);
    lead.lead_rating = dice.percent(90).then(|| *dice.one(RATINGS));
    if dice.percent(40) {
        lead.note = Some(LongText::new("note", *dice.one(NOTES))?);
    }
    lead.organization_id = company.map(|(id, _)| *id);
    lead.contact_id = person.map(|person| person.id);
    lead.owner = Some(team::member(dice)?);
    lead.followers = team::followers(dice)?;
    lead.participants = Participants::new(participants)?;
    lead.tags = TagRefs::labeled(dice.some(&tags::chances(tags::LEAD)))?;
    Ok(lead)
}

/// One in twelve of those that are older than 90 days led to nothing.
fn archive(run: &mut Run, leads: &[(LeadId, Timestamp)]) -> anyhow::Result<()> {
    let ends = leads.iter().map(|(id, since)| (days_after(*since, 90), *id));
    let old: Vec<_> = ends.filter(|(end, id)| *end < run.now() && id.as_i64() % 12 == 0).collect();
    run.each("archived leads", &old, |connection, scope, old| {
        let ids: Vec<LeadId> = old.iter().map(|(_, id)| *id).collect();
        Lead::lock(connection, scope, &ids)?;
        Lead::remember(connection, scope, &ids)?;
        let archive = |(end, id): &(Timestamp, LeadId)| {
            leads::archive(connection, &scope.clone().at(*end), *id, &Condition::none(), None).map(drop)
        };
        old.iter().map(archive).collect()
    })?;
    Ok(())
}
