//! Converting a lead into an opportunity (docs/compatibility.md, "Leads").

use std::collections::HashMap;

use crm_core::input::{FromBody, ObjectReader};
use crm_core::values::User;
use crm_core::{Condition, DbConnection, LeadId, PipelineId, Scope, Timestamp, records};
use crm_forms::CustomFieldsInput;
use crm_leads::{Lead, LeadError, LeadToConvert};
use crm_opportunities::{ConvertedLead, NewOpportunity, Opportunity, StageKey, StageOrBlank, pipelines};
use crm_tags::TagRefs;

use crate::{SuiteError, references};

/// Where the opportunity starts: `{ pipelineId?, stage?, lastUpdatedBy? }`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conversion {
    /// Its pipeline; the tenant's default one unless given.
    pub pipeline_id: Option<PipelineId>,
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
/// As [`crm_leads::lock_to_convert`]; an unknown pipeline or stage; the database's.
pub fn convert(
    connection: &mut DbConnection,
    scope: &Scope,
    id: LeadId,
    condition: &Condition<Lead>,
    conversion: &Conversion,
) -> Result<Opportunity, SuiteError> {
    let opportunity = make(connection, scope, id, condition, conversion)?;
    mark(connection, scope, id, conversion, &opportunity)?;
    Ok(opportunity)
}

/// As [`convert`], of many leads, each at its moment, in a transaction of many changes ([`batch::together`](crate::batch::together)):
/// what they ask for alike is asked once.
///
/// # Errors
/// As [`convert`]; [`LeadError::AlreadyConverted`] for a lead that comes twice.
pub fn convert_each(
    connection: &mut DbConnection,
    scope: &Scope,
    conversions: &[(Timestamp, LeadId, Conversion)],
) -> Result<Vec<Opportunity>, SuiteError> {
    let ids: Vec<LeadId> = conversions.iter().map(|(_, id, _)| *id).collect();
    let pipelines: Vec<Option<PipelineId>> =
        conversions.iter().map(|(.., conversion)| conversion.pipeline_id).collect();
    crm_leads::lock_each_to_convert(connection, scope, &ids, references::hold_each)?;
    pipelines::hold_stages(connection, scope, &pipelines, &[])?;
    let mut made = Vec::with_capacity(conversions.len());
    let mut into = HashMap::with_capacity(conversions.len());
    for (moment, id, conversion) in conversions {
        // The leads are marked once all opportunities are there: none of them shows yet what became of it.
        if let Some(earlier) = into.get(id) {
            return Err(LeadError::AlreadyConverted(Some(*earlier)).into());
        }
        let opportunity = make(connection, &scope.clone().at(*moment), *id, &Condition::none(), conversion)?;
        into.insert(*id, opportunity.id);
        made.push(opportunity);
    }
    // The leads are about to point at them.
    records::settle(connection, scope)?;
    for ((moment, id, conversion), opportunity) in conversions.iter().zip(&made) {
        mark(connection, &scope.clone().at(*moment), *id, conversion, opportunity)?;
    }
    Ok(made)
}

fn make(
    connection: &mut DbConnection,
    scope: &Scope,
    id: LeadId,
    condition: &Condition<Lead>,
    conversion: &Conversion,
) -> Result<Opportunity, SuiteError> {
    let LeadToConvert { lead, form } = crm_leads::lock_to_convert(connection, scope, id, condition, references::hold)?;
    let by = scope.author(conversion.last_updated_by.as_ref());
    let (custom_fields, tags) = (lead.custom_fields.clone(), lead.tags.clone());
    let converted = ConvertedLead { id, custom_fields, tags, fields: fields_of(lead, conversion, by), form };
    Ok(crm_opportunities::create_from_lead(connection, scope, &converted)?)
}

fn mark(
    connection: &mut DbConnection,
    scope: &Scope,
    id: LeadId,
    conversion: &Conversion,
    opportunity: &Opportunity,
) -> Result<(), SuiteError> {
    let by = scope.author(conversion.last_updated_by.as_ref());
    Ok(crm_leads::mark_converted(connection, scope, id, opportunity.id, by.as_ref())?)
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
