use crm_core::keys::Rotation;
use crm_core::{
    Condition, DbConnection, ForUpdateExt, PortableExt, Scope, Timestamp, WebhookId, columns, each_backend,
    wait_for_turn,
};
use crm_history::{Action, ChangeId, Fields, Kind, NewChange, What, find as find_changes, record};
use diesel::prelude::*;

use crate::deliveries::begin;
use crate::row::{PlaceColumns, Secrets, WebhookRow, WebhookValues};
use crate::schema::webhooks;
use crate::secret::SigningSecret;
use crate::{DisabledReason, Events, NewWebhook, Webhook, WebhookError, WebhookPatch, WebhookWithSecret};

/// The most webhooks of a tenant.
pub const MOST_WEBHOOKS: usize = 50;

/// All webhooks of the tenant, oldest first, without their secrets.
///
/// # Errors
/// The database's.
pub fn list(connection: &mut DbConnection, scope: &Scope) -> Result<Vec<Webhook>, WebhookError> {
    let rows: Vec<WebhookRow> = webhooks::table
        .filter(webhooks::tenant_id.eq(scope.tenant()))
        .order((webhooks::created_on, webhooks::id))
        .select(columns::<WebhookRow>())
        .load(connection)?;
    Ok(rows.into_iter().map(WebhookRow::into_webhook).collect())
}

/// One webhook.
///
/// # Errors
/// [`WebhookError::NotFound`]; the database's.
pub fn get(connection: &mut DbConnection, scope: &Scope, id: WebhookId) -> Result<Webhook, WebhookError> {
    find(connection, scope, id).map(WebhookRow::into_webhook)
}

pub(crate) fn find(connection: &mut DbConnection, scope: &Scope, id: WebhookId) -> Result<WebhookRow, WebhookError> {
    let row: Option<WebhookRow> =
        webhooks::table.find((scope.tenant(), id)).select(columns::<WebhookRow>()).first(connection).optional()?;
    row.ok_or(WebhookError::NotFound)
}

pub(crate) fn find_locked(
    connection: &mut DbConnection,
    scope: &Scope,
    id: WebhookId,
) -> Result<WebhookRow, WebhookError> {
    let row = webhooks::table
        .find((scope.tenant(), id))
        .select(columns::<WebhookRow>())
        .locked()
        .get_result(connection)
        .optional()?;
    row.ok_or(WebhookError::NotFound)
}

/// Makes a webhook, with a secret of its own. It is told of what happens from now on. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`WebhookError::MissingRight`]; [`WebhookError::LimitReached`], after which the transaction can only be rolled back; the
/// database's.
pub fn create(
    connection: &mut DbConnection,
    scope: &Scope,
    new: &NewWebhook,
) -> Result<WebhookWithSecret, WebhookError> {
    check_readable(scope, &new.events)?;
    let id = WebhookId::random();
    let secrets = Secrets { current: SigningSecret::generate()?, old: None };
    let since = PlaceColumns::from(begin(connection, scope)?);
    let row: WebhookRow = diesel::insert_into(webhooks::table)
        .values((
            webhooks::tenant_id.eq(scope.tenant()),
            webhooks::id.eq(id),
            WebhookValues::of_new(new),
            secrets.to_columns(scope, id)?,
            since,
            webhooks::created_on.eq(scope.now()),
            webhooks::last_updated_on.eq(scope.now()),
        ))
        .returning(columns::<WebhookRow>())
        .portable()
        .get_result(connection)?;
    let described = row.into_webhook();
    let made = record(connection, scope, NewChange::new(Kind::Webhook, Action::Created), What::whole(id, &described)?)?;
    begin_behind(connection, scope, id, made)?;
    wait_for_turn(connection, scope, "web hooks")?;
    let count: i64 = webhooks::table.filter(webhooks::tenant_id.eq(scope.tenant())).count().get_result(connection)?;
    if usize::try_from(count).is_ok_and(|count| count > MOST_WEBHOOKS) {
        return Err(WebhookError::LimitReached);
    }
    Ok(WebhookWithSecret { described, secret: Some(secrets.current.reveal().to_owned()) })
}

/// Changes a webhook. One that is switched on again goes on with what happens from then on. Call it in a
/// [`DbConnection::write`].
///
/// # Errors
/// [`WebhookError::NotFound`]; [`WebhookError::Unmet`]; [`WebhookError::MissingRight`]; the database's.
pub fn update(
    connection: &mut DbConnection,
    scope: &Scope,
    id: WebhookId,
    condition: &Condition<Webhook>,
    patch: &WebhookPatch,
) -> Result<Webhook, WebhookError> {
    let before = find_locked(connection, scope, id)?.into_webhook();
    condition.check(|| Ok::<_, WebhookError>(before.clone()))?;
    let WebhookPatch { url, events, fields, description, enabled } = patch;
    let mut after = before.clone();
    after.url = url.clone().unwrap_or(after.url);
    after.events = events.clone().unwrap_or(after.events);
    after.fields = fields.applied_to(after.fields, Clone::clone);
    after.description = description.applied_to(after.description, Clone::clone);
    after.enabled = enabled.unwrap_or(after.enabled);
    if after == before {
        return Ok(before);
    }
    check_readable(scope, &after.events)?;
    let is_switched_on = after.enabled && !before.enabled;
    if is_switched_on {
        (after.disabled_reason, after.failing_since) = (None, None);
        begin(connection, scope)?;
    }
    let (updated, change) = store(connection, scope, &before, &after)?;
    if is_switched_on {
        begin_behind(connection, scope, id, change)?;
    }
    Ok(updated)
}

