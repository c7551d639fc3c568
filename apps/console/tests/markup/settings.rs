//! Pages of settings, imports and duplicates: with nothing, one and many, with texts that attack, for whoever may only read.

use std::str::FromStr;

use crm_cases::CaseType;
use crm_cases::workflow::{Edge, Node, Roles, Workflow, WorkflowDocument};
use crm_console::duplicates::{Comparison, groups};
use crm_console::form::Typed;
use crm_console::forms::{Editor, breaks};
use crm_console::{Frame, case_types, graph, imports, integrations, pipelines, tags, webhooks};
use crm_core::input::{At, FromJson};
use crm_core::records::Stored;
use crm_core::values::Title;
use crm_core::{NotAUuid, Uuid};
use crm_directory::{Duplicate, Duplicates};
use crm_exchange::imports::{Draft, ImportRun, ImportRunWithProblems, ImportState, RowProblem};
use crm_exchange::{Columns, Content, Kind, RawRow};
use crm_forms::{Category, Field, FieldOption, FieldType};
use crm_opportunities::Pipeline;
use crm_suite::batch::{MatchBy, Mode};
use crm_suite::merge::Repointed;
use crm_tags::TagOption;
use crm_webhooks::deliveries::{Attempt, Delivery, DeliveryState};
use crm_webhooks::{Events, Webhook};
use serde_json::{Value, json};
use ticketing_clientmap::{ClientMap, ClientType, Configuration, MapStatus, MappingType, SyncStatus};

use super::{entries, record};

fn typed(text: &str) -> Typed {
    Typed {
        values: vec![("label".to_owned(), text.to_owned()), ("name".to_owned(), text.to_owned())],
        errors: crm_core::FieldErrors::of("stages[0].label", crm_core::FieldCode::InvalidValue, text)
            .as_slice()
            .to_vec(),
        problem: Some(text.to_owned()),
    }
}

fn when() -> crm_core::Timestamp {
    "2026-01-01T00:00:00.000Z".parse().unwrap()
}

fn uuid<T: FromStr<Err = NotAUuid>>() -> T {
    "c4d5e6f7-8901-4345-8789-abcdef012345".parse().unwrap()
}

fn client_map(text: &str, mappings: usize) -> ClientMap {
    let fields: Vec<Value> =
        (0..mappings).map(|_| json!({ "sourceField": text, "targetField": text, "transform": text })).collect();
    let configuration = json!({ "password": "hunter2", "fieldMappings": fields });
    let mut errors = crm_core::FieldErrors::new();
    ClientMap {
        id: uuid(),
        client_id: Title::stored(text.to_owned()),
        client_name: Title::stored(text.to_owned()),
        client_type: ClientType::Itsm,
        mapping_type: MappingType::Bidirectional,
        source_system: Some(crm_core::values::ShortText::stored(text.to_owned())),
        target_system: None,
        configuration: Configuration::from_json(&configuration, &At::field("configuration"), &mut errors),
        status: MapStatus::Active,
        last_sync_at: Some(when()),
        sync_status: SyncStatus::InProgress,
        created_at: when(),
        updated_at: when(),
        usecase: Some(crm_core::values::ShortText::stored(text.to_owned())),
    }
}

#[test]
fn integrations_are_shown_with_their_state_and_fields() {
    let frame = Frame { administers_ticketing: true, ..super::frame("cases:read") };
    let none = integrations::list(&frame, &[]).into_string();
    assert!(none.contains("No other system is connected yet."));
    let many = [client_map("One", 2), ClientMap { last_sync_at: None, ..client_map("Two", 0) }];
    let list = integrations::list(&frame, &many).into_string();
    assert!(list.contains(&format!("/console/settings/integrations/{}", uuid::<Uuid>())));
    for words in ["One", "Two", "active", "in progress", "2026-01-01 00:00", "never", "<td class=\"number\">2</td>"] {
        assert!(list.contains(words), "{words}");
    }
    let page = |map: &ClientMap| integrations::page(&frame, map).into_string();
    assert_eq!(page(&many[0]).matches("<th scope=\"row\">One</th><td>One</td><td>One</td>").count(), 2);
    assert!(page(&many[0]).contains("One → –") && !page(&many[0]).contains("hunter2"));
    assert!(page(&many[1]).contains("called the same on both sides"));
    // No right of the others leads there.
    let way = "href=\"/console/settings/integrations\"";
    let others = tags::list(&super::frame("*:write"), Kind::Lead, &[], None, None, &Typed::default()).into_string();
    assert!(list.contains(way) && !others.contains(way));
}

