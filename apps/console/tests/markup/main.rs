//! Pages as markup: what stands in a record is text, and what somebody may not do is not offered.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use crm_console::fields::{Choice, Control, Entry};
use crm_console::filters::{Called, Found, Which};
use crm_console::form::Typed;
use crm_console::happened::Names;
use crm_console::people::Role;
use crm_console::record::{Part, Places, Record, edit, new};
use crm_console::{Frame, Place, Who, board, error, list, overview, session, show};
use crm_exchange::{Columns, Kind, Lookup};
use serde_json::{Value, json};

mod filters;
mod happened;
mod settings;

/// Texts that break pages which do not escape them.
const HOSTILE: &[&str] = &[
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "'><svg/onload=alert(1)>",
    "javascript:alert(1)",
    "&lt;b&gt; &amp; &quot;",
    "</textarea><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "\u{202e}evil\u{2066}",
    "Größe 日本語 עברית 🦀",
    "{{7*7}} ${7*7}",
];

fn frame(rights: &str) -> Frame {
    Frame {
        tenant: "acme".to_owned(),
        who: Who::Key("key".to_owned()),
        rights: rights.parse().unwrap(),
        administers_ticketing: false,
        token: "TOKEN".to_owned(),
    }
}

fn line(id: &str, control: Control) -> Entry {
    Entry { id: id.to_owned(), is_custom: false, label: id.to_owned(), required: false, control }
}

fn entries(text: &str) -> Vec<Entry> {
    let choice = Choice { id: text.to_owned(), words: text.to_owned(), color: Some("#ff0000".to_owned()) };
    vec![
        line("title", Control::Line("text")),
        line("link", Control::Line("text")),
        line("note", Control::Lines),
        line("email", Control::Labeled("jane@example.com")),
        line("origin", Control::One(vec![choice.clone()])),
        line("tags", Control::Many(vec![choice], true)),
        Entry { label: text.to_owned(), ..line("labelled", Control::Number) },
    ]
}

fn record(text: &str) -> Value {
    json!({
        "id": "1", "title": text, "link": text, "note": text, "origin": text, "labelled": text,
        "email": [{ "label": text, "value": text }], "tags": [{ "id": text, "label": text, "color": "#ff0000" }],
        "status": text, "lostReason": { "reasonId": text, "comment": text },
        "owner": { "id": text, "name": text }, "value": { "amount": text, "code": text },
        "creator": { "name": text }, "createdOn": "2026-01-01T00:00:00.000Z", "lastUpdatedOn": "x"
    })
}

/// Every page that shows a record or what was typed.
fn pages(frame: &Frame, text: &str) -> Vec<String> {
    let (value, entries) = (record(text), entries(text));
    let typed = Typed {
        values: vec![("title".to_owned(), text.to_owned()), ("note".to_owned(), text.to_owned())],
        errors: crm_core::FieldErrors::of(text, crm_core::FieldCode::InvalidValue, text).as_slice().to_vec(),
        problem: Some(text.to_owned()),
    };
    let columns = Columns::of(Kind::Lead, &[]);
    let chosen: Vec<String> = columns.all().iter().map(|column| column.name().to_owned()).collect();
    let given = vec![("title".to_owned(), text.to_owned()), (text.to_owned(), text.to_owned())];
    let records = [value.clone()];
    let list = list::List {
        kind: Kind::Lead,
        columns: &columns,
        chosen: &chosen,
        given: &given,
        filters: &[],
        orders: &["title"],
        order_by: "title",
        is_descending: true,
        records: &records,
        next: Some(text),
        is_first: false,
        tags: &[],
        pipelines: &[],
        called: &Called::new(),
        people: &[],
        refused: &Typed::default(),
        selected: &typed,
    };
    let page = Record {
        kind: Kind::Opportunity,
        record: &value,
        seen: text,
        entries: &entries,
        comments: none(),
        history: none(),
        names: &Names::default(),
        related: &[(Kind::Lead, vec![value.clone()])],
        steps: &[],
        picture: None,
        notice: Some(text),
        typed: &typed,
    };
    let one = (text.to_owned(), text.to_owned());
    let places = Places { label: "Case types", places: vec![one.clone(), one] };
    let refusal = error::Refusal { status: 400, code: "x", title: text, detail: text, advice: text, request_id: text };
    let found = Found { value: "1".to_owned(), title: text.to_owned(), beside: text.to_owned() };
    let (place, path, members) = (Place::Records(Kind::Lead), "/console/leads", Lookup::Contact.members());
    let which = Which { place, path, members, text, given: &given, found: &[found], is_cut: true };
    let markup = [
        list.page(frame, Some(text)),
        page.page(frame),
        edit(frame, Kind::Lead, &value, &entries, &typed, &["title".to_owned()]),
        new(frame, Kind::Case, &entries, &typed, Some((&places, text))),
        error::page(&refusal),
        session::SignIn { token: "T", next: Some(text), has_issuer: true, typed: &typed }.page(),
        session::choice(&[text.to_owned(), text.to_owned()], Some(text)),
        crm_console::trash::search(frame, text, &[], &typed),
        which.page(frame),
    ];
    markup
        .map(maud::Markup::into_string)
        .into_iter()
        .chain([0, 1, 3].into_iter().flat_map(|many| settings::pages(frame, text, many)))
        .collect()
}

