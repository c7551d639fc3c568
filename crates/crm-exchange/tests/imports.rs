//! What the rows of a file cost in statements, and in which order they lock.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use crm_core::input::FromBody;
use crm_core::page::PageRequest;
use crm_core::records::{self, Cell};
use crm_core::{BackendKind, Condition, DbConnection, RecordId as _, Scope, TagId, Timestamp};
use crm_exchange::{Content, Done, Import, Kind, RawRow, Sheet};
use crm_forms::FormKind;
use crm_suite::batch::{MatchBy, Mode};
use crm_suite::resource::Resource;
use crm_suite::{SuiteError, forms, tenants};
use crm_tags::TagKind;
use crm_testkit::locks::out_of_order;
use crm_testkit::statements::{Statement, statements};
use crm_testkit::{TestDatabase, both_databases};
use diesel::RunQueryDsl as _;
use serde::Serialize;
use serde_json::{Value, json};

fn body<T: FromBody>(body: &Value) -> T {
    T::from_body(body.as_object().unwrap()).unwrap()
}

/// As many rows as a part of a file has.
const PART: usize = 100;

/// Columns, and a row of them, in which `{n}` is the number of the row, `{t}` another one each time, and `{g}` other tags.
#[derive(Clone, Copy)]
struct Rows<'a> {
    kind: Kind,
    names: &'a str,
    row: &'a str,
}

/// How many statements a row costs that makes a record, one that changes it, and one that has it as it is: on PostgreSQL all
/// that are made are one. The numbers may only become smaller.
fn costs(database: BackendKind) -> (usize, usize, usize) {
    (usize::from(database == BackendKind::Sqlite), 1, 0)
}

const ROWS: &[Rows<'static>] = &[
    Rows {
        kind: Kind::Contact,
        names: "name,email.Work,phone.Mobile,tags,externalId,x,organization",
        row: "Jane {t},jane{n}@acme.example,+49 89 {t},{g},e{n},text {t},Acme",
    },
    Rows {
        kind: Kind::Organization,
        names: "name,email.Work,tags,externalId,x",
        row: "Acme {t},a{n}@acme.example,{g},e{n},text {t}",
    },
    Rows {
        kind: Kind::Lead,
        names: "title,tags,externalId,x,value.amount,value.code,organization",
        row: "Lead {t},{g},e{n},text {t},5,USD,Acme",
    },
    Rows {
        kind: Kind::Opportunity,
        names: "title,tags,externalId,x,value.amount,value.code",
        row: "Deal {t},{g},e{n},text {t},5,USD",
    },
    Rows { kind: Kind::Case, names: "title,tags,externalId", row: "Case {t},{g},e{n}" },
];

fn cells(text: &str) -> Vec<String> {
    text.split(',').map(str::to_owned).collect()
}

/// A tenant with a field of its own, tags, and an organization.
fn filled(database: &TestDatabase) -> (DbConnection, Scope) {
    let (mut connection, scope) = tenant(database, "acme");
    connection.write(|connection| fill(connection, &scope)).unwrap();
    (connection, scope)
}

fn tenant(database: &TestDatabase, id: &str) -> (DbConnection, Scope) {
    let (mut connection, now) = (database.connect(), Timestamp::now());
    let made = connection.write(|connection| tenants::create(connection, &id.parse().unwrap(), "Acme", None, now));
    let made = made.unwrap().tenant;
    (connection, Scope::new(made.id, made.public_id, now))
}

/// What there is of a kind, as a client sees it, but for what differs between two tenants.
fn shown(connection: &mut DbConnection, scope: &Scope, kind: Kind) -> Vec<Value> {
    match kind {
        Kind::Lead => records_of::<crm_leads::Lead>(connection, scope),
        Kind::Opportunity => records_of::<crm_opportunities::Opportunity>(connection, scope),
        Kind::Contact => records_of::<crm_directory::Contact>(connection, scope),
        Kind::Organization => records_of::<crm_directory::Organization>(connection, scope),
        Kind::Case => records_of::<crm_cases::Case>(connection, scope),
    }
}

fn records_of<R: Resource + Serialize>(connection: &mut DbConnection, scope: &Scope) -> Vec<Value> {
    let found = (1..100).map_while(|id| R::get(connection, scope, R::Id::from_i64(id)).ok());
    let as_seen = found.map(|record| {
        let mut record = serde_json::to_value(record).unwrap();
        for name in ["tenantId", "createdOn", "lastUpdatedOn", "pipelineId", "caseTypeId", "closedOn"] {
            record.as_object_mut().unwrap().remove(name);
        }
        for tag in record["tags"].as_array_mut().unwrap() {
            *tag = tag["label"].clone();
        }
        record
    });
    as_seen.collect()
}

