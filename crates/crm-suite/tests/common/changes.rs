//! Everything that can be done with records, each once.

use crm_cases::{Case, activities, types};
use crm_core::input::FromBody;
use crm_core::{
    CaseId, CaseTypeId, Condition, ContactId, DbConnection, LeadId, OpportunityId, OrganizationId, PipelineId,
    RecordId, Scope, TagId, Timestamp, Unmet,
};
use crm_directory::{Contact, Organization};
use crm_forms::FormKind;
use crm_history::Trash;
use crm_leads::Lead;
use crm_opportunities::{Opportunity, pipelines};
use crm_suite::trash::Restorable;
use crm_suite::{bulk, cases, contacts, convert, erasing, forms, leads, opportunities, organizations, tenants};
use crm_tags::TagKind;
use crm_testkit::TestDatabase;
use serde_json::{Value, json};

/// On what condition.
#[derive(Debug, Clone, Copy)]
pub(crate) enum If {
    None,
    True,
    False,
}

impl If {
    fn of<T>(self) -> Condition<T> {
        match self {
            Self::None => Condition::none(),
            Self::True => Condition::new(|_| Ok(())),
            Self::False => Condition::new(|_| Err(Unmet("not as expected".to_owned()))),
        }
    }
}

/// What it was refused for, in words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused(pub(crate) String);

impl From<diesel::result::Error> for Refused {
    fn from(error: diesel::result::Error) -> Self {
        Self(error.to_string())
    }
}

type Outcome = Result<(), Refused>;
type Make = fn(&mut DbConnection, &Scope) -> Outcome;
type Change = fn(&mut DbConnection, &Scope, If) -> Outcome;

fn done<T, E: ToString>(result: Result<T, E>) -> Outcome {
    result.map(drop).map_err(|error| Refused(error.to_string()))
}

fn body<T: FromBody>(body: Value) -> T {
    let Value::Object(body) = body else { unreachable!("bodies are objects") };
    T::from_body(&body).unwrap()
}

fn id<I: RecordId>(number: i64) -> I {
    I::from_i64(number)
}

const PIPELINE: &str = "c4d5e6f7-8901-2345-6789-abcdef012345";
const OTHER_PIPELINE: &str = "c4d5e6f7-8901-2345-6789-abcdef012346";

fn pipeline(id: &str) -> PipelineId {
    id.parse().unwrap()
}

fn tag(connection: &mut DbConnection, scope: &Scope, kind: TagKind, label: &str) -> TagId {
    crm_tags::list(connection, scope, kind).unwrap().iter().find(|tag| tag.label == label).unwrap().id
}

fn workflow(labels: &[(&str, &str)]) -> Value {
    let status = |(id, label): &(&str, &str)| json!({ "id": id, "type": "node", "data": { "label": label } });
    json!({ "status": labels.iter().map(status).collect::<Vec<_>>(), "transition": [] })
}

/// A tenant with records 1 to 9 of each kind, which point at each other's numbers.
pub(crate) fn filled(database: &TestDatabase) -> (DbConnection, Scope) {
    let mut connection = database.connect();
    let now = Timestamp::now();
    let made = connection.write(|connection| tenants::create(connection, &"acme".parse().unwrap(), "Acme", None, now));
    let made = made.unwrap().tenant;
    let scope = Scope::new(made.id, made.public_id, now);
    let filled = |connection: &mut DbConnection| {
        fill(connection, &scope);
        Ok::<_, diesel::result::Error>(())
    };
    connection.write(filled).unwrap();
    (connection, scope)
}

