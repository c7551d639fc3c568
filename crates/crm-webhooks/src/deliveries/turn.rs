//! A turn of delivering for a tenant: who has it, what the changes since the last one make to be delivered, and what is due.

use std::collections::{HashMap, HashSet};

use crm_core::sql::{Instant, Json, Uid};
use crm_core::{
    BackendKind, Db, DbConnection, DeliveryId, ForUpdateExt, PortableExt, PublicTenantId, Scope, TenantId, Timestamp,
    Uuid, WebhookId, columns, each_backend,
};
use crm_history::{Action, Change, ChangeId, FeedFilter, HistoryError, Kind, Position, feed};
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use sha2::{Digest, Sha256};

use crate::WebhookError;
use crate::deliveries::row::{NewRow, read_event};
use crate::deliveries::{Attempt, DeliveryState};
use crate::row::WebhookRow;
use crate::schema::{deliveries, delivery_turns, webhooks};
use crate::service::{Endpoint, opened};

/// How many changes one turn looks at.
const CHANGES_AT_ONCE: i64 = 200;
/// How many deliveries are made by one statement: SQLite takes 32 766 values in one.
const ROWS_AT_ONCE: usize = 500;
/// Who asks for a turn, and what it has room for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The program that asks, by a number of its own.
    pub holder: Uuid,
    /// How many deliveries more each webhook may have under way; those that are not named, one.
    pub room: HashMap<WebhookId, usize>,
    /// The deliveries that are under way, with their webhooks.
    pub under_way: HashMap<DeliveryId, WebhookId>,
}

/// What a turn found.
pub struct Turn {
    /// The webhooks that something is due of.
    pub endpoints: HashMap<WebhookId, Endpoint>,
    /// What is to be sent now, of each webhook as much as there was room for.
    pub due: Vec<Due>,
    /// Whether another turn would find more at once.
    pub has_more: bool,
}

/// A delivery that is to be sent.
#[derive(Debug, Clone)]
pub struct Due {
    /// Its id, the `webhook-id`.
    pub id: DeliveryId,
    /// To which webhook.
    pub webhook: WebhookId,
    /// The change.
    pub change: ChangeId,
    /// Of what.
    pub kind: Kind,
    /// Of which record.
    pub record_id: String,
    /// What was done.
    pub action: Action,
    /// When it was due: by this it is known whether somebody replayed it meanwhile.
    pub due_on: Timestamp,
    /// How often it was tried since it was made or replayed.
    pub tries: usize,
    /// The tries so far.
    pub attempts: Vec<Attempt>,
    /// What was sent first, where that has not arrived.
    pub body: Option<String>,
    /// How often records of the tenant had been erased when this was read.
    pub erasures: i64,
}

/// Takes the turn of delivering for the scope's tenant, makes what the next changes are to be delivered as, and tells what
/// is due. `None` where another program has the turn: it is held for eight seconds from the last call that found something
/// to do. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`WebhookError::Secrets`]; the database's.
pub fn take_turn(connection: &mut DbConnection, scope: &Scope, wanted: &Wanted) -> Result<Option<Turn>, WebhookError> {
    let Some(place) = look(connection, scope, wanted.holder)? else { return Ok(None) };
    let rows: Vec<WebhookRow> = webhooks::table
        .filter(webhooks::tenant_id.eq(scope.tenant()).and(webhooks::enabled))
        .select(columns::<WebhookRow>())
        .load(connection)?;
    let position = Position { turn: place.turn, seq: place.seq };
    let more_changes = !rows.is_empty() && plan(connection, scope, position, &rows)?;
    let ids: Vec<WebhookId> = rows.iter().map(|row| row.id).collect();
    let (due, more_due) = due(connection, scope, &ids, wanted, place.erasures)?;
    hold(connection, scope, wanted, &place, !due.is_empty())?;
    let needed: HashSet<WebhookId> = due.iter().map(|due| due.webhook).collect();
    let needed = rows.into_iter().filter(|row| needed.contains(&row.id));
    let endpoints = needed.map(|row| Ok((row.id, opened(row, scope)?))).collect::<Result<_, WebhookError>>()?;
    Ok(Some(Turn { endpoints, due, has_more: more_changes || more_due }))
}

#[derive(QueryableByName)]
struct Place {
    #[diesel(sql_type = BigInt)]
    turn: i64,
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = BigInt)]
    erasures: i64,
    #[diesel(sql_type = Bool)]
    is_free: bool,
    /// Whether whoever asks holds it, and for how many milliseconds more.
    #[diesel(sql_type = Nullable<BigInt>)]
    held_for: Option<i64>,
}

/// For how long a turn is held, by the clock of the database, which all gateways share: should the one that holds it be gone,
/// others take over then.
const HELD_FOR: &str = "interval '8 seconds'";
/// What is held for so many milliseconds more is not written again.
const HELD_LONG_ENOUGH: i64 = 4_000;

