use std::collections::{HashMap, HashSet};

use crm_core::error::collision;
use crm_core::input::{FromBody, ObjectReader};
use crm_core::sql::Json;
use crm_core::values::User;
use crm_core::{Condition, DbConnection, ForShareExt, ForUpdateExt, PortableExt, Scope, TenantId, Timestamp};
use crm_history::{Action, Fields, Kind, NewChange, What};
use diesel::prelude::*;

use crate::schema::forms;
use crate::{Form, FormError, FormKind, NewFields, StoredForm};

/// What a PUT of a form takes: `{ fields, creator?, tenantId? }`.
#[derive(Debug, Clone)]
pub struct NewForm {
    /// The fields, in their order.
    pub fields: NewFields,
    /// Who made it.
    pub creator: Option<User>,
}

impl NewForm {
    /// A form of these fields.
    #[must_use]
    pub fn new(fields: NewFields) -> Self {
        Self { fields, creator: None }
    }
}

impl FromBody for NewForm {
    const READ_ONLY: &'static [&'static str] = &["tenantId"];

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        let fields = reader.required("fields");
        let creator = reader.optional("creator");
        fields.map(|fields| Self { fields, creator })
    }
}

#[derive(Insertable)]
#[diesel(table_name = forms, treat_none_as_default_value = false)]
struct InsertedForm {
    tenant_id: TenantId,
    kind: i16,
    form: Json<StoredForm>,
    creator: Option<Json<User>>,
    last_updated_on: Timestamp,
}

#[derive(AsChangeset)]
#[diesel(table_name = forms)]
struct ChangedForm {
    form: Json<StoredForm>,
    /// Without one, the one before is kept.
    creator: Option<Json<User>>,
    last_updated_on: Timestamp,
}

/// The form of a kind: the tenant's own, or the default one where it never replaced it. A transaction of many changes that
/// [keeps](get_shared) it does not ask again.
///
/// # Errors
/// The database's.
pub fn get(connection: &mut DbConnection, scope: &Scope, kind: FormKind) -> QueryResult<Form> {
    if let Some(form) = Known::form(scope, kind) {
        return Ok(form);
    }
    let stored: Option<Json<StoredForm>> =
        forms::table.find((scope.tenant(), kind.number())).select(forms::form).first(connection).optional()?;
    Ok(form(scope, kind, stored))
}

/// As [`get`], and no [`replace`] of the form runs until the end of the transaction: for a write of custom
/// fields, so that no value is stored into a field that is being taken off or gets another type.
///
/// A tenant without a row of its own is not locked. It need not be: its form is the default one, which has
/// no custom field, so that nothing of the kind can cross. Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn get_shared(connection: &mut DbConnection, scope: &Scope, kind: FormKind) -> QueryResult<Form> {
    if let Some(form) = Known::form(scope, kind) {
        return Ok(form);
    }
    let stored: Option<Json<StoredForm>> = forms::table
        .find((scope.tenant(), kind.number()))
        .select(forms::form)
        .shared()
        .get_result(connection)
        .optional()?;
    let form = form(scope, kind, stored);
    if let Some(memory) = scope.memory() {
        memory.with(|Known(known): &mut Known| known.insert(kind, form.clone()));
    }
    Ok(form)
}

/// The forms that a transaction of many changes has read and keeps.
#[derive(Default)]
struct Known(HashMap<FormKind, Form>);

impl Known {
    fn form(scope: &Scope, kind: FormKind) -> Option<Form> {
        scope.memory()?.with(|Self(known)| known.get(&kind).cloned())
    }
}

/// Replaces the form of a kind. Call it in a [`DbConnection::write`].
///
/// `in_use` says in which of these custom fields any record of the tenant has a value, see
/// [`custom_fields_in_use`](macro@crate::custom_fields_in_use). A field that is taken off while it is in use keeps its values,
/// and its type is remembered: it can come back with that type only, unless the values are gone by then. No more than
/// [`Form::MOST_RETIRED`] fields can be off the form with values.
///
/// # Errors
/// [`FormError::Unmet`], [`FormError::Invalid`], [`FormError::FieldInUse`], nothing written; the database's, a
/// [collision](crm_core::error::Fault::Collision) among them where two make the tenant's first form of a kind at once.
pub fn replace(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: FormKind,
    condition: &Condition<Form>,
    new: &NewForm,
    in_use: impl FnOnce(&mut DbConnection, &[&str]) -> QueryResult<HashSet<String>>,
) -> Result<Form, FormError> {
    let NewForm { fields, creator } = new;
    let place = forms::table.find((scope.tenant(), kind.number()));
    let stored: Option<Json<StoredForm>> = place.select(forms::form).locked().get_result(connection).optional()?;
    let is_first = stored.is_none();
    let present = form(scope, kind, stored);
    condition.check(|| Ok::<_, FormError>(present.clone()))?;
    let replaced = present.replaced(fields, |ids| in_use(connection, ids))?;
    let (stored, creator) = (Json(replaced.to_stored()), scope.creator(creator.as_ref(), None).map(Json));
    let written = if is_first {
        let first = InsertedForm {
            tenant_id: scope.tenant(),
            kind: kind.number(),
            form: stored,
            creator,
            last_updated_on: scope.now(),
        };
        diesel::insert_into(forms::table).values(first).on_conflict_do_nothing().portable().execute(connection)?
    } else {
        let change = ChangedForm { form: stored, creator, last_updated_on: scope.now() };
        diesel::update(place).set(change).execute(connection)?
    };
    // There was no row to lock, and somebody else made it meanwhile.
    if written == 0 {
        return Err(collision("the first form was made by somebody else").into());
    }
    let fields = Fields::none().compare("fields", present.fields(), replaced.fields());
    if !fields.is_empty() {
        let change = NewChange::new(Kind::Form, Action::Updated);
        crm_history::record(connection, scope, change, What::changed(kind.name(), fields)?)?;
    }
    Ok(replaced)
}

fn form(scope: &Scope, kind: FormKind, stored: Option<Json<StoredForm>>) -> Form {
    of_stored(scope, kind, stored.map(|Json(stored)| stored))
}

/// The form of a kind as it was read beside a record: the default one where the tenant has none of its own.
#[must_use]
pub fn of_stored(scope: &Scope, kind: FormKind, stored: Option<StoredForm>) -> Form {
    match stored {
        Some(stored) => Form::stored(kind.own_fields(), scope.public_tenant(), stored),
        None => Form::default_of(kind.own_fields(), scope.public_tenant()),
    }
}
