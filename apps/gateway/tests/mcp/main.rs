//! The tools of the Model Context Protocol, over both of its transports (docs/mcp.md).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::needless_pass_by_value, reason = "arguments are written where they are sent, as `json!`")]

mod access;
#[path = "../common/client.rs"]
mod client;
mod lengths;
mod messages;
#[path = "../common/process.rs"]
mod process;
mod stdio;
mod tools;

use serde_json::{Value, json};

use client::{Answer, Client};

/// Sends a message to `POST /mcp`.
fn post(client: &Client, headers: &[(&str, &str)], method: &str, params: Value) -> Answer {
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    client.send("POST", "/mcp", headers, Some(&message.to_string()))
}

/// The result of a message.
#[track_caller]
fn ask(client: &Client, method: &str, params: Value) -> Value {
    let answer = post(client, &[], method, params);
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!((&answer.body["jsonrpc"], &answer.body["id"]), (&json!("2.0"), &json!(1)), "{}", answer.text);
    answer.body["result"].clone()
}

/// The tools that are listed.
#[track_caller]
fn listed(client: &Client) -> Vec<Value> {
    ask(client, "tools/list", json!({}))["tools"].as_array().unwrap().clone()
}

/// Calls a tool; whether it succeeded, and its structure, which its text says as well.
#[track_caller]
fn outcome(client: &Client, tool: &str, arguments: Value) -> (bool, Value) {
    let result = ask(client, "tools/call", json!({ "name": tool, "arguments": arguments }));
    let length = result.to_string().len();
    assert!(length <= 20_000, "{tool}: {length} bytes");
    let structure = &result["structuredContent"];
    let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(&text, structure, "{tool}: text and structure say the same");
    (result["isError"] != true, structure.clone())
}

/// Calls a tool, which must succeed with what it is said to give.
#[track_caller]
fn call(client: &Client, tool: &str, arguments: Value) -> Value {
    let (is_done, structure) = outcome(client, tool, arguments);
    assert!(is_done, "{tool}: {structure}");
    let tools = listed(client);
    let described = &tools.iter().find(|one| one["name"] == tool).unwrap()["outputSchema"];
    assert_eq!(described["type"], "object", "{tool}");
    for (name, value) in structure.as_object().unwrap() {
        let is_of = match described["properties"][name]["type"].as_str() {
            Some("object") => value.is_object(),
            Some("array") => value.is_array(),
            Some("string") => value.is_string(),
            Some("boolean") => value.is_boolean(),
            Some("integer") => value.is_u64(),
            // A case's status has the name of a problem's.
            None => name == "status" && tool == "walk_case",
            Some(_) => false,
        };
        assert!(is_of, "{tool} gives {name}: {value}");
    }
    structure
}

/// Calls a tool, which must end in a problem of this code.
#[track_caller]
fn refused(client: &Client, tool: &str, arguments: Value, code: &str) -> Value {
    let (is_done, problem) = outcome(client, tool, arguments);
    assert!(!is_done && problem["code"] == code, "{tool}: {problem}");
    assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{tool}: {problem}");
    problem
}