/// Where the turn stands, with its row locked; `None` where another program holds it, or looks at it just now.
fn look(connection: &mut DbConnection, scope: &Scope, holder: Uuid) -> QueryResult<Option<Place>> {
    if connection.kind() == BackendKind::Sqlite {
        // The one gateway on the file.
        let place = delivery_turns::table.find(scope.tenant());
        let place = place.select((delivery_turns::turn, delivery_turns::seq, delivery_turns::erasures));
        let place = place.first(connection).optional()?;
        return Ok(place.map(|(turn, seq, erasures)| Place { turn, seq, erasures, is_free: true, held_for: None }));
    }
    let place = "SELECT turn, seq, erasures, coalesce(held_until < now() OR holder = $2, TRUE) AS is_free, \
                 CASE WHEN holder = $2 THEN (extract(epoch FROM held_until - now()) * 1000)::bigint END AS held_for \
                 FROM delivery_turns WHERE tenant_id = $1 FOR UPDATE SKIP LOCKED";
    let place = diesel::sql_query(place).bind::<BigInt, _>(scope.tenant().as_i64()).bind::<Uid, _>(holder);
    let place: Option<Place> = place.portable().get_result(connection).optional()?;
    Ok(place.filter(|place| place.is_free))
}

/// Holds the turn as long as something is sent, and gives it back where nothing is: any program may look then.
fn hold(
    connection: &mut DbConnection,
    scope: &Scope,
    wanted: &Wanted,
    place: &Place,
    finds_due: bool,
) -> QueryResult<()> {
    if connection.kind() == BackendKind::Sqlite {
        return Ok(());
    }
    let is_needed = finds_due || !wanted.under_way.is_empty();
    match place.held_for {
        Some(_) if !is_needed => give_back(connection, scope, wanted.holder),
        Some(milliseconds) if milliseconds > HELD_LONG_ENOUGH => Ok(()),
        None if !is_needed => Ok(()),
        Some(_) | None => {
            let hold =
                format!("UPDATE delivery_turns SET holder = $2, held_until = now() + {HELD_FOR} WHERE tenant_id = $1");
            let hold = diesel::sql_query(hold).bind::<BigInt, _>(scope.tenant().as_i64());
            hold.bind::<Uid, _>(wanted.holder).portable().execute(connection).map(drop)
        }
    }
}

/// Whether the tenant has a webhook that is on.
///
/// # Errors
/// The database's.
pub fn is_told(connection: &mut DbConnection, scope: &Scope) -> QueryResult<bool> {
    let enabled = webhooks::table.filter(webhooks::tenant_id.eq(scope.tenant()).and(webhooks::enabled));
    Ok(enabled.select(webhooks::id).first::<WebhookId>(connection).optional()?.is_some())
}

/// Gives the turn back, so that another program can take it at once. Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn give_back(connection: &mut DbConnection, scope: &Scope, holder: Uuid) -> QueryResult<()> {
    let held = delivery_turns::table.find(scope.tenant()).filter(delivery_turns::holder.eq(holder));
    let nobody = (delivery_turns::holder.eq(None::<Uuid>), delivery_turns::held_until.eq(None::<Timestamp>));
    diesel::update(held).set(nobody).portable().execute(connection).map(drop)
}

/// A webhook is made or switched on now: where no other is on, the tenant's turn begins here, and what was before is never
/// looked at. Gives the end of the feed as it can be seen. Call it in a [`DbConnection::write`].
pub(crate) fn begin(connection: &mut DbConnection, scope: &Scope) -> QueryResult<Position> {
    let Position { turn, seq } = crm_history::end(connection, scope)?;
    let place = (delivery_turns::turn.eq(turn), delivery_turns::seq.eq(seq));
    diesel::insert_into(delivery_turns::table)
        .values((delivery_turns::tenant_id.eq(scope.tenant()), delivery_turns::erasures.eq(0), place))
        .on_conflict_do_nothing()
        .portable()
        .execute(connection)?;
    let _: i64 =
        delivery_turns::table.find(scope.tenant()).select(delivery_turns::seq).locked().get_result(connection)?;
    let others = webhooks::table.filter(webhooks::tenant_id.eq(scope.tenant()).and(webhooks::enabled));
    let others: i64 = others.count().get_result(connection)?;
    if others == 0 {
        diesel::update(delivery_turns::table.find(scope.tenant())).set(place).execute(connection)?;
    }
    Ok(Position { turn, seq })
}