/// Deletes a webhook: nothing more is sent to it. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`WebhookError::NotFound`]; [`WebhookError::Unmet`]; the database's.
pub fn delete(
    connection: &mut DbConnection,
    scope: &Scope,
    id: WebhookId,
    condition: &Condition<Webhook>,
) -> Result<(), WebhookError> {
    let webhook = find_locked(connection, scope, id)?.into_webhook();
    condition.check(|| Ok::<_, WebhookError>(webhook.clone()))?;
    diesel::delete(webhooks::table.find((scope.tenant(), id))).execute(connection)?;
    record(connection, scope, NewChange::new(Kind::Webhook, Action::Deleted), What::whole(id, &webhook)?)?;
    Ok(())
}

/// Puts a new secret in the place of a webhook's. For the grace everything is signed with both; without one, with the new
/// one alone. A secret that an earlier rotation left signs no more. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`WebhookError::NotFound`]; [`WebhookError::Unmet`]; [`WebhookError::Secrets`]; the database's.
pub fn rotate_secret(
    connection: &mut DbConnection,
    scope: &Scope,
    id: WebhookId,
    condition: &Condition<Webhook>,
    rotation: Rotation,
) -> Result<WebhookWithSecret, WebhookError> {
    let row = find_locked(connection, scope, id)?;
    condition.check(|| Ok::<_, WebhookError>(row.clone().into_webhook()))?;
    let Secrets { current, old: _ } = row.secrets.open(scope, id)?;
    let old = rotation.grace_minutes.after(scope.now()).map(|until| (current, until));
    let secrets = Secrets { current: SigningSecret::generate()?, old };
    let updated: WebhookRow = diesel::update(webhooks::table.find((scope.tenant(), id)))
        .set((secrets.to_columns(scope, id)?, webhooks::last_updated_on.eq(scope.now())))
        .returning(columns::<WebhookRow>())
        .portable()
        .get_result(connection)?;
    let what = What::changed(id, Fields::none().secret("secret", true))?;
    record(connection, scope, NewChange::new(Kind::Webhook, Action::Updated), what)?;
    let secret = Some(secrets.current.reveal().to_owned());
    Ok(WebhookWithSecret { described: updated.into_webhook(), secret })
}

/// Notes how a try ended: after a success nothing is failing; since the first failure it is, and after five days of that, or
/// where the receiver wants nothing more, the webhook is switched off, which is a change of its own. One that is gone or
/// off stays as it is. Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub(crate) fn note_outcome(
    connection: &mut DbConnection,
    scope: &Scope,
    id: WebhookId,
    outcome: Outcome,
) -> Result<(), WebhookError> {
    let before = match find_locked(connection, scope, id) {
        Ok(row) => row.into_webhook(),
        Err(WebhookError::NotFound) => return Ok(()),
        Err(error) => return Err(error),
    };
    let failing_since = match outcome {
        Outcome::Arrived => None,
        Outcome::Failed | Outcome::Gone => before.failing_since.or(Some(scope.now())),
    };
    let is_over = failing_since.is_some_and(|since| scope.now().as_datetime() - since.as_datetime() >= LONGEST_FAILURE);
    let reason = match outcome {
        Outcome::Gone => Some(DisabledReason::Gone),
        Outcome::Failed if is_over => Some(DisabledReason::Failing),
        Outcome::Failed | Outcome::Arrived => None,
    };
    if !before.enabled {
        return Ok(());
    }
    if let Some(reason) = reason {
        let after = Webhook { enabled: false, disabled_reason: Some(reason), failing_since, ..before.clone() };
        store(connection, scope, &before, &after)?;
    } else if failing_since != before.failing_since {
        let row = webhooks::table.find((scope.tenant(), id));
        diesel::update(row).set(webhooks::failing_since.eq(failing_since)).execute(connection)?;
    }
    Ok(())
}

/// Those of these webhooks of which nothing has arrived for some time.
pub(crate) fn failing(
    connection: &mut DbConnection,
    scope: &Scope,
    ids: Vec<WebhookId>,
) -> QueryResult<Vec<WebhookId>> {
    let of_tenant = webhooks::table.filter(webhooks::tenant_id.eq(scope.tenant()));
    of_tenant
        .filter(webhooks::id.eq_any(ids))
        .filter(webhooks::failing_since.is_not_null())
        .select(webhooks::id)
        .load(connection)
}

/// How a try ended, for the webhook as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Arrived,
    Failed,
    Gone,
}

/// How long everything may fail before a webhook is switched off.
const LONGEST_FAILURE: chrono::Duration = chrono::Duration::days(5);

