use crm_core::error::is_unique_violation;
use crm_core::page::{Content, Weight};
use crm_core::{
    ClientMapId, Condition, Db, DbConnection, ForUpdateExt, PortableExt, Scope, Uuid, columns, each_backend,
    wait_for_turn,
};
use crm_history::Action;
use diesel::prelude::*;
use diesel::upsert::excluded;

use crate::row::{ClientMapRow, ClientMapValues};
use crate::schema::{client_maps, clientmap_versions};
use crate::{ClientMap, ClientMapError, ClientMapPatch, NewClientMap, SyncReport, SyncStatus, told};

/// The most client maps that a tenant has.
pub const MOST_CLIENT_MAPS: usize = 1_000;

/// The most bytes that the configurations of a tenant's client maps have together: one answer shows all of them.
pub const MOST_CONFIGURED: i64 = 8 * 1024 * 1024;

/// The client maps of the tenant, oldest first; with `usecase`, only those of that use case.
///
/// # Errors
/// The database's.
pub fn list(
    connection: &mut DbConnection,
    scope: &Scope,
    usecase: Option<&str>,
) -> Result<Vec<ClientMap>, ClientMapError> {
    let mut query = of_tenant(scope);
    if let Some(usecase) = usecase {
        query = query.filter(client_maps::usecase.eq(usecase));
    }
    let rows: Vec<ClientMapRow> =
        query.order((client_maps::created_at, client_maps::id)).select(columns::<ClientMapRow>()).load(connection)?;
    Ok(rows.into_iter().map(|row| row.into_map(scope)).collect())
}

/// What changes with every change of any client map of the tenant, read without reading one; `None` before the
/// first. Random, so that it never comes back, not even after a backup was restored.
///
/// Whoever shows it beside the list reads it first: a list that is newer than its version is fetched once too
/// often, one that is older would be taken for current.
///
/// # Errors
/// The database's.
pub fn version(connection: &mut DbConnection, scope: &Scope) -> Result<Option<Uuid>, ClientMapError> {
    let found = clientmap_versions::table.find(scope.tenant()).select(clientmap_versions::version);
    Ok(found.first(connection).optional()?)
}

/// One client map.
///
/// # Errors
/// [`ClientMapError::NotFound`]; the database's.
pub fn get(connection: &mut DbConnection, scope: &Scope, id: ClientMapId) -> Result<ClientMap, ClientMapError> {
    let row: Option<ClientMapRow> =
        client_maps::table.find((scope.tenant(), id)).select(columns::<ClientMapRow>()).first(connection).optional()?;
    row.map(|row| row.into_map(scope)).ok_or(ClientMapError::NotFound)
}

fn find_locked(connection: &mut DbConnection, scope: &Scope, id: ClientMapId) -> Result<ClientMapRow, ClientMapError> {
    let row = client_maps::table
        .find((scope.tenant(), id))
        .select(columns::<ClientMapRow>())
        .locked()
        .get_result(connection)
        .optional()?;
    row.ok_or(ClientMapError::NotFound)
}

/// Makes a client map, whose runs are `pending`. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`ClientMapError::ClientIdTaken`]; [`ClientMapError::Invalid`] for a mask in the place of a secret;
/// [`ClientMapError::LimitReached`] and [`ClientMapError::TooLarge`], after which the transaction can only be rolled
/// back; the database's.
pub fn create(connection: &mut DbConnection, scope: &Scope, new: &NewClientMap) -> Result<ClientMap, ClientMapError> {
    let id = ClientMapId::random();
    let row = (
        client_maps::tenant_id.eq(scope.tenant()),
        client_maps::id.eq(id),
        ClientMapValues::of_new(new, scope, id)?,
        client_maps::sync_status.eq(SyncStatus::Pending),
        client_maps::created_at.eq(scope.now()),
        client_maps::updated_at.eq(scope.now()),
    );
    // The client id is the only thing that can be in conflict; ignoring it there keeps the transaction usable.
    let inserted: Option<ClientMapRow> = diesel::insert_into(client_maps::table)
        .values(row)
        .on_conflict_do_nothing()
        .returning(columns::<ClientMapRow>())
        .portable()
        .get_result(connection)
        .optional()?;
    let made = inserted.map(|row| row.into_map(scope)).ok_or(ClientMapError::ClientIdTaken)?;
    note_change(connection, scope)?;
    check_caps(connection, scope)?;
    told::whole(connection, scope, Action::Created, &made)?;
    Ok(made)
}