fn tag(text: &str) -> TagOption {
    TagOption { id: uuid(), label: text.to_owned(), color: "#ff0000".to_owned(), tenant_id: "acme".parse().unwrap() }
}

fn run(text: &str, state: ImportState) -> ImportRun {
    ImportRun {
        id: uuid(),
        kind: Kind::Contact,
        mode: Mode::Create,
        match_by: MatchBy::Id,
        dry_run: false,
        state,
        total: 3,
        read: 3,
        created: 1,
        updated: 0,
        unchanged: 0,
        failed: 2,
        error: Some(text.to_owned()),
        undone: None,
        created_on: when(),
        started_on: None,
        finished_on: Some(when()),
    }
}

fn field(text: &str) -> Field {
    Field {
        id: "size".to_owned(),
        label: text.to_owned(),
        category: Category::Custom,
        field_type: FieldType::Dropdown,
        required: false,
        options: Some(vec![FieldOption::Plain("s".to_owned()), FieldOption::Plain("l".to_owned())]),
        label_options: None,
        tenant_id: "acme".parse().unwrap(),
    }
}

fn pipeline(text: &str) -> Pipeline {
    Pipeline {
        id: uuid(),
        tenant_id: "acme".parse().unwrap(),
        name: Title::stored(text.to_owned()),
        is_default: false,
        stages: Vec::new(),
        created_on: when(),
        last_updated_on: when(),
    }
}

fn document(text: &str) -> Value {
    json!({
        "status": [{ "id": "open", "position": { "x": 10, "y": 20 }, "data": { "label": text, "color": text } }],
        "transition": [{ "source": "open", "target": "open", "label": text, "data": {} }],
    })
}

fn case_type(text: &str) -> CaseType {
    let read =
        WorkflowDocument::from_json(&document("Open"), &At::field("workflow"), &mut crm_core::FieldErrors::new());
    CaseType {
        id: crm_core::RecordId::from_i64(1),
        tenant_id: "acme".parse().unwrap(),
        label: Title::stored(text.to_owned()),
        form: Vec::new(),
        workflow: read.unwrap(),
        owner: None,
        creator: None,
        last_updated_by: None,
        is_default: false,
        created_on: when(),
        last_updated_on: when(),
    }
}

fn workflow(text: &str) -> Workflow {
    let node = Node { id: "open".to_owned(), label: text.to_owned(), records_resolution: false };
    let edge = |source: &str, target: &str| Edge {
        label: Some(text.to_owned()),
        source: source.to_owned(),
        target: target.to_owned(),
        records_comment: false,
        authorized: Roles::default(),
    };
    Workflow::new(vec![node], vec![edge("open", "open"), edge("open", "Elsewhere")])
}

fn webhook(text: &str) -> Webhook {
    let events: Events = serde_json::from_value(json!(["lead.*"])).unwrap();
    let url = crm_webhooks::WebhookUrl::from_json(
        &json!("https://example.com"),
        &At::field("url"),
        &mut crm_core::FieldErrors::new(),
    );
    Webhook {
        id: uuid(),
        url: url.unwrap(),
        events,
        fields: None,
        description: Some(crm_core::values::LongText::stored(text.to_owned())),
        enabled: true,
        disabled_reason: None,
        failing_since: None,
        created_on: when(),
        last_updated_on: when(),
    }
}

fn delivery(text: &str) -> Delivery {
    let attempt = Attempt {
        on: when(),
        status: None,
        milliseconds: 1,
        response: Some(text.to_owned()),
        error: Some(text.to_owned()),
    };
    Delivery {
        id: uuid(),
        event: text.to_owned(),
        change_id: crm_history::ChangeId::from_i64(1),
        kind: crm_history::Kind::Lead,
        record_id: text.to_owned(),
        state: DeliveryState::Failed,
        created_on: when(),
        next_attempt_on: None,
        attempts: vec![attempt],
    }
}

