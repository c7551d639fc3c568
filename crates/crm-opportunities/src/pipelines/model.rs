use crm_core::input::{FromBody, ObjectReader};
use crm_core::page::{RowIdKind, SortColumn, SortField, SortKind};
use crm_core::values::Title;
use crm_core::{PipelineId, PublicTenantId, Timestamp};
use serde::Serialize;

use super::{NewStages, Stage};

/// The stages that opportunities pass through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Pipeline {
    /// Its id: the one that it was made with, or one made by the server.
    pub id: PipelineId,
    /// The tenant that it belongs to.
    pub tenant_id: PublicTenantId,
    /// What people call it.
    pub name: Title,
    /// Whether opportunities are in it that name no pipeline. Exactly one of a tenant's pipelines is.
    pub is_default: bool,
    /// Its stages, in order; at least one.
    pub stages: Vec<Stage>,
    /// When it was made.
    pub created_on: Timestamp,
    /// When its name or stages were last changed.
    pub last_updated_on: Timestamp,
}

/// A pipeline to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPipeline {
    /// An id to keep, of a pipeline that is moved from another system; made by the server unless given.
    pub id: Option<PipelineId>,
    /// Required.
    pub name: Title,
    /// Whether it takes the place of the tenant's default pipeline. A tenant's first pipeline is the default one in
    /// any case.
    pub is_default: bool,
    /// Its stages, in order.
    pub stages: NewStages,
}

impl FromBody for NewPipeline {
    const READ_ONLY: &'static [&'static str] = &["tenantId", "createdOn", "lastUpdatedOn"];

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        let id = reader.optional("id");
        let name = reader.required("name");
        let is_default = reader.optional("isDefault").unwrap_or(false);
        let stages = reader.required("stages");
        Some(Self { id, name: name?, is_default, stages: stages? })
    }
}

/// A change of a pipeline. By default it changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PipelinePatch {
    /// A new name.
    pub name: Option<Title>,
    /// `true` makes it the default pipeline. `false` is refused for the default one, and nothing otherwise.
    pub is_default: Option<bool>,
    /// All its stages, in order. Those whose keys are sent back are kept, the others are removed.
    pub stages: Option<NewStages>,
}

impl FromBody for PipelinePatch {
    const READ_ONLY: &'static [&'static str] = &["id", "tenantId", "createdOn", "lastUpdatedOn"];

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        Some(Self {
            name: reader.patch_required("name"),
            is_default: reader.patch_required("isDefault"),
            stages: reader.patch_required("stages"),
        })
    }
}

/// What a list of pipelines can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PipelineSort {
    /// When it was made; the default.
    CreatedOn,
    /// When its name or stages were last changed.
    LastUpdatedOn,
    /// The name folded, by code points.
    Name,
}

impl SortField for PipelineSort {
    const LIST: &'static str = "pipelines";

    const NAMES: &'static [(&'static str, Self)] = &[
        ("createdOn", Self::CreatedOn),
        ("createdAt", Self::CreatedOn),
        ("lastUpdatedOn", Self::LastUpdatedOn),
        ("updatedAt", Self::LastUpdatedOn),
        ("name", Self::Name),
    ];

    const ID: RowIdKind = RowIdKind::Uuid;

    /// Each of these columns has an index (migration 00000000000006).
    fn column(self) -> SortColumn {
        match self {
            Self::CreatedOn => SortColumn::plain("created_on", SortKind::Moment),
            Self::LastUpdatedOn => SortColumn::plain("last_updated_on", SortKind::Moment),
            Self::Name => SortColumn::plain("name_folded", SortKind::Text),
        }
    }
}
