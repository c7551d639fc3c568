//! `crm-gateway mcp`: the same tools over standard input and output.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::client::Api;
use crate::listed;
use crate::process::one_error;

/// The program as a model's program starts it.
fn program(url: &str, key: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crm-gateway"));
    command.args(["mcp", "--url", url]).env_clear().env("CRM_KEY", key).env("RUST_LOG", "off");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

struct Session {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    id: u32,
}

impl Session {
    fn start(url: &str, key: &str) -> Self {
        let mut child = program(url, key).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut session = Self { input: child.stdin.take(), child, output, id: 0 };
        let hello = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
        assert_eq!(session.ask("initialize", hello)["result"]["protocolVersion"], "2025-06-18");
        session.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        session
    }

    fn send(&mut self, message: &Value) {
        writeln!(self.input.as_mut().unwrap(), "{message}").unwrap();
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.id += 1;
        self.send(&json!({ "jsonrpc": "2.0", "id": self.id, "method": method, "params": params }));
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(answer["id"], self.id, "{answer}");
        answer
    }

    fn call(&mut self, tool: &str, arguments: Value) -> Value {
        self.ask("tools/call", json!({ "name": tool, "arguments": arguments }))["result"].clone()
    }

    /// Ends it as a client does: by the end of its input.
    fn end(mut self) {
        self.input = None;
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

both_databases! {
    fn both_transports_have_the_same_tools(database) {
        let api = Api::start(database);
        for client in [api.acme.clone(), api.acme.read_only()] {
            let mut session = Session::start(&api.serving.url, client.key.as_deref().unwrap());
            let tools = session.ask("tools/list", json!({}))["result"]["tools"].clone();
            assert_eq!(tools, Value::from(listed(&client)));
            session.end();
        }
        let mut session = Session::start(&format!("{}/", api.serving.url), &api.acme.keys.primary);
        let made = session.call("create_record", json!({ "kind": "lead", "fields": { "title": "Über" } }));
        assert_eq!(made["structuredContent"]["item"]["title"], "Über");
        let etag = made["structuredContent"]["etag"].clone();
        let change = json!({ "kind": "lead", "id": "1", "fields": { "note": "A" }, "ifMatch": etag });
        assert_eq!(session.call("update_record", change.clone())["isError"], false);
        let stale = session.call("update_record", change);
        assert_eq!((&stale["isError"], &stale["structuredContent"]["code"]), (&json!(true), &json!("precondition_failed")));
        session.end();
    }

    fn what_is_wrong_is_said(database) {
        let api = Api::start(database);
        let mut session = Session::start(&api.serving.url, "nobody's");
        let error = session.ask("tools/list", json!({}))["error"].clone();
        assert_eq!((&error["message"], &error["data"]["code"]), (&json!("The key is unknown or was rotated."), &json!("invalid_key")));
        let refused = session.call("search", json!({ "q": "a" }));
        assert_eq!((&refused["isError"], &refused["structuredContent"]["code"]), (&json!(true), &json!("invalid_key")));
        session.end();

        let mut session = Session::start(&api.serving.url, &api.acme.keys.primary);
        api.serving.kill();
        let refused = session.call("search", json!({ "q": "a" }));
        assert_eq!(refused["structuredContent"]["code"], "gateway_unreachable");
        session.end();

        let run = |url: &str, key: &str| program(url, key).output().unwrap();
        assert!(one_error(&run("http://127.0.0.1:1", "x"), 1).contains("http://127.0.0.1:1/openapi.json does not answer"));
        assert!(one_error(&run("crm.example.com", "x"), 2).contains("--url: must be http://… or https://…"));
        assert!(one_error(&run("http://127.0.0.1:1", ""), 2).contains("CRM_KEY: is needed"));
    }
}
