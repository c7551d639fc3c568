//! `/admin`: tenants over HTTP, for operators and for jobs that want a tenant for each test (docs/compatibility.md,
//! "Tenants over HTTP").

use crm_core::input::{FromBody, ObjectReader};
use crm_core::keys::{ApiKey, KeyRole};
use crm_core::page::PageRequest;
use crm_core::tenants::{self, ChosenKeys, CreatedTenant, Tenant, TenantSort};
use crm_core::values::Title;
use crm_core::{Condition, DbConnection, FieldCode, PublicTenantId, Timestamp, Uuid};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::{Operator, Timekeeper};
use crate::clock::Moment;
use crate::endpoint::{
    Answer, Api, Body, Created, Item, Listing, NoBody, NoContent, PathId, Precondition, Query, Typed,
};
use crate::error::{Failure, ProblemCode};
use crate::wire::Dialect;

/// As most of the API, but for who may ask.
struct Administration;

impl Dialect for Administration {
    fn vary(&self) -> &'static str {
        "Authorization"
    }

    fn challenge(&self, _code: ProblemCode) -> &'static str {
        "Bearer realm=\"administration\""
    }
}

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.dialect("/admin", &Administration);
    api.tag(
        "Administration",
        "Tenants, for whoever runs this server. These routes take the key of the setting `CRM_ADMIN_KEY` as a bearer token, \
         and are not there where it is not set.",
    );
    api.get("/admin/tenants", list_tenants).named("list_tenants", "List tenants");
    api.post("/admin/tenants", create_tenant)
        .named("create_tenant", "Create a tenant")
        .about("With its two keys, which are shown in this answer only, or with keys that come with it.")
        .problem(ProblemCode::TenantExists)
        .problem(ProblemCode::KeyInUse);
    api.get("/admin/tenants/{id}", get_tenant).named("get_tenant", "Read a tenant");
    api.delete("/admin/tenants/{id}", delete_tenant)
        .named("delete_tenant", "Delete a tenant with everything that it has")
        .about(
            "Its keys stop working within 5 seconds on every gateway. What it has goes in small parts: where that is \
                interrupted, it can be sent again.",
        );
    api.post("/admin/tenants/{id}/keys/primary/rotate", rotate_primary)
        .named("rotate_primary", "Replace a tenant's primary key by a new one")
        .problem(ProblemCode::TenantFrozen);
    api.post("/admin/tenants/{id}/keys/secondary/rotate", rotate_secondary)
        .named("rotate_secondary", "Replace a tenant's secondary key by a new one")
        .problem(ProblemCode::TenantFrozen);
    api.post("/admin/tenants/{id}/reset", reset_tenant)
        .named("reset_tenant", "Empty a tenant to what a new one has")
        .about("Its two keys stay; named ones go, and everything else. Only with `CRM_ALLOW_RESET=true`, for tests.")
        .problem(ProblemCode::TenantFrozen);
    api.post("/admin/clock", move_clock).named("move_clock", "Move the clock of a gateway under test").about(
        "From then on it stands at this moment: new records have it as their time, and what is over by then is over with the \
         answer. Only with `CRM_NOW`, for tests.",
    );
}

/// A clock that stands still.
#[derive(Serialize, ToSchema)]
#[schema(as = Clock)]
pub(super) struct ClockItem {
    /// What it shows.
    now: Timestamp,
}

/// Where to move it.
pub(super) struct Turn {
    now: Moment,
}

impl FromBody for Turn {
    const READ_ONLY: &'static [&'static str] = &[];

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        let now: Timestamp = reader.required("now")?;
        match now.try_into() {
            Ok(now) => Some(Self { now }),
            Err(error) => {
                reader.errors().push("now", FieldCode::InvalidDate, error);
                None
            }
        }
    }
}

/// A tenant as its operator sees it.
#[derive(Serialize, ToSchema)]
#[schema(as = Tenant)]
#[serde(rename_all = "camelCase")]
pub(super) struct TenantItem {
    /// Its id.
    id: PublicTenantId,
    /// What people call it.
    name: String,
    /// When it was made.
    created_on: Timestamp,
}

impl From<Tenant> for TenantItem {
    fn from(tenant: Tenant) -> Self {
        let Tenant { id: _, public_id, name, created_on, deleted_on: _, frozen_on: _ } = tenant;
        Self { id: public_id, name, created_on }
    }
}

/// A tenant that was just made, with its keys.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct TenantWithKeys {
    /// Its id.
    id: PublicTenantId,
    /// What people call it.
    name: String,
    /// When it was made.
    created_on: Timestamp,
    /// The key that reads and writes. It is shown this once.
    primary_key: String,
    /// The key that only reads. It is shown this once.
    secondary_key: String,
}

/// A new key of a tenant.
#[derive(Serialize, ToSchema)]
pub(super) struct RotatedKey {
    /// Which of the two.
    role: KeyRole,
    /// The key itself. It is shown this once.
    key: String,
}

/// A tenant to be made.
pub(super) struct NewTenant {
    id: Option<PublicTenantId>,
    name: Option<Title>,
    keys: Option<ChosenKeys>,
}

