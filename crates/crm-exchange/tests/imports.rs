//! What the rows of a file cost in statements, and in which order they lock.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use crm_core::input::FromBody;
use crm_core::page::PageRequest;
use crm_core::records::{self, Cell};
use crm_core::{Condition, DbConnection, Scope, TagId, Timestamp};
use crm_exchange::{Content, Done, Import, Kind, RawRow, Sheet};
use crm_forms::FormKind;
use crm_suite::batch::{MatchBy, Mode};
use crm_suite::{SuiteError, forms, tenants};
use crm_tags::TagKind;
use crm_testkit::locks::out_of_order;
use crm_testkit::statements::{Statement, statements};
use crm_testkit::{TestDatabase, both_databases};
use serde_json::{Value, json};

fn body<T: FromBody>(body: &Value) -> T {
    T::from_body(body.as_object().unwrap()).unwrap()
}

/// As many rows as a part of a file has.
const PART: usize = 100;

/// Columns, and a row of them, in which `{n}` is the number of the row and `{t}` another one each time.
#[derive(Clone, Copy)]
struct Rows<'a> {
    kind: Kind,
    names: &'a str,
    row: &'a str,
    /// How many statements a row costs that makes a record, and one that changes it.
    cost: (usize, usize),
}

/// The numbers may only become smaller.
const ROWS: &[Rows<'static>] = &[
    Rows {
        kind: Kind::Contact,
        names: "name,email.Work,phone.Mobile,tags,externalId,x,organization",
        row: "Jane {t},jane{n}@acme.example,+49 89 {t},a; b,e{n},text {t},Acme",
        cost: (1, 5),
    },
    Rows {
        kind: Kind::Organization,
        names: "name,email.Work,tags,externalId,x",
        row: "Acme {t},a{n}@acme.example,a; b,e{n},text {t}",
        cost: (1, 4),
    },
    Rows {
        kind: Kind::Lead,
        names: "title,tags,externalId,x,value.amount,value.code,organization",
        row: "Lead {t},a; b,e{n},text {t},5,USD,Acme",
        cost: (1, 4),
    },
    Rows {
        kind: Kind::Opportunity,
        names: "title,tags,externalId,x,value.amount,value.code",
        row: "Deal {t},a; b,e{n},text {t},5,USD",
        cost: (3, 4),
    },
    Rows { kind: Kind::Case, names: "title,tags,externalId", row: "Case {t},a; b,e{n}", cost: (2, 5) },
];

fn cells(text: &str) -> Vec<String> {
    text.split(',').map(str::to_owned).collect()
}

/// A tenant with a field of its own, tags, and an organization.
fn filled(database: &TestDatabase) -> (DbConnection, Scope) {
    let (mut connection, now) = (database.connect(), Timestamp::now());
    let made = connection.write(|connection| tenants::create(connection, &"acme".parse().unwrap(), "Acme", None, now));
    let made = made.unwrap().tenant;
    let scope = Scope::new(made.id, made.public_id, now);
    connection.write(|connection| fill(connection, &scope)).unwrap();
    (connection, scope)
}

fn fill(connection: &mut DbConnection, scope: &Scope) -> Result<(), SuiteError> {
    for kind in [FormKind::Pipeline, FormKind::Contacts, FormKind::Organizations] {
        let form = body(&json!({ "fields": [{ "id": "x", "label": "X", "category": "custom", "type": "text" }] }));
        forms::replace(connection, scope, kind, &Condition::none(), &form).unwrap();
    }
    for kind in [TagKind::Lead, TagKind::Opportunity, TagKind::Contact, TagKind::Organization, TagKind::Case] {
        for label in ["a", "b"] {
            crm_tags::create(connection, scope, kind, &body(&json!({ "label": label }))).unwrap();
        }
    }
    crm_suite::organizations::create(connection, scope, &body(&json!({ "name": "Acme" }))).map(drop)
}

impl Rows<'_> {
    /// Imports so many rows as one part, and gives what was sent for it.
    fn import(
        &self,
        connection: &mut DbConnection,
        scope: &Scope,
        mode: Mode,
        numbers: std::ops::Range<usize>,
        time: usize,
    ) -> (Done, Vec<Statement>) {
        let match_by = MatchBy::ExternalId;
        let import =
            Import { kind: self.kind, mode, match_by, makes_organizations: true, makes_tags: true, moves: false };
        let columns = crm_exchange::columns(connection, scope, self.kind).unwrap();
        let sheet = Sheet::csv(&import, &columns, cells(self.names), &[]).unwrap();
        let row = |number: usize| {
            let t = (time * 1_000_000 + number).to_string();
            let text = self.row.replace("{n}", &number.to_string()).replace("{t}", &t);
            RawRow { line: number as u64, content: Content::Cells(cells(&text)) }
        };
        let rows: Vec<RawRow> = numbers.map(row).collect();
        let (done, sent) = statements(connection, |connection| {
            connection.write(|connection| import.rows(connection, scope, &sheet, &rows)).unwrap()
        });
        assert_eq!(done.problems, [], "{} {}", mode.as_str(), self.kind.name());
        (done, sent)
    }
}

/// How many statements each row costs, and what is sent besides for a part.
fn of_each(one: &[Statement], many: &[Statement]) -> usize {
    let more = many.len() - one.len();
    assert_eq!(more % (PART - 1), 0, "each row costs as many: {} and {}", one.len(), many.len());
    assert!(one.len() < 30, "{one:#?}");
    more / (PART - 1)
}

