//! What of the protocol goes over HTTP: versions, what is no message, who may send it from where.

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::client::Api;
use crate::{ask, post};

both_databases! {
    fn every_version_is_spoken_with_whoever_asks_for_it(database) {
        let api = Api::start(database);
        for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
            let client = json!({ "protocolVersion": version, "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
            let answer = ask(&api.acme, "initialize", client);
            assert_eq!(answer["protocolVersion"], version);
            assert_eq!(answer["serverInfo"]["name"], "crm-gateway");
            assert!(answer["instructions"].as_str().is_some_and(|text| text.contains("search")));
            let tools = post(&api.acme, &[("MCP-Protocol-Version", version)], "tools/list", json!({}));
            assert!(tools.body["result"]["tools"].is_array(), "{version}: {}", tools.text);
        }
        // The latest has no handshake: each message says what it needs to.
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": { "name": "t", "version": "1" },
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        for (method, member) in [("server/discover", "supportedVersions"), ("tools/list", "tools")] {
            let headers = [("MCP-Protocol-Version", "2026-07-28"), ("Mcp-Method", method)];
            let answer = post(&api.acme, &headers, method, json!({ "_meta": meta }));
            assert!(answer.body["result"][member].is_array(), "{}", answer.text);
            if method == "tools/list" {
                assert_eq!(answer.body["result"]["cacheScope"], "private", "another key has other tools");
            }
        }
        let unknown = post(&api.acme, &[("MCP-Protocol-Version", "1999-01-01")], "tools/list", json!({}));
        unknown.problem(400, "invalid_message");
    }

    fn what_is_no_message_is_refused(database) {
        let api = Api::start(database);
        let send = |body: &str| api.acme.send("POST", "/mcp", &[], Some(body));
        for (body, status, code) in [
            ("", 400, "malformed_json"),
            ("[]", 400, "malformed_json"),
            ("{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"ping\"}", 400, "malformed_json"),
            ("{}", 400, "invalid_message"),
            ("{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}", 400, "invalid_message"),
            ("{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"ping\"}", 400, "invalid_message"),
        ] {
            send(body).problem(status, code);
        }
        let large = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping", "params": { "a": "x".repeat(1024 * 1024) } });
        send(&large.to_string()).problem(413, "body_too_large");
        let deep = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{}}}", "[".repeat(70) + &"]".repeat(70));
        send(&deep).problem(400, "malformed_json");
        let text = api.acme.send("POST", "/mcp", &[("Content-Type", "text/plain")], Some("{}"));
        text.problem(415, "unsupported_media_type");
        for method in ["GET", "DELETE", "PUT"] {
            let answer = api.acme.send(method, "/mcp", &[("Accept", "text/event-stream")], None);
            answer.problem(405, "method_not_allowed");
            assert_eq!(answer.header("allow"), "POST");
        }
        // What is a message, and means nothing here.
        let error = |method: &str, params: Value| post(&api.acme, &[], method, params).body["error"]["code"].clone();
        assert_eq!(error("nonsense/method", json!({})), -32601);
        assert_eq!(error("resources/list", json!({})), -32601);
        assert_eq!(error("tools/call", json!({ "name": "drop_tables", "arguments": {} })), -32602);
        let notified = send("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}");
        assert_eq!((notified.status, notified.text.as_str()), (202, ""));
        assert_eq!(ask(&api.acme, "ping", json!({})), json!({}));
    }

    /// What an answer repeats of a message, however long that is: a method that is not there, an id, a version, the name of a
    /// tool.
    fn what_an_answer_repeats_has_a_bound(database) {
        let api = Api::start(database);
        let send = |message: Value| api.acme.send("POST", "/mcp", &[], Some(&message.to_string()));
        let of = |id: Value, method: &str| json!({ "jsonrpc": "2.0", "id": id, "method": method });
        assert_eq!(send(of(json!(1), &"x".repeat(100))).body["error"]["code"], -32601);
        assert_eq!(send(of(json!("é".repeat(255)), "ping")).body["id"], "é".repeat(255));
        for length in [101, 1_000_000] {
            send(of(json!(1), &"x".repeat(length))).problem(400, "invalid_message");
        }
        for length in [256, 1_000_000] {
            send(of(json!("i".repeat(length)), "ping")).problem(400, "invalid_message");
        }
        let number = format!("{{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"ping\"}}", "1".repeat(256));
        api.acme.send("POST", "/mcp", &[], Some(&number)).problem(400, "invalid_message");
        let client = json!({ "protocolVersion": "v".repeat(1_000_000), "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
        let headers = [("MCP-Protocol-Version", "2025-06-18")];
        let answer = post(&api.acme, &headers, "initialize", client);
        assert!(answer.text.len() <= 64 * 1024, "{} bytes", answer.text.len());
        let called = post(&api.acme, &[], "tools/call", json!({ "name": format!("a\u{7}{}", "\"".repeat(400_000)), "arguments": {} }));
        let message = called.body["error"]["message"].as_str().unwrap();
        assert!(message.starts_with("There is no tool \"a\\u0007\\\"") && message.len() < 300, "as JSON writes it: {message}");
    }

    /// A browser that a page tricked into sending has no key to send; and it is refused all the same.
    fn pages_of_other_origins_may_not_send(database) {
        let api = Api::start_with(database, &[("CRM_CORS_ORIGINS", "https://app.example.com")]);
        let from = |origin: &str| post(&api.acme, &[("Origin", origin)], "ping", json!({}));
        let known = from("https://app.example.com");
        assert_eq!((known.status, known.header("access-control-allow-origin")), (200, "https://app.example.com"));
        for origin in ["https://evil.example", "http://app.example.com", "https://app.example.com.evil.example", "null"] {
            from(origin).problem(403, "foreign_origin");
        }
    }

    /// Numbers are what they were: through the message, the tool and the answer.
    fn amounts_stay_exact(database) {
        let api = Api::start(database);
        let message = "{\"jsonrpc\":\"2.0\",\"id\":9007199254740993,\"method\":\"tools/call\",\"params\":{\"name\":\"create_record\",\
            \"arguments\":{\"kind\":\"lead\",\"fields\":{\"title\":\"A\",\"value\":{\"amount\":90071992547409.9301,\"code\":\"EUR\"}}}}}";
        let answer = api.acme.send("POST", "/mcp", &[], Some(message));
        assert!(answer.text.contains("\"amount\":90071992547409.9301"), "{}", answer.text);
        assert!(answer.text.contains("\"id\":9007199254740993"), "{}", answer.text);
    }
}
