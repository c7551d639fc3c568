//! The contacts that take part in opportunities, one row each.

use std::collections::HashMap;

use crm_core::values::{Participant, Participants};
use crm_core::{ContactId, Db, DbConnection, FieldCode, FieldErrors, OpportunityId, Scope, TenantId, each_backend};
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};

use crate::OpportunityError;
use crate::schema::opportunity_participants;

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = opportunity_participants, check_for_backend(Db))]
struct ParticipantRow {
    opportunity_id: OpportunityId,
    contact_id: ContactId,
    name: Option<String>,
}

#[derive(Insertable)]
#[diesel(table_name = opportunity_participants, treat_none_as_default_value = false)]
struct NewParticipantRow<'a> {
    tenant_id: TenantId,
    opportunity_id: OpportunityId,
    contact_id: ContactId,
    name: Option<&'a str>,
    position: i16,
}

/// The participants of each of these opportunities, in order, in one statement. An opportunity without any is not in the map.
pub(crate) fn of(
    connection: &mut DbConnection,
    scope: &Scope,
    records: &[OpportunityId],
) -> QueryResult<HashMap<OpportunityId, Vec<Participant>>> {
    let mut participants: HashMap<OpportunityId, Vec<Participant>> = HashMap::with_capacity(records.len());
    if records.is_empty() {
        return Ok(participants);
    }
    let rows: Vec<ParticipantRow> = opportunity_participants::table
        .filter(opportunity_participants::tenant_id.eq(scope.tenant()))
        .filter(opportunity_participants::opportunity_id.eq_any(records))
        .order((opportunity_participants::position, opportunity_participants::contact_id))
        .select(crm_core::columns::<ParticipantRow>())
        .load(connection)?;
    for ParticipantRow { opportunity_id, contact_id, name } in rows {
        participants.entry(opportunity_id).or_default().push(Participant { id: contact_id, name });
    }
    Ok(participants)
}

/// Gives an opportunity exactly these participants.
pub(crate) fn set(
    connection: &mut DbConnection,
    scope: &Scope,
    opportunity: OpportunityId,
    participants: &Participants,
) -> Result<(), OpportunityError> {
    diesel::delete(
        opportunity_participants::table
            .filter(opportunity_participants::tenant_id.eq(scope.tenant()))
            .filter(opportunity_participants::opportunity_id.eq(opportunity)),
    )
    .execute(connection)?;
    add(connection, scope, opportunity, participants)
}

/// Gives these participants to an opportunity that has none.
pub(crate) fn add(
    connection: &mut DbConnection,
    scope: &Scope,
    opportunity: OpportunityId,
    participants: &Participants,
) -> Result<(), OpportunityError> {
    if participants.as_slice().is_empty() {
        return Ok(());
    }
    let rows: Vec<NewParticipantRow<'_>> = (0_i16..)
        .zip(participants.as_slice())
        .map(|(position, Participant { id, name })| NewParticipantRow {
            tenant_id: scope.tenant(),
            opportunity_id: opportunity,
            contact_id: *id,
            name: name.as_deref(),
            position,
        })
        .collect();
    let insert = diesel::insert_into(opportunity_participants::table).values(&rows);
    let inserted = each_backend!(connection, connection => insert.execute(connection));
    inserted.map(drop).map_err(|error| unknown_participant(error, participants))
}

/// The caller checked that the contacts exist; one of them vanished since.
fn unknown_participant(error: DieselError, participants: &Participants) -> OpportunityError {
    match error {
        DieselError::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _) => {
            let mut references = participants.references();
            // The databases do not say which one it was.
            let field = match (references.next(), references.next()) {
                (Some((only, _)), None) => only,
                _ => "participants".to_owned(),
            };
            FieldErrors::of(field, FieldCode::UnknownReference, "names a contact that does not exist").into()
        }
        other => other.into(),
    }
}