fn draft(text: &str) -> Draft {
    let row = RawRow { line: 2, content: Content::Cells(vec![text.to_owned(), text.to_owned()]) };
    Draft { kind: Kind::Contact, names: Some(vec!["name".to_owned(), text.to_owned()]), total: 1, rows: vec![row] }
}

/// Every page of these areas, with this many of what they list.
pub(super) fn pages(frame: &Frame, text: &str, many: usize) -> Vec<String> {
    let typed = typed(text);
    let same = |one: Value| std::iter::repeat_n(one, many).collect::<Vec<_>>();
    let (value, entries) = (record(text), entries(text));
    let duplicate = Duplicate {
        id: "1".to_owned(),
        name: text.to_owned(),
        email: Some(text.to_owned()),
        phone: None,
        created_on: when(),
        last_updated_on: when(),
    };
    let group = Duplicates { by: "email", value: text.to_owned(), count: 2, items: vec![duplicate.clone(), duplicate] };
    let repointed = Repointed { contacts: 1, leads: 0, opportunities: 2, cases: 0, comments: 0 };
    let records = same(value.clone());
    let comparison = Comparison {
        kind: Kind::Contact,
        records: &records,
        seen: &vec![text.to_owned(); many],
        entries: &entries,
        into: "1",
        would: Some((&value, repointed)),
        typed: &typed,
    };
    let kinds: &[Kind] =
        if frame.may(crm_core::keys::Area::Directory, crm_core::keys::Access::Write) { &[Kind::Contact] } else { &[] };
    let runs = vec![run(text, ImportState::Done); many];
    let problems = vec![RowProblem { line: 2, problem: text.to_owned() }; many];
    let shown = ImportRunWithProblems { run: run(text, ImportState::Failed), problems };
    let fields = same(
        json!({ "id": "size", "label": text, "category": "custom", "type": "dropdown", "options": [text, { "id": text, "label": text }] }),
    );
    let editor = Editor {
        title: text,
        path: "/console/settings/forms/contacts",
        list: "fields",
        tabs: &[("/console/settings/forms/contacts".to_owned(), text.to_owned())],
        seen: "\"x\"",
        fields: &fields,
        breaks: &[text.to_owned()],
        notice: Some(text),
        typed: &typed,
        may_write: frame.may(crm_core::keys::Area::Directory, crm_core::keys::Access::Write),
    };
    let (of_type, graph) = (case_type(text), workflow(text));
    let type_editor = case_types::Editor {
        of_type: &of_type,
        seen: "\"x\"",
        label: text,
        document: &document(text),
        origins: &[text.to_owned()],
        workflow: &graph,
        theirs: Some(&workflow("theirs")),
        notice: Some(text),
        typed: &typed,
    };
    let body = json!({ "name": text, "isDefault": false, "stages": same(json!({ "key": "a", "label": text, "probability": 5, "color": "#808080" })) });
    let (hook, deliveries) = (webhook(text), vec![delivery(text); many]);
    let news = webhooks::News {
        done: Some(text.to_owned()),
        secret: None,
        ping: Some(deliveries.first().map_or(delivery(text), Clone::clone).attempts[0].clone()),
    };
    let hook_page = webhooks::Page {
        webhook: &hook,
        seen: "\"x\"",
        deliveries: &deliveries,
        of_state: Some("failed"),
        next: Some(text),
        news: &news,
        typed: &typed,
    };
    let markup = [
        groups(frame, Kind::Contact, &vec![group; many], Some(text), false),
        comparison.page(frame),
        imports::list(frame, &runs, Some(text), false, kinds, &typed),
        imports::columns(frame, uuid(), &draft(text), &Columns::of(Kind::Contact, &[]), true, &typed),
        imports::run(frame, &shown, Some(uuid()), &[("name".to_owned(), text.to_owned())], &typed),
        integrations::list(frame, &vec![client_map(text, many); many]),
        integrations::page(frame, &client_map(text, many)),
        tags::list(frame, Kind::Lead, &vec![tag(text); many], Some(text), Some(&uuid::<Uuid>().to_string()), &typed),
        pipelines::list(frame, &vec![pipeline(text); many], Some(text)),
        pipelines::edit(frame, Some((&uuid::<Uuid>().to_string(), "\"x\"")), &body, Some(text), &typed),
        editor.page(frame),
        case_types::list(frame, &vec![case_type(text); many], Some(text), &typed),
        type_editor.page(frame),
        webhooks::list(frame, &vec![webhook(text); many], &news, &typed),
        hook_page.page(frame),
    ];
    markup.map(maud::Markup::into_string).to_vec()
}

