use crm_core::records::Stored;
use crm_core::sql::Json;
use crm_core::values::{Document, ShortText, Title};
use crm_core::{ClientMapId, Db, Scope, Timestamp};
use diesel::prelude::*;

use crate::schema::client_maps;
use crate::sealing::Seal;
use crate::{
    ClientMap, ClientMapError, ClientMapPatch, ClientType, Configuration, MapStatus, MappingType, NewClientMap,
    SyncStatus,
};

/// A row of `client_maps`, without its tenant. No `Debug`, because it holds secrets.
#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = client_maps, check_for_backend(Db))]
pub(crate) struct ClientMapRow {
    pub(crate) id: ClientMapId,
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
    secrets_key: Option<String>,
    status: MapStatus,
}

fn text(text: &ShortText) -> String {
    text.as_str().to_owned()
}

/// The two columns of a configuration.
fn columns_of(
    configuration: Option<&Configuration>,
    scope: &Scope,
    id: ClientMapId,
) -> Result<(Option<Json<Document>>, Option<String>), ClientMapError> {
    let Some(configuration) = configuration else { return Ok((None, None)) };
    let (text, key) = configuration.to_row(scope, id)?;
    Ok((Some(Json(text)), key))
}

impl ClientMapValues {
    /// Whether its configuration is another.
    pub(crate) fn is_configured_otherwise(&self, other: &Self) -> bool {
        (&self.configuration, &self.secrets_key) != (&other.configuration, &other.secrets_key)
    }

    /// How long its configuration is.
    pub(crate) fn configured(&self) -> usize {
        self.configuration.as_ref().map_or(0, |Json(text)| text.as_str().len())
    }

    /// The columns of a new client map.
    ///
    /// # Errors
    /// For a mask, which stands for no secret yet; where secrets cannot be sealed.
    pub(crate) fn of_new(new: &NewClientMap, scope: &Scope, id: ClientMapId) -> Result<Self, ClientMapError> {
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
        let (configuration, secrets_key) = columns_of(configuration.as_ref(), scope, id)?;
        Ok(Self {
            client_id: client_id.as_str().to_owned(),
            client_name: client_name.as_str().to_owned(),
            client_type: *client_type,
            mapping_type: *mapping_type,
            source_system: source_system.as_ref().map(text),
            target_system: target_system.as_ref().map(text),
            usecase: usecase.as_ref().map(text),
            configuration,
            secrets_key,
            status: *status,
        })
    }

    /// The stored configuration.
    fn configuration(&self, scope: &Scope, id: ClientMapId) -> Option<Configuration> {
        let seal = self.secrets_key.as_deref().map(|key| Seal::of(scope, id, key));
        self.configuration.as_ref().map(|Json(text)| Configuration::stored(text.clone(), seal))
    }

    /// These columns with their secrets sealed by the scope's key.
    ///
    /// # Errors
    /// Where they cannot be opened or sealed.
    pub(crate) fn resealed(self, scope: &Scope, id: ClientMapId) -> Result<Self, ClientMapError> {
        let (configuration, secrets_key) = columns_of(self.configuration(scope, id).as_ref(), scope, id)?;
        Ok(Self { configuration, secrets_key, ..self })
    }

    /// These columns after a patch.
    ///
    /// # Errors
    /// For a mask where no secret is stored; where secrets cannot be opened or sealed.
    pub(crate) fn patched(
        self,
        patch: &ClientMapPatch,
        scope: &Scope,
        id: ClientMapId,
    ) -> Result<Self, ClientMapError> {
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
        let current = self.configuration(scope, id);
        let unmasked = configuration.value().map(|new| new.unmasked(current.as_ref())).transpose()?;
        // One that says the same in another order is no change.
        let stays = configuration.is_keep() || unmasked == current;
        let (configuration, secrets_key) =
            if stays { (self.configuration, self.secrets_key) } else { columns_of(unmasked.as_ref(), scope, id)? };
        Ok(Self {
            client_id: client_id.as_ref().map_or(self.client_id, |id| id.as_str().to_owned()),
            client_name: client_name.as_ref().map_or(self.client_name, |name| name.as_str().to_owned()),
            client_type: client_type.unwrap_or(self.client_type),
            mapping_type: mapping_type.unwrap_or(self.mapping_type),
            source_system: source_system.applied_to(self.source_system, text),
            target_system: target_system.applied_to(self.target_system, text),
            usecase: usecase.applied_to(self.usecase, text),
            configuration,
            secrets_key,
            status: status.applied_to(Some(self.status), |status| *status).unwrap_or(MapStatus::Active),
        })
    }
}

impl ClientMapRow {
    pub(crate) fn into_map(self, scope: &Scope) -> ClientMap {
        let Self { id, values, last_sync_at, sync_status, created_at, updated_at } = self;
        let stored = values.configuration(scope, id);
        let ClientMapValues {
            client_id,
            client_name,
            client_type,
            mapping_type,
            source_system,
            target_system,
            usecase,
            configuration: _,
            secrets_key: _,
            status,
        } = values;
        ClientMap {
            id,
            client_id: Title::stored(client_id),
            client_name: Title::stored(client_name),
            client_type,
            mapping_type,
            source_system: source_system.map(ShortText::stored),
            target_system: target_system.map(ShortText::stored),
            configuration: stored,
            status,
            last_sync_at,
            sync_status,
            created_at,
            updated_at,
            usecase: usecase.map(ShortText::stored),
        }
    }
}
