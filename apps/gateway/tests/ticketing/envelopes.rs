//! Whatever goes wrong under `/api/v1/ticketing/` comes in ticketing's own envelope, whoever found out.

use crm_gateway::config::{Config, Settings};
use crm_gateway::db::{DbSettings, Executor};
use crm_gateway::endpoint::{Answer, Api, Call, Extract, NoContent, OperationDoc};
use crm_gateway::error::Problem;
use crm_gateway::server::server;
use crm_gateway::state::AppState;
use crm_gateway::ticketing::Ticketing;
use crm_testkit::{TestDatabase, both_databases};
use serde_json::json;

use crate::setup::{ACME, Admin, LIST, ROOT, SECRET, make_tenant, minimal, refused, start};

both_databases! {
    fn every_failure_has_the_envelope(database) {
        make_tenant(database, ACME);
        let serving = start(database, &[("CRM_JWT_SECRET", SECRET)]);
        let admin = Admin::with_secret(&serving, ACME);
        let made = admin.post(ROOT, &minimal("one"));
        let one = made.header("location");
        let unknown = format!("{ROOT}/00000000-0000-4000-8000-000000000000");
        let sync = format!("{one}/sync");
        let big = json!({ "clientName": "x".repeat(1024 * 1024) }).to_string();
        let query = format!("{LIST}?page=1");
        let bad_query = format!("{LIST}?a=%ff");
        let malformed = format!("{ROOT}/1");
        let taken = minimal("one").to_string();
        let none: &[(&str, &str)] = &[];
        for (method, path, headers, body, status, code) in [
            ("GET", "/api/v1/ticketing", none, None, 404, "NOT_FOUND"),
            ("GET", "/api/v1/ticketing/", none, None, 404, "NOT_FOUND"),
            ("POST", "/api/v1/ticketing/tickets", none, None, 404, "NOT_FOUND"),
            ("GET", "/api/v1/ticketing/clientMap/findAndCountAll/", none, None, 404, "NOT_FOUND"),
            ("POST", LIST, none, Some("{}"), 405, "INVALID_REQUEST"),
            ("DELETE", ROOT, none, None, 405, "INVALID_REQUEST"),
            ("GET", LIST, &[("accept", "text/csv")], None, 406, "INVALID_REQUEST"),
            ("GET", LIST, &[("usecase", "")], None, 400, "INVALID_REQUEST"),
            ("GET", LIST, &[("usecase", "a"), ("usecase", "a")], None, 400, "INVALID_REQUEST"),
            ("GET", &query, none, None, 400, "VALIDATION_ERROR"),
            ("GET", &bad_query, none, None, 400, "INVALID_REQUEST"),
            ("GET", &malformed, none, None, 404, "NOT_FOUND"),
            ("GET", &unknown, none, None, 404, "NOT_FOUND"),
            ("PATCH", &unknown, none, Some("{}"), 404, "NOT_FOUND"),
            ("DELETE", &unknown, none, None, 404, "NOT_FOUND"),
            ("POST", ROOT, none, None, 400, "INVALID_REQUEST"),
            ("POST", ROOT, none, Some("{"), 400, "INVALID_REQUEST"),
            ("POST", ROOT, none, Some("[]"), 400, "INVALID_REQUEST"),
            ("POST", ROOT, none, Some("{\"a\":1,\"a\":1}"), 400, "INVALID_REQUEST"),
            ("POST", ROOT, none, Some("{}"), 400, "VALIDATION_ERROR"),
            ("POST", ROOT, none, Some("{\"tenantId\":\"other\"}"), 403, "FORBIDDEN"),
            ("POST", ROOT, none, Some(big.as_str()), 413, "INVALID_REQUEST"),
            ("POST", ROOT, &[("content-type", "text/plain")], Some("{}"), 415, "INVALID_REQUEST"),
            ("POST", ROOT, none, Some(&taken), 409, "CONFLICT"),
            ("POST", &sync, none, Some("{\"syncStatus\":\"done\"}"), 400, "VALIDATION_ERROR"),
            ("PATCH", one, &[("if-match", "W/\"x\"")], Some("{}"), 412, "CONFLICT"),
        ] {
            let answer = admin.send(method, path, headers, body);
            assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
            refused(&answer, status, code);
            assert_eq!(answer.header("cache-control"), "private, no-cache");
            assert_eq!(answer.headers.get_all("vary").iter().next().unwrap(), "Authorization, x-tenantid, usecase");
            assert!(!answer.header("x-request-id").is_empty());
            assert_eq!(status == 405, !answer.header("allow").is_empty(), "{method} {path}");
        }
        let details = admin.post(ROOT, &json!({ "clientId": "" }));
        let details = refused(&details, 400, "VALIDATION_ERROR");
        for field in ["clientId: ", "clientName: ", "clientType: ", "mappingType: "] {
            assert!(details.contains(field), "all problems are told together: {details}");
        }
        // The CRM's routes keep theirs.
        admin.get("/api/v1/ticketings").problem(404, "unknown_route");
    }

    fn without_a_key_for_tokens_the_routes_say_so(database) {
        make_tenant(database, ACME);
        let serving = start(database, &[]);
        let admin = Admin::with_secret(&serving, ACME);
        for answer in [admin.get(LIST), admin.post(ROOT, &json!({}))] {
            assert!(refused(&answer, 503, "SERVICE_UNAVAILABLE").contains("CRM_JWT_SECRET"));
            assert!(!answer.header("retry-after").is_empty());
        }
        refused(&admin.get("/api/v1/ticketing/tickets"), 404, "NOT_FOUND");
    }
}

struct Nothing;

impl Extract for Nothing {
    async fn extract(_: &mut Call) -> Result<Self, Problem> {
        Ok(Self)
    }

    fn describe(_: &mut OperationDoc) {}
}

async fn panics(_: Nothing) -> Answer<NoContent> {
    panic!("a bug that a test planted")
}

#[test]
fn a_panic_has_the_envelope_too() {
    let database = TestDatabase::sqlite();
    let db = Executor::open(database.url(), DbSettings::default()).unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/api/v1/ticketing/panics", listener.local_addr().unwrap());
    let routes = || {
        let mut api = Api::default();
        api.dialect("/api/v1/ticketing", &Ticketing);
        api.get("/api/v1/ticketing/panics", panics);
        api
    };
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let config = Config::new(&Settings::default()).unwrap();
            let state = actix_web::web::Data::new(AppState::new(db, &config).await.unwrap());
            server(state, listener, &config, routes).unwrap().await.unwrap();
        });
    });
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut response = agent.get(&url).call().unwrap();
    let body: serde_json::Value = serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap();
    assert_eq!((response.status().as_u16(), &body["error"]["code"]), (500, &json!("INTERNAL_ERROR")), "{body}");
    assert!(!body.to_string().contains("planted"), "{body}");
}
