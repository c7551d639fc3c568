use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::{FieldCode, FieldErrors};
use crate::input::{At, FromJson, checked, read_list};
use crate::values::text::{checked_part, read_text};

/// A person in the caller's directory, such as a Microsoft 365 account: not verified here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(try_from = "Members")]
pub struct User {
    /// 1 to 128 characters.
    #[cfg_attr(feature = "openapi", schema(max_length = 128, pattern = r"\S", examples("user-012")))]
    id: String,
    /// The display name, at most 255 characters.
    #[cfg_attr(feature = "openapi", schema(required = false, max_length = 255, examples("Alex Kim")))]
    name: Option<String>,
    /// The address as the caller's directory has it, at most 254 characters; its form is not checked.
    #[cfg_attr(feature = "openapi", schema(required = false, max_length = 254, examples("alex.kim@example.com")))]
    email: Option<String>,
}

/// What a user is read from where rows have one, before it is checked.
#[derive(Deserialize)]
struct Members {
    id: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    email: Option<String>,
}

impl TryFrom<Members> for User {
    type Error = FieldErrors;

    fn try_from(Members { id, name, email }: Members) -> Result<Self, FieldErrors> {
        let user = Self::new(&id)?.named(name.as_deref().unwrap_or_default())?;
        user.with_email(email.as_deref().unwrap_or_default())
    }
}

impl User {
    const LONGEST_ID: usize = 128;
    const LONGEST_NAME: usize = 255;
    const LONGEST_EMAIL: usize = 254;

    /// The user with this id in the caller's directory.
    ///
    /// # Errors
    /// What is wrong with the id.
    pub fn new(id: &str) -> Result<Self, FieldErrors> {
        match checked_part("id", id, Self::LONGEST_ID)? {
            Some(id) => Ok(Self { id, name: None, email: None }),
            None => Err(FieldErrors::of("id", FieldCode::Required, ID_REQUIRED)),
        }
    }

    /// The same user with this display name; a blank one is none.
    ///
    /// # Errors
    /// What is wrong with the name.
    pub fn named(self, name: &str) -> Result<Self, FieldErrors> {
        Ok(Self { name: checked_part("name", name, Self::LONGEST_NAME)?, ..self })
    }

    /// The same user with this address; a blank one is none.
    ///
    /// # Errors
    /// What is wrong with the address.
    pub fn with_email(self, email: &str) -> Result<Self, FieldErrors> {
        Ok(Self { email: checked_part("email", email, Self::LONGEST_EMAIL)?, ..self })
    }

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

const ID_REQUIRED: &str = "is required: 1 to 128 characters";

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
        let id = text("id", Self::LONGEST_ID);
        let (name, email) = (text("name", Self::LONGEST_NAME), text("email", Self::LONGEST_EMAIL));
        if id == Some(None) {
            errors.push(at.key("id"), FieldCode::Required, ID_REQUIRED);
        }
        Some(Self { id: id??, name: name?, email: email? })
    }
}

/// The users who follow a record: at most 100, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Kept")]
pub struct Followers(Vec<User>);

/// What rows have. After a merge they may be more than [`Followers::LIMIT`]; each stands there once all the same.
#[derive(Deserialize)]
struct Kept(Vec<User>);

impl From<Kept> for Followers {
    fn from(Kept(users): Kept) -> Self {
        Self::union([&Self(users)])
    }
}

impl Followers {
    /// The most followers of a record.
    pub const LIMIT: usize = 100;

    /// These users.
    ///
    /// # Errors
    /// Where they are too many, or one stands among them twice.
    pub fn new(users: impl IntoIterator<Item = User>) -> Result<Self, FieldErrors> {
        let users = users.into_iter().map(|User { id, name, email }| json!({ "id": id, "name": name, "email": email }));
        checked("followers", users.collect::<Vec<Value>>())
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    fn refused<T: std::fmt::Debug>(made: Result<T, FieldErrors>) -> (String, FieldCode) {
        let errors = made.unwrap_err();
        (errors.as_slice()[0].field.clone(), errors.as_slice()[0].code)
    }

    #[test]
    fn a_user_in_code_is_the_one_that_a_body_names() {
        let alex = User::new(" user-012 ").unwrap().named("Alex Kim").unwrap().with_email("alex@example.com").unwrap();
        let body = json!({ "id": "user-012", "name": "Alex Kim", "email": "alex@example.com" });
        assert_eq!(checked::<User>("owner", body.clone()), Ok(alex.clone()));
        assert_eq!(serde_json::to_value(&alex).unwrap(), body);
        assert_eq!(alex.named(" ").unwrap().name(), None, "a blank name is none");
    }

    #[test]
    fn a_user_in_code_is_held_to_the_rules_of_a_body() {
        for limit in [128, 129] {
            assert_eq!(User::new(&"a".repeat(limit)).is_ok(), limit == 128, "{limit}");
        }
        let user = || User::new("a").unwrap();
        assert!(user().named(&"a".repeat(255)).unwrap().with_email(&"a".repeat(254)).is_ok());
        assert_eq!(refused(User::new(" ")), ("id".to_owned(), FieldCode::Required));
        assert_eq!(refused(User::new("a\0")), ("id".to_owned(), FieldCode::InvalidCharacters));
        assert_eq!(refused(user().named(&"a".repeat(256))), ("name".to_owned(), FieldCode::TooLong));
        assert_eq!(refused(user().with_email(&"a".repeat(255))), ("email".to_owned(), FieldCode::TooLong));
        for row in [json!({ "id": "" }), json!({ "id": "a", "name": "b\u{1}" }), json!({ "name": "a" })] {
            assert!(serde_json::from_value::<User>(row.clone()).is_err(), "{row}");
        }
    }

    #[test]
    fn followers_are_few_and_each_is_one_once() {
        let user = |number: usize| User::new(&number.to_string()).unwrap();
        assert_eq!(Followers::new((0..100).map(user)).unwrap().as_slice().len(), 100);
        assert_eq!(refused(Followers::new((0..101).map(user))), ("followers".to_owned(), FieldCode::TooMany));
        assert_eq!(refused(Followers::new([user(1), user(1)])), ("followers[1].id".to_owned(), FieldCode::Duplicate));
        // More than a body may name are in rows, after a merge.
        let rows: Vec<User> = (0..150).chain(0..150).map(user).collect();
        let stored: Followers = serde_json::from_value(serde_json::to_value(rows).unwrap()).unwrap();
        assert_eq!(stored.as_slice().len(), 150);
    }
}