fn fill(connection: &mut DbConnection, scope: &Scope) {
    for kind in [TagKind::Lead, TagKind::Opportunity, TagKind::Contact, TagKind::Organization, TagKind::Case] {
        for label in ["a", "b"] {
            crm_tags::create(connection, scope, kind, &body(json!({ "label": label }))).unwrap();
        }
    }
    for kind in [FormKind::Pipeline, FormKind::Contacts, FormKind::Organizations] {
        let form = body(json!({ "fields": [{ "id": "x", "label": "X", "category": "custom", "type": "text" }] }));
        forms::replace(connection, scope, kind, &Condition::none(), &form).unwrap();
    }
    for id in [PIPELINE, OTHER_PIPELINE] {
        let stages = json!([{ "key": "a", "label": "A" }, { "key": "b", "label": "B" }, { "key": "c", "label": "C" }]);
        pipelines::create(connection, scope, &body(json!({ "id": id, "name": "P", "stages": stages }))).unwrap();
    }
    for label in ["T", "U"] {
        let workflow = workflow(&[("1", "New"), ("2", "Old"), ("3", "Unused")]);
        types::create(connection, scope, &body(json!({ "label": label, "workflow": workflow }))).unwrap();
    }
    for number in 1..=9 {
        let email = json!([{ "value": format!("{number}@example.com") }]);
        let common = json!({ "name": format!("N{number}"), "email": email, "phone": [{ "value": "+1" }], "tags": "a" });
        organizations::create(connection, scope, &body(common.clone())).unwrap();
        let mut contact = common;
        contact["organizationId"] = number.into();
        contacts::create(connection, scope, &body(contact)).unwrap();
    }
    for number in 1..=9 {
        let pointing = json!({ "organizationId": number, "contactId": number, "tags": "a" });
        let with = |more: Value| {
            let mut body = pointing.clone();
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body
        };
        let takes_part = json!([{ "id": 10 - number }]);
        let lead = with(json!({ "title": format!("Lead {number}"), "participants": takes_part }));
        leads::create(connection, scope, &body(lead)).unwrap();
        let opportunity = json!({ "title": "O", "participants": takes_part, "pipelineId": PIPELINE, "stage": "b" });
        opportunities::create(connection, scope, &body(with(opportunity))).unwrap();
        let status = if number % 2 == 0 { "New" } else { "Old" };
        cases::create(connection, scope, &body(with(json!({ "title": "C", "caseTypeId": 2, "status": status }))))
            .unwrap();
    }
    discard(connection, scope);
}

/// A record of each kind that is in the trash.
pub(crate) const DELETED: i64 = 10;

/// Puts a record of each kind into the trash, which others pointed at.
fn discard(connection: &mut DbConnection, scope: &Scope) {
    let common = json!({ "name": "N10", "email": [{ "value": "10@example.com" }], "tags": "a,b" });
    organizations::create(connection, scope, &body(common.clone())).unwrap();
    contacts::create(connection, scope, &body(common)).unwrap();
    let takes_part = json!([{ "id": 9 }, { "id": DELETED, "name": "Ten" }, { "id": 8 }]);
    let pointing = json!({
        "title": "T", "organizationId": DELETED, "contactId": DELETED, "participants": takes_part, "tags": "a,b",
    });
    let case =
        json!({ "title": "C", "organizationId": DELETED, "contactId": DELETED, "caseTypeId": 2, "status": "New" });
    for _ in [DELETED, DELETED + 1] {
        leads::create(connection, scope, &body(pointing.clone())).unwrap();
        let made = convert::convert(connection, scope, id(DELETED), &Condition::none(), &body(json!({})));
        if made.is_err() {
            opportunities::create(connection, scope, &body(pointing.clone())).unwrap();
        }
        cases::create(connection, scope, &body(case.clone())).unwrap();
    }
    activities::add(connection, scope, id::<CaseId>(DELETED), &body(json!({ "comment": "Said." }))).unwrap();
    cases::delete(connection, scope, &[id(DELETED)], &Condition::none()).unwrap();
    opportunities::delete(connection, scope, &[id(DELETED)], &Condition::none()).unwrap();
    leads::delete(connection, scope, &[id(DELETED)], &Condition::none()).unwrap();
    contacts::delete(connection, scope, &[id(DELETED)], &Condition::none()).unwrap();
    organizations::delete(connection, scope, &[id(DELETED)], &Condition::none()).unwrap();
    for number in [GONE - 1, GONE] {
        let common = json!({ "name": format!("N{number}"), "tags": "a" });
        organizations::create(connection, scope, &body(common.clone())).unwrap();
        contacts::create(connection, scope, &body(common)).unwrap();
    }
    let pointing = json!({
        "title": "T", "organizationId": GONE, "contactId": GONE, "participants": [{ "id": GONE, "name": "Twelve" }],
    });
    leads::create(connection, scope, &body(pointing.clone())).unwrap();
    opportunities::create(connection, scope, &body(pointing)).unwrap();
    cases::create(
        connection,
        scope,
        &body(json!({ "title": "C", "contactId": GONE, "caseTypeId": 2, "status": "New" })),
    )
    .unwrap();
    cases::delete(connection, scope, &[id(GONE)], &Condition::none()).unwrap();
    opportunities::delete(connection, scope, &[id(GONE)], &Condition::none()).unwrap();
    leads::delete(connection, scope, &[id(GONE)], &Condition::none()).unwrap();
    contacts::delete(connection, scope, &[id(GONE)], &Condition::none()).unwrap();
    organizations::delete(connection, scope, &[id(GONE)], &Condition::none()).unwrap();
}

