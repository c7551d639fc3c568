//! What can go wrong on the routes of ticketing only. There the closed table of problems has an envelope and a few names
//! of its own (docs/compatibility.md, "Ticketing client maps"); the title tells which row of the table it is.

use crm_core::Timestamp;
use crm_gateway::error::ProblemCode;
use crm_testkit::{TestDatabase, both_databases};
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};

use crate::client::{Answer, Api, Keys};

const ROOT: &str = "/api/v1/ticketing/clientMap";
pub(crate) const ACME: &str = "0e6b2f70-5b0c-4b6c-9f3e-0d6a4c1b2a11";
const NOBODY: &str = "00000000-1111-4222-8333-444444444444";
pub(crate) const SECRET: &str = "a secret of at least thirty-two bytes";
const PAGE: &str = include_str!("../../../../docs/errors.md");

/// Somebody who is refused: code, the header `Authorization`, the header `x-tenantid`.
type Refused = (ProblemCode, Option<String>, &'static str);

/// The header of a token for this tenant, with these roles, which ends in so many seconds.
fn bearer(tenant: &str, roles: &[&str], seconds: i64) -> String {
    let end = Timestamp::now().as_datetime().timestamp() + seconds;
    let claims = json!({ "tenant_id": tenant, "realm_access": { "roles": roles }, "exp": end });
    let token = jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes()));
    format!("Bearer {}", token.unwrap())
}

/// The header of a token that may do everything for this tenant.
pub(crate) fn administrator(tenant: &str) -> String {
    bearer(tenant, &["ticket_admin"], 300)
}

/// Whoever is refused whatever they ask for; one of them sends this header.
pub(crate) fn callers_refused(no_token: &str) -> Vec<Refused> {
    vec![
        (ProblemCode::MissingToken, None, ACME),
        (ProblemCode::InvalidToken, Some(no_token.to_owned()), ACME),
        (ProblemCode::TokenExpired, Some(bearer(ACME, &["ticket_admin"], -3_600)), ACME),
        (ProblemCode::InvalidHeader, Some(administrator(ACME)), "acme"),
        (ProblemCode::MissingRole, Some(bearer(ACME, &["user"], 300)), ACME),
        (ProblemCode::ForeignTenant, Some(administrator(ACME)), NOBODY),
        (ProblemCode::UnknownTenant, Some(administrator(NOBODY)), NOBODY),
    ]
}

/// Each makes the client map that exists already.
fn refused() -> Vec<Refused> {
    let mut refused = callers_refused("Bearer a.b.c");
    refused.push((ProblemCode::ClientIdTaken, Some(administrator(ACME)), ACME));
    refused
}

/// What a good request ends in where the operator has set this and nothing else.
const BY_SETTINGS: &[(ProblemCode, &[(&str, &str)])] = &[
    (ProblemCode::TokensNotConfigured, &[]),
    // Nobody listens there.
    (ProblemCode::IssuerUnavailable, &[("CRM_JWT_JWKS_URL", "http://127.0.0.1:9/keys")]),
];

/// Every code that the tests here provoke.
pub(crate) fn provoked() -> Vec<ProblemCode> {
    let refused = refused().into_iter().map(|(code, ..)| code);
    refused.chain(BY_SETTINGS.iter().map(|(code, _)| *code)).collect()
}

pub(crate) fn make_map(api: &Api<'_>, authorization: Option<&str>, tenant: &str) -> Answer {
    let body = json!({ "clientId": "C", "clientName": "Client", "clientType": "custom", "mappingType": "inbound" });
    let mut headers = vec![("x-tenantid", tenant)];
    headers.extend(authorization.map(|value| ("authorization", value)));
    api.acme.with_key(None).send("POST", ROOT, &headers, Some(&body.to_string()))
}

/// What docs/errors.md says that ticketing calls this code.
fn name_on_ticketing(code: ProblemCode) -> &'static str {
    let row = format!("| {} | `{}` |", code.status().as_u16(), code.as_str());
    let row = PAGE.lines().find(|line| line.starts_with(&row)).unwrap();
    row.rsplit('`').nth(1).unwrap()
}

#[track_caller]
pub(crate) fn assert_is(answer: &Answer, code: ProblemCode) {
    let Value::Object(error) = &answer.body["error"] else { panic!("{}", answer.text) };
    assert_eq!(answer.status, code.status().as_u16(), "{code:?}: {}", answer.text);
    assert_eq!(error["code"], name_on_ticketing(code), "{code:?}: {}", answer.text);
    assert_eq!(error["message"], code.title(), "{code:?}: {}", answer.text);
    assert!(!error["details"].as_str().unwrap().is_empty(), "{code:?}: {}", answer.text);
}

both_databases! {
    /// Each row of the table that only ticketing has comes in ticketing's envelope.
    fn every_problem_of_ticketing_is_provoked(database) {
        let api = Api::start_with(database, &[("CRM_JWT_SECRET", SECRET)]);
        Keys::of_new_tenant(database, ACME);
        let good = administrator(ACME);
        assert_eq!(make_map(&api, Some(&good), ACME).status, 201, "nothing is wrong with the request itself");
        for (code, authorization, tenant) in refused() {
            assert_is(&make_map(&api, authorization.as_deref(), tenant), code);
        }
    }
}

#[test]
fn what_the_operator_has_not_set_up_is_told() {
    for (code, settings) in BY_SETTINGS {
        let database = TestDatabase::sqlite();
        let api = Api::start_with(&database, settings);
        assert_is(&make_map(&api, Some(&administrator(ACME)), ACME), *code);
    }
}
