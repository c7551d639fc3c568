use crm_core::{Condition, LeadId, Timestamp};
use crm_leads::NewLead;
use crm_suite::leads;
use serde_json::{Value, json};

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
const RATINGS: &[&str] = &["1_cold", "1_cold", "2_warm", "2_warm", "3_hot"];
const CURRENCIES: &[&str] = &["USD", "USD", "USD", "USD", "EUR", "GBP"];

/// Makes leads over the last year, most of them of these people, and puts some of the older ones aside.
pub(super) fn make(run: &mut Run, count: u32, people: &People) -> anyhow::Result<Vec<(LeadId, Timestamp)>> {
    let draft = |dice: &mut Dice, moment: Timestamp| draft(dice, moment, people);
    let made = run.fill("leads", count, 365, draft, |connection, scope, new: &NewLead| {
        leads::create(connection, scope, new).map(|lead| (lead.id, lead.created_on))
    })?;
    archive(run, &made)?;
    Ok(made)
}

fn draft(dice: &mut Dice, moment: Timestamp, people: &People) -> Value {
    let (offer, price) = *dice.one(OFFERS);
    let person = if dice.percent(92) { people.one(dice, moment) } else { None };
    let company = person.and_then(|person| person.company.as_ref());
    let title = match company {
        Some((_, name)) => format!("{offer} for {name}"),
        None => offer.to_owned(),
    };
    let most = dice.place(3).unwrap_or_default();
    let participants = person.map(|person| people.colleagues(person, moment, most)).unwrap_or_default();
    let participants: Vec<Value> =
        participants.iter().map(|other| json!({ "id": other.id.to_string(), "name": other.name })).collect();
    // From half to twice the usual price, in round hundreds.
    let amount = price * (50 + dice.below(150)) / 10_000 * 100;
    json!({
        "title": title,
        "value": dice.percent(85).then(|| json!({ "amount": amount, "code": dice.one(CURRENCIES) })),
        "origin": dice.one(ORIGINS),
        "leadRating": dice.percent(90).then(|| *dice.one(RATINGS)),
        "note": dice.percent(40).then(|| *dice.one(NOTES)),
        "organizationId": company.map(|(id, _)| id.to_string()),
        "contactId": person.map(|person| person.id.to_string()),
        "owner": team::member(dice),
        "followers": team::followers(dice),
        "participants": participants,
        "tags": dice.some(&tags::chances(tags::LEAD)),
    })
}

/// One in twelve of those that are older than 90 days led to nothing.
fn archive(run: &mut Run, leads: &[(LeadId, Timestamp)]) -> anyhow::Result<()> {
    let ends = leads.iter().map(|(id, since)| (days_after(*since, 90), *id));
    let old: Vec<_> = ends.filter(|(end, id)| *end < run.now() && id.as_i64() % 12 == 0).collect();
    run.each("archived leads", &old, |connection, scope, id| {
        leads::archive(connection, scope, *id, &Condition::none(), None)
    })?;
    Ok(())
}
