//! What is sent: the change, and the record as it is when that is first sent.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crm_core::{DbConnection, DeliveryId, Scope, Timestamp, WebhookId};
use crm_history::{Change, ChangeId, Kind};
use crm_webhooks::deliveries::Due;
use crm_webhooks::event_name;
use serde::Serialize;
use serde_json::value::RawValue;

use super::record::record;
use crate::error::Failure;

/// The body of a webhook (Standard Webhooks, "Payload structure").
#[derive(Serialize)]
struct Message<'a, D> {
    r#type: &'a str,
    timestamp: Timestamp,
    data: D,
}

#[derive(Serialize)]
struct Told<'a> {
    change: &'a Change,
    record: Option<&'a RawValue>,
}

/// What is to be sent, and when what it tells of happened.
#[derive(Clone)]
pub(super) struct Body {
    pub(super) text: Arc<str>,
    /// Where it is sent for the first time.
    pub(super) happened: Option<Timestamp>,
}

/// The body of a `ping`, which tells of nothing.
pub(crate) fn ping(webhook: WebhookId, now: Timestamp) -> Result<String, Failure> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Pinged {
        webhook_id: WebhookId,
    }
    Ok(serde_json::to_string(&Message { r#type: "ping", timestamp: now, data: Pinged { webhook_id: webhook } })?)
}

/// The bodies of what is due, each record and change written once, however many webhooks are told of it. One whose change is
/// no longer kept is missing.
pub(super) fn bodies(
    connection: &mut DbConnection,
    scope: &Scope,
    due: &[Due],
) -> Result<HashMap<DeliveryId, Body>, Failure> {
    let unsent: Vec<&Due> = due.iter().filter(|due| due.body.is_none()).collect();
    let changes: HashSet<ChangeId> = unsent.iter().map(|due| due.change).collect();
    let changes = crm_history::find(connection, scope, &changes.into_iter().collect::<Vec<_>>())?;
    let mut records: HashMap<(Kind, &str), Option<Box<RawValue>>> = HashMap::new();
    for due in &unsent {
        let of = (due.kind, due.record_id.as_str());
        if let Entry::Vacant(place) = records.entry(of) {
            place.insert(record(connection, scope, due.kind, &due.record_id)?);
        }
    }
    let mut written: HashMap<ChangeId, Body> = HashMap::new();
    for change in &changes {
        let record = records.get(&(change.kind, change.record_id.as_str())).and_then(Option::as_deref);
        let kind = event_name(change.kind, change.action);
        let message = Message { r#type: &kind, timestamp: change.on, data: Told { change, record } };
        let text = serde_json::to_string(&message)?.into();
        written.insert(change.id, Body { text, happened: Some(change.on) });
    }
    let body = |due: &Due| match &due.body {
        Some(text) => Some(Body { text: text.as_str().into(), happened: None }),
        None => written.get(&due.change).cloned(),
    };
    Ok(due.iter().filter_map(|due| Some((due.id, body(due)?))).collect())
}