/// How many rows of each table the tenant has that belong to records, and how many changes of each kind and action.
fn index_of(connection: &mut DbConnection, scope: &Scope) -> Vec<(&'static str, i64)> {
    #[derive(diesel::QueryableByName)]
    struct Count {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        count: i64,
    }
    let tables = [
        "contact_emails",
        "contact_phones",
        "contact_tags",
        "contact_values",
        "organization_emails",
        "organization_tags",
        "organization_values",
        "lead_tags",
        "lead_values",
        "opportunity_tags",
        "opportunity_values",
        "case_tags",
        "changes",
    ];
    let count = |table: &'static str| {
        let sql = format!("SELECT count(*) AS count FROM {table} WHERE tenant_id = {}", scope.tenant().as_i64());
        let found: Count = diesel::sql_query(sql).get_result(connection).unwrap();
        (table, found.count)
    };
    tables.map(count).to_vec()
}

/// Kinds, columns, and rows of two parts, the second of which changes what the first made.
type Parts = (Kind, &'static str, &'static [&'static str], &'static [&'static str]);

const PARTS: &[Parts] = &[
    (
        Kind::Contact,
        "externalId,name,email.Work,phone.Mobile,tags,x,organization,note",
        &[
            "e1,One,one@a.example,+49 89 111111,a; b,x1,Acme,",
            "e2,Two,two@a.example,,,,Acme,",
            "e3,Three,,+49 89 333333,b,x3,,{long}",
            "e4,Four,four@a.example,,a,,Other,",
        ],
        &[
            "e1,One,one@a.example,+49 89 111111,a; b,x1,Acme,",
            "e1,One again,one@b.example,+49 89 111112,b; c,x1b,Other,now",
            "e2,Two,not an address,,a,,Acme,",
            "e1,One,one@a.example,,a,,Acme,",
            "e1,One,one@a.example,,,,,",
            "e2,Two,two@a.example,+49 89 222222,a; b; c,x2,Third,{long}",
            "e3,Three,three@a.example,+49 89 333333,b,x3,Acme,{long}",
            "e3,Three,three@a.example,,c,x3b,Acme,short",
            "e5,Five,five@a.example,+49 89 555555,c,x5,Acme,",
            "e5,Five more,,,a,x5b,Other,",
            "e4,,,,,,,",
            "e4,Four,four@a.example,,a,,Other,",
        ],
    ),
    (
        Kind::Organization,
        "externalId,name,email.Work,tags,x,note",
        &["o1,First,a@a.example,a; b,x1,", "o2,Second,,b,,{long}", "o3,Third,c@a.example,,,"],
        &[
            "o1,First,a@a.example,a; b,x1,",
            "o2,Second,b@a.example,a,x2,{long}",
            "o2,Second,b@a.example,a,x2,{long}",
            "o1,First,b@a.example,c,x1b,",
            "o3,Third,c@a.example,no,bad,",
            "o1,First,,,,",
        ],
    ),
    (
        Kind::Lead,
        "externalId,title,tags,x,value.amount,value.code,organization,contact,isArchived",
        &["l1,One,a; b,x1,5,USD,Acme,Two,false", "l2,Two,,,,,,,true", "l3,Three,b,x3,7,EUR,Other,,", "l4,Four,,,,,,,"],
        &[
            "l1,One,a; b,x1,5,USD,Acme,Two,false",
            "l1,One,c,x1b,6,USD,Other,,true",
            "l2,Two,,,,,,,wrong",
            "l2,Two,a,x2,1,USD,Acme,Two,false",
            "l3,Three,b,x3,7,XXXX,Other,,true",
            "l3,Three,b,x3,7,EUR,Acme,,",
            "l1,One,,,,,,,false",
            "l5,Five,c,x5,,,Acme,Two,true",
            "l5,Five,a,x5b,,,Acme,,true",
        ],
    ),
    (
        Kind::Opportunity,
        "externalId,title,tags,x,value.amount,value.code,organization,stage,status",
        &[
            "p1,One,a; b,x1,5,USD,Acme,qualification,open",
            "p2,Two,,,,,,,won",
            "p3,Three,b,x3,7,EUR,Other,qualification,lost",
            "p4,Four,,,,,,,",
        ],
        &[
            "p1,One,a; b,x1,5,USD,Acme,qualification,open",
            "p1,One,c,x1b,6,USD,Other,proposal,open",
            "p1,One,c,x1b,6,USD,Other,qualification,won",
            "p2,Two,a,x2,,,,nowhere,won",
            "p2,Two,a,x2,,,,,open",
            "p3,Three,b,x3,8,EUR,Acme,,lost",
            "p5,Five,,,1,USD,,proposal,won",
            "p5,Five,a,,2,USD,,,open",
        ],
    ),
    (
        Kind::Case,
        "externalId,title,tags,organization,status",
        &["c1,One,a; b,Acme,", "c2,Two,,,", "c3,Three,b,Other,", "c4,Four,,,"],
        &[
            "c1,One,a; b,Acme,",
            "c1,One again,c,Other,",
            "c2,Two,a,Acme,none such",
            "c2,Two,a,Acme,",
            "c1,One,,,",
            "c5,Five,a,Acme,",
            "c5,Five,c,Other,",
        ],
    ),
];

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
            let tags = if time % 2 == 1 { "a; b" } else { "b" };
            let text = self.row.replace("{n}", &number.to_string()).replace("{t}", &t).replace("{g}", tags);
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
            // Later, for what was changed by then.
            let later = scope.clone().at(Timestamp::now());
            let (done, one) = rows.import(&mut connection, &later, Mode::Upsert, 0..1, 2);
            assert_eq!(done.counts.unchanged, 1, "{name}");
            let (done, many) = rows.import(&mut connection, &later, Mode::Upsert, 1..PART + 1, 2);
            assert_eq!(done.counts.unchanged, PART as i64, "{name}");
            let unchanged = of_each(&one, &many);
            assert_eq!((made, changed, unchanged), costs(connection.kind()), "{name}: {many:#?}");
        }
    }

    /// What rows of one part come to is what they come to one by one: a record that several change, rows that are wrong between
    /// them, a record that is too long to be read with others, and all that a record has in other tables.
    fn a_part_comes_to_what_its_rows_do_one_by_one(database) {
        let (mut connection, together) = filled(database);
        let (_, alone) = tenant(database, "alone");
        connection.write(|connection| fill(connection, &alone)).unwrap();
        for (kind, names, before, rows) in PARTS {
            let split = |rows: &[&str]| -> Vec<RawRow> {
                let long = "long ".repeat(8_000);
                let row = |(line, text): (u64, &&str)| {
                    RawRow { line, content: Content::Cells(cells(&text.replace("{long}", &long))) }
                };
                (2..).zip(rows).map(row).collect()
            };
            let mut run = |scope: &Scope, rows: &[RawRow]| {
                let scope = scope.clone().at(Timestamp::now());
                let (mode, match_by) = (Mode::Upsert, MatchBy::ExternalId);
                let import =
                    Import { kind: *kind, mode, match_by, makes_organizations: true, makes_tags: true, moves: true };
                let columns = crm_exchange::columns(&mut connection, &scope, *kind).unwrap();
                let sheet = Sheet::csv(&import, &columns, cells(names), &[]).unwrap();
                connection.write(|connection| import.rows(connection, &scope, &sheet, rows)).unwrap()
            };
            let name = kind.name();
            for rows in [before, rows] {
                let rows = split(rows);
                let done = run(&together, &rows);
                // The fields that are wrong: the rest may name an id of the tenant.
                let fields = |done: Done| -> Vec<String> {
                    let field = |problem: String| problem.split(':').next().unwrap_or_default().to_owned();
                    done.problems.into_iter().map(|(_, problem)| field(problem)).collect()
                };
                let problems = fields(done);
                let one_by_one: Vec<String> = rows.chunks(1).flat_map(|row| fields(run(&alone, row))).collect();
                assert_eq!(problems, one_by_one, "{name}");
            }
            let (found, expected) = (shown(&mut connection, &together, *kind), shown(&mut connection, &alone, *kind));
            assert!(found.len() > 3, "{name}");
            assert_eq!(found, expected, "{name}");
        }
        let findings = [&together, &alone].map(|scope| index_of(&mut connection, scope));
        assert_eq!(findings[0], findings[1], "what lists find records by");
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
            let rows = Rows { kind: *kind, names, row: &row };
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
