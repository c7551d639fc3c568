//! What is counted without reading the records is what a count of the records says, whatever was done.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
// Others need the rest.
#![expect(dead_code, reason = "tests share what can be done with records")]

#[path = "common/changes.rs"]
mod changes;

use crm_cases::{CaseFilter, CaseSort};
use crm_core::input::FromBody;
use crm_core::page::{PageRequest, SortField};
use crm_core::{DbConnection, PipelineId, Scope, Timestamp};
use crm_directory::{ContactFilter, ContactSort, OrganizationFilter, OrganizationSort};
use crm_leads::{LeadFilter, LeadSort};
use crm_opportunities::{OpportunityFilter, OpportunitySort, StageSummary};
use crm_suite::{batch, cases, contacts, leads, opportunities, organizations, tenants};
use crm_testkit::both_databases;
use crm_testkit::statements::statements;
use serde_json::{Value, json};

use crate::changes::{CHANGES, If, MADE, REFUSED, filled};

/// Before everything: a filter that leaves all, so that they are counted one by one.
fn ever() -> Option<Timestamp> {
    Some("2000-01-01T00:00:00Z".parse().unwrap())
}

/// The first page of one record, with the total.
fn counted<S: SortField>() -> PageRequest<S> {
    let mut request = PageRequest::first(1);
    request.include_total = true;
    request
}

/// How many there are of each kind, as they are kept, or counted one by one.
fn totals(c: &mut DbConnection, s: &Scope, created_after: Option<Timestamp>) -> [i64; 5] {
    let of_leads = LeadFilter { created_after, ..LeadFilter::default() };
    let of_opportunities = OpportunityFilter { created_after, ..OpportunityFilter::default() };
    let of_contacts = ContactFilter { created_after, ..ContactFilter::default() };
    let of_organizations = OrganizationFilter { created_after, ..OrganizationFilter::default() };
    let of_cases = CaseFilter { created_after, ..CaseFilter::default() };
    [
        leads::list(c, s, &of_leads, &counted::<LeadSort>()).unwrap().total.unwrap(),
        opportunities::list(c, s, &of_opportunities, &counted::<OpportunitySort>()).unwrap().total.unwrap(),
        contacts::list(c, s, &of_contacts, &counted::<ContactSort>()).unwrap().total.unwrap(),
        organizations::list(c, s, &of_organizations, &counted::<OrganizationSort>()).unwrap().total.unwrap(),
        cases::list(c, s, &of_cases, &counted::<CaseSort>()).unwrap().total.unwrap(),
    ]
}

/// The stages of all pipelines.
fn stages(c: &mut DbConnection, s: &Scope, created_after: Option<Timestamp>) -> Vec<StageSummary> {
    crm_opportunities::summary(c, s, &OpportunityFilter { created_after, ..OpportunityFilter::default() }).unwrap()
}

fn assert_counted(connection: &mut DbConnection, scope: &Scope, what: &str) -> ([i64; 5], i64) {
    let (kept, read) = (totals(connection, scope, None), totals(connection, scope, ever()));
    assert_eq!(kept, read, "after {what}");
    let (kept_stages, read_stages) = (stages(connection, scope, None), stages(connection, scope, ever()));
    assert_eq!(kept_stages, read_stages, "after {what}");
    (kept, kept_stages.iter().map(|stage| stage.count).sum())
}

fn body<T: FromBody>(body: Value) -> T {
    let Value::Object(body) = body else { unreachable!("bodies are objects") };
    T::from_body(&body).unwrap()
}