both_databases! {
    /// What rows have in common is asked once for a part, and what they write beside their records is written together.
    fn a_row_costs_a_fixed_number_of_statements(database) {
        let (mut connection, scope) = filled(database);
        for rows in ROWS {
            let name = rows.kind.name();
            let (done, one) = rows.import(&mut connection, &scope, Mode::Create, 0..1, 1);
            assert_eq!(done.counts.created, 1, "{name}");
            let (done, many) = rows.import(&mut connection, &scope, Mode::Create, 1..PART + 1, 1);
            assert_eq!(done.made.len(), PART, "{name}");
            let made = of_each(&one, &many);
            let (done, one) = rows.import(&mut connection, &scope, Mode::Upsert, 0..1, 2);
            assert_eq!(done.counts.updated, 1, "{name}");
            let (done, many) = rows.import(&mut connection, &scope, Mode::Upsert, 1..PART + 1, 2);
            assert_eq!(done.changed.len(), PART, "{name}");
            let changed = of_each(&one, &many);
            assert_eq!((made, changed), rows.cost, "{name}: {many:#?}");
        }
    }

    /// A tag that there is no room for fails its rows, and no other.
    fn an_import_goes_on_without_the_tags_that_there_is_no_room_for(database) {
        let (mut connection, scope) = filled(database);
        let columns =
            &[("id", Cell::Uuid), ("label", Cell::Text), ("label_folded", Cell::Text), ("color", Cell::Text)];
        let tags = records::Rows { table: "tags", of: "kind", columns, or_nothing: false };
        // Two are there, and for one there is room.
        let tag = |number| json!([TagId::random(), format!("n{number}"), format!("n{number}"), "#808080"]);
        let kind = TagKind::Contact.number().into();
        tags.insert_now(&mut connection, &scope, kind, (2..crm_tags::MOST_TAGS - 1).map(tag).collect()).unwrap();
        let (mode, match_by) = (Mode::Create, MatchBy::ExternalId);
        let import =
            Import { kind: Kind::Contact, mode, match_by, makes_organizations: false, makes_tags: true, moves: false };
        let columns = crm_exchange::columns(&mut connection, &scope, Kind::Contact).unwrap();
        let sheet = Sheet::csv(&import, &columns, cells("name,tags"), &[]).unwrap();
        let row = |(line, text)| RawRow { line, content: Content::Cells(cells(text)) };
        let rows: Vec<RawRow> = (2..).zip(["One,x1", "Two,x2", "Three,a"]).map(row).collect();
        let done = connection.write(|connection| import.rows(connection, &scope, &sheet, &rows)).unwrap();
        assert_eq!((done.tags.len(), done.counts.created), (1, 2));
        assert_eq!(done.problems, [(1, "tags[0]: no such tag: x2".to_owned())]);
    }
}

/// As rows that name what there is not, and what is: an organization, a tag, a stage, a type.
const MISSING: &[(Kind, &str, &str)] = &[
    (Kind::Contact, "name,externalId,tags,organization", "Jane {t},e{n},a; t{t},O {t}"),
    (Kind::Organization, "name,externalId,tags", "Acme {t},e{n},a; t{t}"),
    (Kind::Lead, "title,externalId,tags,organization,contact", "Lead {t},e{n},a; t{t},L {t},Jane"),
    (Kind::Opportunity, "title,externalId,tags,organization,stage", "Deal {t},e{n},a; t{t},D {t},{s}"),
    (Kind::Case, "title,externalId,tags,organization,caseType", "Case {t},e{n},a; t{t},C {t},{c}"),
];

/// Only PostgreSQL has locks of rows; on SQLite there is one writer at a time.
#[cfg_attr(not(feature = "postgres"), ignore = "it needs PostgreSQL")]
#[test]
fn an_import_locks_in_the_order_of_everybody() {
    let database = TestDatabase::postgres();
    let (mut connection, scope) = filled(&database);
    let make = |connection: &mut DbConnection| {
        crm_suite::contacts::create(connection, &scope, &body(&json!({ "name": "Jane" }))).map(drop)
    };
    connection.write(make).unwrap();
    let pipelines = crm_opportunities::pipelines::list(&mut connection, &scope, &PageRequest::first(10)).unwrap();
    let stages = &pipelines.items[0].stages;
    let types = crm_cases::types::forms(&mut connection, &scope).unwrap();
    for (kind, names, row) in MISSING {
        // Another stage each time, so that records move.
        for (time, mode, stage) in [(1, Mode::Create, 0), (2, Mode::Upsert, 1), (3, Mode::Update, 0)] {
            let row = row.replace("{s}", stages[stage].key.as_str()).replace("{c}", &types[0].1);
            let rows = Rows { kind: *kind, names, row: &row, cost: (0, 0) };
            // Of the upsert half are there.
            let numbers = if mode == Mode::Upsert { 2..6 } else { 0..4 };
            let (done, sent) = rows.import(&mut connection, &scope, mode, numbers, time);
            let name = format!("{} {}", mode.as_str(), kind.name());
            assert_eq!(done.tags.len(), 4, "{name}");
            assert_eq!(done.organizations.len(), if names.contains("organization") { 4 } else { 0 }, "{name}");
            assert_eq!(out_of_order(&sent), Vec::<String>::new(), "{name}");
        }
    }
}
