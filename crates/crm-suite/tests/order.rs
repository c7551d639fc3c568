//! What every change does: it locks in one order (docs/ARCHITECTURE.md), looks at its condition once all locks are held,
//! and writes nothing before it knows that it may.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/changes.rs"]
mod changes;
#[path = "common/dump.rs"]
mod dump;

use std::collections::HashSet;

use crm_core::{Condition, Unmet};
use crm_leads::LeadError;
use crm_suite::SuiteError;
use crm_testkit::statements::{Statement, statements};
use crm_testkit::{TestDatabase, both_databases};

use crate::changes::{CHANGES, If, MADE, REFUSED, Refused, filled};
use crate::dump::dump;

/// The order in which tables are locked. What belongs to a record is written under the lock of the record; links to tags
/// lock their tags.
const ORDER: [&[&str]; 12] = [
    &["changes"],
    &["forms"],
    &["organizations"],
    &["contacts"],
    &["leads"],
    &["pipelines"],
    &["pipeline_stages"],
    &["opportunities"],
    &["case_types"],
    &["cases"],
    &["numbering"],
    &["tags", "lead_tags", "opportunity_tags", "contact_tags", "organization_tags", "case_tags"],
];

/// A table whose rows a statement locks, and whether they may be many.
struct Locking {
    table: String,
    rank: usize,
    locks_only: bool,
    is_of_many: bool,
    is_ordered: bool,
}

impl Locking {
    /// `None` for what locks nothing that is there already.
    fn of(statement: &Statement) -> Option<Self> {
        let sql = statement.sql.replace(['"', '`'], "");
        let locks_only =
            [" FOR UPDATE", " FOR SHARE", " FOR KEY SHARE"].iter().any(|end| sql.trim_end().ends_with(end));
        let words: Vec<&str> = sql.split_whitespace().collect();
        let after = |word: &str| words.iter().skip_while(|one| **one != word).nth(1).copied();
        let table = match words[0] {
            "SELECT" if locks_only => after("FROM")?,
            "UPDATE" => words[1],
            "DELETE" => after("FROM")?,
            "INSERT" => after("INTO")?,
            _ => return None,
        };
        let rank = ORDER.iter().position(|tables| tables.contains(&table))?;
        // A new record waits for nobody; a link waits for its tag, and a number for the row that counts.
        if words[0] == "INSERT" && rank < ORDER.len() - 2 {
            return None;
        }
        let is_of_many = sql.contains("= ANY(") || sql.contains(" IN (");
        let (table, is_ordered) = (table.to_owned(), sql.contains(" ORDER BY "));
        Some(Self { table, rank, locks_only, is_of_many, is_ordered })
    }
}

/// What is wrong with the locks of these statements.
fn out_of_order(sent: &[Statement]) -> Vec<String> {
    let mut wrong = Vec::new();
    let (mut held, mut highest) = (HashSet::new(), 0);
    for (statement, locking) in sent.iter().filter_map(|one| Locking::of(one).map(|locking| (one, locking))) {
        let Locking { table, rank, locks_only, is_of_many, is_ordered } = locking;
        if !held.contains(&rank) && rank < highest {
            wrong.push(format!("{table} comes after {:?}: {}", ORDER[highest], statement.sql));
        }
        if locks_only && is_of_many && !is_ordered {
            wrong.push(format!("{table} is locked in no order: {}", statement.sql));
        }
        let is_written_unlocked = !locks_only && is_of_many && !held.contains(&rank);
        if is_written_unlocked && rank < ORDER.len() - 2 {
            wrong.push(format!("{table} is written before it is locked: {}", statement.sql));
        }
        held.insert(rank);
        highest = highest.max(rank);
    }
    wrong
}

/// Only PostgreSQL has locks of rows; on SQLite there is one writer at a time.
#[test]
fn every_change_locks_in_one_order() {
    for conditional in [false, true] {
        let database = TestDatabase::postgres();
        let (mut connection, scope) = filled(&database);
        for (name, change) in MADE.iter().map(|(name, make)| (*name, *make)) {
            let (outcome, sent) = statements(&mut connection, |connection| connection.write(|c| change(c, &scope)));
            assert!(outcome.is_ok(), "{name}: {outcome:?}");
            assert_eq!(out_of_order(&sent), Vec::<String>::new(), "{name}");
        }
        for (name, change) in CHANGES {
            let condition = if conditional { If::True } else { If::None };
            let (outcome, sent) =
                statements(&mut connection, |connection| connection.write(|c| change(c, &scope, condition)));
            assert!(outcome.is_ok(), "{name}: {outcome:?}");
            assert!(sent.iter().any(|one| Locking::of(one).is_some()), "{name} locks nothing");
            assert_eq!(out_of_order(&sent), Vec::<String>::new(), "{name}, {condition:?}");
        }
    }
}

#[test]
fn an_order_that_is_broken_is_found() {
    let database = TestDatabase::postgres();
    let (mut connection, scope) = filled(&database);
    let ((), sent) = statements(&mut connection, |connection| {
        let cases: [crm_core::CaseId; 2] = [1, 2].map(crm_core::RecordId::from_number);
        let cases = crm_cases::cases::record_deletion(connection, &scope, &cases).unwrap();
        crm_cases::cases::delete(connection, &scope, cases).unwrap();
        crm_leads::unlink_organizations(connection, &scope, &[crm_core::RecordId::from_number(1)]).unwrap();
    });
    let wrong = out_of_order(&sent);
    assert!(wrong.len() == 1 && wrong[0].starts_with("leads comes after"), "{wrong:#?}");
}

both_databases! {
    /// Whoever calls: there is no transaction around these.
    fn what_is_refused_has_written_nothing(database) {
        let (mut connection, scope) = filled(database);
        let before = dump(&mut connection);
        for (name, change) in CHANGES {
            let outcome = change(&mut connection, &scope, If::False);
            assert!(outcome.as_ref().is_err_and(|Refused(why)| why == "not as expected"), "{name}: {outcome:?}");
            assert_eq!(dump(&mut connection), before, "{name}");
        }
        for (name, change, problems) in REFUSED {
            let outcome = change(&mut connection, &scope);
            assert_eq!(outcome, Err(Refused((*problems).to_owned())), "{name}");
            assert_eq!(dump(&mut connection), before, "{name}");
        }
    }

    /// A condition sees what clients see, once, and the record that it saw is the one that is changed.
    fn a_condition_is_looked_at_once(database) {
        let (mut connection, scope) = filled(database);
        let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let log = std::sync::Arc::clone(&seen);
        let condition = Condition::new(move |lead: &crm_leads::Lead| {
            log.lock().unwrap().push(lead.clone());
            if lead.title.as_str() == "Lead 1" { Ok(()) } else { Err(Unmet("another title".to_owned())) }
        });
        let id = crm_core::LeadId::from_i64(1);
        let shown = crm_suite::leads::get(&mut connection, &scope, id).unwrap();
        let patch: crm_leads::LeadPatch = crm_testkit::records::read(&serde_json::json!({ "title": "Changed" })).unwrap();
        let mut change = || connection.write(|c| crm_suite::leads::update(c, &scope, id, &condition, &patch));
        assert_eq!(change().unwrap().title.as_str(), "Changed");
        assert!(matches!(change(), Err(SuiteError::Lead(LeadError::Unmet(Unmet(why)))) if why == "another title"));
        let seen = seen.lock().unwrap();
        assert_eq!((seen.len(), &seen[0]), (2, &shown));
    }
}