/// The tags and attributes of a page, read as a browser does: values are taken off.
fn skeleton(page: &str) -> String {
    let mut skeleton = String::new();
    let (mut in_tag, mut in_value) = (false, false);
    for letter in page.chars() {
        match (in_tag, in_value, letter) {
            (false, _, '<') => {
                in_tag = true;
                skeleton.push('<');
            }
            (true, false, '>') => {
                in_tag = false;
                skeleton.push('>');
            }
            (true, _, '"') => in_value = !in_value,
            (true, false, letter) => skeleton.push(letter),
            _ => {}
        }
    }
    skeleton
}

/// Of what nothing was said, or has happened.
fn none<T>() -> Part<'static, T> {
    Part { items: &[], older: None, is_latest: true }
}

#[test]
fn whatever_stands_in_a_record_is_text() {
    let frame = frame("*:write");
    let plain: Vec<String> = pages(&frame, "plain").iter().map(|page| skeleton(page)).collect();
    for text in HOSTILE {
        for (page, plain) in pages(&frame, text).iter().zip(&plain) {
            assert_eq!(&skeleton(page), plain, "{text:?} makes other markup");
            assert!(!page.contains("href=\"javascript:") && !page.contains("<script>"), "{text:?}");
        }
    }
}

#[test]
fn only_web_addresses_are_links() {
    let of = |text: &str| {
        let value = record(text);
        let entries = [line("link", Control::Line("text"))];
        let page = Record {
            kind: Kind::Lead,
            record: &value,
            seen: "\"etag\"",
            entries: &entries,
            comments: none(),
            history: none(),
            names: &Names::default(),
            related: &[],
            steps: &[],
            picture: None,
            notice: None,
            typed: &Typed::default(),
        };
        page.page(&frame("*:read")).into_string()
    };
    assert!(of("https://example.com/a").contains("<a href=\"https://example.com/a\""));
    for text in [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        " https://x",
        "https://",
        "//x.example",
        "http:x",
    ] {
        assert!(!of(text).contains(&format!("href=\"{}", text.trim())), "{text}");
    }
}

#[test]
fn pages_have_what_the_policy_asks_and_every_form_its_token() {
    for page in pages(&frame("*:write"), "plain") {
        assert!(!page.contains(" style=") && !page.contains(" onclick=") && !page.contains("<style"), "{page}");
        assert_eq!(page.matches("<h1>").count(), 1, "one heading of the page");
        assert!(page.starts_with("<!DOCTYPE html>") && page.contains("<html lang=\"en\">") && page.contains("<main"));
        for form in page.split("<form").skip(1).filter(|form| form.contains("method=\"post\"")) {
            let form = form.split("</form>").next().unwrap();
            assert!(form.contains("name=\"_token\""), "{form}");
        }
    }
}

#[test]
fn who_only_reads_is_offered_no_change() {
    for page in pages(&frame("*:read"), "plain").iter().take(2) {
        let left = page.split("<form").skip(1).filter(|form| form.contains("method=\"post\""));
        let actions: Vec<&str> =
            left.filter(|form| !form.contains("/sign-out") && !form.contains("/selected")).collect();
        assert_eq!(actions, [""; 0], "{page}");
        assert!(!page.contains("/edit\"") && !page.contains("/new\"") && !page.contains("name=\"action\""));
    }
    let nobody = pages(&frame("cases:read"), "plain");
    assert!(
        !nobody[0].contains("href=\"/console/leads\" aria-current") && !nobody[0].contains("/console/settings/keys")
    );
}

#[test]
fn whoever_reads_selects_and_exports() {
    for (rights, may_write) in [("*:write", true), ("*:read", false), ("pipeline:read", false)] {
        let page = &pages(&frame(rights), "plain")[0];
        let form = page.split("action=\"/console/leads/selected\"").nth(1).unwrap().split("</form>").next().unwrap();
        assert_eq!(form.matches("type=\"checkbox\" name=\"id\"").count(), 1, "{rights}: {form}");
        assert!(
            form.contains("formaction=\"/console/leads/selected/export\">Export them</button>"),
            "{rights}: {form}"
        );
        assert_eq!(form.contains("name=\"action\""), may_write, "{rights}: {form}");
    }
}