/// Writes a webhook as it is to be, and its change.
fn store(
    connection: &mut DbConnection,
    scope: &Scope,
    before: &Webhook,
    after: &Webhook,
) -> Result<(Webhook, ChangeId), WebhookError> {
    let fields = Fields::none()
        .compare("url", &before.url, &after.url)
        .compare("events", &before.events, &after.events)
        .compare("fields", &before.fields, &after.fields)
        .compare("description", &before.description, &after.description)
        .compare("enabled", &before.enabled, &after.enabled)
        .compare("disabledReason", &before.disabled_reason, &after.disabled_reason)
        .compare("failingSince", &before.failing_since, &after.failing_since);
    let updated: WebhookRow = diesel::update(webhooks::table.find((scope.tenant(), after.id)))
        .set((WebhookValues::of(after), webhooks::last_updated_on.eq(scope.now())))
        .returning(columns::<WebhookRow>())
        .portable()
        .get_result(connection)?;
    let what = What::changed(after.id, fields)?;
    let change = record(connection, scope, NewChange::new(Kind::Webhook, Action::Updated), what)?;
    Ok((updated.into_webhook(), change))
}

/// A webhook is told of what stands behind the change that made it or switched it on: of nothing before, which the feed may
/// still have to show, nor of that change itself.
fn begin_behind(connection: &mut DbConnection, scope: &Scope, id: WebhookId, change: ChangeId) -> QueryResult<()> {
    for change in find_changes(connection, scope, &[change])? {
        let since = PlaceColumns::from(change.position);
        diesel::update(webhooks::table.find((scope.tenant(), id))).set(since).execute(connection)?;
    }
    Ok(())
}

/// Nobody has something sent that he may not read.
fn check_readable(scope: &Scope, events: &Events) -> Result<(), WebhookError> {
    scope.actor().rights().lacking(events.needed()).map_or(Ok(()), |right| Err(WebhookError::MissingRight(right)))
}

/// Seals the secrets of up to `most` webhooks of the tenant with the key that the scope seals with, and tells how many they
/// were. Nothing that is shown changes. Call it, each time in a [`DbConnection::write`], until none is left.
///
/// # Errors
/// [`WebhookError::Secrets`]; the database's.
pub fn reseal(connection: &mut DbConnection, scope: &Scope, most: i64) -> Result<usize, WebhookError> {
    let Some(secrets) = scope.secrets() else { return Ok(0) };
    let rows: Vec<WebhookRow> = webhooks::table
        .filter(webhooks::tenant_id.eq(scope.tenant()))
        .filter(webhooks::secrets_key.is_null().or(webhooks::secrets_key.ne(secrets.key_id()).assume_not_null()))
        .order(webhooks::id)
        .limit(most)
        .select(columns::<WebhookRow>())
        .locked()
        .get_results(connection)?;
    let count = rows.len();
    for row in rows {
        let columns = row.secrets.open(scope, row.id)?.to_columns(scope, row.id)?;
        diesel::update(webhooks::table.find((scope.tenant(), row.id))).set(columns).portable().execute(connection)?;
    }
    Ok(count)
}

/// The ids of all keys that stored secrets are sealed with, of whatever tenant: for a program to tell at its start that it
/// lacks one.
///
/// # Errors
/// The database's.
pub fn keys_in_use(connection: &mut DbConnection) -> QueryResult<Vec<String>> {
    #[derive(QueryableByName)]
    struct KeyInUse {
        #[diesel(sql_type = diesel::sql_types::Text)]
        id: String,
    }
    let keys = "SELECT DISTINCT w.secrets_key AS id FROM tenants t JOIN webhooks w ON w.tenant_id = t.id \
                WHERE w.secrets_key IS NOT NULL ORDER BY id";
    let keys: Vec<KeyInUse> = each_backend!(connection, connection => diesel::sql_query(keys).load(connection))?;
    Ok(keys.into_iter().map(|KeyInUse { id }| id).collect())
}

/// What is needed to send something to a webhook: where to, and what signs it.
#[derive(Clone)]
pub struct Endpoint {
    /// The webhook.
    pub webhook: Webhook,
    /// Its secrets: the current one first, then the one before while that is in its grace.
    pub secrets: Vec<SigningSecret>,
}

/// A webhook with its secrets in clear, for whoever sends.
///
/// # Errors
/// [`WebhookError::NotFound`]; [`WebhookError::Secrets`]; the database's.
pub fn endpoint(connection: &mut DbConnection, scope: &Scope, id: WebhookId) -> Result<Endpoint, WebhookError> {
    opened(find(connection, scope, id)?, scope)
}

pub(crate) fn opened(row: WebhookRow, scope: &Scope) -> Result<Endpoint, WebhookError> {
    let Secrets { current, old } = row.secrets.open(scope, row.id)?;
    let secrets = std::iter::once(current).chain(old.map(|(old, _): (SigningSecret, Timestamp)| old)).collect();
    Ok(Endpoint { webhook: row.into_webhook(), secrets })
}
