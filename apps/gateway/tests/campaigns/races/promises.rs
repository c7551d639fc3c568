//! What must be true after a round, by what its answers said.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::client::Client;

use super::log::{Log, id};
use super::round::{CASE_TYPES, CASES, CONTACTS, LEADS, OPPORTUNITIES, ORGANIZATIONS, PIPELINES, Round, address};

/// Checks that nothing that was acknowledged in a round was lost.
pub(super) fn check(client: &Client, round: &Round, log: &Log) {
    check_directory(client, round, log);
    check_conversions(client, round, log);
    for (place, path) in round.leads.kept().iter().enumerate() {
        check_references(client, round, log, (place, path));
    }
    for (place, path) in round.opportunities.kept().iter().enumerate() {
        check_references(client, round, log, (place, path));
    }
    for (place, path) in round.cases.kept().iter().enumerate() {
        check_references(client, round, log, (place, path));
        check_timeline(client, log, path);
    }
    for ((path, field), value) in &log.fields {
        let record = read(client, path);
        assert_eq!(record["customFields"][field], value.as_str(), "{field} of {path}: a change was lost");
    }
}

fn read(client: &Client, path: &str) -> Value {
    client.get(path).item(200).clone()
}

fn check_directory(client: &Client, round: &Round, log: &Log) {
    for (place, path) in round.members.iter().enumerate() {
        let organization = log.follow(&round.organizations.kept()[place]);
        assert_eq!(read(client, path)["organizationId"], id(organization), "of {path}: {log:?}");
    }
    for (place, path) in round.contacts.kept().iter().enumerate() {
        let contact = read(client, log.follow(path));
        let wanted = address(&round.name, place);
        let has = contact["email"].as_array().unwrap().iter().any(|email| email["value"] == wanted.as_str());
        assert!(has, "{wanted} is lost: {contact}");
    }
}

/// What pointed at a source points at its target, and takes part there once.
fn check_references(client: &Client, round: &Round, log: &Log, (place, path): (usize, &str)) {
    let organization = log.follow(&round.organizations.kept()[place % 4]);
    let contact = |place: usize| id(log.follow(&round.contacts.kept()[place % 8]));
    let record = read(client, path);
    assert_eq!(record["organizationId"], id(organization), "of {path}: {log:?}");
    assert_eq!(record["contactId"], contact(place), "of {path}: {log:?}");
    let Some(participants) = record["participants"].as_array() else { return };
    let found: Vec<&str> = participants.iter().map(|one| one["id"].as_str().unwrap()).collect();
    let wanted: BTreeSet<&str> = (0..3).map(|next| contact(place + next)).collect();
    assert_eq!(found.len(), wanted.len(), "participants of {path}: {found:?}");
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), wanted, "participants of {path}: {log:?}");
}

/// A lead was converted as often as was answered, which is at most once; it and its opportunity name each other as
/// long as both are there.
fn check_conversions(client: &Client, round: &Round, log: &Log) {
    let converted: BTreeMap<&str, &str> =
        log.converted.iter().map(|(lead, made)| (lead.as_str(), made.as_str())).collect();
    assert_eq!(converted.len(), log.converted.len(), "a lead was converted twice: {:?}", log.converted);
    for (place, path) in round.leads.all().iter().enumerate() {
        let opportunity = converted.get(path.as_str()).copied();
        let left = opportunity.filter(|opportunity| !log.is_gone(opportunity));
        let names = |record: &Value, member: &str, path: Option<&str>| {
            assert_eq!(record[member], path.map_or(Value::Null, |path| id(path).into()), "{member} of {record}");
        };
        if let Some(opportunity) = left {
            let lead = (!log.is_gone(path)).then_some(path.as_str());
            names(&read(client, opportunity), "leadId", lead);
            if round.leads.kept().contains(path) {
                check_references(client, round, log, (place, opportunity));
            }
        }
        if !log.is_gone(path) {
            let lead = read(client, path);
            assert_eq!(lead["isConverted"], opportunity.is_some(), "{lead}");
            names(&lead, "opportunityId", left);
        }
    }
}

/// The timeline has what was said and done, each once, and leads from the first status to the one of the case.
fn check_timeline(client: &Client, log: &Log, path: &str) {
    let timeline = client.get(&format!("{path}/activities?size=200"));
    let mut said: Vec<&str> = timeline.items().iter().filter_map(|one| one["comment"].as_str()).collect();
    let of_case = log.said.iter().filter(|(case, _)| case == path);
    let mut wanted: Vec<&str> = of_case.map(|(_, comment)| comment.as_str()).collect();
    said.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(said, wanted, "timeline of {path}");
}

/// Checks that of all that was ever made there is just what was not deleted or merged away, that its numbers count up
/// from 1 without gaps, and that nobody sees another tenant's.
pub(super) fn check_lists(client: &Client, log: &Log) {
    for path in [LEADS, OPPORTUNITIES, CONTACTS, ORGANIZATIONS, CASES, CASE_TYPES, PIPELINES] {
        let of_kind = log.made.iter().filter(|made| made.rsplit_once('/').is_some_and(|(kind, _)| kind == path));
        let made: BTreeSet<&str> = of_kind.clone().map(String::as_str).collect();
        assert_eq!(made.len(), of_kind.count(), "{path} has an id twice");
        let mut listed = BTreeSet::new();
        let mut token = String::new();
        loop {
            let page = client.get(&format!("{path}?size=200{token}"));
            for item in page.items() {
                assert_eq!(item["tenantId"], client.keys.tenant.as_str(), "{item}");
                listed.insert(format!("{path}/{}", item["id"].as_str().unwrap()));
            }
            match page.body["continuationToken"].as_str() {
                Some(next) => token = format!("&continuationToken={next}"),
                None => break,
            }
        }
        // Each tenant begins with a pipeline and a case type.
        let first = matches!(path, CASE_TYPES | PIPELINES);
        let unknown: Vec<&String> = listed.iter().filter(|path| !made.contains(path.as_str())).collect();
        assert_eq!(unknown.len(), usize::from(first), "nobody made these: {unknown:?}");
        for path in &made {
            assert_eq!(listed.contains(*path), !log.is_gone(path), "{path} was made; gone: {}", log.is_gone(path));
        }
        let last = made.iter().filter_map(|path| id(path).parse::<usize>().ok()).max();
        assert!(path == PIPELINES || last == Some(made.len() + usize::from(first)), "{path}: gaps below {last:?}");
    }
}