#[test]
fn columns_are_known_by_what_other_people_call_them() {
    let page = |heading: &str| {
        let draft = Draft { names: Some(vec![heading.to_owned()]), ..draft("x") };
        let columns = Columns::of(Kind::Contact, &[]);
        imports::columns(&crate::frame("*:write"), uuid(), &draft, &columns, false, &Typed::default()).into_string()
    };
    for (heading, name) in [
        ("Full name", "name"),
        ("E-Mail", "email"),
        ("Company", "organization"),
        ("company_name", "organization"),
        ("Mobile phone", "phone"),
        ("NAME", "name"),
    ] {
        assert!(page(heading).contains(&format!("<option value=\"{name}\" selected>")), "{heading}");
    }
    assert!(!page("Shoe size").contains(" selected>") || page("Shoe size").contains("<option value=\"\" selected>"));
}

#[test]
fn a_change_of_a_form_says_what_it_breaks() {
    let before = [field("Size")];
    let now = |change: Value| {
        let mut now = json!({ "id": "size", "label": "Size", "category": "custom", "type": "dropdown", "required": false, "options": ["s", { "id": "l", "label": "Large" }] });
        for (name, value) in change.as_object().unwrap() {
            now[name] = value.clone();
        }
        breaks(&before, &[now])
    };
    assert_eq!(now(json!({ "label": "Another" })), [""; 0], "a label breaks nothing");
    for (change, words) in [
        (json!({ "required": true }), "is required from now on"),
        (json!({ "type": "text" }), "becomes another type"),
        (json!({ "options": ["l"] }), "no longer offers s."),
        (json!({ "id": "other" }), "is taken off the form"),
        (json!({ "id": "other", "required": true }), "is new and required"),
    ] {
        let told = now(change);
        assert!(told.iter().any(|one| one.contains(words)), "{words}: {told:?}");
    }
}

#[test]
fn a_workflow_is_drawn_where_it_was_put_and_is_no_way_in() {
    let picture = graph::draw(&document("#12ab34"), &workflow("Open"), None).into_string();
    assert!(picture.contains("translate(10.0 20.0)") && picture.contains("fill=\"#12ab34\""), "{picture}");
    assert_eq!(picture.matches("graph-ghost").count(), 1, "what only transitions name");
    for color in ["red", "#12ab3", "#12ab345", "url(//evil.example)", "#12ab3g"] {
        assert!(
            !graph::draw(&document(color), &workflow("Open"), None).into_string().contains(&format!("fill=\"{color}")),
            "{color}"
        );
    }
    let far =
        json!({ "status": [{ "id": "open", "position": { "x": 1e300, "y": "down" }, "data": { "label": "Open" } }] });
    let picture = graph::draw(&far, &workflow("Open"), None).into_string();
    assert!(!picture.contains("NaN") && !picture.contains("inf") && !picture.contains("0000000"), "{picture}");
}

#[test]
fn an_import_that_is_under_way_is_looked_at_again_and_one_that_is_over_not() {
    let frame = super::frame("*:write");
    for (state, is_open) in [
        (ImportState::Queued, true),
        (ImportState::Running, true),
        (ImportState::Undoing, true),
        (ImportState::Done, false),
        (ImportState::Failed, false),
        (ImportState::Cancelled, false),
        (ImportState::Undone, false),
    ] {
        let shown = ImportRunWithProblems { run: run("x", state), problems: Vec::new() };
        let page = imports::run(&frame, &shown, None, &[], &Typed::default()).into_string();
        assert_eq!(page.contains("data-open=\"yes\"") && page.contains("Look again"), is_open, "{state:?}");
        let is_over = matches!(state, ImportState::Done | ImportState::Failed | ImportState::Cancelled);
        assert_eq!(page.contains("/undo\""), is_over, "{state:?}");
    }
}
