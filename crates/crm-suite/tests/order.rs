//! What every change does: it locks in one order (docs/ARCHITECTURE.md), looks at its condition once all locks are held,
//! and writes nothing before it knows that it may.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/changes.rs"]
mod changes;
#[path = "common/dump.rs"]
mod dump;

use crm_core::{Condition, Unmet};
use crm_leads::LeadError;
use crm_suite::SuiteError;
use crm_testkit::locks::{locks, out_of_order};
use crm_testkit::statements::statements;
use crm_testkit::{TestDatabase, both_databases};

use crate::changes::{CHANGES, If, MADE, REFUSED, Refused, filled};
use crate::dump::dump;

/// Only PostgreSQL has locks of rows; on SQLite there is one writer at a time.
#[cfg_attr(not(feature = "postgres"), ignore = "it needs PostgreSQL")]
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
            assert!(sent.iter().any(locks), "{name} locks nothing");
            assert_eq!(out_of_order(&sent), Vec::<String>::new(), "{name}, {condition:?}");
        }
    }
}

#[cfg_attr(not(feature = "postgres"), ignore = "it needs PostgreSQL")]
#[test]
fn an_order_that_is_broken_is_found() {
    let database = TestDatabase::postgres();
    let (mut connection, scope) = filled(&database);
    let ((), sent) = statements(&mut connection, |connection| {
        let cases: [crm_core::CaseId; 2] = [1, 2].map(crm_core::RecordId::from_i64);
        let cases = crm_cases::cases::record_deletion(connection, &scope, &cases).unwrap();
        crm_cases::cases::delete(connection, &scope, cases).unwrap();
        crm_leads::unlink_organizations(connection, &scope, &[crm_core::RecordId::from_i64(1)]).unwrap();
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
