//! What changes tell of client maps: masks in the place of secrets, as in every answer.

use crm_core::values::{ShortText, Title};
use crm_core::{ClientMapId, DbConnection, Scope, Timestamp};
use crm_history::{Action, Kind, NewChange, What};
use diesel::QueryResult;

use crate::{ClientMap, ClientType, Configuration, MapStatus, MappingType, SyncStatus};

crm_history::told! {
    /// A client map as changes tell of it.
    struct ToldMap<'a>;
    compared {
        client_id "clientId": &'a Title,
        client_name "clientName": &'a Title,
        client_type "clientType": ClientType,
        mapping_type "mappingType": MappingType,
        source_system "sourceSystem": &'a Option<ShortText>,
        target_system "targetSystem": &'a Option<ShortText>,
        status "status": MapStatus,
        last_sync_at "lastSyncAt": Option<Timestamp>,
        sync_status "syncStatus": SyncStatus,
        usecase "usecase": &'a Option<ShortText>,
    }
    members { }
    shown {
        id "id": ClientMapId,
        configuration "configuration": &'a Option<Configuration>,
        created_at "createdAt": Timestamp,
        updated_at "updatedAt": Timestamp,
    }
}

impl<'a> ToldMap<'a> {
    fn of(map: &'a ClientMap) -> Self {
        let ClientMap {
            id,
            client_id,
            client_name,
            client_type,
            mapping_type,
            source_system,
            target_system,
            configuration,
            status,
            last_sync_at,
            sync_status,
            created_at,
            updated_at,
            usecase,
        } = map;
        Self {
            client_id,
            client_name,
            client_type: *client_type,
            mapping_type: *mapping_type,
            source_system,
            target_system,
            status: *status,
            last_sync_at: *last_sync_at,
            sync_status: *sync_status,
            usecase,
            id: *id,
            configuration,
            created_at: *created_at,
            updated_at: *updated_at,
        }
    }
}

/// Writes down that a client map was made or is deleted.
pub(crate) fn whole(connection: &mut DbConnection, scope: &Scope, action: Action, map: &ClientMap) -> QueryResult<()> {
    crm_history::record(connection, scope, NewChange::new(Kind::ClientMap, action), ToldMap::of(map).whole()?)?;
    Ok(())
}

/// Writes down what was changed of a client map, if anything was. Of a configuration of which only secrets changed it
/// tells that, with the same masks before and after.
pub(crate) fn changed(
    connection: &mut DbConnection,
    scope: &Scope,
    before: &ClientMap,
    after: &ClientMap,
    is_configured_anew: bool,
) -> QueryResult<()> {
    let mut fields = ToldMap::of(before).differences(&ToldMap::of(after));
    if is_configured_anew {
        fields = fields.changed("configuration", &before.configuration, &after.configuration);
    }
    if !fields.is_empty() {
        let change = NewChange::new(Kind::ClientMap, Action::Updated);
        crm_history::record(connection, scope, change, What::changed(before.id, fields)?)?;
    }
    Ok(())
}