/// Another one, to be erased.
const GONE: i64 = 12;

/// What is made, there again, or no more.
pub(crate) const MADE: [(&str, Make); 19] = [
    ("an organization", |c, s| done(organizations::create(c, s, &body(json!({ "name": "N", "tags": "a,b" }))))),
    ("a contact", |c, s| done(contacts::create(c, s, &body(json!({ "name": "N", "organizationId": 9, "tags": "a" }))))),
    ("a lead", |c, s| done(leads::create(c, s, &body(everything("title"))))),
    ("an opportunity", |c, s| done(opportunities::create(c, s, &body(everything("title"))))),
    ("a case", |c, s| {
        let new = json!({ "title": "T", "organizationId": 9, "contactId": 8, "tags": "a,b", "caseTypeId": 2 });
        done(cases::create(c, s, &body(new)))
    }),
    ("a comment", |c, s| done(activities::add(c, s, id::<CaseId>(9), &body(json!({ "comment": "Said." }))))),
    ("a pipeline", |c, s| {
        done(pipelines::create(c, s, &body(json!({ "name": "Q", "isDefault": true, "stages": [{ "label": "S" }] }))))
    }),
    ("a case type", |c, s| done(types::create(c, s, &body(json!({ "label": "V" }))))),
    ("a tag", |c, s| done(crm_tags::create(c, s, TagKind::Lead, &body(json!({ "label": "c" }))))),
    ("an organization again", |c, s| done(Organization::restore(c, s, Trash::default(), id(DELETED), None))),
    ("a contact again", |c, s| done(Contact::restore(c, s, Trash::default(), id(DELETED), None))),
    ("a lead again", |c, s| done(Lead::restore(c, s, Trash::default(), id(DELETED), None))),
    ("an opportunity again", |c, s| done(Opportunity::restore(c, s, Trash::default(), id(DELETED), None))),
    ("a case again", |c, s| done(Case::restore(c, s, Trash::default(), id(DELETED), None))),
    ("an organization no more", |c, s| done(erasing::erase(c, s, id::<OrganizationId>(GONE)))),
    ("a contact no more", |c, s| done(erasing::erase(c, s, id::<ContactId>(GONE)))),
    ("a lead no more", |c, s| done(erasing::erase(c, s, id::<LeadId>(GONE)))),
    ("an opportunity no more", |c, s| done(erasing::erase(c, s, id::<OpportunityId>(GONE)))),
    ("a case no more", |c, s| done(erasing::erase(c, s, id::<CaseId>(GONE)))),
];

fn everything(title: &str) -> Value {
    let takes_part = json!([{ "id": 7 }, { "id": 3 }]);
    json!({ title: "T", "organizationId": 9, "contactId": 8, "participants": takes_part, "tags": "a,b" })
}

