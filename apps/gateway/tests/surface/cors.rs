//! `CRM_CORS_ORIGINS`.

use crm_testkit::both_databases;

use crate::client::{Answer, Api};

const OURS: &str = "https://app.example.com";

fn preflight(api: &Api<'_>, path: &str, origin: &str) -> Answer {
    let headers = [
        ("Origin", origin),
        ("Access-Control-Request-Method", "PATCH"),
        ("Access-Control-Request-Headers", "content-type,ocp-apim-subscription-key"),
    ];
    api.acme.with_key(None).send("OPTIONS", path, &headers, None)
}

fn names(answer: &Answer, header: &str) -> Vec<String> {
    answer.header(header).split(',').map(|name| name.trim().to_ascii_lowercase()).collect()
}

both_databases! {
    /// A browser may ask from the configured origins, and read what it needs of the answer.
    fn configured_origins_may_call(database) {
        let origins = format!("http://localhost:5173,{OURS}");
        let api = Api::start_with(database, &[("CRM_CORS_ORIGINS", &origins)]);
        for path in ["/pipeline/leads/1", "/api/v1/ticketing/clientMap/findAndCountAll"] {
            let answer = preflight(&api, path, OURS);
            assert_eq!((answer.status, answer.text.as_str()), (204, ""), "no key is needed: {path}");
            assert_eq!(answer.header("access-control-allow-origin"), OURS);
            assert!(names(&answer, "access-control-allow-methods").contains(&"patch".to_owned()));
            let allowed = names(&answer, "access-control-allow-headers");
            for header in ["ocp-apim-subscription-key", "authorization", "x-tenantid", "content-type", "if-match", "idempotency-key"] {
                assert!(allowed.contains(&header.to_owned()), "{header}: {allowed:?}");
            }
            assert_eq!(answer.header("access-control-allow-credentials"), "", "no cookies");
        }
        let answers = [
            api.acme.send("GET", "/pipeline/leads", &[("Origin", OURS)], None),
            api.acme.with_key(None).send("GET", "/pipeline/leads", &[("Origin", OURS)], None),
            api.acme.send("GET", "/nothing", &[("Origin", OURS)], None),
        ];
        assert_eq!(answers.each_ref().map(|answer| answer.status), [200, 401, 404]);
        for answer in &answers {
            assert_eq!(answer.header("access-control-allow-origin"), OURS, "a refusal can be read as well");
            let exposed = names(answer, "access-control-expose-headers");
            for header in ["etag", "location", "x-request-id", "ratelimit", "ratelimit-policy", "retry-after", "idempotent-replayed"] {
                assert!(exposed.contains(&header.to_owned()), "{header}: {exposed:?}");
            }
        }
    }

    /// Others are answered as any client is, without the header that would let their page read it.
    fn other_origins_may_not(database) {
        let api = Api::start_with(database, &[("CRM_CORS_ORIGINS", OURS)]);
        for origin in ["https://evil.example.com", "https://app.example.com.evil.com", "http://app.example.com", "null"] {
            let refused = preflight(&api, "/pipeline/leads/1", origin);
            assert_eq!(refused.header("access-control-allow-origin"), "", "{origin}");
            refused.problem(405, "method_not_allowed");
            let answer = api.acme.send("GET", "/pipeline/leads", &[("Origin", origin)], None);
            assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, ""), "{origin}");
        }
        let plain = api.acme.get("/pipeline/leads");
        let vary: Vec<_> = plain.headers.get_all("vary").iter().filter_map(|value| value.to_str().ok()).collect();
        assert!(vary.iter().any(|value| value.eq_ignore_ascii_case("origin")), "a cache tells origins apart: {vary:?}");
    }

    /// Without the setting there is no such header at all.
    fn without_origins_nobody_may(database) {
        let api = Api::start(database);
        assert_eq!(preflight(&api, "/pipeline/leads/1", OURS).status, 405);
        let answer = api.acme.send("GET", "/pipeline/leads", &[("Origin", OURS)], None);
        assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control")), "{:?}", answer.headers);
    }
}