/// Changes a client map. A patch that changes nothing leaves `updatedAt` and the version alone. Call it in a
/// [`DbConnection::write`].
///
/// # Errors
/// [`ClientMapError::NotFound`]; [`ClientMapError::Unmet`]; [`ClientMapError::Invalid`] for a mask where no secret is stored;
/// [`ClientMapError::ClientIdTaken`] and [`ClientMapError::TooLarge`], after which the transaction can only be rolled
/// back; the database's.
pub fn update(
    connection: &mut DbConnection,
    scope: &Scope,
    id: ClientMapId,
    condition: &Condition<ClientMap>,
    patch: &ClientMapPatch,
) -> Result<ClientMap, ClientMapError> {
    let row = find_locked(connection, scope, id)?;
    let present = row.clone().into_map(scope);
    condition.check(|| Ok::<_, ClientMapError>(present.clone()))?;
    let values = row.values.clone().patched(patch, scope, id)?;
    if values == row.values {
        return Ok(present);
    }
    let is_configured_anew = values.is_configured_otherwise(&row.values);
    let longer = values.configured() > row.values.configured();
    let updated: ClientMapRow = diesel::update(client_maps::table.find((scope.tenant(), id)))
        .set((values, client_maps::updated_at.eq(scope.now())))
        .returning(columns::<ClientMapRow>())
        .portable()
        .get_result(connection)
        .map_err(|error| if is_unique_violation(&error) { ClientMapError::ClientIdTaken } else { error.into() })?;
    note_change(connection, scope)?;
    if longer {
        check_caps(connection, scope)?;
    }
    let updated = updated.into_map(scope);
    told::changed(connection, scope, &present, &updated, is_configured_anew)?;
    Ok(updated)
}

/// Notes what the integration reports of a run. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`ClientMapError::NotFound`]; [`ClientMapError::Unmet`]; the database's.
pub fn report_sync(
    connection: &mut DbConnection,
    scope: &Scope,
    id: ClientMapId,
    condition: &Condition<ClientMap>,
    report: &SyncReport,
) -> Result<ClientMap, ClientMapError> {
    let SyncReport { sync_status, last_sync_at } = *report;
    let row = find_locked(connection, scope, id)?;
    let present = row.clone().into_map(scope);
    condition.check(|| Ok::<_, ClientMapError>(present.clone()))?;
    let ended_now = sync_status.is_ended_run().then(|| scope.now());
    let updated: ClientMapRow = diesel::update(client_maps::table.find((scope.tenant(), id)))
        .set((
            client_maps::sync_status.eq(sync_status),
            client_maps::last_sync_at.eq(last_sync_at.or(ended_now).or(row.last_sync_at)),
            client_maps::updated_at.eq(scope.now()),
        ))
        .returning(columns::<ClientMapRow>())
        .portable()
        .get_result(connection)?;
    note_change(connection, scope)?;
    let updated = updated.into_map(scope);
    told::changed(connection, scope, &present, &updated, false)?;
    Ok(updated)
}

/// Deletes a client map. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`ClientMapError::NotFound`]; [`ClientMapError::Unmet`]; the database's.
pub fn delete(
    connection: &mut DbConnection,
    scope: &Scope,
    id: ClientMapId,
    condition: &Condition<ClientMap>,
) -> Result<(), ClientMapError> {
    let present = find_locked(connection, scope, id)?.into_map(scope);
    condition.check(|| Ok::<_, ClientMapError>(present.clone()))?;
    told::whole(connection, scope, Action::Deleted, &present)?;
    diesel::delete(client_maps::table.find((scope.tenant(), id))).execute(connection)?;
    note_change(connection, scope)
}

