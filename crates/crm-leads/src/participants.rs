//! The contacts that take part in leads, one row each.

use std::collections::HashMap;

use crm_core::values::{Participant, Participants};
use crm_core::{ContactId, Db, DbConnection, FieldCode, FieldErrors, LeadId, Scope, TenantId, each_backend};
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};

use crate::LeadError;
use crate::schema::lead_participants;

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = lead_participants, check_for_backend(Db))]
struct ParticipantRow {
    lead_id: LeadId,
    contact_id: ContactId,
    name: Option<String>,
}

#[derive(Insertable)]
#[diesel(table_name = lead_participants, treat_none_as_default_value = false)]
struct NewParticipantRow<'a> {
    tenant_id: TenantId,
    lead_id: LeadId,
    contact_id: ContactId,
    name: Option<&'a str>,
    position: i16,
}

/// The participants of each of these leads, in order, in one statement. A lead without any is not in the map.
pub(crate) fn of(
    connection: &mut DbConnection,
    scope: &Scope,
    leads: &[LeadId],
) -> QueryResult<HashMap<LeadId, Vec<Participant>>> {
    let mut participants: HashMap<LeadId, Vec<Participant>> = HashMap::with_capacity(leads.len());
    if leads.is_empty() {
        return Ok(participants);
    }
    let rows: Vec<ParticipantRow> = lead_participants::table
        .filter(lead_participants::tenant_id.eq(scope.tenant()))
        .filter(lead_participants::lead_id.eq_any(leads))
        .order((lead_participants::position, lead_participants::contact_id))
        .select(crm_core::columns::<ParticipantRow>())
        .load(connection)?;
    for ParticipantRow { lead_id, contact_id, name } in rows {
        participants.entry(lead_id).or_default().push(Participant { id: contact_id, name });
    }
    Ok(participants)
}

/// Gives a lead exactly these participants.
pub(crate) fn set(
    connection: &mut DbConnection,
    scope: &Scope,
    lead: LeadId,
    participants: &Participants,
) -> Result<(), LeadError> {
    diesel::delete(
        lead_participants::table
            .filter(lead_participants::tenant_id.eq(scope.tenant()))
            .filter(lead_participants::lead_id.eq(lead)),
    )
    .execute(connection)?;
    add(connection, scope, lead, participants)
}

/// Gives these participants to a lead that has none.
pub(crate) fn add(
    connection: &mut DbConnection,
    scope: &Scope,
    lead: LeadId,
    participants: &Participants,
) -> Result<(), LeadError> {
    if participants.as_slice().is_empty() {
        return Ok(());
    }
    let rows: Vec<NewParticipantRow<'_>> = (0_i16..)
        .zip(participants.as_slice())
        .map(|(position, Participant { id, name })| NewParticipantRow {
            tenant_id: scope.tenant(),
            lead_id: lead,
            contact_id: *id,
            name: name.as_deref(),
            position,
        })
        .collect();
    let insert = diesel::insert_into(lead_participants::table).values(&rows);
    let inserted = each_backend!(connection, connection => insert.execute(connection));
    inserted.map(drop).map_err(|error| unknown_participant(error, participants))
}

/// The caller checked that the contacts exist; one of them vanished since.
fn unknown_participant(error: DieselError, participants: &Participants) -> LeadError {
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