both_databases! {
    fn totals_and_stages_are_right_after_every_change(database) {
        let (mut connection, scope) = filled(database);
        let mut seen = vec![assert_counted(&mut connection, &scope, "the beginning")];
        for (name, change, _) in REFUSED {
            assert!(connection.write(|c| change(c, &scope)).is_err(), "{name}");
            seen.push(assert_counted(&mut connection, &scope, name));
        }
        for (name, make) in MADE {
            connection.write(|c| make(c, &scope)).unwrap();
            seen.push(assert_counted(&mut connection, &scope, name));
        }
        for (name, change) in CHANGES {
            connection.write(|c| change(c, &scope, If::None)).unwrap();
            seen.push(assert_counted(&mut connection, &scope, name));
        }
        let moves = seen.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!(moves > 12, "{moves} changes changed a count: {seen:?}");
        tenants::reset(&mut connection, scope.public_tenant(), scope.now()).unwrap();
        assert_eq!(assert_counted(&mut connection, &scope, "the reset"), ([0; 5], 0));
    }

    /// Some of a batch are refused, one of them after it was made: what was taken back is not counted.
    fn a_batch_counts_what_it_made(database) {
        let (mut connection, scope) = filled(database);
        let before = assert_counted(&mut connection, &scope, "the beginning").0;
        let value = |amount: i64, code: &str| json!({ "amount": amount, "code": code });
        let items = json!([
            { "title": "One", "value": value(5, "USD") }, { "title": "" }, { "title": "Two", "value": value(-7, "EUR") },
            { "title": "Three", "pipelineId": "nosuch" }, { "title": "Four", "stage": "nosuch" }, { "title": "Five", "status": "won" },
        ]);
        let of_body = |items: Value| batch::BatchRequest::<crm_opportunities::Opportunity>::from_body(
            json!({ "mode": "create", "items": items }).as_object().unwrap()
        ).unwrap();
        let outcomes = connection.write(|c| batch::run(c, &scope, &of_body(items))).unwrap();
        let made = outcomes.iter().filter(|outcome| outcome.id().is_some()).count();
        let after = assert_counted(&mut connection, &scope, "the batch").0;
        assert_eq!((made, after[1] - before[1]), (3, 3), "{outcomes:?}");
        // One that is made, and then refused for what only moves into it: the batch has a savepoint for it.
        let moved = |is_archived: Value| {
            let new = batch::Item::<crm_leads::Lead>::read(
                batch::Mode::Create, batch::MatchBy::ExternalId, json!({ "title": "L" }).as_object().unwrap()
            );
            new.moved(json!({ "isArchived": is_archived }).as_object().unwrap())
        };
        let items = vec![moved(true.into()), moved("maybe".into()), moved(Value::Null)];
        let leads = batch::BatchRequest {
            mode: batch::Mode::Create, match_by: batch::MatchBy::ExternalId, atomic: false, items
        };
        let (outcomes, sent) = statements(&mut connection, |c| c.write(|c| batch::run(c, &scope, &leads)).unwrap());
        let made = outcomes.iter().filter(|outcome| outcome.id().is_some()).count();
        assert!(sent.iter().filter(|statement| statement.sql.contains("INTO \"leads\"") || statement.sql.contains("INTO `leads`")).count() == 3);
        let counted = assert_counted(&mut connection, &scope, "the batch of leads").0;
        assert_eq!((made, counted[0] - after[0]), (2, 2), "{outcomes:?}");
        let counting = sent.iter().filter(|statement| statement.sql.contains("INTO record_counts")).count();
        assert_eq!(counting, 1, "{sent:#?}");
    }

    /// What another tenant has is not counted, and a pipeline and a stage are as they are in all of them.
    fn one_pipeline_is_as_it_is_among_all(database) {
        let (mut connection, scope) = filled(database);
        let all = stages(&mut connection, &scope, None);
        assert!(all.iter().any(|stage| stage.count > 0), "{all:#?}");
        let pipelines: std::collections::BTreeSet<PipelineId> = all.iter().map(|stage| stage.pipeline_id).collect();
        for pipeline in pipelines {
            let filter = OpportunityFilter { pipeline_id: Some(vec![pipeline]), ..OpportunityFilter::default() };
            let one = crm_opportunities::summary(&mut connection, &scope, &filter).unwrap();
            let among: Vec<StageSummary> = all.iter().filter(|stage| stage.pipeline_id == pipeline).cloned().collect();
            assert_eq!(one, among);
        }
        let other = database.tenant("other");
        assert_eq!(totals(&mut connection, &other, None), [0; 5]);
    }

    /// No record is read for what is kept.
    fn what_is_kept_is_read_instead_of_records(database) {
        let (mut connection, scope) = filled(database);
        let (_, sent) = statements(&mut connection, |c| stages(c, &scope, None));
        assert!(sent.len() == 1 && !sent[0].sql.contains(" opportunities"), "{sent:#?}");
        let (_, sent) = statements(&mut connection, |c| totals(c, &scope, None));
        assert!(sent.iter().all(|statement| !statement.sql.to_lowercase().contains("count(*)")), "{sent:#?}");
        // A new record costs one statement more than before, and so does nothing that changes no count.
        let new = json!({ "title": "T", "value": { "amount": 1, "code": "USD" } });
        let (made, sent) = statements(&mut connection, |c| opportunities::create(c, &scope, &body(new)).unwrap());
        let counting = |sent: &[crm_testkit::statements::Statement]| {
            sent.iter().filter(|statement| statement.sql.contains("INTO record_counts")).count()
        };
        assert_eq!(counting(&sent), 1, "{sent:#?}");
        let none = crm_core::Condition::none();
        let (_, sent) = statements(&mut connection, |c| {
            opportunities::update(c, &scope, made.id, &none, &body(json!({ "title": "U" }))).unwrap()
        });
        assert_eq!(counting(&sent), 0, "{sent:#?}");
    }
}
