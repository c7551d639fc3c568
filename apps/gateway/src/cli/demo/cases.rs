use crm_cases::{Case, Day, NewCase, Priority, types};
use crm_core::Timestamp;
use crm_core::page::PageRequest;
use crm_core::values::{LongText, ShortText, Title};
use crm_tags::TagRefs;

use super::contacts::People;
use super::dice::Dice;
use super::run::{Run, days_after};
use super::{tags, team};

/// Title, description.
const TROUBLES: &[(&str, &str)] = &[
    ("Scanner does not connect", "Since the update on Monday the hand scanners lose the network after some minutes."),
    ("Invoice has the wrong address", "We moved in spring; the invoice still goes to the old office."),
    ("Login fails for new colleagues", "Three colleagues who started this month get no mail with the link."),
    ("Export stops half-way", "The monthly export ends after about 2 000 rows, without a message."),
    ("Delivery is incomplete", "Two of the twelve devices are missing, the delivery note says twelve."),
    ("How do we add a second branch?", "We open a branch in June and would like separate reports."),
    ("Report shows yesterday's figures", "The dashboard is a day behind since the weekend."),
    ("Please extend the licences", "Five more seats from next month on."),
];

const PRIORITIES: &[&str] = &["1_high", "2_medium", "2_medium", "3_low"];

/// Makes cases of these people, over the last half year.
pub(super) fn make(run: &mut Run, count: u32, people: &People) -> anyhow::Result<()> {
    let statuses = statuses(run)?;
    let draft = |dice: &mut Dice, moment: Timestamp| draft(dice, moment, people, &statuses);
    run.fill::<Case, _>("cases", count, 182, draft, |_, _, _| ())?;
    Ok(())
}

/// The statuses of the type that cases have by default.
fn statuses(run: &mut Run) -> anyhow::Result<Vec<String>> {
    let all = run.read(|connection, scope| types::list(connection, scope, &PageRequest::first(200)))?;
    let Some(default) = all.items.into_iter().find(|case_type| case_type.is_default) else { return Ok(Vec::new()) };
    Ok(default.workflow.graph()?.statuses().iter().map(|status| status.label.clone()).collect())
}

fn draft(dice: &mut Dice, moment: Timestamp, people: &People, statuses: &[String]) -> anyhow::Result<NewCase> {
    let (title, description) = *dice.one(TROUBLES);
    let person = people.one(dice, moment);
    let company = person.and_then(|person| person.company.as_ref());
    let expected = days_after(moment, 2 + dice.below(28)).to_string();
    let mut case = NewCase::new(Title::new("title", title)?);
    case.description = Some(LongText::new("description", description)?);
    if let Some(place) = dice.place(statuses.len()) {
        case.status = Some(ShortText::new("status", statuses[place].as_str())?);
    }
    case.priority = Some(Priority::new("priority", *dice.one(PRIORITIES))?);
    let day = expected.split('T').next().unwrap_or_default();
    case.expected_date = Some(Day::new("expectedDate", day)?);
    case.organization_id = company.map(|(id, _)| *id);
    case.contact_id = person.map(|person| person.id);
    case.assignee = Some(team::member(dice)?);
    case.owner = Some(team::member(dice)?);
    case.tags = TagRefs::labeled(dice.some(&tags::chances(tags::CASE)))?;
    Ok(case)
}
