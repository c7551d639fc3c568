//! The tools, a file for those that belong together.

mod cases;
mod deals;
mod duplicates;
mod forms;
mod reading;
mod writing;

use futures_util::future::BoxFuture;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::answer::{Answer, Outcome};
use crate::api::{Api, Request, Response};
use crate::arguments::{Arguments, Refusal};
use crate::document::{Document, JsonObject, Operation, grants};
use crate::kinds::Kind;

/// A tool as a model sees it, and what it does.
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) description: &'static str,
    pub(crate) effect: Effect,
    needs: Needs,
    /// What it takes.
    schema: fn(&Shape<'_>) -> JsonObject,
    /// What its results have.
    pub(crate) gives: &'static [Given],
    run: Run,
}

type Run = for<'a> fn(Call<'a>, Arguments) -> BoxFuture<'a, Outcome>;

/// What a call may do to the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing.
    Reads,
    /// It makes something.
    Adds,
    /// It changes something, and the same once more changes nothing.
    Changes,
    /// It takes something away.
    Removes,
}

/// The operations of the API that a tool cannot do without.
enum Needs {
    /// This one.
    One(&'static str),
    /// This one, of the kinds that have it.
    Each(&'static str, &'static [Kind]),
}

/// What the schema of a tool is made of.
pub(crate) struct Shape<'a> {
    document: &'a Document,
    /// The operations that it needs and that may be used, by kind.
    each: Vec<(Kind, Operation<'a>)>,
    one: Option<Operation<'a>>,
}

impl Shape<'_> {
    fn kinds(&self) -> Vec<Kind> {
        self.each.iter().map(|(kind, _)| *kind).collect()
    }
}

/// A member of the results of a tool: its name, its type in JSON Schema, and what it is.
pub(crate) struct Given(pub(crate) &'static str, pub(crate) &'static str, pub(crate) &'static str);

const ETAG: Given = Given("etag", "string", "What ifMatch takes.");
const RECORD: Given = Given("item", "object", "The record.");
const HAS_MORE: Given = Given("hasMore", "boolean", "Whether more come behind continuationToken.");

/// Every tool.
pub(crate) fn all() -> impl Iterator<Item = &'static Tool> {
    [reading::TOOLS, writing::TOOLS, deals::TOOLS, cases::TOOLS, duplicates::TOOLS, forms::TOOLS].into_iter().flatten()
}

pub(crate) fn named(name: &str) -> Option<&'static Tool> {
    all().find(|tool| tool.name == name)
}

impl Tool {
    /// What the tool takes from somebody with these rights; `None` where this gateway has not what it needs, or they may not
    /// use it.
    pub(crate) fn schema(&self, document: &Document, rights: &[String]) -> Option<JsonObject> {
        let allowed = |name: &str| document.operation(name).filter(|operation| grants(rights, operation.scope()));
        let shape = match self.needs {
            Needs::One(name) => Shape { document, each: Vec::new(), one: Some(allowed(name)?) },
            Needs::Each(template, kinds) => {
                let of = |kind: &Kind| Some((*kind, allowed(&kind.operation(template))?));
                let each: Vec<_> = kinds.iter().filter_map(of).collect();
                if each.is_empty() {
                    return None;
                }
                Shape { document, each, one: None }
            }
        };
        Some((self.schema)(&shape))
    }

    /// Does what it is for.
    pub(crate) async fn run(&'static self, api: &dyn Api, document: &Document, arguments: JsonObject) -> Outcome {
        let mut arguments = Arguments::new(arguments);
        // Asked of the API all the same: what this key may not do, it refuses with the scope that is missing.
        let kinds = match self.needs {
            Needs::One(name) if document.operation(name).is_none() => return Err(not_here()),
            Needs::One(_) => Vec::new(),
            Needs::Each(template, kinds) => {
                let has = |kind: &&Kind| document.operation(&kind.operation(template)).is_some();
                kinds.iter().filter(has).copied().collect()
            }
        };
        let kind = match self.needs {
            Needs::One(_) => None,
            Needs::Each(..) => match arguments.kind(&kinds) {
                Some(kind) => Some(kind),
                None => {
                    arguments.rest();
                    arguments.finish()?;
                    return Err(not_here());
                }
            },
        };
        (self.run)(Call { api, document, kind: kind.unwrap_or(Kind::Lead) }, arguments).await
    }
}

