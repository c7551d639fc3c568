//! What a call is answered with: never more than a model has room for, and what is left out can be asked for.

use std::hash::{DefaultHasher, Hash, Hasher};

use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::{Value, json};

use crate::arguments::Refusal;
use crate::document::JsonObject;

/// The most bytes of a result, text and structure together, as it is sent.
pub(crate) const MOST_BYTES: usize = 20_000;
/// What is around the text and the structure.
const AROUND: usize = 200;
/// What the text and the structure may cost.
const ROOM: usize = MOST_BYTES - AROUND;
/// What the members cost that tell how to go on.
const FOR_THE_NEXT: usize = 400;

/// The argument, and the member of a result, that leads to the next part.
pub(crate) const TOKEN: &str = "continuationToken";
/// The member of a result that tells what is missing in it.
pub(crate) const CUT: &str = "cut";

/// What a tool answers.
pub(crate) struct Answer {
    members: JsonObject,
    more: More,
}

/// Where the rest is of an answer that is too long.
enum More {
    /// In the answers of the same tool, from this token on.
    Parts(Option<String>),
    /// Where these words say.
    Elsewhere(&'static str),
}

pub(crate) type Outcome = Result<Answer, Refusal>;

impl Answer {
    /// An answer that is given in parts where it is too long; `token` is what came with the call.
    pub(crate) fn in_parts(members: JsonObject, token: Option<String>) -> Self {
        Self { members, more: More::Parts(token) }
    }

    /// An answer that is cut where it is too long, with words that say where the whole is.
    pub(crate) fn cut(members: JsonObject, whole: &'static str) -> Self {
        Self { members, more: More::Elsewhere(whole) }
    }
}

/// Whether a result with this structure is short enough.
pub(crate) fn fits(members: &JsonObject) -> bool {
    cost_of(members) <= ROOM
}

/// How many of so many records fit, by what those took that did not.
pub(crate) fn how_many_fit(records: usize, members: &JsonObject) -> usize {
    // A tenth less, so that somewhat longer ones fit too.
    let fitting = records.saturating_mul(ROOM / 10 * 9) / cost_of(members).max(1);
    fitting.clamp(1, records.saturating_sub(1).max(1))
}

/// The result of a call.
pub(crate) fn result(outcome: Outcome) -> CallToolResult {
    let (members, is_error) = match outcome.and_then(bounded) {
        Ok(members) => (members, false),
        Err(Refusal(members)) if fits(&members) => (members, true),
        Err(Refusal(members)) => (Cutter::new(0, ROOM).object(&members), true),
    };
    let structure = Value::Object(members);
    let text = vec![ContentBlock::text(structure.to_string())];
    let mut result = if is_error { CallToolResult::error(text) } else { CallToolResult::success(text) };
    result.structured_content = Some(structure);
    result
}

fn bounded(answer: Answer) -> Result<JsonObject, Refusal> {
    let Answer { members, more } = answer;
    match more {
        More::Parts(None) | More::Elsewhere(_) if fits(&members) => Ok(members),
        More::Parts(token) => part(&members, token.as_deref()),
        More::Elsewhere(whole) => {
            let mut members = Cutter::new(0, ROOM - FOR_THE_NEXT).object(&members);
            members.insert(CUT.to_owned(), whole.into());
            Ok(members)
        }
    }
}

/// A token is a place in the answer and a hash of it: `120-9f3a…`.
fn part(members: &JsonObject, token: Option<&str>) -> Result<JsonObject, Refusal> {
    let hash = hash_of(members);
    let from = match token {
        None => 0,
        Some(token) => match token.split_once('-').and_then(|(from, hash)| Some((from.parse().ok()?, hash))) {
            Some((from, same)) if same == hash => from,
            Some(_) => {
                let detail = "What was read has changed since this continuationToken: call again without it.";
                return Err(Refusal::new("changed_meanwhile", detail));
            }
            None => {
                let error = json!({ "field": TOKEN, "code": "invalid_value", "message": "is no token of this tool" });
                let detail = "The continuationToken is not one that this tool gave.";
                return Err(Refusal::new("validation_failed", detail).with("errors", vec![error]));
            }
        },
    };
    let mut cutter = Cutter::new(from, ROOM - FOR_THE_NEXT);
    let mut part = cutter.object(members);
    if cutter.is_full && cutter.given == 0 {
        return Err(Refusal::new("too_long", "The name of a member is longer than a result may be."));
    }
    if cutter.is_full {
        let next = from + cutter.given;
        part.insert(TOKEN.to_owned(), format!("{next}-{hash}").into());
        part.insert(CUT.to_owned(), "This is a part: call again with continuationToken for the next.".into());
    }
    Ok(part)
}

fn hash_of(members: &JsonObject) -> String {
    let mut hasher = DefaultHasher::new();
    json!(members).to_string().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// What JSON costs in a result: it stands there as structure, and once more as a text, in which quotes and backslashes are
/// escaped.
fn cost(json: &str) -> usize {
    2 * json.len() + json.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count()
}

fn cost_of(members: &JsonObject) -> usize {
    cost(&json!(members).to_string())
}

fn cost_of_char(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => cost("\\n") + usize::from(matches!(c, '"' | '\\')),
        '\0'..='\u{1f}' => cost("\\u0000"),
        _ => 2 * c.len_utf8(),
    }
}

/// Gives a value from a place on, as far as there is room: lists by entries, texts by characters. A place is a number of
/// units: each character of a text is one, and everything else that has nothing in it.
struct Cutter {
    skip: usize,
    room: usize,
    given: usize,
    is_full: bool,
}

impl Cutter {
    fn new(skip: usize, room: usize) -> Self {
        Self { skip, room, given: 0, is_full: false }
    }

