use std::collections::HashSet;
use std::str::FromStr;

use crm_core::input::{At, FromJson, checked, read_list, refuse_unknown};
use crm_core::records::Stored;
use crm_core::text::folded;
use crm_core::values::{Color, Title};
use crm_core::{FieldCode, FieldErrors, Uuid, checked_text};
use diesel::deserialize::FromSqlRow;
use diesel::expression::AsExpression;
use diesel::sql_types::Text;
use serde::Serialize;
use serde_json::{Value, json};

/// A stage of a pipeline: `{ key, label, order, probability, color }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Stage {
    /// What opportunities name it by; unique in the pipeline.
    pub key: StageKey,
    /// What people call it; unique in the pipeline, in whatever case.
    pub label: Title,
    /// Its place in the pipeline, from 1.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub order: i16,
    /// How likely an opportunity in this stage is won, in whole percents from 0 to 100.
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 100))]
    pub probability: Option<i16>,
    /// `#` and six hexadecimal digits.
    pub color: Color,
}

/// The key of a stage: 1 to 64 characters of `A-Z a-z 0-9 _ -`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub struct StageKey(String);

/// Why a text is no [`StageKey`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to 64 characters of A-Z, a-z, 0-9, '_' and '-'")]
pub struct NotAStageKey;

checked_text!(StageKey);

impl StageKey {
    fn random() -> Self {
        Self(Uuid::random().to_string())
    }
}

impl FromStr for StageKey {
    type Err = NotAStageKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let sane = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if (1..=64).contains(&text.len()) && text.bytes().all(sane) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAStageKey)
        }
    }
}

impl FromJson for StageKey {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let Some(text) = value.as_str() else {
            errors.push(at, FieldCode::WrongType, "must be a string");
            return None;
        };
        let key = text.parse();
        if key.is_err() {
            errors.push(at, FieldCode::InvalidId, NotAStageKey);
        }
        key.ok()
    }
}

/// The key of a stage in a body that need not name one: a client with nothing to say sends `""`, as the source's
/// example of a PATCH does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageOrBlank(pub Option<StageKey>);

impl FromJson for StageOrBlank {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let key = if value.as_str() == Some("") { None } else { Some(StageKey::from_json(value, at, errors)?) };
        Some(Self(key))
    }
}

/// A stage as a body has it: `{ key?, label, probability?, color? }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewStage {
    /// Its key: that of a stage which is there already, or the one to make it with; made by the server where it is
    /// left out.
    pub key: StageKey,
    /// What people call it.
    pub label: Title,
    /// Whole percents from 0 to 100.
    pub probability: Option<i16>,
    /// Its colour; grey unless given.
    pub color: Color,
}

impl NewStage {
    /// A grey stage with this label, for which a key is made.
    #[must_use]
    pub fn new(label: Title) -> Self {
        Self { key: StageKey::random(), label, probability: None, color: grey() }
    }
}

/// The stages of a pipeline in their order: 1 to 100, with keys and labels that are unique, labels in whatever case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewStages(Vec<NewStage>);

impl NewStages {
    /// The most stages of a pipeline.
    pub const LIMIT: usize = 100;

    /// These stages, in their order.
    ///
    /// # Errors
    /// What is wrong with them: their number, a probability that is none, or two that are called the same.
    pub fn new(stages: impl IntoIterator<Item = NewStage>) -> Result<Self, FieldErrors> {
        let member = |NewStage { key, label, probability, color }| json!({ "key": key, "label": label, "probability": probability, "color": color });
        checked("stages", stages.into_iter().map(member).collect::<Vec<Value>>())
    }

    /// The stages, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[NewStage] {
        &self.0
    }

    /// Whether a pipeline has just these stages.
    pub(super) fn are(&self, stages: &[Stage]) -> bool {
        let is = |(new, stage): (&NewStage, &Stage)| {
            let NewStage { key, label, probability, color } = new;
            (key, label, probability, color) == (&stage.key, &stage.label, &stage.probability, &stage.color)
        };
        self.0.len() == stages.len() && self.0.iter().zip(stages).all(is)
    }

    /// The stages that a new tenant's pipeline has (docs/compatibility.md, "Opportunities and pipelines").
    pub(super) fn of_a_new_tenant() -> Self {
        const STAGES: [(&str, &str, i16); 5] = [
            ("qualification", "Qualification", 10),
            ("needs-analysis", "Needs analysis", 25),
            ("proposal", "Proposal", 50),
            ("negotiation", "Negotiation", 75),
            ("closing", "Closing", 90),
        ];
        let stage = |(key, label, probability): (&str, &str, i16)| NewStage {
            key: StageKey(key.to_owned()),
            label: Title::stored(label.to_owned()),
            probability: Some(probability),
            color: grey(),
        };
        Self(STAGES.into_iter().map(stage).collect())
    }
}

fn grey() -> Color {
    Color::stored("#808080".to_owned())
}

impl FromJson for NewStages {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let stages: Vec<NewStage> = read_list(value, at, Self::LIMIT, errors)?;
        if stages.is_empty() {
            errors.push(at, FieldCode::Required, "must have at least one stage");
            return None;
        }
        let (mut keys, mut labels) = (HashSet::new(), HashSet::new());
        let mut unique = true;
        for (index, stage) in stages.iter().enumerate() {
            let mut once = |is_new: bool, member: &str| {
                if !is_new {
                    errors.push(at.index(index).key(member), FieldCode::Duplicate, "stands in the pipeline twice");
                    unique = false;
                }
            };
            once(keys.insert(&stage.key), "key");
            once(labels.insert(folded(stage.label.as_str())), "label");
        }
        unique.then_some(Self(stages))
    }
}

impl FromJson for NewStage {
    /// `order` is the place in the list, whatever a client sends back that it read.
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let Value::Object(members) = value else {
            errors.push(at, FieldCode::WrongType, "must be an object { key, label, probability, color }");
            return None;
        };
        let before = errors.as_slice().len();
        let known = ["key", "label", "probability", "color", "order"];
        refuse_unknown(members, &known, at, "is no member of a stage", errors);
        let given = |name: &str| members.get(name).filter(|value| !value.is_null());
        let key =
            given("key").map_or(Some(StageOrBlank(None)), |key| StageOrBlank::from_json(key, &at.key("key"), errors));
        let label = match given("label") {
            None => {
                errors.push(at.key("label"), FieldCode::Required, "is required");
                None
            }
            Some(label) => Title::from_json(label, &at.key("label"), errors),
        };
        let probability = match given("probability") {
            None => Some(None),
            Some(probability) => read_percents(probability, &at.key("probability"), errors).map(Some),
        };
        let color = match given("color") {
            None => Some(grey()),
            Some(color) => Color::from_json(color, &at.key("color"), errors),
        };
        let key = key?.0.unwrap_or_else(StageKey::random);
        let stage = Self { key, label: label?, probability: probability?, color: color? };
        (errors.as_slice().len() == before).then_some(stage)
    }
}

fn read_percents(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<i16> {
    let Value::Number(number) = value else {
        errors.push(at, FieldCode::WrongType, "must be a number");
        return None;
    };
    // `50.0` is a whole number too, in JSON and in JSON Schema. It is parsed once: it can have a million digits.
    let number = number.as_f64();
    let percents = (0..=100_i16).find(|percents| number == Some(f64::from(*percents)));
    if percents.is_none() {
        errors.push(at, FieldCode::OutOfRange, "must be a whole number of percents from 0 to 100");
    }
    percents
}