#[test]
fn who_only_reads_has_no_button_of_settings() {
    for page in settings::pages(&frame("*:read"), "plain", 1) {
        let forms =
            page.split("<form").skip(1).filter(|form| form.contains("method=\"post\"") && !form.contains("/sign-out"));
        // The columns of a file are shown to those alone who may import it.
        let buttons: Vec<&str> =
            forms.filter(|form| form.contains("<button") && !form.contains("/imports/files/")).collect();
        assert_eq!(buttons, [""; 0], "{page}");
    }
}

#[test]
fn amounts_have_their_thousands_told_apart() {
    for (amount, text) in [
        ("0", "0"),
        ("999", "999"),
        ("1000", "1\u{202f}000"),
        ("-1234567.80", "-1\u{202f}234\u{202f}567.80"),
        ("12", "12"),
    ] {
        assert_eq!(show::grouped(amount), text);
    }
}

#[test]
fn an_issuer_is_offered_where_there_is_one() {
    let typed = Typed::default();
    let page = |has_issuer, next| session::SignIn { token: "T", next, has_issuer, typed: &typed }.page().into_string();
    assert!(!page(false, None).contains("/console/sign-in/issuer"));
    assert!(page(true, None).contains("href=\"/console/sign-in/issuer\""));
    assert!(page(true, Some("/console/leads?q=a&b")).contains("issuer?next=%2Fconsole%2Fleads%3Fq%3Da%26b\""));
    for (tenants, offered) in [(vec![], 0), (vec!["acme".to_owned(), "other".to_owned()], 2)] {
        let choice = session::choice(&tenants, None).into_string();
        assert_eq!(choice.matches("/console/sign-in/issuer?tenant=").count(), offered);
    }
}

#[test]
fn who_is_signed_in_is_told() {
    let person = Frame { who: Who::Person("Ada <b>".to_owned()), ..frame("*:read") };
    let page = |frame: &Frame| frame.page(Place::Elsewhere, "x", &maud::html! {}).into_string();
    assert!(page(&person).contains("Signed in as <strong>Ada &lt;b&gt;</strong>"));
    assert!(page(&frame("*:read")).contains("Signed in with the key <strong>key</strong>"));
}

#[test]
fn an_empty_overview_says_where_to_begin() {
    let page =
        |rights, is_empty| overview::Overview { is_empty, ..Default::default() }.page(&frame(rights)).into_string();
    let first = |rights| page(rights, true);
    assert!(!page("*:write", false).contains("First steps"), "there is something, if no picture of it");
    assert!(first("*:write").contains("/console/imports\">Bring your contacts"));
    assert!(
        first("pipeline:write").contains("First steps") && !first("pipeline:write").contains("Bring your contacts")
    );
    assert!(!first("*:read").contains("First steps"), "nothing to begin with");
}

#[test]
fn a_board_without_a_pipeline_leads_to_where_one_is_made() {
    let page = |rights| board::none(&frame(rights)).into_string();
    assert!(page("pipeline:write").contains("href=\"/console/settings/pipelines/new\""));
    assert!(!page("pipeline:read").contains("/pipelines/new"), "what they may not is not offered");
}

#[test]
fn what_is_mine_is_shown_to_people() {
    let mine = |count: usize, person: &str, has_more| overview::Mine {
        kind: Kind::Lead,
        role: Role::Owner,
        person: person.to_owned(),
        records: vec![record("<b>Mine</b>"); count],
        has_more,
    };
    let page = |mine: Option<&[overview::Mine]>| {
        overview::Overview { mine, ..Default::default() }.page(&frame("*:read")).into_string()
    };
    assert!(!page(None).contains("Yours"), "a key owns nothing");
    assert!(page(Some(&[])).contains("Nothing is yours yet."));
    let many = page(Some(&[mine(5, "ada", true)]));
    assert!(
        many.matches("href=\"/console/leads/1\"").count() == 5
            && many.contains("&lt;b&gt;Mine")
            && !many.contains("<b>")
    );
    assert!(many.contains("/console/leads?ownerId=ada"));
    assert!(!page(Some(&[mine(1, "ada", false)])).contains("All of yours"));
    // A comma would part two others.
    assert!(page(Some(&[mine(1, "a,b\\", true)])).contains("/console/leads?ownerId=a%5C%2Cb%5C%5C"));
    let assigned = overview::Mine { kind: Kind::Case, role: Role::Assignee, ..mine(1, "ada", true) };
    let assigned = page(Some(&[assigned]));
    assert!(assigned.contains("Cases assigned to you") && assigned.contains("/console/cases?assigneeId=ada"));
}