/// Seals the secrets of up to `most` client maps of the tenant with the key that the scope seals with, and tells how many they
/// were: those in clear, and those of another key. Nothing that is shown changes. Call it, each time in a
/// [`DbConnection::write`], until none is left.
///
/// # Errors
/// [`ClientMapError::Secrets`]; the database's.
pub fn reseal(connection: &mut DbConnection, scope: &Scope, most: i64) -> Result<usize, ClientMapError> {
    let Some(secrets) = scope.secrets() else { return Ok(0) };
    let rows: Vec<ClientMapRow> = client_maps::table
        .filter(client_maps::tenant_id.eq(scope.tenant()).and(client_maps::configuration.is_not_null()))
        .filter(client_maps::secrets_key.is_null().or(client_maps::secrets_key.ne(secrets.key_id()).assume_not_null()))
        .order(client_maps::id)
        .limit(most)
        .select(columns::<ClientMapRow>())
        .locked()
        .get_results(connection)?;
    let count = rows.len();
    for row in rows {
        let values = row.values.resealed(scope, row.id)?;
        diesel::update(client_maps::table.find((scope.tenant(), row.id))).set(values).portable().execute(connection)?;
    }
    Ok(count)
}

/// The ids of all keys that stored secrets are sealed with, of whatever tenant: for a program to tell at its start that it
/// lacks one.
///
/// # Errors
/// The database's.
pub fn keys_in_use(connection: &mut DbConnection) -> QueryResult<Vec<String>> {
    let keys = "SELECT DISTINCT m.secrets_key AS id FROM tenants t JOIN client_maps m ON m.tenant_id = t.id \
                WHERE m.secrets_key IS NOT NULL ORDER BY id";
    let keys: Vec<KeyInUse> = each_backend!(connection, connection => diesel::sql_query(keys).load(connection))?;
    Ok(keys.into_iter().map(|KeyInUse { id }| id).collect())
}

#[derive(QueryableByName)]
struct KeyInUse {
    #[diesel(sql_type = diesel::sql_types::Text)]
    id: String,
}

fn of_tenant(scope: &Scope) -> client_maps::BoxedQuery<'static, Db> {
    client_maps::table.filter(client_maps::tenant_id.eq(scope.tenant())).into_boxed::<Db>()
}

/// Refuses what this transaction has written where the tenant has too many client maps now, or too much in them.
fn check_caps(connection: &mut DbConnection, scope: &Scope) -> Result<(), ClientMapError> {
    const WEIGHT: Weight = Weight { table: "client_maps", columns: &["configuration"] };
    wait_for_turn(connection, scope, "client maps")?;
    let sizes: Vec<i64> = of_tenant(scope).select(Content::of(WEIGHT)).load(connection)?;
    if sizes.len() > MOST_CLIENT_MAPS {
        return Err(ClientMapError::LimitReached);
    }
    if sizes.iter().sum::<i64>() > MOST_CONFIGURED { Err(ClientMapError::TooLarge) } else { Ok(()) }
}

/// Gives the tenant's client maps a new version. Always after the client map was written, so that two changes
/// wait for each other in the same order.
fn note_change(connection: &mut DbConnection, scope: &Scope) -> Result<(), ClientMapError> {
    diesel::insert_into(clientmap_versions::table)
        .values((clientmap_versions::tenant_id.eq(scope.tenant()), clientmap_versions::version.eq(Uuid::random())))
        .on_conflict(clientmap_versions::tenant_id)
        .do_update()
        .set(clientmap_versions::version.eq(excluded(clientmap_versions::version)))
        .portable()
        .execute(connection)?;
    Ok(())
}