/// Makes deliveries of the changes after the place, and tells whether more follow at once.
fn plan(
    connection: &mut DbConnection,
    scope: &Scope,
    position: Position,
    webhooks: &[WebhookRow],
) -> Result<bool, WebhookError> {
    let page = match feed(connection, scope, Some(position), &FeedFilter::default(), CHANGES_AT_ONCE) {
        Ok(page) => page,
        Err(HistoryError::Gone) => {
            skip_forgotten(connection, scope)?;
            return Ok(true);
        }
        Err(HistoryError::Database(error)) => return Err(error.into()),
        // Reading it ends in nothing else.
        Err(error) => return Err(DieselError::QueryBuilderError(Box::new(error)).into()),
    };
    if page.next == position {
        return Ok(false);
    }
    let told = webhooks.iter().map(|row| (row.since.position(), row.clone().into_webhook())).collect::<Vec<_>>();
    let wanted: Vec<(&Change, WebhookId)> = page
        .items
        .iter()
        .flat_map(|change| {
            let wanting = told.iter().filter(|(since, webhook)| change.position > *since && webhook.wants(change));
            wanting.map(move |(_, webhook)| (change, webhook.id))
        })
        .collect();
    make(connection, scope, &wanted)?;
    move_to(connection, scope, page.next)?;
    Ok(page.has_more)
}

/// What was not delivered for so long that its changes are forgotten never will be.
fn skip_forgotten(connection: &mut DbConnection, scope: &Scope) -> QueryResult<()> {
    let oldest = crm_history::oldest_kept(connection, scope)?;
    move_to(connection, scope, oldest)
}

fn move_to(connection: &mut DbConnection, scope: &Scope, Position { turn, seq }: Position) -> QueryResult<()> {
    let place = (delivery_turns::turn.eq(turn), delivery_turns::seq.eq(seq));
    diesel::update(delivery_turns::table.find(scope.tenant())).set(place).execute(connection).map(drop)
}

/// The id of what tells a webhook of a change: always the same, whoever makes it and how often.
fn delivery_id(webhook: WebhookId, change: ChangeId) -> DeliveryId {
    let hash =
        Sha256::new().chain_update(webhook.as_uuid().as_bytes()).chain_update(change.as_i64().to_be_bytes()).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    // Version 8 of RFC 9562: bits of one's own choice.
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    DeliveryId::from_uuid(Uuid::from_bytes(bytes))
}

fn make(connection: &mut DbConnection, scope: &Scope, wanted: &[(&Change, WebhookId)]) -> QueryResult<()> {
    let mut held_back = pending(connection, scope, wanted)?;
    let rows: Vec<NewRow> = wanted
        .iter()
        .map(|(change, webhook)| {
            let is_first = held_back.insert((*webhook, change.kind.as_str().to_owned(), change.record_id.clone()));
            NewRow {
                tenant_id: scope.tenant(),
                id: delivery_id(*webhook, change.id),
                webhook_id: *webhook,
                change_seq: change.position.seq,
                change_turn: change.position.turn,
                kind: change.kind.as_str(),
                record_id: change.record_id.clone(),
                action: change.action.as_str(),
                state: DeliveryState::Pending.as_str(),
                next_try_on: is_first.then(|| scope.now()),
                tries: 0,
                attempts: Json(Vec::new()),
                created_on: scope.now(),
            }
        })
        .collect();
    for rows in rows.chunks(ROWS_AT_ONCE) {
        each_backend!(&mut *connection, connection => {
            diesel::insert_into(deliveries::table).values(rows).execute(connection)
        })?;
    }
    Ok(())
}

/// Of which records something is on its way to which webhooks, among those that these changes are of.
fn pending(
    connection: &mut DbConnection,
    scope: &Scope,
    wanted: &[(&Change, WebhookId)],
) -> QueryResult<HashSet<(WebhookId, String, String)>> {
    let unique =
        |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect::<HashSet<_>>().into_iter().collect::<Vec<_>>();
    let kinds = unique(wanted.iter().map(|(change, _)| change.kind.as_str()).collect());
    let records = unique(wanted.iter().map(|(change, _)| change.record_id.as_str()).collect());
    if records.is_empty() {
        return Ok(HashSet::new());
    }
    let found: Vec<(WebhookId, String, String)> = deliveries::table
        .filter(deliveries::tenant_id.eq(scope.tenant()))
        .filter(deliveries::kind.eq_any(kinds))
        .filter(deliveries::record_id.eq_any(records))
        .filter(deliveries::state.eq(DeliveryState::Pending.as_str()))
        .select((deliveries::webhook_id, deliveries::kind, deliveries::record_id))
        .distinct()
        .load(connection)?;
    Ok(found.into_iter().collect())
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = deliveries, check_for_backend(Db))]
struct DueRow {
    id: DeliveryId,
    webhook_id: WebhookId,
    change_seq: i64,
    kind: String,
    record_id: String,
    action: String,
    next_try_on: Option<Timestamp>,
    tries: i32,
    attempts: Json<Vec<Attempt>>,
    body: Option<String>,
}

