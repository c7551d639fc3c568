use std::collections::{HashMap, HashSet};

use diesel::result::Error as DieselError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ContactId;
use crate::error::{FieldCode, FieldErrors, WriteError, is_foreign_key_violation};
use crate::input::{At, FromJson, checked, read_list};
use crate::records::{Cell, Stored};
use crate::values::text::read_text;

/// A contact that takes part in a lead or opportunity: `{ id, name? }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Participant {
    /// The id of the contact.
    pub id: ContactId,
    /// The name as it was sent, at most 255 characters; it does not follow that of the contact.
    #[cfg_attr(feature = "openapi", schema(required = false, max_length = 255, examples("John Doe")))]
    pub name: Option<String>,
}

/// The participants of a record: at most 100, each once, in the order in which they were sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Participants(Vec<Participant>);

impl Participant {
    /// This contact.
    #[must_use]
    pub fn new(id: ContactId) -> Self {
        Self { id, name: None }
    }

    /// The same contact with a name, which is checked where it becomes one of [`Participants`].
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }
}

impl Participants {
    /// The most participants of a record.
    pub const LIMIT: usize = 100;

    /// These participants.
    ///
    /// # Errors
    /// Where they are too many, one stands among them twice, or a name is none.
    pub fn new(participants: impl IntoIterator<Item = Participant>) -> Result<Self, FieldErrors> {
        let member = |Participant { id, name }| json!({ "id": id, "name": name });
        checked("participants", participants.into_iter().map(member).collect::<Vec<Value>>())
    }

    /// The participants, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Participant] {
        &self.0
    }

    /// Whether there is nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The participants themselves, in order.
    #[must_use]
    pub fn into_vec(self) -> Vec<Participant> {
        self.0
    }

    /// All of several lists, each once, those of the first list first. Whoever has no name takes the first that came with it.
    #[must_use]
    pub fn union<'a>(lists: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut places: HashMap<ContactId, usize> = HashMap::new();
        let mut all: Vec<Participant> = Vec::new();
        for participant in lists.into_iter().flat_map(|list| &list.0) {
            let place = *places.entry(participant.id).or_insert(all.len());
            match all.get_mut(place) {
                Some(known) => known.name = known.name.take().or_else(|| participant.name.clone()),
                None => all.push(participant.clone()),
            }
        }
        Self(all)
    }

    /// The columns of a table of participants, as [`rows`](Self::rows) fills them.
    pub const COLUMNS: &'static [(&'static str, Cell)] =
        &[("contact_id", Cell::Number), ("name", Cell::Text), ("position", Cell::Number)];

    /// A row for each of them.
    #[must_use]
    pub fn rows(&self) -> Vec<Value> {
        let row = |(position, participant): (usize, &Participant)| {
            json!([participant.id.as_i64(), participant.name, position])
        };
        self.0.iter().enumerate().map(row).collect()
    }

    /// The contacts that they are, each with the path of the field to blame where it does not exist.
    pub fn references(&self) -> impl Iterator<Item = (String, ContactId)> {
        self.0.iter().enumerate().map(|(index, participant)| (format!("participants[{index}].id"), participant.id))
    }
}

impl Participants {
    /// What it means that the database refused these participants: the caller checked that the contacts exist, and one of
    /// them vanished since.
    #[must_use]
    pub fn unknown(&self, error: DieselError) -> WriteError {
        if !is_foreign_key_violation(&error) {
            return error.into();
        }
        let mut references = self.references();
        // The databases do not say which one it was.
        let field = match (references.next(), references.next()) {
            (Some((only, _)), None) => only,
            _ => "participants".to_owned(),
        };
        FieldErrors::of(field, FieldCode::UnknownReference, "names a contact that does not exist").into()
    }
}

impl Stored for Participants {
    type Of = Vec<Participant>;

    fn stored(participants: Vec<Participant>) -> Self {
        Self(participants)
    }
}

impl FromJson for Participant {
    /// Members beside `id` and `name` are ignored, as those of a user are: clients send back what they show.
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let Value::Object(members) = value else {
            errors.push(at, FieldCode::WrongType, "must be an object { id, name }");
            return None;
        };
        let id = ContactId::from_json(members.get("id").unwrap_or(&Value::Null), &at.key("id"), errors);
        let name = match members.get("name") {
            None | Some(Value::Null) => Some(None),
            Some(name) => read_text(name, &at.key("name"), 255, true, errors)
                .map(|text| (!text.is_empty()).then(|| text.to_owned())),
        };
        Some(Self { id: id?, name: name? })
    }
}

impl FromJson for Participants {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let participants: Vec<Participant> = read_list(value, at, Self::LIMIT, errors)?;
        let mut seen = HashSet::new();
        let mut unique = true;
        for (index, participant) in participants.iter().enumerate() {
            if !seen.insert(participant.id) {
                errors.push(at.index(index).key("id"), FieldCode::Duplicate, "stands in the list twice");
                unique = false;
            }
        }
        unique.then_some(Self(participants))
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Participants {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::schema::ArrayBuilder::new()
            .items(utoipa::openapi::Ref::from_schema_name("Participant"))
            .max_items(Some(Self::LIMIT))
            .description(Some("At most 100 contacts, each once."))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Participants {
    fn schemas(schemas: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>)>) {
        schemas.push(("Participant".to_owned(), <Participant as utoipa::PartialSchema>::schema()));
        Participant::schemas(schemas);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn participants_in_code_are_held_to_the_rules_of_a_body() {
        let contact = |number| Participant::new(ContactId::from_i64(number));
        let jane = Participants::new([contact(7).named(" Jane ")]).unwrap();
        assert_eq!(jane.as_slice(), [contact(7).named("Jane")]);
        assert_eq!(Participants::new((1..=100).map(contact)).unwrap().as_slice().len(), 100);
        for (made, field, code) in [
            (Participants::new((1..=101).map(contact)), "participants", FieldCode::TooMany),
            (Participants::new([contact(1), contact(1)]), "participants[1].id", FieldCode::Duplicate),
            (Participants::new([contact(1).named("a".repeat(256))]), "participants[0].name", FieldCode::TooLong),
            (Participants::new([contact(0)]), "participants[0].id", FieldCode::InvalidId),
        ] {
            let errors = made.unwrap_err();
            assert_eq!((errors.as_slice()[0].field.as_str(), errors.as_slice()[0].code), (field, code));
        }
    }
}