impl FromBody for NewTenant {
    const READ_ONLY: &'static [&'static str] = &[];

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        let (id, name) = (reader.optional("id"), reader.optional("name"));
        let primary: Option<ApiKey> = reader.optional("primaryKey");
        let secondary: Option<ApiKey> = reader.optional("secondaryKey");
        let keys = match (primary, secondary) {
            (None, None) => None,
            (Some(primary), Some(secondary)) if primary.hash() != secondary.hash() => {
                Some(ChosenKeys { primary, secondary })
            }
            (primary, _) => {
                let field = if primary.is_some() { "secondaryKey" } else { "primaryKey" };
                reader.errors().push(
                    field,
                    FieldCode::Required,
                    "is chosen together with the other key, and is another one",
                );
                None
            }
        };
        Some(Self { id, name, keys })
    }
}

async fn list_tenants(
    operator: Operator,
    Query((page,)): Query<(PageRequest<TenantSort>,)>,
) -> Answer<Listing<TenantItem>> {
    operator
        .read(move |connection| {
            let page = tenants::page(connection, &page)?;
            let items = |tenants: Vec<Tenant>| Ok::<_, Failure>(tenants.into_iter().map(TenantItem::from).collect());
            Ok(Listing(page.try_map(items)?))
        })
        .await
}

async fn get_tenant(operator: Operator, PathId(id): PathId<PublicTenantId>) -> Answer<Item<TenantItem>> {
    operator.read(move |connection| Ok(Item(tenants::find(connection, &id)?.into()))).await
}

async fn create_tenant(operator: Operator, Body(new): Body<NewTenant>) -> Answer<Created<TenantWithKeys>> {
    let NewTenant { id, name, keys } = new;
    if keys.is_some() {
        operator.keys_are_chosen();
    }
    operator
        .write(move |connection, now| {
            let id = id.clone().map_or_else(|| Uuid::random().to_string().parse(), Ok);
            let id = id.map_err(|error| Failure::Bug(format!("a UUID is a tenant's id: {error}")))?;
            let name = name.as_ref().map_or_else(|| id.to_string(), ToString::to_string);
            let made = crm_suite::tenants::create(connection, &id, &name, keys.as_ref(), now)?;
            let CreatedTenant { tenant, primary, secondary } = made;
            let item = TenantWithKeys {
                id: tenant.public_id,
                name: tenant.name,
                created_on: tenant.created_on,
                primary_key: primary.reveal().to_owned(),
                secondary_key: secondary.reveal().to_owned(),
            };
            Ok(Created { location: format!("/admin/tenants/{}", item.id), item })
        })
        .await
}

async fn delete_tenant(
    operator: Operator,
    PathId(id): PathId<PublicTenantId>,
    Precondition(condition): Precondition<Item<TenantItem>>,
) -> Answer<NoContent> {
    operator.delete_tenant(id, move |tenant| condition.check(|| Ok::<_, Failure>(tenant.clone().into()))).await
}

/// Looks at a condition on a tenant, of which no change is shown but that it goes.
fn check(condition: &Condition<TenantItem>, connection: &mut DbConnection, id: &PublicTenantId) -> Result<(), Failure> {
    condition.check(|| Ok(tenants::find(connection, id)?.into()))
}

async fn reset_tenant(
    operator: Operator,
    PathId(id): PathId<PublicTenantId>,
    Precondition(condition): Precondition<Item<TenantItem>>,
    NoBody: NoBody,
) -> Answer<Item<TenantItem>> {
    operator.may_reset()?;
    operator
        .write(move |connection, now| {
            check(&condition, connection, &id)?;
            Ok(Item(crm_suite::tenants::reset(connection, &id, now)?.into()))
        })
        .await
}

async fn move_clock(keeper: Timekeeper, Body(Turn { now }): Body<Turn>) -> Answer<Item<ClockItem>> {
    keeper.turn(now).await;
    Typed::of(Item(ClockItem { now: now.as_timestamp() })).map_err(|failure| failure.into_problem("-"))
}

async fn rotate_primary(
    operator: Operator,
    id: PathId<PublicTenantId>,
    condition: Precondition<Item<TenantItem>>,
    NoBody: NoBody,
) -> Answer<Item<RotatedKey>> {
    rotate(operator, id, condition, KeyRole::Primary).await
}

async fn rotate_secondary(
    operator: Operator,
    id: PathId<PublicTenantId>,
    condition: Precondition<Item<TenantItem>>,
    NoBody: NoBody,
) -> Answer<Item<RotatedKey>> {
    rotate(operator, id, condition, KeyRole::Secondary).await
}

async fn rotate(
    operator: Operator,
    PathId(id): PathId<PublicTenantId>,
    Precondition(condition): Precondition<Item<TenantItem>>,
    role: KeyRole,
) -> Answer<Item<RotatedKey>> {
    operator
        .write(move |connection, now| {
            check(&condition, connection, &id)?;
            let key = crm_suite::keys::rotate_of_role(connection, &id, role, now)?;
            Ok(Item(RotatedKey { role, key: key.reveal().to_owned() }))
        })
        .await
}