/// What is due of these webhooks and not under way, of each as much as it has room for; and whether there is more. Each is
/// asked for by itself: what waits for one that is slow is never read, however much it is.
fn due(
    connection: &mut DbConnection,
    scope: &Scope,
    webhooks: &[WebhookId],
    wanted: &Wanted,
    erasures: i64,
) -> Result<(Vec<Due>, bool), WebhookError> {
    let (mut due, mut has_more) = (Vec::new(), false);
    for webhook in webhooks {
        let room = wanted.room_of(*webhook);
        if room == 0 {
            continue;
        }
        let under_way = wanted.under_way.values().filter(|other| *other == webhook).count();
        // One more than there is room for, to know whether there is more.
        let most = i64::try_from(room + under_way + 1).unwrap_or(i64::MAX);
        let rows: Vec<DueRow> = deliveries::table
            .filter(deliveries::tenant_id.eq(scope.tenant()))
            .filter(deliveries::webhook_id.eq(*webhook))
            .filter(deliveries::next_try_on.le(scope.now()).assume_not_null())
            .order((deliveries::next_try_on, deliveries::change_turn, deliveries::change_seq))
            .limit(most)
            .select(columns::<DueRow>())
            .load(connection)?;
        let mut ready = rows.into_iter().filter(|row| !wanted.under_way.contains_key(&row.id));
        for row in ready.by_ref().take(room) {
            due.push(row.into_due(erasures)?);
        }
        has_more |= ready.next().is_some();
    }
    Ok((due, has_more))
}

/// A webhook of which nothing is known yet is tried with one.
const ROOM_OF_UNKNOWN: usize = 1;

impl Wanted {
    fn room_of(&self, webhook: WebhookId) -> usize {
        self.room.get(&webhook).copied().unwrap_or(ROOM_OF_UNKNOWN)
    }
}

impl DueRow {
    fn into_due(self, erasures: i64) -> QueryResult<Due> {
        let Self { id, webhook_id, change_seq, kind, record_id, action, next_try_on, tries, attempts, body } = self;
        let (kind, action) = read_event(kind, action)?;
        Ok(Due {
            id,
            webhook: webhook_id,
            change: ChangeId::from_i64(change_seq),
            kind,
            record_id,
            action,
            due_on: next_try_on.unwrap_or(Timestamp::FIRST),
            tries: usize::try_from(tries).unwrap_or_default(),
            attempts: attempts.0,
            body,
            erasures,
        })
    }
}

#[derive(QueryableByName)]
struct WithWork {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    public_id: String,
}

/// The tenants for which nobody delivers at present and something is to be: changes that were not looked at, or deliveries
/// that are due. For a program to ask once in a while, for what others left behind: what it did itself it knows.
///
/// # Errors
/// The database's.
pub fn tenants_with_work(
    connection: &mut DbConnection,
    now: Timestamp,
) -> QueryResult<Vec<(TenantId, PublicTenantId)>> {
    let is_free = match connection.kind() {
        BackendKind::Postgres => "coalesce(d.held_until < now(), TRUE)",
        BackendKind::Sqlite => "TRUE",
    };
    let on = "w.tenant_id = d.tenant_id AND w.enabled";
    let sql = format!(
        "SELECT t.id AS id, t.public_id AS public_id FROM tenants t JOIN delivery_turns d ON d.tenant_id = t.id \
         WHERE t.deleted_on IS NULL AND t.frozen_on IS NULL AND {is_free} AND EXISTS (SELECT 1 FROM webhooks w WHERE {on}) \
         AND (EXISTS (SELECT 1 FROM changes c WHERE c.tenant_id = d.tenant_id AND (c.turn, c.seq) > (d.turn, d.seq)) \
         OR EXISTS (SELECT 1 FROM webhooks w JOIN deliveries x ON x.tenant_id = w.tenant_id AND x.webhook_id = w.id \
         AND x.next_try_on <= $1 WHERE {on}))"
    );
    let query = diesel::sql_query(sql).bind::<Instant, _>(now);
    let found: Vec<WithWork> = query.portable().load(connection)?;
    let named =
        found.into_iter().map(|WithWork { id, public_id }| Some((TenantId::from_i64(id), public_id.parse().ok()?)));
    Ok(named.flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_has_one_id_and_no_other_has_it() {
        let [one, other] = [1, 2].map(|byte| WebhookId::from_uuid(Uuid::from_bytes([byte; 16])));
        let id = delivery_id(one, ChangeId::from_i64(7));
        assert_eq!(id, delivery_id(one, ChangeId::from_i64(7)));
        assert!(id != delivery_id(other, ChangeId::from_i64(7)) && id != delivery_id(one, ChangeId::from_i64(8)));
        assert_eq!(&id.to_string()[14..15], "8", "its version");
    }
}
