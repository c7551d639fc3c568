use crm_core::input::{FromBody, ObjectReader};
use crm_core::values::{ShortText, Title};
use crm_core::{ClientMapId, Patch, Timestamp};
use serde::Serialize;

use crate::{ClientType, Configuration, MapStatus, MappingType, SyncStatus};

/// A client map: how tickets go to and from another system (source, "Find and Count All").
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ClientMap {
    /// Made by the server.
    pub id: ClientMapId,
    /// The client's own id; unique in the tenant.
    pub client_id: Title,
    /// What people call the client.
    pub client_name: Title,
    /// What kind of system it is.
    pub client_type: ClientType,
    /// Which way tickets go.
    pub mapping_type: MappingType,
    /// Where records come from.
    pub source_system: Option<ShortText>,
    /// Where records go.
    pub target_system: Option<ShortText>,
    /// The settings of the integration; secrets are shown masked.
    pub configuration: Option<Configuration>,
    /// Whether it is in use.
    pub status: MapStatus,
    /// When the integration last ran.
    pub last_sync_at: Option<Timestamp>,
    /// How that went.
    pub sync_status: SyncStatus,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed, by a reported run too.
    pub updated_at: Timestamp,
    /// What the header `usecase` filters by. Left out where unset, so that a row has the members of the source's
    /// example and no other.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub usecase: Option<ShortText>,
}

/// A client map to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewClientMap {
    /// Required; unique in the tenant.
    pub client_id: Title,
    /// Required.
    pub client_name: Title,
    /// Required.
    pub client_type: ClientType,
    /// Required.
    pub mapping_type: MappingType,
    /// Where records come from.
    pub source_system: Option<ShortText>,
    /// Where records go.
    pub target_system: Option<ShortText>,
    /// The settings of the integration.
    pub configuration: Option<Configuration>,
    /// Active unless given.
    pub status: MapStatus,
    /// What it is for.
    pub usecase: Option<ShortText>,
}

/// A change of a client map, a JSON merge patch. By default it changes nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClientMapPatch {
    /// A new client id; it cannot be cleared.
    pub client_id: Option<Title>,
    /// A new name; it cannot be cleared.
    pub client_name: Option<Title>,
    /// Another kind of system; it cannot be cleared.
    pub client_type: Option<ClientType>,
    /// Another way; it cannot be cleared.
    pub mapping_type: Option<MappingType>,
    /// Where records come from.
    pub source_system: Patch<ShortText>,
    /// Where records go.
    pub target_system: Patch<ShortText>,
    /// All settings of the integration; masks in it keep the stored secrets.
    pub configuration: Patch<Configuration>,
    /// Whether it is in use; cleared, it is active again.
    pub status: Patch<MapStatus>,
    /// What it is for.
    pub usecase: Patch<ShortText>,
}

/// What an integration reports of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncReport {
    /// How the run went, or is going.
    pub sync_status: SyncStatus,
    /// When it ran. Left out, it is now for a run that has ended, and what it was for any other.
    pub last_sync_at: Option<Timestamp>,
}

/// What only the server and the sync route set.
const READ_ONLY: &[&str] = &["id", "tenantId", "syncStatus", "lastSyncAt", "createdAt", "updatedAt"];

impl NewClientMap {
    /// An active client map of this client and nothing else.
    #[must_use]
    pub fn new(client_id: Title, client_name: Title, client_type: ClientType, mapping_type: MappingType) -> Self {
        Self {
            client_id,
            client_name,
            client_type,
            mapping_type,
            source_system: None,
            target_system: None,
            configuration: None,
            status: MapStatus::Active,
            usecase: None,
        }
    }
}

impl FromBody for NewClientMap {
    const READ_ONLY: &'static [&'static str] = READ_ONLY;

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        let client_id = reader.required("clientId");
        let client_name = reader.required("clientName");
        let client_type = reader.required("clientType");
        let mapping_type = reader.required("mappingType");
        let source_system = reader.optional("sourceSystem");
        let target_system = reader.optional("targetSystem");
        let configuration = reader.optional("configuration");
        let status = reader.optional("status").unwrap_or(MapStatus::Active);
        let usecase = reader.optional("usecase");
        Some(Self {
            client_id: client_id?,
            client_name: client_name?,
            client_type: client_type?,
            mapping_type: mapping_type?,
            source_system,
            target_system,
            configuration,
            status,
            usecase,
        })
    }
}

impl FromBody for ClientMapPatch {
    const READ_ONLY: &'static [&'static str] = READ_ONLY;

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        Some(Self {
            client_id: reader.patch_required("clientId"),
            client_name: reader.patch_required("clientName"),
            client_type: reader.patch_required("clientType"),
            mapping_type: reader.patch_required("mappingType"),
            source_system: reader.patch("sourceSystem"),
            target_system: reader.patch("targetSystem"),
            configuration: reader.patch("configuration"),
            status: reader.patch("status"),
            usecase: reader.patch("usecase"),
        })
    }
}

impl FromBody for SyncReport {
    const READ_ONLY: &'static [&'static str] = &["tenantId"];

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        let sync_status = reader.required("syncStatus");
        let last_sync_at = reader.optional("lastSyncAt");
        Some(Self { sync_status: sync_status?, last_sync_at })
    }
}
