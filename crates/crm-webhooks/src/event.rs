use std::fmt;
use std::str::FromStr;

use crm_core::input::{At, FromJson, checked, read_list};
use crm_core::keys::{Access, Area, Right, Rights};
use crm_core::{FieldCode, FieldErrors};
use crm_history::{Action, Change, Kind};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// What a webhook may ask for: `lead.created`, all changes of a kind as `opportunity.*`, or `*`, everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Event {
    /// Of which kind; of any where there is none.
    kind: Option<Kind>,
    /// Which action; any where there is none.
    action: Option<Action>,
}

impl Event {
    /// Whether it is one of these.
    #[must_use]
    pub fn includes(self, change: &Change) -> bool {
        self.kind.is_none_or(|kind| kind == change.kind) && self.action.is_none_or(|action| action == change.action)
    }

    /// What somebody must be allowed to read who asks for it: what a webhook is sent, its maker has seen.
    fn needs(self) -> Rights {
        let right = |area| Right { area, access: Access::Read };
        match self.kind {
            None => Rights::default().with(right(None)),
            Some(kind) => areas(kind).iter().map(|area| right(Some(*area))).collect(),
        }
    }
}

/// The areas that a kind is read in.
fn areas(kind: Kind) -> &'static [Area] {
    match kind {
        Kind::Lead | Kind::Opportunity | Kind::Pipeline => &[Area::Pipeline],
        Kind::Contact | Kind::Organization => &[Area::Directory],
        Kind::Case | Kind::CaseType => &[Area::Cases],
        // Of any kind of record.
        Kind::Form | Kind::Tag => &[Area::Pipeline, Area::Directory, Area::Cases],
        Kind::Key | Kind::Webhook | Kind::ClientMap => &[Area::Settings],
    }
}

/// The name of what happened, as it is sent: `lead.updated`.
#[must_use]
pub fn event_name(kind: Kind, action: Action) -> String {
    format!("{kind}.{action}")
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.kind, self.action) {
            (None, _) => f.write_str("*"),
            (Some(kind), None) => write!(f, "{kind}.*"),
            (Some(kind), Some(action)) => write!(f, "{kind}.{action}"),
        }
    }
}

/// Why a text is no [`Event`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be *, a kind of record with .*, or with an action, such as lead.created, opportunity.stageChanged or case.*"
)]
pub struct NotAnEvent;

impl FromStr for Event {
    type Err = NotAnEvent;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "*" {
            return Ok(Self { kind: None, action: None });
        }
        let (kind, action) = text.split_once('.').ok_or(NotAnEvent)?;
        let kind = Some(Kind::from_name(kind).ok_or(NotAnEvent)?);
        match action {
            "*" => Ok(Self { kind, action: None }),
            action => Ok(Self { kind, action: Some(Action::from_name(action).ok_or(NotAnEvent)?) }),
        }
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl FromJson for Event {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let event = value.as_str().map(str::parse);
        match event {
            Some(Ok(event)) => return Some(event),
            Some(Err(NotAnEvent)) => errors.push(at, FieldCode::InvalidValue, NotAnEvent),
            None => errors.push(at, FieldCode::WrongType, "must be a string"),
        }
        None
    }
}

/// What a webhook is told of: at least one [`Event`], each once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Event>")]
pub struct Events(Vec<Event>);

impl Events {
    /// The most that a webhook has.
    pub const LIMIT: usize = 100;

    /// These events, each once.
    ///
    /// # Errors
    /// Where there is none, or they are too many.
    pub fn new(events: impl IntoIterator<Item = Event>) -> Result<Self, FieldErrors> {
        checked("events", events.into_iter().map(|event| Value::from(event.to_string())).collect::<Vec<Value>>())
    }

    /// Whether one of them is this.
    #[must_use]
    pub fn include(&self, change: &Change) -> bool {
        self.0.iter().any(|event| event.includes(change))
    }

    /// What somebody must be allowed to read who asks for them.
    #[must_use]
    pub fn needed(&self) -> Rights {
        self.0.iter().map(|event| event.needs()).fold(Rights::default(), Rights::and)
    }
}

impl TryFrom<Vec<Event>> for Events {
    type Error = FieldErrors;

    fn try_from(events: Vec<Event>) -> Result<Self, FieldErrors> {
        Self::new(events)
    }
}

impl FromJson for Events {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let mut events: Vec<Event> = read_list(value, at, Self::LIMIT, errors)?;
        if events.is_empty() {
            errors.push(at, FieldCode::Required, "must name at least one event");
            return None;
        }
        let mut seen = Vec::with_capacity(events.len());
        events.retain(|event| {
            !seen.contains(event) && {
                seen.push(*event);
                true
            }
        });
        Some(Self(events))
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Events {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        let names = |all: Vec<&str>| all.join("|");
        let kinds = names(Kind::ALL.iter().map(|kind| kind.as_str()).collect());
        let actions = names(Action::ALL.iter().map(|action| action.as_str()).collect());
        let event = utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .pattern(Some(format!(r"^(\*|({kinds})\.(\*|{actions}))$")))
            .examples([Value::from("lead.created"), Value::from("opportunity.*"), Value::from("*")]);
        utoipa::openapi::schema::ArrayBuilder::new()
            .items(event)
            .min_items(Some(1))
            .max_items(Some(Self::LIMIT))
            .description(Some("What it is told of: a kind and an action, all actions of a kind, or everything."))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Events {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_deserialized_keeps_the_rules() {
        let read = |json: &str| serde_json::from_str::<Events>(json).map(|events| events.0.len()).ok();
        let many = |count: usize| format!("[{}]", vec!["\"lead.created\""; count].join(","));
        assert_eq!(read(&many(Events::LIMIT)), Some(1));
        assert_eq!([read("[]"), read(&many(Events::LIMIT + 1)), read("[\"lead.eaten\"]")], [None; 3]);
    }

    #[test]
    fn an_event_is_a_kind_and_an_action_that_there_are() {
        for text in
            ["*", "lead.created", "opportunity.*", "opportunity.stageChanged", "caseType.updated", "clientMap.*"]
        {
            assert_eq!(text.parse::<Event>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "lead",
            "lead.",
            ".created",
            "*.*",
            "*.created",
            "leads.created",
            "lead.create",
            "Lead.created",
            "lead.created.x",
        ] {
            assert_eq!(text.parse::<Event>(), Err(NotAnEvent), "{text:?}");
        }
    }

    #[test]
    fn who_asks_for_something_must_be_allowed_to_read_it() {
        let needed =
            |texts: &[&str]| Events(texts.iter().map(|text| text.parse().unwrap()).collect()).needed().to_string();
        assert_eq!(needed(&["lead.created", "opportunity.*", "case.*"]), "pipeline:read cases:read");
        assert_eq!(needed(&["contact.created", "*"]), "*:read");
        assert_eq!(needed(&["tag.created"]), "pipeline:read directory:read cases:read", "of any kind of record");
        assert_eq!(needed(&["webhook.*", "key.created"]), "settings:read");
    }
}
