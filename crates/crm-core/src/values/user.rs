use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{FieldCode, FieldErrors};
use crate::input::{At, FromJson, read_list};
use crate::values::text::read_text;

/// A person in the caller's directory, such as a Microsoft 365 account: not verified here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct User {
    /// 1 to 128 characters.
    #[cfg_attr(feature = "openapi", schema(max_length = 128, pattern = r"\S", examples("user-012")))]
    id: String,
    /// The display name, at most 255 characters.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = false, max_length = 255, examples("Alex Kim")))]
    name: Option<String>,
    /// The address as the caller's directory has it, at most 254 characters; its form is not checked.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = false, max_length = 254, examples("alex.kim@example.com")))]
    email: Option<String>,
}

impl User {
    /// The id in the caller's directory.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The display name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The e-mail address.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.email.as_deref()
    }
}

impl FromJson for User {
    /// Members beside `id`, `name` and `email` are ignored (docs/compatibility.md, "Ids, times and money").
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let Value::Object(members) = value else {
            errors.push(at, FieldCode::WrongType, "must be an object { id, name, email }");
            return None;
        };
        let mut text = |name: &str, limit: usize| -> Option<Option<String>> {
            match members.get(name) {
                None | Some(Value::Null) => Some(None),
                Some(value) => {
                    let text = read_text(value, &at.key(name), limit, true, errors)?;
                    Some((!text.is_empty()).then(|| text.to_owned()))
                }
            }
        };
        let (id, name, email) = (text("id", 128), text("name", 255), text("email", 254));
        if id == Some(None) {
            errors.push(at.key("id"), FieldCode::Required, "is required: 1 to 128 characters");
        }
        Some(Self { id: id??, name: name?, email: email? })
    }
}

/// The users who follow a record: at most 100, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Followers(Vec<User>);

impl Followers {
    /// The most followers of a record.
    pub const LIMIT: usize = 100;

    /// The users, in the order in which they were sent.
    #[must_use]
    pub fn as_slice(&self) -> &[User] {
        &self.0
    }

    /// All of several lists, each once, those of the first list first.
    #[must_use]
    pub fn union<'a>(lists: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut seen = HashSet::new();
        let all = lists.into_iter().flat_map(|list| &list.0).filter(|user| seen.insert(user.id()));
        Self(all.cloned().collect())
    }

    /// Whether nobody follows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromJson for Followers {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let users: Vec<User> = read_list(value, at, Self::LIMIT, errors)?;
        let mut seen = HashSet::new();
        let mut unique = true;
        for (index, user) in users.iter().enumerate() {
            if !seen.insert(user.id()) {
                errors.push(at.index(index).key("id"), FieldCode::Duplicate, "stands in the list twice");
                unique = false;
            }
        }
        unique.then_some(Self(users))
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Followers {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::schema::ArrayBuilder::new()
            .items(utoipa::openapi::Ref::from_schema_name("User"))
            .max_items(Some(Self::LIMIT))
            .description(Some("At most 100 users, each once."))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Followers {
    fn schemas(schemas: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>)>) {
        schemas.push(("User".to_owned(), <User as utoipa::PartialSchema>::schema()));
        User::schemas(schemas);
    }
}