/// What is changed, with each record in as many ways as it can be.
pub(crate) const CHANGES: [(&str, Change); 27] = [
    ("patch an organization", |c, s, on| {
        let patch = body(json!({ "name": "M", "email": [], "tags": "b" }));
        done(organizations::update(c, s, id::<OrganizationId>(9), &on.of(), &patch))
    }),
    ("patch a contact", |c, s, on| {
        let patch = body(json!({ "organizationId": 8, "phone": [], "tags": "b" }));
        done(contacts::update(c, s, id::<ContactId>(9), &on.of(), &patch))
    }),
    ("patch a lead", |c, s, on| done(leads::update(c, s, id::<LeadId>(9), &on.of(), &body(everything("title"))))),
    ("archive a lead", |c, s, on| done(leads::archive(c, s, id(9), &on.of(), None))),
    ("unarchive a lead", |c, s, on| done(leads::unarchive(c, s, id(9), &on.of(), None))),
    ("convert a lead", |c, s, on| {
        done(convert::convert(c, s, id(8), &on.of(), &body(json!({ "pipelineId": PIPELINE, "stage": "c" }))))
    }),
    ("patch an opportunity", |c, s, on| {
        let mut patch = everything("title");
        (patch["pipelineId"], patch["stage"]) = (OTHER_PIPELINE.into(), "b".into());
        done(opportunities::update(c, s, id::<OpportunityId>(9), &on.of(), &body(patch)))
    }),
    ("move an opportunity", |c, s, on| {
        done(opportunities::update_stage(c, s, id(9), &on.of(), &body(json!({ "stage": "a" }))))
    }),
    ("win an opportunity", |c, s, on| {
        done(opportunities::update_status(c, s, id(9), &on.of(), &body(json!({ "status": "won" }))))
    }),
    ("patch a case", |c, s, on| {
        let patch = json!({ "organizationId": 3, "contactId": 2, "caseTypeId": 3, "status": "Old", "tags": "b" });
        done(cases::update(c, s, id::<CaseId>(9), &on.of(), &body(patch)))
    }),
    ("replace a form", |c, s, on| {
        done(forms::replace(c, s, FormKind::Pipeline, &on.of(), &body(json!({ "fields": [] }))))
    }),
    ("turn the stages of a pipeline", |c, s, on| {
        let stages = json!([{ "key": "c", "label": "C" }, { "key": "b", "label": "B" }, { "key": "a", "label": "A" }]);
        let patch = body(json!({ "name": "Q", "isDefault": true, "stages": stages }));
        done(pipelines::update(c, s, pipeline(PIPELINE), &on.of(), &patch))
    }),
    ("rename the statuses of a case type", |c, s, on| {
        let patch = body(json!({ "label": "W", "workflow": workflow(&[("1", "Newer"), ("2", "Older"), ("4", "D")]) }));
        done(types::update(c, s, id::<CaseTypeId>(2), &on.of(), &patch))
    }),
    ("rename a tag", |c, s, on| {
        let tag = tag(c, s, TagKind::Lead, "b");
        done(crm_tags::update(c, s, TagKind::Lead, tag, &on.of(), &body(json!({ "label": "renamed" }))))
    }),
    ("delete a tag", |c, s, on| {
        let tag = tag(c, s, TagKind::Case, "b");
        done(crm_tags::delete(c, s, TagKind::Case, tag, &on.of()))
    }),
    ("merge contacts", |c, s, on| {
        done(contacts::merge(c, s, id::<ContactId>(3), &on.of(), &body(json!({ "sourceId": [2, 1] }))))
    }),
    ("merge organizations", |c, s, on| {
        done(organizations::merge(c, s, id::<OrganizationId>(3), &on.of(), &body(json!({ "sourceId": [2, 1] }))))
    }),
    ("merge leads", |c, s, on| {
        done(leads::merge(c, s, id::<LeadId>(3), &on.of(), &body(json!({ "sourceId": [2, 1] }))))
    }),
    ("delete contacts", |c, s, on| done(contacts::delete(c, s, &[5, 4].map(id::<ContactId>), &on.of()))),
    ("delete organizations", |c, s, on| done(organizations::delete(c, s, &[5, 4].map(id::<OrganizationId>), &on.of()))),
    ("delete leads", |c, s, on| done(leads::delete(c, s, &[8, 5].map(id::<LeadId>), &on.of()))),
    ("delete opportunities", |c, s, on| done(opportunities::delete(c, s, &[9, 8].map(id::<OpportunityId>), &on.of()))),
    ("delete all cases", |c, s, on| {
        done(cases::delete(c, s, &(1..=20).rev().map(id::<CaseId>).collect::<Vec<_>>(), &on.of()))
    }),
    ("delete a pipeline", |c, s, on| done(pipelines::delete(c, s, pipeline(OTHER_PIPELINE), &on.of()))),
    ("take off the first stage of a pipeline", |c, s, on| {
        let stages = json!([{ "key": "c", "label": "C" }, { "key": "b", "label": "B" }]);
        done(pipelines::update(c, s, pipeline(PIPELINE), &on.of(), &body(json!({ "stages": stages }))))
    }),
    ("delete a case type", |c, s, on| done(types::delete(c, s, id::<CaseTypeId>(3), &on.of()))),
    ("delete contacts in bulk, or one", |c, s, on| match on {
        If::False => done(contacts::delete(c, s, &[id(7)], &on.of())),
        If::None | If::True => {
            let action = json!({ "entity": "contact", "action": "delete", "ids": [7, 6] });
            done(bulk::delete(c, s, &body::<bulk::BulkAction<bulk::Directory>>(action)))
        }
    }),
];

