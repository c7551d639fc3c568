//! What was deleted comes back as it was.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/dump.rs"]
mod dump;

use chrono::Duration;
use crm_cases::{Case, activities};
use crm_core::page::PageRequest;
use crm_core::values::User;
use crm_core::{Condition, DbConnection, LeadId, OpportunityId, RecordId, Scope, Timestamp};
use crm_directory::{Contact, NewContact, NewOrganization, Organization};
use crm_history::{Action, Change, Kind, MergeRequest, Trash};
use crm_leads::{Lead, NewLead};
use crm_opportunities::{NewOpportunity, Opportunity};
use crm_suite::convert::Conversion;
use crm_suite::trash::{self, Restorable};
use crm_suite::{SuiteError, cases, contacts, convert, leads, opportunities, organizations, tenants};
use crm_tags::{NewTag, TagKind};
use crm_testkit::records::read;
use crm_testkit::statements::statements;
use crm_testkit::{TestDatabase, both_databases};
use serde_json::{Value, json};

use crate::dump::dump;

const TRASH: Trash = Trash::of_days(30);

fn id<I: RecordId>(number: i64) -> I {
    I::from_i64(number)
}

fn tenant(connection: &mut DbConnection, name: &str) -> Scope {
    let now = Timestamp::now();
    let made = connection.write(|connection| tenants::create(connection, &name.parse().unwrap(), name, None, now));
    let made = made.unwrap().tenant;
    Scope::new(made.id, made.public_id, now)
}

/// Three of each kind, with everything that a record can have, which point at each other; and another tenant with the same.
fn filled(database: &TestDatabase) -> (DbConnection, Scope) {
    let mut connection = database.connect();
    let other = tenant(&mut connection, "other");
    let scope = tenant(&mut connection, "acme");
    for scope in [&other, &scope] {
        connection.write(|connection| fill(connection, scope)).unwrap();
    }
    (connection, scope)
}

fn fill(connection: &mut DbConnection, scope: &Scope) -> Result<(), SuiteError> {
    for kind in [TagKind::Lead, TagKind::Opportunity, TagKind::Contact, TagKind::Organization, TagKind::Case] {
        for label in ["a", "b"] {
            crm_tags::create(connection, scope, kind, &read::<NewTag>(&json!({ "label": label })).unwrap()).unwrap();
        }
    }
    let user = json!({ "id": "u1", "name": "Una", "email": "una@example.com" });
    for number in 1..=3 {
        let common = json!({
            "name": format!("N{number}"), "tags": "a,b", "note": "Known.", "owner": user,
            "email": [{ "value": format!("{number}@example.com"), "label": "Work" }, { "value": "shared@example.com" }],
            "phone": [{ "value": format!("+{number}") }],
        });
        organizations::create(connection, scope, &read::<NewOrganization>(&common).unwrap())?;
        let mut contact = common;
        contact["organizationId"] = number.into();
        contacts::create(connection, scope, &read::<NewContact>(&contact).unwrap())?;
    }
    for number in 1..=3 {
        let body = json!({
            "title": format!("T{number}"), "organizationId": number, "contactId": number, "tags": "a,b", "owner": user,
            "value": { "amount": 12.5, "code": "EUR" }, "leadRating": "2_warm", "origin": "referral", "note": "Said.",
            "participants": [{ "id": 3 }, { "id": 2, "name": "Zoë \"Z\"" }, { "id": 1 }], "followers": [user],
        });
        leads::create(connection, scope, &read::<NewLead>(&body).unwrap())?;
        opportunities::create(connection, scope, &read::<NewOpportunity>(&body).unwrap())?;
        let body = json!({
            "title": "C", "description": "Long.", "organizationId": number, "contactId": number, "tags": "a,b",
            "priority": "1_high", "expectedDate": "2026-01-02", "owner": user, "assignee": user,
        });
        cases::create(connection, scope, &read(&body).unwrap())?;
        activities::add(connection, scope, id(number), &read(&json!({ "comment": "Hello." })).unwrap()).unwrap();
    }
    // The fourth opportunity, of the second lead.
    convert::convert(connection, scope, id(2), &Condition::none(), &Conversion::default())?;
    Ok(())
}

/// Everything but what happened, and the indexes of texts.
fn records(connection: &mut DbConnection) -> Vec<String> {
    let is_record =
        |line: &String| !line.starts_with("changes: ") && !line.split(':').next().unwrap().contains("_search");
    dump(connection).into_iter().filter(is_record).collect()
}

