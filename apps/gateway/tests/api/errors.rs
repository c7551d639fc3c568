//! Everything that can go wrong is told in one envelope (docs/errors.md).

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crm_gateway::endpoint::{Answer, Call, Extract, NoContent, OperationDoc};
use crm_gateway::error::{Problem, ProblemCode};
use crm_testkit::{TestDatabase, both_databases};
use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use serde_json::{Value, json};

use crate::client::{Api, Client};
use crate::in_process::with_routes;

/// Codes that take more than one request, and the test that asserts them. This list may only shrink.
const ELSEWHERE: &[(ProblemCode, &str)] = &[
    // A body that comes too slowly.
    (ProblemCode::RequestTimeout, include_str!("wire.rs")),
    // A panic.
    (ProblemCode::InternalError, include_str!("errors.rs")),
    // Two records.
    (ProblemCode::Duplicate, include_str!("no_duplicate.rs")),
    // An item of a batch.
    (ProblemCode::AmbiguousMatch, include_str!("batches.rs")),
    // An import that takes a while.
    (ProblemCode::ImportUnderWay, include_str!("uploads.rs")),
    // A database that is gone, or of another version.
    (ProblemCode::DatabaseUnavailable, include_str!("../surface/readiness.rs")),
    (ProblemCode::NotReady, include_str!("../surface/readiness.rs")),
    // The operator's command line.
    (ProblemCode::TenantFrozen, include_str!("../engine/cluster.rs")),
    // A request that comes while others run.
    (ProblemCode::IdempotencyKeyInFlight, include_str!("../surface/idempotency.rs")),
    (ProblemCode::AnswerNotKept, include_str!("../surface/idempotency.rs")),
    // A form of the console.
    (ProblemCode::ForeignForm, include_str!("console/sessions.rs")),
    // Thousands of records.
    (ProblemCode::LimitReached, include_str!("long.rs")),
    // Keys and tokens of several kinds, and the operator's.
    (ProblemCode::ExpiredKey, include_str!("access.rs")),
    (ProblemCode::TwoCredentials, include_str!("access.rs")),
    (ProblemCode::MissingScope, include_str!("access.rs")),
    (ProblemCode::OwnKey, include_str!("privileges.rs")),
    (ProblemCode::ReplacedKey, include_str!("privileges.rs")),
    (ProblemCode::FixedKey, include_str!("privileges.rs")),
    (ProblemCode::NotYourself, include_str!("access.rs")),
    (ProblemCode::NoKey, include_str!("access.rs")),
    (ProblemCode::MissingAdminKey, include_str!("admin.rs")),
    (ProblemCode::InvalidAdminKey, include_str!("admin.rs")),
    (ProblemCode::TenantExists, include_str!("admin.rs")),
    (ProblemCode::KeyInUse, include_str!("admin.rs")),
    (ProblemCode::RateLimited, include_str!("../surface/limits.rs")),
    (ProblemCode::Overloaded, include_str!("../surface/limits.rs")),
];

