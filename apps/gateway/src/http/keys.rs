//! `/settings/keys`, and what anybody may know and do about the key in use: `/me` (docs/compatibility.md, "Keys").

use crm_core::keys::{self, Key, KeyError, KeyPatch, KeyRole, KeyWithSecret, NewKey, Rights, Rotation};
use crm_core::values::{Title, User};
use crm_core::{DbConnection, KeyId, PublicTenantId, Scope, tenants};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::{Caller, Read, Write, area};
use crate::endpoint::{Answer, Api, Body, Item, Items, NoContent, OptionalBody, PathId, Precondition, Shown, ShownNew};
use crate::error::{Failure, Problem, ProblemCode};

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.tag(
        "Keys",
        "Who may do what. A tenant has a primary key, which does everything, a secondary one, which reads everything, and up \
         to a hundred named ones with the scopes that they need.",
    );
    api.get("/settings/keys", list_keys)
        .named("list_keys", "List keys")
        .about("All of them, oldest first, without their secrets.");
    api.post("/settings/keys", create_key)
        .named("create_key", "Create a key")
        .about(
            "The answer is the only place where the key itself, `key`, is ever shown. Nobody gives a scope that is not \
                his own.",
        )
        .problem(ProblemCode::ReplacedKey)
        .problem(ProblemCode::LimitReached);
    api.get("/settings/keys/{id}", get_key).named("get_key", "Read a key");
    api.patch("/settings/keys/{id}", update_key)
        .named("update_key", "Change a key")
        .about(
            "A JSON merge patch. It holds within 5 seconds on every gateway. The primary and the secondary key can be \
                given other names only; the key in use cannot be changed.",
        )
        .problem(ProblemCode::OwnKey)
        .problem(ProblemCode::ReplacedKey)
        .problem(ProblemCode::FixedKey);
    api.delete("/settings/keys/{id}", delete_key)
        .named("delete_key", "Delete a key")
        .about("It stops working within 5 seconds on every gateway.")
        .problem(ProblemCode::FixedKey);
    api.post("/settings/keys/{id}/rotate", rotate_key)
        .named("rotate_key", "Replace a key by a new one")
        .about("The old one works for `graceMinutes` more beside the new one, and then within 5 seconds nowhere. Without a \
                grace, those that earlier rotations left end too. A secret that was replaced rotates nothing.")
        .problem(ProblemCode::ReplacedKey)
        .problem(ProblemCode::LimitReached);
    api.get("/me", get_me).named("get_me", "Who am I, and what may I do?").about("For any key or token.");
    api.post("/me/rotate", rotate_own_key)
        .named("rotate_own_key", "Replace the key in use by a new one")
        .about("For any key, whatever its scopes. Otherwise as `/settings/keys/{id}/rotate`.")
        .problem(ProblemCode::NoKey)
        .problem(ProblemCode::ReplacedKey)
        .problem(ProblemCode::LimitReached);
}

async fn list_keys(caller: Caller<area::Settings, Read>) -> Answer<Items<Key>> {
    caller.read(|connection, scope| Ok(Items(keys::list(connection, scope)?))).await
}

async fn create_key(caller: Caller<area::Settings, Write>, Body(new): Body<NewKey>) -> Answer<ShownNew<KeyWithSecret>> {
    caller
        .write(move |connection, scope| {
            let made = crm_suite::keys::create(connection, scope, &new)?;
            Ok(ShownNew { location: format!("/settings/keys/{}", made.described.id), item: made })
        })
        .await
}

async fn get_key(caller: Caller<area::Settings, Read>, PathId(id): PathId<KeyId>) -> Answer<Item<Key>> {
    caller.read(move |connection, scope| Ok(Item(keys::get(connection, scope, id)?))).await
}

async fn update_key(
    caller: Caller<area::Settings, Write>,
    PathId(id): PathId<KeyId>,
    Precondition(condition): Precondition<Item<Key>>,
    Body(patch): Body<KeyPatch>,
) -> Answer<Item<Key>> {
    caller
        .write(move |connection, scope| Ok(Item(crm_suite::keys::update(connection, scope, id, &condition, &patch)?)))
        .await
}

async fn delete_key(
    caller: Caller<area::Settings, Write>,
    PathId(id): PathId<KeyId>,
    Precondition(condition): Precondition<Item<Key>>,
) -> Answer<NoContent> {
    caller
        .write(move |connection, scope| {
            crm_suite::keys::delete(connection, scope, id, &condition)?;
            Ok(NoContent)
        })
        .await
}

async fn rotate_key(
    caller: Caller<area::Settings, Write>,
    PathId(id): PathId<KeyId>,
    Precondition(condition): Precondition<Item<Key>>,
    OptionalBody(rotation): OptionalBody<Rotation>,
) -> Answer<Shown<KeyWithSecret>> {
    let rotation = rotation.unwrap_or_default();
    caller
        .write(move |connection, scope| {
            Ok(Shown(crm_suite::keys::rotate(connection, scope, id, &condition, rotation)?))
        })
        .await
}

async fn rotate_own_key(
    caller: Caller<area::Anywhere, Write>,
    Precondition(condition): Precondition<Item<Me>>,
    OptionalBody(rotation): OptionalBody<Rotation>,
) -> Answer<Shown<KeyWithSecret>> {
    let rotation = rotation.unwrap_or_default();
    let rate_limit = caller.rate_limit();
    caller
        .write(move |connection, scope| {
            let rotated = crm_suite::keys::rotate_own(connection, scope, rotation)?;
            // Under its locks, and of what it does not change: where this fails, it is rolled back.
            condition.check(|| Me::of(connection, scope, rate_limit))?;
            Ok(Shown(rotated))
        })
        .await
}

/// Whoever asks, as this server knows them.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Me {
    /// The tenant.
    tenant: TenantOfMe,
    /// The key in use; null with a token.
    key: Option<KeyOfMe>,
    /// The person whom the token names; null with a key.
    user: Option<User>,
    /// What may be done.
    scopes: Rights,
    /// Requests a minute; null where they are not limited.
    rate_limit: Option<u32>,
    /// The version of this server.
    version: &'static str,
}

#[derive(Serialize, ToSchema)]
struct TenantOfMe {
    /// Its id.
    id: PublicTenantId,
    /// What people call it.
    name: String,
}

#[derive(Serialize, ToSchema)]
struct KeyOfMe {
    /// Its id.
    id: KeyId,
    /// What people call it.
    name: Title,
    /// Which of the two keys that every tenant has; null for all others.
    role: Option<KeyRole>,
}

impl Me {
    fn of(connection: &mut DbConnection, scope: &Scope, rate_limit: Option<u32>) -> Result<Self, Failure> {
        let tenant = tenants::find(connection, scope.public_tenant())?;
        let actor = scope.actor();
        let key = match actor.key_id().map(|id| keys::get(connection, scope, id)) {
            // It was deleted, and this gateway does not know yet.
            Some(Err(KeyError::NotFound)) => return Err(Problem::invalid_key().into()),
            key => key.transpose()?,
        };
        Ok(Self {
            tenant: TenantOfMe { id: tenant.public_id, name: tenant.name },
            key: key.map(|key| KeyOfMe { id: key.id, name: key.name, role: key.role }),
            user: actor.as_user().cloned(),
            scopes: actor.rights(),
            rate_limit,
            version: env!("CARGO_PKG_VERSION"),
        })
    }
}

async fn get_me(caller: Caller<area::Anywhere, Read>) -> Answer<Item<Me>> {
    let rate_limit = caller.rate_limit();
    caller.read(move |connection, scope| Ok(Item(Me::of(connection, scope, rate_limit)?))).await
}