fn happened(connection: &mut DbConnection, scope: &Scope, since: i64) -> Vec<Change> {
    crm_history::written_after(connection, scope, since, 1_000).unwrap()
}

fn last(connection: &mut DbConnection, scope: &Scope) -> i64 {
    happened(connection, scope, 0).last().unwrap().id.as_i64()
}

type Do = fn(&mut DbConnection, &Scope);

/// What is deleted or merged, and how it comes back.
const DONE: [(&str, Do, Do); 11] = [
    ("a lead", |c, s| drop(leads::delete(c, s, &[id(1)], &Condition::none()).unwrap()), |c, s| lead(c, s, 1)),
    ("a converted lead", |c, s| drop(leads::delete(c, s, &[id(2)], &Condition::none()).unwrap()), |c, s| lead(c, s, 2)),
    (
        "an opportunity",
        |c, s| drop(opportunities::delete(c, s, &[id(1)], &Condition::none()).unwrap()),
        |c, s| opportunity(c, s, 1),
    ),
    (
        "the opportunity of a lead",
        |c, s| drop(opportunities::delete(c, s, &[id(4)], &Condition::none()).unwrap()),
        |c, s| opportunity(c, s, 4),
    ),
    ("a case", |c, s| drop(cases::delete(c, s, &[id(1)], &Condition::none()).unwrap()), |c, s| case(c, s, 1)),
    ("a contact", |c, s| drop(contacts::delete(c, s, &[id(2)], &Condition::none()).unwrap()), |c, s| contact(c, s, 2)),
    (
        "an organization",
        |c, s| drop(organizations::delete(c, s, &[id(2)], &Condition::none()).unwrap()),
        |c, s| organization(c, s, 2),
    ),
    (
        "many contacts, in another order",
        |c, s| drop(contacts::delete(c, s, &[1, 2, 3].map(id), &Condition::none()).unwrap()),
        |c, s| [2, 3, 1].into_iter().for_each(|number| contact(c, s, number)),
    ),
    (
        "everything, and what points at others last",
        |c, s| {
            leads::delete(c, s, &[1, 2, 3].map(id), &Condition::none()).unwrap();
            opportunities::delete(c, s, &[1, 2, 3].map(id), &Condition::none()).unwrap();
            cases::delete(c, s, &[1, 2, 3].map(id), &Condition::none()).unwrap();
            contacts::delete(c, s, &[1, 2, 3].map(id), &Condition::none()).unwrap();
            organizations::delete(c, s, &[1, 2, 3].map(id), &Condition::none()).unwrap();
        },
        |c, s| {
            [1, 2, 3].into_iter().for_each(|number| organization(c, s, number));
            [1, 2, 3].into_iter().for_each(|number| contact(c, s, number));
            [1, 2, 3].into_iter().for_each(|number| lead(c, s, number));
            [1, 2, 3].into_iter().for_each(|number| opportunity(c, s, number));
            [1, 2, 3].into_iter().for_each(|number| case(c, s, number));
        },
    ),
    (
        "a lead and its opportunity",
        |c, s| {
            opportunities::delete(c, s, &[id(4)], &Condition::none()).unwrap();
            leads::delete(c, s, &[id(2)], &Condition::none()).unwrap();
        },
        |c, s| {
            lead(c, s, 2);
            opportunity(c, s, 4);
        },
    ),
    (
        "a lead, and then its opportunity",
        |c, s| {
            leads::delete(c, s, &[id(2)], &Condition::none()).unwrap();
            opportunities::delete(c, s, &[id(4)], &Condition::none()).unwrap();
        },
        |c, s| {
            opportunity(c, s, 4);
            lead(c, s, 2);
        },
    ),
];

fn again<R: Restorable>(connection: &mut DbConnection, scope: &Scope, number: i64) {
    R::restore(connection, scope, TRASH, id(number), None).unwrap();
}

fn lead(connection: &mut DbConnection, scope: &Scope, number: i64) {
    again::<Lead>(connection, scope, number);
}

fn opportunity(connection: &mut DbConnection, scope: &Scope, number: i64) {
    again::<Opportunity>(connection, scope, number);
}

fn case(connection: &mut DbConnection, scope: &Scope, number: i64) {
    again::<Case>(connection, scope, number);
}