fn not_here() -> Refusal {
    Refusal::new("unknown_tool", "This gateway does not have what the tool needs.")
}

/// A call of a tool.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    api: &'a dyn Api,
    document: &'a Document,
    /// The kind of records, of a tool that has kinds.
    kind: Kind,
}

impl Call<'_> {
    /// Sends a request of the API. Its problem is the tool's.
    async fn send(&self, request: Request) -> Result<Response, Refusal> {
        let response = self.api.call(request).await;
        let response = response.map_err(|why| Refusal::new("gateway_unreachable", why.to_string()))?;
        if response.status < 300 {
            return Ok(response);
        }
        match response.body {
            Value::Object(problem) if problem.contains_key("code") => Err(Refusal(problem)),
            _ => {
                let detail = format!("The gateway answered with the status {} and no problem.", response.status);
                Err(Refusal::new("unexpected_answer", detail))
            }
        }
    }

    /// Reads a member of an answer.
    async fn read(&self, path: String, member: &str) -> Result<Value, Refusal> {
        let mut response = self.send(Request::get(path)).await?;
        Ok(response.body.get_mut(member).map(Value::take).unwrap_or_default())
    }

    /// The path of a record of the call's kind.
    fn record(&self, id: &str) -> String {
        format!("{}/{}", self.kind.collection(), encoded(id))
    }

    /// Sends what makes or changes a record, and answers with it.
    async fn change(&self, request: Request) -> Outcome {
        Ok(Answer::cut(item(self.send(request).await?), WHOLE))
    }
}

/// Where a record is given whole.
const WHOLE: &str = "The record is longer than a result may be: get_record gives it in parts.";

/// `{ etag, item }` of an answer with one record: the ETag first, so that it is in the first part.
fn item(mut response: Response) -> JsonObject {
    let mut members = JsonObject::new();
    if let Some(etag) = response.etag {
        members.insert("etag".to_owned(), etag.into());
    }
    members.insert("item".to_owned(), response.body.get_mut("item").map(Value::take).unwrap_or_default());
    members
}

/// What may stand in a path as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// A path with parameters behind it.
fn with_query(path: &str, parameters: &[(String, String)]) -> String {
    let written: Vec<String> =
        parameters.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    if written.is_empty() { path.to_owned() } else { format!("{path}?{}", written.join("&")) }
}

/// Parameters that the API takes for a credential, and for no filter.
const CREDENTIALS: [&str; 2] = ["key", "subscription-key"];

/// Filters, as the parameters that they are.
fn parameters(arguments: &mut Arguments) -> Vec<(String, String)> {
    let filters = arguments.object("filters").unwrap_or_default();
    let mut parameters = Vec::new();
    for (name, value) in filters {
        match value {
            _ if CREDENTIALS.contains(&name.as_str()) => {
                arguments.refuse(&format!("filters.{name}"), "unknown_field", "is no filter");
            }
            Value::Null => {}
            Value::String(text) => parameters.push((name, text)),
            Value::Bool(_) | Value::Number(_) => parameters.push((name, value.to_string())),
            Value::Array(_) | Value::Object(_) => {
                arguments.refuse(&format!("filters.{name}"), "wrong_type", "must be a string, a number, true or false");
            }
        }
    }
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_argument_leaves_its_place_in_a_path() {
        assert_eq!(encoded("../../admin?x=1#"), "%2E%2E%2F%2E%2E%2Fadmin%3Fx%3D1%23");
        assert_eq!(encoded("c4d5-_é\r\n"), "c4d5-_%C3%A9%0D%0A");
        let parameters = [("a&b".to_owned(), "1&c=2 +".to_owned())];
        assert_eq!(with_query("/search", &parameters), "/search?a%26b=1%26c%3D2%20%2B");
        assert_eq!(with_query("/search", &[]), "/search");
    }
}
