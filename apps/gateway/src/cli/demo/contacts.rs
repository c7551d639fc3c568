use std::collections::HashMap;

use crm_core::values::{LabeledValue, LongText, ShortText, Title};
use crm_core::{ContactId, OrganizationId, Timestamp};
use crm_directory::{Contact, Emails, NewContact, Phones};
use crm_tags::TagRefs;

use super::dice::{Dice, slug};
use super::organizations::Company;
use super::run::Run;
use super::{tags, team};

/// Title, department, seniority.
const JOBS: &[(&str, &str, &str)] = &[
    ("Managing Director", "Management", "C-level"),
    ("Chief Financial Officer", "Finance", "C-level"),
    ("Chief Technology Officer", "IT", "C-level"),
    ("VP Operations", "Operations", "VP"),
    ("Head of Purchasing", "Purchasing", "Director"),
    ("Head of Marketing", "Marketing", "Director"),
    ("IT Manager", "IT", "Manager"),
    ("Office Manager", "Administration", "Manager"),
    ("Product Manager", "Product", "Manager"),
    ("Purchaser", "Purchasing", "Senior"),
    ("Accountant", "Finance", "Senior"),
    ("Software Engineer", "IT", "Senior"),
    ("Marketing Specialist", "Marketing", "Junior"),
    ("Assistant", "Administration", "Junior"),
];

const NOTES: &[&str] = &[
    "Prefers to be called in the morning.",
    "Met at the trade fair in spring.",
    "On parental leave until summer; write to the office instead.",
    "Wants everything in writing.",
    "Was our contact at a former employer.",
];

/// The contacts that were made, the oldest first.
pub(super) struct People {
    all: Vec<Person>,
    /// The places in `all` of those of each organization.
    colleagues: HashMap<OrganizationId, Vec<usize>>,
}

/// A contact that was made.
pub(super) struct Person {
    pub(super) id: ContactId,
    pub(super) name: String,
    pub(super) company: Option<(OrganizationId, String)>,
    since: Timestamp,
}

impl People {
    fn new(all: Vec<Person>) -> Self {
        let mut colleagues: HashMap<OrganizationId, Vec<usize>> = HashMap::new();
        for (place, person) in all.iter().enumerate() {
            if let Some((company, _)) = person.company {
                colleagues.entry(company).or_default().push(place);
            }
        }
        Self { all, colleagues }
    }

    /// One who was known at this moment.
    pub(super) fn one(&self, dice: &mut Dice, moment: Timestamp) -> Option<&Person> {
        let known = self.all.partition_point(|person| person.since <= moment);
        dice.place(known).map(|place| &self.all[place])
    }

    /// Others of the same organization who were known at this moment, at most so many.
    pub(super) fn colleagues(&self, person: &Person, moment: Timestamp, most: usize) -> Vec<&Person> {
        let places = person.company.as_ref().and_then(|(company, _)| self.colleagues.get(company));
        let others = places.into_iter().flatten().map(|place| &self.all[*place]);
        others.filter(|other| other.id != person.id && other.since <= moment).take(most).collect()
    }
}

/// Makes contacts, nine of ten in one of these organizations.
pub(super) fn make(run: &mut Run, count: u32, companies: &[Company]) -> anyhow::Result<People> {
    let draft = |dice: &mut Dice, moment: Timestamp| draft(dice, moment, companies);
    let names: HashMap<OrganizationId, &str> =
        companies.iter().map(|company| (company.id, company.name.as_str())).collect();
    let all = run.fill::<Contact, _>("contacts", count, 380, draft, |id, since, made| {
        let company = made.organization_id.map(|id| (id, names.get(&id).copied().unwrap_or_default().to_owned()));
        Person { id, name: made.name.into_string(), company, since }
    })?;
    Ok(People::new(all))
}

fn draft(dice: &mut Dice, moment: Timestamp, companies: &[Company]) -> anyhow::Result<NewContact> {
    let (first, last) = (dice.first_name(), dice.last_name());
    let known = companies.partition_point(|company| company.since <= moment);
    let company = if dice.percent(90) { dice.place(known).map(|place| &companies[place]) } else { None };
    let domain = company.map_or("post.example", |company| company.domain.as_str());
    let work = format!("{}.{}@{domain}", slug(&first), slug(&last));
    let mut email = vec![LabeledValue::new(work).labeled("Work").to_use_first()];
    if dice.percent(20) {
        let private = format!("{}{}@mail.example", slug(&first), dice.below(100));
        email.push(LabeledValue::new(private).labeled("Private"));
    }
    let (job, department, seniority) = *dice.one(JOBS);
    let mut contact = NewContact::new(Title::new("name", format!("{first} {last}"))?);
    contact.email = Emails::new(email)?;
    contact.phone = Phones::new([LabeledValue::new(dice.phone()).labeled("Mobile")])?;
    contact.organization_id = company.map(|company| company.id);
    contact.job_title = Some(ShortText::new("jobTitle", job)?);
    contact.department = Some(ShortText::new("department", department)?);
    contact.seniority_level = Some(ShortText::new("seniorityLevel", seniority)?);
    if dice.percent(15) {
        contact.note = Some(LongText::new("note", *dice.one(NOTES))?);
    }
    contact.owner = Some(team::member(dice)?);
    contact.tags = TagRefs::labeled(dice.some(&tags::chances(tags::CONTACT)))?;
    Ok(contact)
}
