//! The examples of the document: requests that were sent to this program, and what it answered. A test sends them
//! again, in their order, and fails when an answer is another (apps/gateway/tests/surface/examples.rs).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use utoipa::openapi::ContentBuilder;
use utoipa::openapi::example::{Example, ExampleBuilder};

use crate::error::ProblemCode;

const RECORDED: &str = include_str!("../../examples.json");

/// One request and its answer.
#[derive(Deserialize)]
struct Exchange {
    operation: String,
    summary: String,
    request: Option<Value>,
    status: u16,
    response: Option<Value>,
}

/// Every recorded exchange, by the id of its operation.
pub(super) struct Examples(BTreeMap<String, Vec<Exchange>>);

impl Examples {
    pub(super) fn recorded() -> serde_json::Result<Self> {
        let mut by_operation: BTreeMap<String, Vec<Exchange>> = BTreeMap::new();
        for exchange in serde_json::from_str::<Vec<Exchange>>(RECORDED)? {
            by_operation.entry(exchange.operation.clone()).or_default().push(exchange);
        }
        Ok(Self(by_operation))
    }

    /// Adds the bodies that were sent to an operation and taken.
    pub(super) fn of_request(&self, operation: &str, content: ContentBuilder) -> ContentBuilder {
        self.add(operation, content, |exchange| exchange.request.as_ref().filter(|_| exchange.status < 400))
    }

    /// Adds the bodies of its answers of this status.
    pub(super) fn of_response(&self, operation: &str, status: u16, content: ContentBuilder) -> ContentBuilder {
        self.add(operation, content, |exchange| exchange.response.as_ref().filter(|_| exchange.status == status))
    }

    /// Adds the bodies that tell of these problems, each under its code.
    pub(super) fn of_problems(&self, codes: &[ProblemCode], content: ContentBuilder) -> ContentBuilder {
        let told = self.0.values().flatten().filter_map(|exchange| exchange.response.as_ref());
        let of = |code: &ProblemCode| told.clone().find(|problem| problem["code"] == code.as_str());
        let examples = codes.iter().filter_map(|code| Some((code.as_str(), of(code)?)));
        content.examples_from_iter(examples.map(|(code, problem)| (code, example(problem))))
    }

    fn add(
        &self,
        operation: &str,
        content: ContentBuilder,
        body: impl Fn(&Exchange) -> Option<&Value>,
    ) -> ContentBuilder {
        let exchanges = self.0.get(operation).into_iter().flatten();
        content.examples_from_iter(
            exchanges.filter_map(|exchange| Some((exchange.summary.clone(), example(body(exchange)?)))),
        )
    }
}

fn example(value: &Value) -> Example {
    ExampleBuilder::new().value(Some(value.clone())).build()
}
