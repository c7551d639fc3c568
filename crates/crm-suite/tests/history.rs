//! What changes tell of writes that touch more than one record.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use crm_core::{Condition, ContactId, DbConnection, LeadId, OpportunityId, OrganizationId, Scope, Timestamp};
use crm_directory::{NewContact, NewOrganization};
use crm_history::{Action, Change, FeedFilter, Kind, MergeRequest, Position};
use crm_leads::NewLead;
use crm_opportunities::NewOpportunity;
use crm_suite::convert::Conversion;
use crm_suite::{contacts, convert, leads, opportunities, organizations, tenants};
use crm_testkit::records::read;
use crm_testkit::statements::statements;
use crm_testkit::{TestDatabase, both_databases};
use serde_json::{Value, json};

fn tenant(database: &TestDatabase) -> (DbConnection, Scope) {
    let mut connection = database.connect();
    let now = Timestamp::now();
    let made = connection.write(|connection| tenants::create(connection, &"acme".parse().unwrap(), "acme", None, now));
    let made = made.unwrap().tenant;
    (connection, Scope::new(made.id, made.public_id, now))
}

/// Three organizations, three contacts of them, and leads and opportunities with all of these in every place.
fn filled(database: &TestDatabase) -> (DbConnection, Scope) {
    let (mut connection, scope) = tenant(database);
    let written = connection.write(|connection| {
        for number in 1..=3 {
            let body = json!({ "name": format!("O{number}") });
            organizations::create(connection, &scope, &read::<NewOrganization>(&body).unwrap())?;
            let body = json!({ "name": format!("C{number}"), "organizationId": number });
            contacts::create(connection, &scope, &read::<NewContact>(&body).unwrap())?;
        }
        for number in 1..=3 {
            let body = json!({
                "title": format!("T{number}"), "organizationId": number, "contactId": number,
                "participants": [{ "id": 3 }, { "id": 2, "name": "Zoë \"Z\"" }, { "id": 1 }],
            });
            leads::create(connection, &scope, &read::<NewLead>(&body).unwrap())?;
            opportunities::create(connection, &scope, &read::<NewOpportunity>(&body).unwrap())?;
        }
        Ok::<_, crm_suite::SuiteError>(())
    });
    written.unwrap();
    (connection, scope)
}

/// Everything that happened, in the order in which it was written.
fn happened(connection: &mut DbConnection, scope: &Scope, since: Option<i64>) -> Vec<Change> {
    crm_history::written_after(connection, scope, since.unwrap_or_default(), 1_000).unwrap()
}

fn last(connection: &mut DbConnection, scope: &Scope) -> i64 {
    happened(connection, scope, None).last().unwrap().id.as_i64()
}

/// `lead 1 updated <- contact 2: organizationId "1" > null`, with what it follows from.
fn line(change: &Change, all: &[Change]) -> String {
    let cause = change.cause.map(|cause| all.iter().find(|other| other.id == cause).unwrap());
    let cause = cause.map(|cause| format!(" <- {} {}", cause.kind, cause.record_id)).unwrap_or_default();
    let fields = change.changes.iter().map(|one| format!("{} {} > {}", one.field, short(&one.from), short(&one.to)));
    let fields = fields.collect::<Vec<_>>().join(", ");
    format!("{} {} {}{cause}: {fields}", change.kind, change.record_id, change.action)
}

/// A list of records as their ids.
fn short(value: &Value) -> String {
    match value {
        Value::Array(entries) => {
            let ids = entries.iter().map(|entry| entry["id"].as_str().unwrap());
            format!("[{}]", ids.collect::<Vec<_>>().join(" "))
        }
        other => other.to_string(),
    }
}