/// A request that ends in a problem: code, method, path, headers, body.
type Provoked = (ProblemCode, &'static str, &'static str, &'static [(&'static str, &'static str)], String);

/// The id of the pipeline that the requests make and name.
macro_rules! pipeline_id {
    () => {
        "c4d5e6f7-8901-4345-8789-abcdef012345"
    };
}

fn pipeline() -> Value {
    json!({ "id": pipeline_id!(), "name": "P", "isDefault": true, "stages": [{ "key": "s", "label": "S" }] })
}

fn provoked() -> Vec<Provoked> {
    use ProblemCode as Code;
    let leads = "/pipeline/leads";
    let text = |text: &str| text.to_owned();
    let nested = |levels: usize| format!("{{\"title\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
    let long_note = |length: usize| json!({ "name": "Long", "note": "n".repeat(length) }).to_string();
    vec![
        (Code::ValidationFailed, "POST", leads, &[], text("{}")),
        (Code::MalformedJson, "POST", leads, &[], text("")),
        (Code::MalformedJson, "POST", leads, &[], text("{\"title\":\"a\",}")),
        (Code::MalformedJson, "POST", leads, &[], text("{\"title\":\"a\" // comment\n}")),
        (Code::MalformedJson, "POST", leads, &[], text("[]")),
        (Code::MalformedJson, "POST", leads, &[], text("null")),
        (Code::MalformedJson, "POST", leads, &[], text("{\"title\":\"a\",\"title\":\"b\"}")),
        (Code::MalformedJson, "POST", leads, &[], text("{\"title\":\"a\",\"customFields\":{\"x\":1,\"\\u0078\":2}}")),
        (Code::MalformedJson, "POST", leads, &[], text("{\"title\":\"a\"}{}")),
        (Code::MalformedJson, "POST", leads, &[], text("{\"title\":\"a\"} x")),
        (Code::MalformedJson, "POST", leads, &[], nested(65)),
        (Code::MalformedJson, "POST", leads, &[], nested(100_000)),
        (Code::ValidationFailed, "POST", leads, &[], nested(64)),
        (Code::HistoryGone, "GET", "/changes?since=9000000000000000000-1", &[], text("")),
        (Code::MalformedQuery, "GET", "/pipeline/leads?title=%FF", &[], text("")),
        (Code::InvalidMessage, "POST", "/mcp", &[], text("{}")),
        (Code::ForeignOrigin, "POST", "/mcp", &[("Origin", "https://evil.example")], text("{}")),
        (Code::MalformedQuery, "GET", "/healthz?%C3%28", &[], text("")),
        (Code::ValidationFailed, "GET", "/healthz?page=1", &[], text("")),
        (Code::MissingKey, "GET", "/pipeline/leads", &[("Ocp-Apim-Subscription-Key", "-")], text("")),
        (Code::InvalidKey, "GET", "/pipeline/leads", &[("Ocp-Apim-Subscription-Key", "nobody's")], text("")),
        (Code::ReadOnlyKey, "POST", leads, &[("Ocp-Apim-Subscription-Key", "secondary")], text("{}")),
        (Code::InvalidIdempotencyKey, "POST", leads, &[("Idempotency-Key", "a b")], text("{}")),
        (Code::IdempotencyKeyReused, "POST", leads, &[("Idempotency-Key", "first")], text("{\"title\":\"Another\"}")),
        (Code::TenantMismatch, "POST", leads, &[], text("{\"title\":\"a\",\"tenantId\":\"other\"}")),
        (Code::NotFound, "GET", "/pipeline/leads/77", &[], text("")),
        (Code::UnknownRoute, "GET", "/nowhere", &[], text("")),
        (Code::UnknownRoute, "GET", "/pipeline/leads/", &[], text("")),
        (Code::UnknownRoute, "POST", "/pipeline/lead", &[], text("{}")),
        (Code::UnknownRoute, "GET", "/PIPELINE/leads", &[], text("")),
        (Code::UnknownRoute, "GET", "/pipeline/leads/1/2/3?key=x", &[], text("")),
        (Code::UnknownRoute, "DELETE", "/../../etc/passwd", &[], text("")),
        (Code::MethodNotAllowed, "DELETE", leads, &[], text("")),
        (Code::NotAcceptable, "GET", leads, &[("Accept", "text/csv")], text("")),
        (Code::NotAcceptable, "GET", leads, &[("Accept", "application/json;q=0, image/*")], text("")),
        (Code::ExternalIdTaken, "POST", leads, &[], text("{\"title\":\"L\",\"externalId\":\"taken\"}")),
        (
            Code::BatchUndone,
            "POST",
            "/pipeline/leads/batch",
            &[],
            text("{\"mode\":\"create\",\"atomic\":true,\"items\":[{}]}"),
        ),
        (Code::LabelTaken, "POST", "/pipeline/tags/leads", &[], text("{\"label\":\"VIP\"}")),
        (
            Code::FieldInUse,
            "PUT",
            "/pipeline/forms/opportunities",
            &[],
            text("{\"fields\":[{\"id\":\"f\",\"label\":\"F\",\"category\":\"custom\",\"type\":\"number\"}]}"),
        ),
        (Code::NoteTooLong, "POST", "/directory/contacts/1/merge", &[], text("{\"sourceId\":[\"2\"]}")),
        (Code::TransitionNotAllowed, "PATCH", "/cases/cases/1", &[], text("{\"status\":\"Reopened\"}")),
        (
            Code::NotAuthorizedForTransition,
            "PATCH",
            "/cases/cases/2",
            &[],
            text("{\"status\":\"B\",\"lastUpdatedBy\":{\"id\":\"somebody\"}}"),
        ),
        (Code::LeadArchived, "POST", "/pipeline/leads/2/convert", &[], text("{}")),
        (Code::AlreadyConverted, "POST", "/pipeline/leads/3/convert", &[], text("{}")),
        (Code::OpportunityClosed, "PATCH", "/pipeline/opportunities/1/updateStage", &[], text("{\"stage\":\"s\"}")),
        (Code::DefaultPipeline, "DELETE", concat!("/pipeline/pipelines/opportunities/", pipeline_id!()), &[], text("")),
        (Code::IdTaken, "POST", "/pipeline/pipelines/opportunities", &[], pipeline().to_string()),
        (Code::InUse, "DELETE", "/cases/types/cases/2", &[], text("")),
        (Code::DefaultCaseType, "DELETE", "/cases/types/cases/1", &[], text("")),
        (Code::CannotRestore, "POST", "/trash/case/3/restore", &[], text("{}")),
        (Code::PreconditionFailed, "PATCH", "/pipeline/leads/1", &[("If-Match", "\"stale\"")], text("{}")),
        (Code::BodyTooLarge, "POST", "/directory/contacts", &[], long_note(1024 * 1024)),
        (Code::ValidationFailed, "POST", "/directory/contacts", &[], long_note(1024 * 1024 - 40)),
        (Code::UnsupportedMediaType, "POST", leads, &[("Content-Type", "text/plain")], text("{\"title\":\"a\"}")),
        (
            Code::UnsupportedMediaType,
            "POST",
            leads,
            &[("Content-Type", "application/x-www-form-urlencoded")],
            text("title=a"),
        ),
        (Code::UnsupportedMediaType, "POST", leads, &[("Content-Type", "json")], text("{\"title\":\"a\"}")),
        (Code::UnsupportedMediaType, "POST", leads, &[("Content-Encoding", "gzip")], text("{\"title\":\"a\"}")),
    ]
}

/// Sends a request of the table: the key in it stands for one of acme's, `-` for none.
fn provoke(client: &Client, (code, method, path, headers, body): &Provoked) {
    let (key, headers): (Vec<_>, Vec<_>) = headers.iter().partition(|(name, _)| name.starts_with("Ocp"));
    let client = match key.first() {
        None => client.clone(),
        Some((_, "-")) => client.with_key(None),
        Some((_, "secondary")) => client.read_only(),
        Some((_, other)) => client.with_key(Some(other)),
    };
    let body = (!body.is_empty() || *method == "POST").then_some(body.as_str());
    let answer = client.send(method, path, &headers, body);
    answer.problem(code.status().as_u16(), code.as_str());
    assert_eq!(answer.body["title"], code.title());
    assert!(!answer.body["detail"].as_str().unwrap().is_empty());
    assert_eq!(answer.body.get("errors").is_some(), *code == ProblemCode::ValidationFailed, "{}", answer.text);
    assert_common_headers(&answer);
}

#[track_caller]
fn assert_common_headers(answer: &crate::client::Answer) {
    assert_eq!(answer.header("cache-control"), "private, no-cache", "{answer:?}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{answer:?}");
    let vary: Vec<String> =
        answer.headers.get_all("vary").iter().map(|value| value.to_str().unwrap().to_lowercase()).collect();
    assert!(vary.join(", ").contains("ocp-apim-subscription-key"), "{answer:?}");
    assert!(!answer.header("x-request-id").is_empty(), "{answer:?}");
}

both_databases! {
    /// Every code of the table comes in its envelope, with its status.
    fn every_problem_has_its_envelope(database) {
        let api = Api::start(database);
        let post = |path: &str, body| assert_eq!(api.acme.post(path, &body).status, 201);
        post("/pipeline/tags/leads", json!({ "label": "vip" }));
        let field = json!({ "id": "f", "label": "F", "category": "custom", "type": "text" });
        api.acme.put("/pipeline/forms/opportunities", &json!({ "fields": [field] })).items();
        post("/pipeline/leads", json!({ "title": "First", "externalId": "taken", "customFields": { "f": "used" } }));
        for name in ["Target", "Source"] {
            post("/directory/contacts", json!({ "name": name, "note": "n".repeat(6_000) }));
        }
        let node = |id: &str| json!({ "id": id, "type": "node", "position": { "x": 0, "y": 0 }, "data": { "label": id } });
        let edge = json!({
            "id": "e", "type": "labeledEdge", "label": "Go", "source": "A", "sourceHandle": null, "target": "B",
            "targetHandle": null, "data": { "authorizedUsers": ["owner"] },
        });
        let workflow = json!({ "status": [node("A"), node("B")], "transition": [edge] });
        post("/cases/types/cases", json!({ "label": "Guarded", "workflow": workflow }));
        post("/cases/cases", json!({ "title": "First" }));
        post("/cases/cases", json!({ "title": "Second", "caseTypeId": "2", "owner": { "id": "o" } }));
        post("/pipeline/pipelines/opportunities", pipeline());
        post("/cases/types/cases", json!({ "label": "Brief" }));
        post("/cases/cases", json!({ "title": "Third", "caseTypeId": "3" }));
        assert_eq!(api.acme.delete("/cases/cases/3").status, 204);
        assert_eq!(api.acme.delete("/cases/types/cases/3").status, 204);
        let first = api.acme.send("POST", "/pipeline/tags/leads", &[("Idempotency-Key", "first")], Some("{\"label\":\"once\"}"));
        assert_eq!(first.status, 201);
        post("/pipeline/leads", json!({ "title": "Archived" }));
        api.acme.patch("/pipeline/leads/2/archive", &json!({})).item(200);
        post("/pipeline/leads", json!({ "title": "Converted" }));
        post("/pipeline/leads/3/convert", json!({}));
        api.acme.patch("/pipeline/opportunities/1/updateStatus", &json!({ "status": "won" })).item(200);
        for request in &provoked() {
            provoke(&api.acme, request);
        }
    }

    /// Good answers have the common headers as well, and the id of a request is the client's where it is sane.
    fn every_answer_has_the_common_headers(database) {
        let api = Api::start(database);
        let made = api.acme.post("/pipeline/leads", &json!({ "title": "First" }));
        let etag = made.header("etag").to_owned();
        for (method, path, condition, body, status) in [
            ("GET", "/pipeline/leads", "", None, 200),
            ("GET", "/pipeline/leads/1", etag.as_str(), None, 304),
            ("PATCH", "/pipeline/leads/1", "", Some("{}"), 200),
            ("DELETE", "/pipeline/leads/1", "", None, 204),
            ("GET", "/healthz", "", None, 200),
            ("GET", "/readyz", "", None, 200),
            ("GET", "/openapi.json", "", None, 200),
        ] {
            let longest = "x".repeat(128);
            for (sent, kept) in [
                ("abc-123", true), ("!\"#~", true), (longest.as_str(), true), ("a b", false), (&format!("{longest}x"), false),
                ("", false),
            ] {
                if method == "DELETE" && sent != "abc-123" {
                    continue;
                }
                let headers = [("X-Request-Id", sent), ("If-None-Match", condition)];
                let answer = api.acme.send(method, path, &headers, body);
                assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
                assert_common_headers(&answer);
                assert_eq!(answer.header("x-request-id") == sent, kept, "{sent:?}");
            }
        }
    }

    /// A key comes in the header or in a query parameter; the header wins, and two of a kind are none.
    fn a_key_comes_in_one_way(database) {
        let api = Api::start(database);
        let other = api.tenant("other");
        other.post("/pipeline/leads", &json!({ "title": "Other's" })).item(201);
        let nobody = api.acme.with_key(None);
        let (ours, theirs) = (&api.acme.keys.primary, &other.keys.primary);
        for (headers, query, status, records) in [
            (vec![], format!("?key={theirs}"), 200, 1),
            (vec![], format!("?subscription-key={theirs}"), 200, 1),
            (vec![ours], format!("?key={theirs}"), 200, 0),
            (vec![theirs], format!("?subscription-key={ours}&page=1"), 200, 1),
            (vec![theirs], "?key=".to_owned(), 200, 1),
            (vec![ours, theirs], String::new(), 401, 0),
            (vec![ours, ours], String::new(), 401, 0),
            (vec![], format!("?key={ours}&key={theirs}"), 401, 0),
            (vec![], format!("?key={ours}&subscription-key={theirs}"), 401, 0),
            (vec![&"short".to_owned()], format!("?key={ours}"), 401, 0),
            (vec![], format!("?Key={ours}"), 401, 0),
        ] {
            let headers: Vec<_> = headers.iter().map(|key| ("Ocp-Apim-Subscription-Key", key.as_str())).collect();
            let answer = nobody.send("GET", &format!("/pipeline/leads{query}"), &headers, None);
            assert_eq!(answer.status, status, "{headers:?} {query}: {}", answer.text);
            if status == 200 {
                assert_eq!(answer.items().len(), records, "{headers:?} {query}");
            } else {
                assert!(!answer.header("www-authenticate").is_empty());
            }
            assert!(!answer.text.contains(ours.as_str()) && !answer.text.contains(theirs.as_str()), "no key in an answer");
        }
        let written = nobody.send("POST", &format!("/pipeline/leads?key={ours}"), &[], Some("{\"title\":\"By query\"}"));
        assert_eq!(written.item(201)["tenantId"], "acme");
    }
}

#[test]
fn every_code_of_the_table_is_provoked_by_a_test() {
    let mut seen: BTreeSet<ProblemCode> = provoked().into_iter().map(|(code, ..)| code).collect();
    seen.extend(crate::ticketing_errors::provoked());
    for (code, test) in ELSEWHERE {
        assert!(seen.insert(*code), "{code:?} is provoked here and needs no test elsewhere");
        let name = format!("\"{}\"", code.as_str());
        // An assertion, or a row of a table of attempts.
        let is_checked =
            |line: &str| [".problem(", "assert!(", ", 403, ", ", 409, "].iter().any(|sign| line.contains(sign));
        let asserts = |line: &str| line.contains(&name) && is_checked(line);
        assert!(test.lines().any(asserts), "nothing in the test that is named for {code:?} asserts it");
    }
    let missing: Vec<_> = ProblemCode::ALL.iter().filter(|code| !seen.contains(code)).collect();
    assert!(missing.is_empty(), "a new code needs a row in provoked(): {missing:?}");
}

/// While PostgreSQL is gone every request is a 503 that says when to try again; when it is back, so is everything.
#[test]
fn a_database_that_is_gone_is_503() {
    let database = TestDatabase::postgres();
    let api = Api::start(&database);
    api.acme.post("/pipeline/leads", &json!({ "title": "First" })).item(201);
    let (server, name) = {
        let url = database.url_text();
        let (server, name) = url.rsplit_once('/').unwrap();
        (format!("{server}/postgres"), name.to_owned())
    };
    let mut admin = PgConnection::establish(&server).unwrap();
    let kill = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
    admin.batch_execute(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false; {kill}")).unwrap();
    let body = "{\"title\":\"Lost\"}";
    for (method, path, body, code) in [
        ("GET", "/pipeline/leads", None, "database_unavailable"),
        ("GET", "/pipeline/leads/1", None, "database_unavailable"),
        ("POST", "/pipeline/leads", Some(body), "database_unavailable"),
        ("GET", "/readyz", None, "not_ready"),
    ] {
        let began = Instant::now();
        let answer = api.acme.send(method, path, &[], body);
        answer.problem(503, code);
        assert_eq!(answer.header("retry-after"), "1", "{method} {path}");
        assert!(began.elapsed() < Duration::from_secs(5), "{method} {path}: {:?}", began.elapsed());
        assert!(!answer.text.contains("connection to server"), "a 5xx says nothing of the inside: {}", answer.text);
    }
    assert_eq!(api.acme.get("/healthz").status, 200, "the process lives");
    admin.batch_execute(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true")).unwrap();
    let began = Instant::now();
    while api.acme.get("/readyz").status != 200 {
        assert!(began.elapsed() < Duration::from_secs(5), "it comes back with the database");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(api.acme.get("/pipeline/leads").items().len(), 1, "what was refused was not done");
}

/// Takes nothing from the request.
struct Nothing;

impl Extract for Nothing {
    async fn extract(_: &mut Call) -> Result<Self, Problem> {
        Ok(Self)
    }

    fn describe(_: &mut OperationDoc) {}
}

async fn panicking(_: Nothing) -> Answer<NoContent> {
    panic!("the secret of the house")
}

/// A handler that panics is answered with a 500 that says nothing, and the server goes on.
#[test]
fn a_panic_is_500_and_the_server_lives() {
    with_routes(
        |routes| {
            routes.get("/panic", panicking);
        },
        |client| {
            for _ in 0..3 {
                let answer = client.get("/panic");
                answer.problem(500, "internal_error");
                assert!(!answer.text.contains("secret"), "{}", answer.text);
                assert_common_headers(&answer);
                client.post("/pipeline/leads", &json!({ "title": "Still here" })).item(201);
            }
        },
    );
}