fn contact(connection: &mut DbConnection, scope: &Scope, number: i64) {
    again::<Contact>(connection, scope, number);
}

fn organization(connection: &mut DbConnection, scope: &Scope, number: i64) {
    again::<Organization>(connection, scope, number);
}

/// Lines that only one of two states has.
fn difference(before: &[String], after: &[String]) -> Vec<String> {
    let only = |these: &[String], others: &[String], sign: &str| {
        let only = these.iter().filter(|line| !others.contains(line));
        only.map(|line| format!("{sign} {line}")).collect::<Vec<_>>()
    };
    [only(before, after, "-"), only(after, before, "+")].concat()
}

both_databases! {
    /// Row for row, at one moment: what is deleted and comes back is as it was, and all that pointed at it does so again.
    fn what_is_deleted_and_restored_is_as_it_was(database) {
        let (mut connection, scope) = filled(database);
        let before = records(&mut connection);
        for (name, delete, restore) in DONE {
            connection.write(|c| { delete(c, &scope); Ok::<_, SuiteError>(()) }).unwrap();
            assert_ne!(records(&mut connection), before, "{name}");
            connection.write(|c| { restore(c, &scope); Ok::<_, SuiteError>(()) }).unwrap();
            assert_eq!(difference(&before, &records(&mut connection)), Vec::<String>::new(), "{name}");
        }
    }

    /// What was a merged record's own and still points at the target comes back to it; what the target took over stays.
    fn what_is_merged_and_restored_has_its_own_again(database) {
        let (mut connection, scope) = filled(database);
        let before = records(&mut connection);
        let merge: MergeRequest<crm_core::ContactId> = read(&json!({ "sourceId": [3, 1] })).unwrap();
        connection.write(|c| contacts::merge(c, &scope, id(2), &Condition::none(), &merge)).unwrap();
        let merged = contacts::get(&mut connection, &scope, id(2)).unwrap();
        connection.write(|c| Contact::restore(c, &scope, TRASH, id(1), None)).unwrap();
        let lead_one = leads::get(&mut connection, &scope, id(1)).unwrap();
        let list: Vec<i64> = lead_one.participants.as_slice().iter().map(|one| one.id.as_i64()).collect();
        assert_eq!((lead_one.contact_id, list), (Some(id(1)), vec![2, 1]));
        connection.write(|c| Contact::restore(c, &scope, TRASH, id(3), None)).unwrap();
        assert_eq!(contacts::get(&mut connection, &scope, id(2)).unwrap(), merged);
        let merge: MergeRequest<crm_core::OrganizationId> = read(&json!({ "sourceId": [3, 1] })).unwrap();
        connection.write(|c| organizations::merge(c, &scope, id(2), &Condition::none(), &merge)).unwrap();
        for number in [3, 1] {
            connection.write(|c| Organization::restore(c, &scope, TRASH, id(number), None)).unwrap();
        }
        // Only the targets differ, which took over addresses, numbers and notes.
        let differing = difference(&before, &records(&mut connection));
        let of_targets = ["contacts", "contact_emails", "contact_phones", "organizations", "organization_emails", "organization_phones"];
        let strange = differing.iter().filter(|line| !of_targets.contains(&line[2..].split(':').next().unwrap()));
        assert_eq!(strange.collect::<Vec<_>>(), Vec::<&String>::new());
        assert!(!differing.is_empty());
    }

    /// A target that takes part only in the place of others leaves when the last of them is back.
    fn a_target_leaves_the_places_of_others(database) {
        let (mut connection, scope) = filled(database);
        let body = json!({ "title": "T", "participants": [{ "id": 1, "name": "One" }, { "id": 3 }] });
        let made = connection.write(|c| leads::create(c, &scope, &read::<NewLead>(&body).unwrap())).unwrap();
        let before = records(&mut connection);
        let merge: MergeRequest<crm_core::ContactId> = read(&json!({ "sourceId": [3, 1] })).unwrap();
        connection.write(|c| contacts::merge(c, &scope, id(2), &Condition::none(), &merge)).unwrap();
        let mut lists = Vec::new();
        for number in [3, 1] {
            connection.write(|c| Contact::restore(c, &scope, TRASH, id(number), None)).unwrap();
            let lead = leads::get(&mut connection, &scope, made.id).unwrap();
            lists.push(lead.participants.as_slice().iter().map(|one| one.id.as_i64()).collect::<Vec<_>>());
        }
        assert_eq!(lists, [vec![2, 3], vec![1, 3]]);
        let lost = difference(&before, &records(&mut connection));
        assert!(lost.iter().all(|line| !line.contains("participants")), "{lost:#?}");
    }

    /// The changes of what is linked again follow from the one that brought the record back.
    fn what_is_linked_again_follows_from_the_restore(database) {
        let (mut connection, scope) = filled(database);
        connection.write(|c| contacts::delete(c, &scope, &[id(2)], &Condition::none())).unwrap();
        let since = last(&mut connection, &scope);
        let una: User = read::<NewLead>(&json!({ "title": "T", "owner": { "id": "u2" } })).unwrap().owner.unwrap();
        let restored = connection.write(|c| Contact::restore(c, &scope, TRASH, id(2), Some(&una))).unwrap();
        assert_eq!(restored.last_updated_by.as_ref(), Some(&una));
        let changes = happened(&mut connection, &scope, since);
        let [first, others @ ..] = changes.as_slice() else { unreachable!("something happened") };
        assert_eq!((first.kind, first.action, first.by.as_ref()), (Kind::Contact, Action::Restored, Some(&una)));
        assert_eq!(first.record.as_ref().unwrap()["name"], "N2");
        assert!(others.iter().all(|change| change.cause == Some(first.id) && change.action == Action::Updated));
        let of = |kind: Kind, record: &str| {
            let change = others.iter().find(|change| change.kind == kind && change.record_id == record).unwrap();
            change.changes.iter().map(|one| (one.field.clone(), one.to.clone())).collect::<Vec<_>>()
        };
        let list = || ("participants".to_owned(), json!([{ "id": "3" }, { "id": "2" }, { "id": "1" }]));
        assert_eq!(of(Kind::Lead, "1"), [list()]);
        assert_eq!(of(Kind::Lead, "2"), [("contactId".to_owned(), json!("2")), list()]);
        assert_eq!(of(Kind::Case, "2"), [("contactId".to_owned(), json!("2"))]);
        // Three leads, four opportunities, one case.
        assert_eq!(others.len(), 8);
    }

    /// What was given another value since keeps it.
    fn what_is_not_empty_any_more_stays(database) {
        let (mut connection, scope) = filled(database);
        connection.write(|c| organizations::delete(c, &scope, &[id(2)], &Condition::none())).unwrap();
        let patch = |value: Value| read(&json!({ "organizationId": value })).unwrap();
        connection.write(|c| leads::update(c, &scope, id(2), &Condition::none(), &patch(json!(1)))).unwrap();
        connection.write(|c| Organization::restore(c, &scope, TRASH, id(2), None)).unwrap();
        assert_eq!(leads::get(&mut connection, &scope, id(2)).unwrap().organization_id, Some(id(1)));
        assert_eq!(opportunities::get(&mut connection, &scope, id(2)).unwrap().organization_id, Some(id(2)));
    }

    /// What it pointed at and is gone is left empty, and so are tags.
    fn what_is_gone_is_left_empty(database) {
        let (mut connection, scope) = filled(database);
        connection.write(|c| leads::delete(c, &scope, &[id(1)], &Condition::none())).unwrap();
        connection.write(|c| contacts::delete(c, &scope, &[id(1)], &Condition::none())).unwrap();
        connection.write(|c| organizations::delete(c, &scope, &[id(1)], &Condition::none())).unwrap();
        let tag = crm_tags::list(&mut connection, &scope, TagKind::Lead).unwrap().remove(0).id;
        connection.write(|c| crm_tags::delete(c, &scope, TagKind::Lead, tag, &Condition::none())).unwrap();
        let lead = connection.write(|c| Lead::restore(c, &scope, TRASH, id(1), None)).unwrap();
        let list: Vec<i64> = lead.participants.as_slice().iter().map(|one| one.id.as_i64()).collect();
        assert_eq!((lead.organization_id, lead.contact_id, list, lead.tags.len()), (None, None, vec![3, 2], 1));
    }

    /// An opportunity without its stage, and a case without its status or type, cannot be.
    fn what_cannot_be_is_not_restored(database) {
        let (mut connection, scope) = filled(database);
        let stages = json!({ "name": "Q", "stages": [{ "key": "x", "label": "X" }, { "key": "y", "label": "Y" }] });
        let pipeline = connection
            .write(|c| crm_opportunities::pipelines::create(c, &scope, &read(&stages).unwrap()))
            .unwrap();
        let body = json!({ "title": "O", "pipelineId": pipeline.id, "stage": "x" });
        let made = connection.write(|c| opportunities::create(c, &scope, &read(&body).unwrap())).unwrap();
        connection.write(|c| opportunities::delete(c, &scope, &[made.id], &Condition::none())).unwrap();
        let without = read(&json!({ "stages": [{ "key": "y", "label": "Y" }] })).unwrap();
        connection
            .write(|c| crm_opportunities::pipelines::update(c, &scope, pipeline.id, &Condition::none(), &without))
            .unwrap();
        let before = dump(&mut connection);
        let refused = connection.write(|c| Opportunity::restore(c, &scope, TRASH, made.id, None));
        let Err(SuiteError::CannotRestore { missing, .. }) = refused else { unreachable!("{refused:?}") };
        assert_eq!(missing.as_slice()[0].field, "stage");
        let shown = Opportunity::in_trash(&mut connection, &scope, TRASH, made.id).unwrap();
        assert_eq!(shown, made);

        let of_type = json!({ "label": "Own" });
        let own = connection.write(|c| crm_cases::types::create(c, &scope, &read(&of_type).unwrap())).unwrap();
        let body = json!({ "title": "C", "caseTypeId": own.id });
        let made = connection.write(|c| cases::create(c, &scope, &read(&body).unwrap())).unwrap();
        connection.write(|c| cases::delete(c, &scope, &[made.id], &Condition::none())).unwrap();
        connection.write(|c| crm_cases::types::delete(c, &scope, own.id, &Condition::none())).unwrap();
        let refused = connection.write(|c| Case::restore(c, &scope, TRASH, made.id, None));
        let Err(SuiteError::CannotRestore { missing, .. }) = refused else { unreachable!("{refused:?}") };
        assert_eq!(missing.as_slice()[0].field, "caseTypeId");
        assert_eq!(Case::in_trash(&mut connection, &scope, TRASH, made.id).unwrap().title, made.title);
        assert!(before.len() < dump(&mut connection).len());
    }

    /// An external id is free while its record is in the trash, and what took it keeps it.
    fn an_external_id_that_is_taken_stays_taken(database) {
        let (mut connection, scope) = filled(database);
        let new: NewLead = read(&json!({ "title": "E", "externalId": "erp-1" })).unwrap();
        let make = |c: &mut DbConnection| leads::create(c, &scope, &new);
        let first = connection.write(make).unwrap().id;
        connection.write(|c| leads::delete(c, &scope, &[first], &Condition::none())).unwrap();
        let second = connection.write(make).unwrap().id;
        let refused = connection.write(|c| Lead::restore(c, &scope, TRASH, first, None));
        let Err(SuiteError::CannotRestore { missing, .. }) = refused else { unreachable!("{refused:?}") };
        assert_eq!(missing.as_slice()[0].field, "externalId");
        let patch = read(&json!({ "externalId": null })).unwrap();
        connection.write(|c| leads::update(c, &scope, second, &Condition::none(), &patch)).unwrap();
        let restored = connection.write(|c| Lead::restore(c, &scope, TRASH, first, None)).unwrap();
        assert_eq!(restored.external_id.unwrap().as_str(), "erp-1");

        let source: NewContact = read(&json!({ "name": "E", "externalId": "erp-1" })).unwrap();
        let source = connection.write(|c| contacts::create(c, &scope, &source)).unwrap().id;
        let merge: MergeRequest<crm_core::ContactId> = read(&json!({ "sourceId": [source] })).unwrap();
        let target = connection.write(|c| contacts::merge(c, &scope, id(2), &Condition::none(), &merge)).unwrap();
        let restored = connection.write(|c| Contact::restore(c, &scope, TRASH, source, None)).unwrap();
        assert_eq!((restored.external_id, target.item.external_id.unwrap().as_str()), (None, "erp-1"));
    }

    /// Whatever is in the trash is restored or let go once, by its own tenant, and in its time.
    fn what_is_restored_or_gone_is_not_there_again(database) {
        let (mut connection, scope) = filled(database);
        let other = { let mut other = database.connect(); tenant(&mut other, "third") };
        let gone = |outcome: Result<Lead, SuiteError>| assert!(matches!(outcome, Err(SuiteError::NotInTrash(_))), "{outcome:?}");
        connection.write(|c| leads::delete(c, &scope, &[id(1), id(3)], &Condition::none())).unwrap();
        gone(connection.write(|c| Lead::restore(c, &other, TRASH, id(1), None)));
        gone(Lead::in_trash(&mut connection, &other, TRASH, id(1)));
        gone(connection.write(|c| Lead::restore(c, &scope, Trash::of_days(0), id(1), None)));
        assert_eq!(Lead::in_trash(&mut connection, &scope, TRASH, id(1)).unwrap().title.as_str(), "T1");
        connection.write(|c| Lead::restore(c, &scope, TRASH, id(1), None)).unwrap();
        gone(connection.write(|c| Lead::restore(c, &scope, TRASH, id(1), None)));
        connection.write(|c| Lead::let_go(c, &scope, TRASH, id(3))).unwrap();
        gone(connection.write(|c| Lead::restore(c, &scope, TRASH, id(3), None)));
        connection.write(|c| leads::delete(c, &scope, &[id(1)], &Condition::none())).unwrap();
        connection.write(|c| Lead::restore(c, &scope, TRASH, id(1), None)).unwrap();
    }

    /// After its days it is not shown, and then it is cleaned away with the comments of its cases.
    fn what_is_old_is_let_go(database) {
        let (mut connection, scope) = filled(database);
        connection.write(|c| cases::delete(c, &scope, &[id(1), id(2)], &Condition::none())).unwrap();
        let first = PageRequest::first(10);
        let shown = trash::list(&mut connection, &scope, TRASH, &[Kind::Case], &first).unwrap().items;
        let shown: Vec<_> = shown.iter().map(|one| (one.id.as_str(), one.title.as_str(), one.expires_on)).collect();
        let expires = Timestamp::from_datetime(scope.now().as_datetime() + Duration::days(30));
        assert_eq!(shown, [("2", "C", expires), ("1", "C", expires)]);
        assert_eq!(TRASH.tenants_with_expired(&mut connection, scope.now()).unwrap().len(), 0);
        let scopes = TRASH.tenants_with_expired(&mut connection, expires).unwrap();
        assert_eq!(scopes.iter().map(Scope::tenant).collect::<Vec<_>>(), [scope.tenant()]);
        assert!(trash::list(&mut connection, &scopes[0], TRASH, &[Kind::Case], &first).unwrap().items.is_empty());
        while connection.write(|c| trash::expire(c, &scopes[0], TRASH)).unwrap() {}
        assert!(trash::list(&mut connection, &scope, TRASH, &[Kind::Case], &first).unwrap().items.is_empty());
        let of_the_cases = dump(&mut connection).into_iter().filter(|line| line.starts_with("case_activities: ")).count();
        assert_eq!(of_the_cases, 1 + 3, "one is left, and those of the other tenant");
    }

    /// However many records point at it again.
    fn a_restore_costs_a_fixed_number_of_statements(database) {
        let mut counts = Vec::new();
        for many in [2, 200] {
            let mut connection = database.connect();
            let scope = tenant(&mut connection, &format!("of-{many}"));
            let made = connection.write(|c| {
                organizations::create(c, &scope, &read::<NewOrganization>(&json!({ "name": "O" })).unwrap())?;
                contacts::create(c, &scope, &read::<NewContact>(&json!({ "name": "C" })).unwrap())?;
                let body = json!({ "title": "T", "organizationId": 1, "contactId": 1, "participants": [{ "id": 1 }] });
                let new: NewLead = read(&body).unwrap();
                (0..many).try_for_each(|_| leads::create(c, &scope, &new).map(drop))?;
                contacts::delete(c, &scope, &[id(1)], &Condition::none())?;
                organizations::delete(c, &scope, &[id(1)], &Condition::none()).map(drop)
            });
            made.unwrap();
            let (_, sent) = statements(&mut connection, |connection| {
                connection.write(|c| {
                    Organization::restore(c, &scope, TRASH, id(1), None)?;
                    Contact::restore(c, &scope, TRASH, id(1), None)
                })
            });
            counts.push(sent.len());
            let lead = leads::get(&mut connection, &scope, LeadId::from_i64(many)).unwrap();
            assert_eq!((lead.contact_id, lead.participants.as_slice().len()), (Some(id(1)), 1));
            let opportunity: OpportunityId = id(1);
            assert!(opportunities::get(&mut connection, &scope, opportunity).is_err());
        }
        assert_eq!(counts[0], counts[1], "of 2 and of 200 leads");
    }
}
