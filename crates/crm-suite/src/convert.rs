//! Converting a lead into an opportunity (docs/compatibility.md, "Leads").

use crm_core::error::collision;
use crm_core::input::{FromBody, ObjectReader};
use crm_core::values::{References, User};
use crm_core::{Condition, DbConnection, LeadId, Scope, Uuid};
use crm_forms::{CustomFieldsInput, FormKind};
use crm_leads::{Lead, LeadError};
use crm_opportunities::{ConvertedLead, NewOpportunity, Opportunity, StageKey, StageOrBlank};
use crm_tags::TagRefs;

use crate::{SuiteError, references};

/// Where the opportunity starts: `{ pipelineId?, stage?, lastUpdatedBy? }`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conversion {
    /// Its pipeline; the tenant's default one unless given.
    pub pipeline_id: Option<Uuid>,
    /// A stage of that pipeline; its first one unless given.
    pub stage: Option<StageKey>,
    /// Who converts the lead: the creator of the opportunity, which otherwise is its owner.
    pub last_updated_by: Option<User>,
}

impl FromBody for Conversion {
    const READ_ONLY: &'static [&'static str] = &["tenantId"];

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        Some(Self {
            pipeline_id: reader.optional("pipelineId"),
            stage: reader.optional("stage").and_then(|StageOrBlank(stage)| stage),
            last_updated_by: reader.optional("lastUpdatedBy"),
        })
    }
}

/// Makes an opportunity of a lead, with what the lead shows, and marks the lead as converted. Of any number of
/// callers at once one succeeds.
///
/// # Errors
/// [`LeadError::NotFound`], [`LeadError::AlreadyConverted`], [`LeadError::Archived`]; [`SuiteError::Unmet`]; an unknown pipeline or stage;
/// the database's, a [collision](crm_core::error::Fault::Collision) among them where a merge or a patch of the lead came in
/// between.
pub fn convert(
    connection: &mut DbConnection,
    scope: &Scope,
    id: LeadId,
    condition: &Condition<Lead>,
    conversion: &Conversion,
) -> Result<Opportunity, SuiteError> {
    let form = crm_forms::get_shared(connection, scope, FormKind::Pipeline)?;
    // What the opportunity will point at is held before the lead is locked, as everybody does. Where the lead points
    // elsewhere by then, what it points at now could only be held in the wrong order.
    let held = references_of(&crm_leads::get(connection, scope, id)?);
    references::hold(connection, scope, &held)?;
    let lead = crm_leads::lock_one(connection, scope, id)?.read(connection, scope, &form)?;
    if references_of(&lead) != held {
        return Err(collision("the lead was made to point at other records").into());
    }
    condition.check(|| Ok::<_, SuiteError>(lead.clone()))?;
    if lead.is_converted {
        return Err(LeadError::AlreadyConverted(lead.opportunity_id).into());
    }
    if lead.is_archived {
        return Err(LeadError::Archived.into());
    }
    let by = scope.author(conversion.last_updated_by.as_ref());
    let (custom_fields, tags) = (lead.custom_fields.clone(), lead.tags.clone());
    let converted = ConvertedLead { id, custom_fields, tags, fields: fields_of(lead, conversion, by.clone()) };
    let opportunity = crm_opportunities::create_from_lead(connection, scope, &converted, &form)?;
    crm_leads::mark_converted(connection, scope, id, opportunity.id, by.as_ref())?;
    Ok(opportunity)
}

fn references_of(lead: &Lead) -> References {
    References::of(lead.organization_id, lead.contact_id, Some(&lead.participants))
}

/// What an opportunity takes over from its lead. Every member of a lead is decided on here.
fn fields_of(lead: Lead, conversion: &Conversion, by: Option<User>) -> NewOpportunity {
    let Lead {
        id: _,
        tenant_id: _,
        title,
        value,
        origin,
        lead_rating,
        note,
        organization_id,
        organization: _,
        contact_id,
        contact: _,
        owner,
        creator: _,
        last_updated_by: _,
        followers,
        participants,
        tags: _,
        external_id: _,
        custom_fields: _,
        is_archived: _,
        is_converted: _,
        opportunity_id: _,
        converted_on: _,
        created_on: _,
        last_updated_on: _,
    } = lead;
    let Conversion { pipeline_id, stage, last_updated_by: _ } = conversion.clone();
    NewOpportunity {
        title,
        value,
        origin,
        lead_rating,
        note,
        organization_id,
        contact_id,
        owner,
        creator: by.clone(),
        last_updated_by: by,
        followers,
        participants,
        tags: TagRefs::default(),
        external_id: None,
        custom_fields: CustomFieldsInput::default(),
        pipeline_id,
        stage,
    }
}