    /// Takes so much room, unless there is less.
    fn pay(&mut self, cost: usize) -> bool {
        match self.room.checked_sub(cost) {
            Some(left) => self.room = left,
            None => self.is_full = true,
        }
        !self.is_full
    }

    fn value(&mut self, value: &Value) -> Option<Value> {
        match value {
            Value::String(text) if !text.is_empty() => self.text(text),
            Value::Array(entries) if !entries.is_empty() => self.list(entries),
            Value::Object(members) if !members.is_empty() => {
                let before = self.room;
                if !self.pay(cost("{}")) {
                    return None;
                }
                let object = self.object(members);
                self.unless_empty(object.is_empty(), before, Value::Object(object))
            }
            _ if self.skip > 0 => {
                self.skip -= 1;
                None
            }
            leaf => {
                if !self.pay(cost(&leaf.to_string())) {
                    return None;
                }
                self.given += 1;
                Some(leaf.clone())
            }
        }
    }

    fn unless_empty(&mut self, is_empty: bool, before: usize, value: Value) -> Option<Value> {
        if is_empty {
            self.room = before;
            return None;
        }
        Some(value)
    }

    fn object(&mut self, members: &JsonObject) -> JsonObject {
        let mut given = JsonObject::new();
        for (name, value) in members {
            let before = self.room;
            if !self.pay(cost(&json!(name).to_string()) + cost(":,")) {
                break;
            }
            match self.value(value) {
                Some(value) => {
                    given.insert(name.clone(), value);
                }
                None => self.room = before,
            }
            if self.is_full {
                break;
            }
        }
        given
    }

    fn list(&mut self, entries: &[Value]) -> Option<Value> {
        let before = self.room;
        if !self.pay(cost("[]")) {
            return None;
        }
        let mut given = Vec::new();
        for entry in entries {
            if !self.pay(cost(",")) {
                break;
            }
            match self.value(entry) {
                Some(entry) => given.push(entry),
                None => self.room += cost(","),
            }
            if self.is_full {
                break;
            }
        }
        self.unless_empty(given.is_empty(), before, Value::Array(given))
    }