/// What is refused, with all its problems.
pub(crate) const REFUSED: &[(&str, Make, &str)] = &[
    ("a lead of nobody", |c, s| done(leads::create(c, s, &body(with_participants()))), NOWHERE),
    (
        "a patch of a lead",
        |c, s| done(leads::update(c, s, id(9), &Condition::none(), &body(with_participants()))),
        NOWHERE,
    ),
    ("an opportunity of nobody", |c, s| done(opportunities::create(c, s, &body(with_participants()))), NOWHERE),
    (
        "a patch of an opportunity",
        |c, s| {
            let mut patch = with_participants();
            patch["stage"] = "nosuch".into();
            done(opportunities::update(c, s, id(9), &Condition::none(), &body(patch)))
        },
        "organizationId: no organization has the id 99; contactId: no contact has the id 98; participants[0].id: no \
         contact has the id 97; customFields.nosuch: the form has no custom field of this id; tags[0]: no such tag: \
         nosuch; stage: the pipeline c4d5e6f7-8901-2345-6789-abcdef012345 has no stage nosuch",
    ),
    ("a case of nobody", |c, s| done(cases::create(c, s, &body(nowhere()))), OF_A_CASE),
    ("a patch of a case", |c, s| done(cases::update(c, s, id(9), &Condition::none(), &body(nowhere()))), OF_A_CASE),
    (
        "a case of no type",
        |c, s| {
            let mut case = nowhere();
            case["caseTypeId"] = 77.into();
            done(cases::create(c, s, &body(case)))
        },
        "organizationId: no organization has the id 99; contactId: no contact has the id 98; caseTypeId: no case type \
         has the id 77; tags[0]: no such tag: nosuch",
    ),
    ("a contact of nobody", |c, s| done(contacts::create(c, s, &body(of_a_contact()))), OF_A_CONTACT),
    (
        "a patch of a contact",
        |c, s| done(contacts::update(c, s, id(9), &Condition::none(), &body(of_a_contact()))),
        OF_A_CONTACT,
    ),
    (
        "a merge of what is not there",
        |c, s| done(contacts::merge(c, s, id(1), &Condition::none(), &body(json!({ "sourceId": [99, 2] })))),
        "no such contact: 99",
    ),
    (
        "a merge of leads that are not there",
        |c, s| done(leads::merge(c, s, id(1), &Condition::none(), &body(json!({ "sourceId": [99, 2] })))),
        "no such lead: 99",
    ),
    (
        "a stage that opportunities are in",
        |c, s| {
            let patch = json!({ "name": "M", "isDefault": true, "stages": [{ "key": "c", "label": "Sea" }] });
            done(pipelines::update(c, s, pipeline(PIPELINE), &Condition::none(), &body(patch)))
        },
        "opportunities are in the pipeline or stage",
    ),
    (
        "a status that cases are in",
        |c, s| {
            let patch = json!({ "label": "M", "workflow": workflow(&[("1", "Renamed"), ("9", "Else")]) });
            done(types::update(c, s, id(2), &Condition::none(), &body(patch)))
        },
        "statuses cannot be removed while cases are in them: Old (5)",
    ),
    (
        "a label that another tag has",
        |c, s| {
            let tag = tag(c, s, TagKind::Lead, "b");
            done(crm_tags::update(c, s, TagKind::Lead, tag, &Condition::none(), &body(json!({ "label": "A" }))))
        },
        "the label is taken by another tag of this kind",
    ),
];

const NOWHERE: &str = "organizationId: no organization has the id 99; contactId: no contact has the id 98; \
     participants[0].id: no contact has the id 97; customFields.nosuch: the form has no custom field of this id; tags[0]: \
     no such tag: nosuch";
const OF_A_CASE: &str = "organizationId: no organization has the id 99; contactId: no contact has the id 98; \
     customFields.nosuch: the form has no custom field of this id; tags[0]: no such tag: nosuch";
const OF_A_CONTACT: &str = "organizationId: no organization has the id 99; customFields.nosuch: the form has no custom \
     field of this id; tags[0]: no such tag: nosuch";

/// A body that points at nobody, and has more that is wrong.
fn nowhere() -> Value {
    json!({
        "title": "T", "organizationId": 99, "contactId": 98, "tags": ["nosuch"], "customFields": { "nosuch": "x" },
    })
}

fn with_participants() -> Value {
    let mut body = nowhere();
    body["participants"] = json!([{ "id": 97 }]);
    body
}

fn of_a_contact() -> Value {
    json!({ "name": "N", "organizationId": 99, "tags": ["nosuch"], "customFields": { "nosuch": "x" } })
}
