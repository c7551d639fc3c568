use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde_json::Value;

use crate::error::{FieldCode, FieldErrors};
use crate::ids::database_integer;
use crate::input::{At, FromJson};
use crate::keys::{KeyHash, Rights};
use crate::numbering::Numbers;
use crate::secrets::Secrets;
use crate::values::{Title, User};
use crate::{KeyId, Memory, Patch, Timestamp};

database_integer! {
    /// A tenant inside the database: the first column of every key and index. Never shown to a client.
    TenantId
}

/// A tenant's id as clients see it: 1 to 64 characters of `A-Z a-z 0-9 . _ -`
/// (docs/compatibility.md, "Ids, times and money").
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicTenantId(Arc<str>);

impl PublicTenantId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PublicTenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for PublicTenantId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Why a text is no [`PublicTenantId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a tenant id has 1 to 64 characters of A-Z, a-z, 0-9, '.', '_' and '-'")]
pub struct NotATenantId;

impl FromStr for PublicTenantId {
    type Err = NotATenantId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let sane = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if (1..=64).contains(&text.len()) && text.bytes().all(sane) { Ok(Self(text.into())) } else { Err(NotATenantId) }
    }
}

/// Who does something: a key, a person with a token, or the program itself.
#[derive(Debug, Clone)]
pub struct Actor {
    key: Option<(KeyId, Title)>,
    secret: Option<KeyHash>,
    user: Option<User>,
    rights: Rights,
}

impl Actor {
    /// The program that calls, which may do everything.
    #[must_use]
    pub fn program() -> Self {
        Self { key: None, secret: None, user: None, rights: Rights::WRITE_ALL }
    }

    /// Whoever has this key of the tenant.
    #[must_use]
    pub fn key(id: KeyId, name: Title, rights: Rights) -> Self {
        Self { key: Some((id, name)), secret: None, user: None, rights }
    }

    /// The same, with the secret by which the key was known: with one that was replaced no key is made or changed.
    #[must_use]
    pub fn known_by(self, secret: KeyHash) -> Self {
        Self { secret: Some(secret), ..self }
    }

    /// A person whom a token names.
    #[must_use]
    pub fn user(user: User, rights: Rights) -> Self {
        Self { key: None, secret: None, user: Some(user), rights }
    }

    /// The id of the key, where it is one.
    #[must_use]
    pub fn key_id(&self) -> Option<KeyId> {
        self.key.as_ref().map(|(id, _)| *id)
    }

    /// The secret of the key, where that is known.
    pub(crate) fn secret(&self) -> Option<&KeyHash> {
        self.secret.as_ref()
    }

    /// The name of the key, where it is one.
    #[must_use]
    pub fn key_name(&self) -> Option<&Title> {
        self.key.as_ref().map(|(_, name)| name)
    }

    /// The person, where a token told who it is.
    #[must_use]
    pub fn as_user(&self) -> Option<&User> {
        self.user.as_ref()
    }

    /// What may be done.
    #[must_use]
    pub fn rights(&self) -> Rights {
        self.rights
    }
}

impl FromJson for PublicTenantId {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let parsed = value.as_str().and_then(|text| text.parse().ok());
        if parsed.is_none() {
            errors.push(at.to_string(), FieldCode::InvalidId, NotATenantId.to_string());
        }
        parsed
    }
}

/// For whom, when and by whom something is done: the second argument of every service function.
///
/// **Invariant:** no query runs without a tenant, and the only way to name one is a scope.
#[derive(Debug, Clone)]
pub struct Scope {
    tenant: TenantId,
    public_tenant: PublicTenantId,
    now: Timestamp,
    actor: Arc<Actor>,
    secrets: Option<Arc<Secrets>>,
    request_id: Option<Arc<str>>,
    memory: Option<Arc<Memory>>,
    numbers: Option<Arc<dyn Numbers>>,
    is_frozen: bool,
}

impl Scope {
    /// The scope of one request: a tenant that was found by its key or token, and the time of the request. It is done by
    /// the [program](Actor::program).
    #[must_use]
    pub fn new(tenant: TenantId, public_tenant: PublicTenantId, now: Timestamp) -> Self {
        Self {
            tenant,
            public_tenant,
            now,
            actor: Arc::new(Actor::program()),
            secrets: None,
            request_id: None,
            memory: None,
            numbers: None,
            is_frozen: false,
        }
    }

    /// The same, done by somebody.
    #[must_use]
    pub fn by(self, actor: Actor) -> Self {
        Self { actor: Arc::new(actor), ..self }
    }

    /// The same, with keys for secrets: those that are stored in this scope are sealed with them, and opened by them. Without
    /// keys, secrets are stored in clear.
    #[must_use]
    pub fn with_secrets(self, secrets: Option<Arc<Secrets>>) -> Self {
        Self { secrets, ..self }
    }

    /// The same, where new records take their numbers outside of the transaction. It is not for a tenant that may be emptied
    /// meanwhile, whose numbers begin at 1 again.
    #[must_use]
    pub fn numbered_by(self, numbers: Option<Arc<dyn Numbers>>) -> Self {
        Self { numbers, ..self }
    }

    /// Where new records take their numbers, unless that is the transaction.
    pub(crate) fn numbers(&self) -> Option<&dyn Numbers> {
        self.numbers.as_deref()
    }

    /// The same, of a tenant of which nothing may be changed at present, or of one that has thawed.
    #[must_use]
    pub fn frozen(self, is_frozen: bool) -> Self {
        Self { is_frozen, ..self }
    }

    /// Whether nothing of the tenant may be changed at present, as far as was known when the scope was made. It is for whoever
    /// calls services to refuse then.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.is_frozen
    }

    /// The same, for the request of this id, which changes tell.
    #[must_use]
    pub fn for_request(self, id: &str) -> Self {
        Self { request_id: Some(id.into()), ..self }
    }

    /// The id of the request, where it is one.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// The same, for a transaction of many changes, which asks once what each of them would ask. Of what is made in it nobody
    /// is shown the names of others. Ends with [`records::settle`](crate::records::settle),
    /// [`numbering::settle`](crate::numbering::settle) and [`counts::settle`](crate::counts::settle).
    #[must_use]
    pub fn remembering(self) -> Self {
        Self { memory: Some(Arc::default()), ..self }
    }

    /// The same, at another moment: when what is moved from another system was done there.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        Self { now, ..self }
    }

    /// What the transaction has asked already, where it remembers.
    #[must_use]
    pub fn memory(&self) -> Option<&Memory> {
        self.memory.as_deref()
    }

    /// The keys for secrets, where there are some.
    #[must_use]
    pub fn secrets(&self) -> Option<&Arc<Secrets>> {
        self.secrets.as_ref()
    }

    /// Who does it.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Who is said to do something: the person whose token it is, as the token has them, else whom the input names.
    #[must_use]
    pub fn author(&self, named: Option<&User>) -> Option<User> {
        self.actor.as_user().or(named).cloned()
    }

    /// Who is said to have made a record: whom the input names, else the person whose token it is, else its owner.
    #[must_use]
    pub fn creator(&self, named: Option<&User>, owner: Option<&User>) -> Option<User> {
        named.or(self.actor.as_user()).or(owner).cloned()
    }

    /// Who is said to have changed a record last, once it is changed by a patch with this `lastUpdatedBy`.
    #[must_use]
    pub fn author_after(&self, named: &Patch<User>, before: Option<User>) -> Option<User> {
        self.actor.as_user().cloned().or_else(|| named.applied_to(before, User::clone))
    }

    /// Whether a patch with this `lastUpdatedBy` and nothing else is a change: then it is who is said to have changed the
    /// record last. Beside others it tells of them, and where they change nothing, of nothing.
    #[must_use]
    pub fn renames_author(&self, named: &Patch<User>, before: Option<&User>) -> bool {
        !named.is_keep() && self.author_after(named, before.cloned()).as_ref() != before
    }

    /// What every query filters by.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// What a client sees as `tenantId`.
    #[must_use]
    pub fn public_tenant(&self) -> &PublicTenantId {
        &self.public_tenant
    }

    /// The time of the request; `createdOn` and `lastUpdatedOn` are set to it.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }
}