    fn text(&mut self, text: &str) -> Option<Value> {
        let length = text.chars().count();
        if self.skip >= length {
            self.skip -= length;
            return None;
        }
        let from = std::mem::take(&mut self.skip);
        if !self.pay(cost("\"\"")) {
            return None;
        }
        let mut given = String::new();
        for c in text.chars().skip(from) {
            if !self.pay(cost_of_char(c)) {
                break;
            }
            given.push(c);
            self.given += 1;
        }
        (!given.is_empty()).then_some(Value::String(given))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(value: Value) -> JsonObject {
        match value {
            Value::Object(members) => members,
            _ => JsonObject::new(),
        }
    }

    fn sent(outcome: Outcome) -> (usize, Value) {
        let result = result(outcome);
        let length = serde_json::to_string(&result).unwrap().len();
        (length, result.structured_content.unwrap())
    }

    /// Puts the next part behind what there is: texts and lists go on where they ended.
    fn join(whole: &mut Value, next: Value) {
        match (whole, next) {
            (Value::String(whole), Value::String(next)) => whole.push_str(&next),
            (Value::Array(whole), Value::Array(next)) => {
                let mut next = next.into_iter();
                // A text goes on where it ended.
                if let (Some(Value::String(last)), Some(Value::String(first))) =
                    (whole.last_mut(), next.as_slice().first())
                {
                    last.push_str(first);
                    next.next();
                }
                whole.extend(next);
            }
            (Value::Object(whole), Value::Object(next)) => {
                for (name, value) in next {
                    match whole.get_mut(&name) {
                        Some(there) => join(there, value),
                        None => {
                            whole.insert(name, value);
                        }
                    }
                }
            }
            _ => {}
        }
    }

    #[test]
    fn the_parts_of_an_answer_put_together_are_the_answer_and_none_is_too_long() {
        for worst in ["a", "\"", "\\", "\n", "\u{1}", "é", "\u{1f600}"] {
            let answer = json!({
                "item": {
                    "id": "1", "note": worst.repeat(10_000), "none": null, "empty": "", "no": [], "nothing": {}, "yes": true,
                    "customFields": { "a": worst.repeat(5_000), "b": 10.10 },
                },
                "etag": "\"x\"",
                "history": [worst.repeat(9_000), "end"],
            });
            let (mut whole, mut token, mut parts) = (json!({}), None, 0);
            loop {
                let (length, mut part) = sent(Ok(Answer::in_parts(members(answer.clone()), token.clone())));
                assert!(length <= MOST_BYTES, "{worst:?}: {length} bytes");
                parts += 1;
                token = part[TOKEN].as_str().map(str::to_owned);
                if token.is_some() {
                    assert!(length > MOST_BYTES - 1_000, "{worst:?}: a part uses its room: {length}");
                    part.as_object_mut().unwrap().retain(|name, _| name != TOKEN && name != CUT);
                }
                join(&mut whole, part);
                if token.is_none() {
                    break;
                }
            }
            assert!(parts > 2, "{worst:?}");
            assert_eq!(whole, answer, "{worst:?}");
        }
    }

    #[test]
    fn what_just_fits_is_given_whole_and_one_byte_more_is_cut() {
        let with = |length: usize| members(json!({ "item": { "note": "a".repeat(length) } }));
        let longest = (ROOM - cost_of(&with(0))) / 2;
        for (length, is_whole) in [(longest, true), (longest + 1, false)] {
            let (bytes, answer) = sent(Ok(Answer::in_parts(with(length), None)));
            assert_eq!(answer.get(TOKEN).is_none(), is_whole, "{length}");
            assert!(bytes <= MOST_BYTES, "{bytes}");
            let (bytes, answer) = sent(Ok(Answer::cut(with(length), "elsewhere")));
            assert_eq!(answer.get(CUT).is_none(), is_whole, "{length}");
            assert!(bytes <= MOST_BYTES, "{bytes}");
        }
    }

    #[test]
    fn a_token_of_another_answer_is_refused() {
        let answer = |text: &str| Answer::in_parts(members(json!({ "text": text.repeat(20_000) })), None);
        let token = sent(Ok(answer("a"))).1[TOKEN].as_str().unwrap().to_owned();
        let mut changed = answer("b");
        changed.more = More::Parts(Some(token));
        assert_eq!(sent(Ok(changed)).1["code"], "changed_meanwhile");
        for malformed in ["", "-", "x-1", "12", "-1-2", "99999999999999999999999-1"] {
            let mut answer = answer("a");
            answer.more = More::Parts(Some(malformed.to_owned()));
            assert_eq!(sent(Ok(answer)).1["code"], "validation_failed", "{malformed:?}");
        }
    }

    #[test]
    fn a_problem_is_cut_and_keeps_what_it_begins_with() {
        let errors: Vec<Value> =
            (0..100).map(|n| json!({ "field": format!("f{n}"), "message": "m".repeat(500) })).collect();
        let refusal = Refusal::new("validation_failed", "Something.").with("errors", errors);
        let (length, problem) = sent(Err(refusal));
        assert!(length <= MOST_BYTES && length > MOST_BYTES / 2, "{length}");
        assert_eq!((&problem["code"], &problem["errors"][0]["field"]), (&json!("validation_failed"), &json!("f0")));
    }
}