both_databases! {
    /// Who loses a contact has a change for each that it loses, which follows from that deletion.
    fn what_a_deletion_unlinks_follows_from_it(database) {
        let (mut connection, scope) = filled(database);
        let since = last(&mut connection, &scope);
        let ids = [1, 2].map(ContactId::from_i64);
        connection.write(|c| contacts::delete(c, &scope, &ids, &Condition::none())).unwrap();
        let changes = happened(&mut connection, &scope, Some(since));
        let lines: Vec<String> = changes.iter().map(|change| line(change, &changes)).collect();
        let mut expected = vec!["contact 1 deleted: ".to_owned(), "contact 2 deleted: ".to_owned()];
        for kind in ["lead", "opportunity"] {
            for number in 1..=3 {
                for contact in [1, 2] {
                    let own = if number == contact { format!("contactId \"{contact}\" > null, ") } else { String::new() };
                    let list = if contact == 1 { "participants [3 2 1] > [3 2]" } else { "participants [3 2] > [3]" };
                    expected.push(format!("{kind} {number} updated <- contact {contact}: {own}{list}"));
                }
            }
        }
        assert_eq!(lines, expected);
        let record = changes[1].record.as_ref().unwrap();
        assert_eq!((&record["name"], &record["organizationId"]), (&json!("C2"), &json!("2")));
        let kept = crm_history::kept(&mut connection, &scope, changes[3].id).unwrap();
        assert_eq!(kept, Some(json!({ "position": 1, "name": "Zoë \"Z\"" })));
        let kept = crm_history::kept(&mut connection, &scope, changes[2].id).unwrap();
        assert_eq!(kept, Some(json!({ "position": 2, "name": null })));
        let lead = leads::get(&mut connection, &scope, LeadId::from_i64(1)).unwrap();
        assert_eq!((lead.contact_id, lead.participants.as_slice().len()), (None, 1));
    }

    fn what_a_merge_points_elsewhere_follows_from_it(database) {
        let (mut connection, scope) = filled(database);
        let since = last(&mut connection, &scope);
        let request: MergeRequest<ContactId> = read(&json!({ "sourceId": [3, 1] })).unwrap();
        let target = ContactId::from_i64(2);
        connection.write(|c| contacts::merge(c, &scope, target, &Condition::none(), &request)).unwrap();
        let changes = happened(&mut connection, &scope, Some(since));
        let lines: Vec<String> = changes.iter().map(|change| line(change, &changes)).collect();
        let mut expected = vec![
            "contact 2 merged: ".to_owned(),
            "contact 3 mergedInto <- contact 2: ".to_owned(),
            "contact 1 mergedInto <- contact 2: ".to_owned(),
        ];
        for kind in ["lead", "opportunity"] {
            for number in 1..=3 {
                let own = if number == 2 { String::new() } else { format!("contactId \"{number}\" > \"2\", ") };
                expected.push(format!("{kind} {number} updated <- contact 2: {own}participants [3 2 1] > [2]"));
            }
        }
        assert_eq!(lines, expected);
        assert_eq!(changes[0].sources, Some(vec!["3".to_owned(), "1".to_owned()]));
        assert_eq!(changes[1].target.as_deref(), Some("2"));

        let since = last(&mut connection, &scope);
        let request: MergeRequest<OrganizationId> = read(&json!({ "sourceId": [1, 3] })).unwrap();
        let target = OrganizationId::from_i64(2);
        connection.write(|c| organizations::merge(c, &scope, target, &Condition::none(), &request)).unwrap();
        let changes = happened(&mut connection, &scope, Some(since));
        let lines: Vec<String> = changes.iter().skip(3).map(|change| line(change, &changes)).collect();
        let pointed = |kind: &str| {
            [1, 3].map(|number| format!("{kind} {number} updated <- organization 2: organizationId \"{number}\" > \"2\""))
        };
        assert_eq!(lines, [pointed("lead"), pointed("opportunity")].concat());
    }

    /// The participant stands where the target stood, or the first source did.
    fn a_participant_is_told_at_its_place(database) {
        let (mut connection, scope) = tenant(database);
        let made = connection.write(|c| {
            for number in 1..=5 {
                let body = json!({ "name": format!("C{number}") });
                contacts::create(c, &scope, &read::<NewContact>(&body).unwrap())?;
            }
            for list in [[5, 1, 2, 3], [1, 5, 3, 4], [2, 1, 3, 5]] {
                let list: Vec<Value> = list.iter().map(|id| json!({ "id": id })).collect();
                leads::create(c, &scope, &read::<NewLead>(&json!({ "title": "T", "participants": list })).unwrap())?;
            }
            Ok::<_, crm_suite::SuiteError>(())
        });
        made.unwrap();
        let since = last(&mut connection, &scope);
        let request: MergeRequest<ContactId> = read(&json!({ "sourceId": [1, 3] })).unwrap();
        connection.write(|c| contacts::merge(c, &scope, ContactId::from_i64(5), &Condition::none(), &request)).unwrap();
        let changes = happened(&mut connection, &scope, Some(since));
        for change in changes.iter().filter(|change| change.kind == Kind::Lead) {
            let id = LeadId::from_i64(change.record_id.parse().unwrap());
            let lead = leads::get(&mut connection, &scope, id).unwrap();
            let list: Vec<Value> = lead.participants.as_slice().iter().map(|one| json!({ "id": one.id })).collect();
            assert_eq!(change.changes[0].to, json!(list), "lead {id}");
        }
        assert_eq!(changes.len(), 3 + 3);
    }

    fn a_conversion_and_what_is_left_of_it(database) {
        let (mut connection, scope) = filled(database);
        let since = last(&mut connection, &scope);
        let id = LeadId::from_i64(2);
        connection.write(|c| convert::convert(c, &scope, id, &Condition::none(), &Conversion::default())).unwrap();
        let opportunity = OpportunityId::from_i64(4);
        connection.write(|c| opportunities::delete(c, &scope, &[opportunity], &Condition::none())).unwrap();
        let changes = happened(&mut connection, &scope, Some(since));
        let lines: Vec<String> = changes.iter().map(|change| line(change, &changes)).collect();
        let now = scope.now();
        assert_eq!(lines, [
            "opportunity 4 created: ".to_owned(),
            format!("lead 2 converted: isConverted false > true, opportunityId null > \"4\", convertedOn null > \"{now}\""),
            "opportunity 4 deleted: ".to_owned(),
            "lead 2 updated <- opportunity 4: opportunityId \"4\" > null".to_owned(),
        ]);
        assert_eq!(changes[0].record.as_ref().unwrap()["leadId"], "2");
    }

    /// However many records point at one that vanishes, their changes are one statement.
    fn what_follows_costs_a_fixed_number_of_statements(database) {
        let mut counts = Vec::new();
        for many in [2, 200] {
            let (mut connection, scope) = (database.connect(), database.tenant(&format!("of-{many}")));
            let made = connection.write(|c| {
                organizations::create(c, &scope, &read::<NewOrganization>(&json!({ "name": "O" })).unwrap())?;
                contacts::create(c, &scope, &read::<NewContact>(&json!({ "name": "C" })).unwrap())?;
                let body = json!({ "title": "T", "organizationId": 1, "contactId": 1, "participants": [{ "id": 1 }] });
                let new: NewLead = read(&body).unwrap();
                (0..many).try_for_each(|_| leads::create(c, &scope, &new).map(drop))
            });
            made.unwrap();
            let (_, sent) = statements(&mut connection, |connection| {
                connection.write(|c| {
                    contacts::delete(c, &scope, &[ContactId::from_i64(1)], &Condition::none())?;
                    organizations::delete(c, &scope, &[OrganizationId::from_i64(1)], &Condition::none())
                })
            });
            counts.push(sent.len());
            let changes = happened(&mut connection, &scope, None);
            assert_eq!(changes.iter().filter(|change| change.action == Action::Updated).count(), 2 * many);
        }
        assert_eq!(counts[0], counts[1], "of 2 and of 200 leads");
    }

    /// Nothing is written of what changes nothing, and nothing of what was rolled back.
    fn what_changes_nothing_is_not_told(database) {
        let (mut connection, scope) = filled(database);
        let since = last(&mut connection, &scope);
        let id = LeadId::from_i64(1);
        let patches = [json!({}), json!({ "title": "T1" }), json!({ "organizationId": "1", "participants": [{ "id": 3 }, { "id": 2, "name": "Zoë \"Z\"" }, { "id": 1 }] })];
        for patch in patches {
            connection.write(|c| leads::update(c, &scope, id, &Condition::none(), &read(&patch).unwrap())).unwrap();
        }
        connection.write(|c| leads::archive(c, &scope, id, &Condition::none(), None)).unwrap();
        connection.write(|c| leads::archive(c, &scope, id, &Condition::none(), None)).unwrap();
        let missing = [LeadId::from_i64(99)];
        connection.write(|c| leads::delete(c, &scope, &missing, &Condition::none())).unwrap();
        let refused = connection.write(|c| {
            leads::delete(c, &scope, &[id], &Condition::none())?;
            Err::<(), crm_suite::SuiteError>(crm_leads::LeadError::NotFound.into())
        });
        assert!(refused.is_err());
        let changes = happened(&mut connection, &scope, Some(since));
        let lines: Vec<String> = changes.iter().map(|change| line(change, &changes)).collect();
        assert_eq!(lines, ["lead 1 archived: isArchived false > true"]);
        let start = Some(Position::START);
        assert!(crm_history::feed(&mut connection, &scope, start, &FeedFilter::default(), 1).is_ok());
    }
}
