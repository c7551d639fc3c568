use crm_core::sql::Json;
use crm_core::values::{Document, ShortText, Title};
use crm_core::{Db, FieldErrors, Timestamp, Uuid};
use diesel::prelude::*;

use crate::schema::client_maps;
use crate::{ClientMap, ClientMapPatch, ClientType, Configuration, MapStatus, MappingType, NewClientMap, SyncStatus};

/// A row of `client_maps`, without its tenant. No `Debug`, because it holds secrets.
#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = client_maps, check_for_backend(Db))]
pub(crate) struct ClientMapRow {
    id: Uuid,
    #[diesel(embed)]
    pub(crate) values: ClientMapValues,
    pub(crate) last_sync_at: Option<Timestamp>,
    sync_status: SyncStatus,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// The columns that creating and changing write; a change writes all of them from a row that it holds locked.
#[derive(Queryable, Selectable, Insertable, AsChangeset, Clone, PartialEq)]
#[diesel(table_name = client_maps, check_for_backend(Db), treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct ClientMapValues {
    client_id: String,
    client_name: String,
    client_type: ClientType,
    mapping_type: MappingType,
    source_system: Option<String>,
    target_system: Option<String>,
    usecase: Option<String>,
    configuration: Option<Json<Document>>,
    status: MapStatus,
}

fn text(text: &ShortText) -> String {
    text.as_str().to_owned()
}

fn json(configuration: &Configuration) -> Json<Document> {
    Json(configuration.text().clone())
}

impl ClientMapValues {
    /// The columns of a new client map.
    ///
    /// # Errors
    /// For a mask, which stands for no secret yet.
    pub(crate) fn of_new(new: &NewClientMap) -> Result<Self, FieldErrors> {
        let NewClientMap {
            client_id,
            client_name,
            client_type,
            mapping_type,
            source_system,
            target_system,
            configuration,
            status,
            usecase,
        } = new;
        let configuration = configuration.as_ref().map(|configuration| configuration.unmasked(None)).transpose()?;
        Ok(Self {
            client_id: client_id.as_str().to_owned(),
            client_name: client_name.as_str().to_owned(),
            client_type: *client_type,
            mapping_type: *mapping_type,
            source_system: source_system.as_ref().map(text),
            target_system: target_system.as_ref().map(text),
            usecase: usecase.as_ref().map(text),
            configuration: configuration.as_ref().map(json),
            status: *status,
        })
    }

    /// These columns after a patch.
    ///
    /// # Errors
    /// For a mask where no secret is stored.
    pub(crate) fn patched(self, patch: &ClientMapPatch) -> Result<Self, FieldErrors> {
        let ClientMapPatch {
            client_id,
            client_name,
            client_type,
            mapping_type,
            source_system,
            target_system,
            configuration,
            status,
            usecase,
        } = patch;
        let current = self.configuration.map(|Json(text)| Configuration::stored(text));
        let unmasked = configuration.value().map(|new| new.unmasked(current.as_ref())).transpose()?;
        // One that says the same in another order is no change.
        let stays = configuration.is_keep() || unmasked == current;
        let configuration = if stays { current.as_ref() } else { unmasked.as_ref() }.map(json);
        Ok(Self {
            client_id: client_id.as_ref().map_or(self.client_id, |id| id.as_str().to_owned()),
            client_name: client_name.as_ref().map_or(self.client_name, |name| name.as_str().to_owned()),
            client_type: client_type.unwrap_or(self.client_type),
            mapping_type: mapping_type.unwrap_or(self.mapping_type),
            source_system: source_system.applied_to(self.source_system, text),
            target_system: target_system.applied_to(self.target_system, text),
            usecase: usecase.applied_to(self.usecase, text),
            configuration,
            status: status.applied_to(Some(self.status), |status| *status).unwrap_or(MapStatus::Active),
        })
    }
}

impl From<ClientMapRow> for ClientMap {
    fn from(row: ClientMapRow) -> Self {
        let ClientMapRow { id, values, last_sync_at, sync_status, created_at, updated_at } = row;
        let ClientMapValues {
            client_id,
            client_name,
            client_type,
            mapping_type,
            source_system,
            target_system,
            usecase,
            configuration,
            status,
        } = values;
        Self {
            id,
            client_id: Title::stored(client_id),
            client_name: Title::stored(client_name),
            client_type,
            mapping_type,
            source_system: source_system.map(ShortText::stored),
            target_system: target_system.map(ShortText::stored),
            configuration: configuration.map(|Json(text)| Configuration::stored(text)),
            status,
            last_sync_at,
            sync_status,
            created_at,
            updated_at,
            usecase: usecase.map(ShortText::stored),
        }
    }
}
