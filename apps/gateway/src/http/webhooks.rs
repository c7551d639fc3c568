//! `/settings/webhooks`: whom a tenant tells of its changes, and what became of it (docs/compatibility.md, "Webhooks").

use std::time::{Duration, Instant};

use crm_core::keys::Rotation;
use crm_core::page::PageRequest;
use crm_core::{DeliveryId, FieldCode, FieldErrors, PublicTenantId, Timestamp, WebhookId};
use crm_webhooks::deliveries::{self, Attempt, Delivery, DeliveryFilter, DeliverySort, Replay, Replayed};
use crm_webhooks::{Endpoint, NewWebhook, Webhook, WebhookError, WebhookPatch, WebhookUrl, WebhookWithSecret};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::{Caller, Read, Write, area};
use crate::deliveries::{AWAITED_TIMEOUT, Courier, Reach, ping};
use crate::endpoint::{
    Answer, Api, Body, Call, Extract, Item, Items, Listing, NoBody, NoContent, OperationDoc, OptionalBody, PathId,
    PathPart, PathPartId, Plain, Precondition, Query, Shown, ShownNew,
};
use crate::error::{Failure, Problem, ProblemCode};
use crate::limits::Outside;
use crate::state::AppState;

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.tag(
        "Webhooks",
        "Who is told of which changes. What is sent is signed by Standard Webhooks (www.standardwebhooks.com), arrives at least \
         once, and in order for each record: `webhook-id` is the same whenever it is sent.",
    );
    api.get("/settings/webhooks", list_webhooks)
        .named("list_webhooks", "List webhooks")
        .about("All of them, oldest first, without their secrets.");
    api.post("/settings/webhooks", create_webhook)
        .named("create_webhook", "Create a webhook")
        .about(
            "The answer is the only place where `secret`, which everything is signed with, is ever shown. It is told of what \
             happens from now on. Nobody has something sent that he may not read.",
        )
        .problem(ProblemCode::LimitReached);
    api.get("/settings/webhooks/{id}", get_webhook).named("get_webhook", "Read a webhook");
    api.patch("/settings/webhooks/{id}", update_webhook)
        .named("update_webhook", "Change a webhook")
        .about(
            "A JSON merge patch. While it is off nothing is made to be sent; one that is switched on again goes on with what \
             happens from then on, and with what was on its way.",
        );
    api.delete("/settings/webhooks/{id}", delete_webhook)
        .named("delete_webhook", "Delete a webhook")
        .about("Nothing more is sent, what is on its way included.");
    api.post("/settings/webhooks/{id}/rotateSecret", rotate_webhook_secret)
        .named("rotate_webhook_secret", "Replace the secret of a webhook")
        .about(
            "For `graceMinutes` everything has two signatures, the new secret's first; without a grace only that one.",
        );
    api.post("/settings/webhooks/{id}/test", test_webhook)
        .named("test_webhook", "Send a ping to a webhook")
        .about("One, now, whether it is on or off; the answer is what the receiver said. It is in no log.");
    api.get("/settings/webhooks/{id}/deliveries", list_deliveries)
        .named("list_deliveries", "List what was and is to be delivered")
        .about("Of the last 30 days.");
    api.post("/settings/webhooks/deliveries/{deliveryId}/replay", replay_delivery)
        .named("replay_delivery", "Deliver something again")
        .about("Under its first `webhook-id`, as if it had never been tried; the record is sent as it is then.");
    api.post("/settings/webhooks/{id}/replay", replay_deliveries)
        .named("replay_deliveries", "Deliver everything of a time again")
        .about(
            "What was made to be delivered from `since` to `until`, oldest first, under its first `webhook-id`. One request takes \
             10 000; where there are more, `next` is the `since` of the next request.",
        );
}

/// Where webhooks may go, and who sends them.
pub(crate) struct Sending {
    reach: Reach,
    courier: Courier,
    outside: Outside,
    tenant: PublicTenantId,
}

impl Extract for Sending {
    async fn extract(call: &mut Call) -> Result<Self, Problem> {
        let nobody = || Failure::Bug("nobody asks to have something sent".to_owned()).into_problem("-");
        let tenant = call.tenant().cloned().ok_or_else(nobody)?;
        let AppState { reach, courier, outside, .. } = &**call.state;
        Ok(Self { reach: reach.clone(), courier: courier.clone(), outside: outside.clone(), tenant })
    }

    fn describe(_: &mut OperationDoc) {}
}

impl Sending {
    /// Sends a ping now, off the event loop, and tells what the receiver said.
    pub(crate) async fn ping(self, endpoint: Endpoint, now: Timestamp) -> Result<Pong, Problem> {
        let Self { courier, outside, tenant, .. } = self;
        let began = Instant::now();
        let sent = outside.wait(&tenant, move || {
            let body = ping(endpoint.webhook.id, now)?;
            let id = DeliveryId::random().to_string();
            // Without the time that passed until a place was free.
            let left = AWAITED_TIMEOUT.saturating_sub(Duration::from_secs(began.elapsed().as_secs()));
            Ok::<_, Failure>(courier.send(&endpoint, &id, &body, now, left))
        });
        let sent = sent.await?.map_err(|failure| failure.into_problem("-"))?;
        Ok(Pong { delivered: sent.has_arrived(), attempt: sent.attempt })
    }

    /// Refuses a URL that nothing would be sent to, off the event loop: a name is looked up.
    pub(crate) async fn check(&self, url: Option<&WebhookUrl>) -> Result<(), Problem> {
        let Some(url) = url.cloned() else { return Ok(()) };
        let reach = self.reach.clone();
        let checked = self.outside.wait(&self.tenant, move || reach.check(url.as_str())).await?;
        checked.map_err(|refused| FieldErrors::of("url", FieldCode::InvalidUrl, refused.to_string()).into())
    }
}

async fn list_webhooks(caller: Caller<area::Settings, Read>) -> Answer<Items<Webhook>> {
    caller.read(|connection, scope| Ok(Items(crm_webhooks::list(connection, scope)?))).await
}

async fn create_webhook(
    caller: Caller<area::Settings, Write>,
    sending: Sending,
    Body(new): Body<NewWebhook>,
) -> Answer<ShownNew<WebhookWithSecret>> {
    let url = new.url.clone();
    caller
        .write_after(
            async |_| sending.check(Some(&url)).await,
            move |connection, scope, ()| {
                let made = crm_webhooks::create(connection, scope, &new)?;
                Ok(ShownNew { location: format!("/settings/webhooks/{}", made.described.id), item: made })
            },
        )
        .await
}

async fn get_webhook(caller: Caller<area::Settings, Read>, PathId(id): PathId<WebhookId>) -> Answer<Item<Webhook>> {
    caller.read(move |connection, scope| Ok(Item(crm_webhooks::get(connection, scope, id)?))).await
}

async fn update_webhook(
    caller: Caller<area::Settings, Write>,
    PathId(id): PathId<WebhookId>,
    Precondition(condition): Precondition<Item<Webhook>>,
    sending: Sending,
    Body(patch): Body<WebhookPatch>,
) -> Answer<Item<Webhook>> {
    let stored = caller.find(move |connection, scope| Ok(crm_webhooks::get(connection, scope, id)?)).await?;
    // One that stands there already is no change, whatever may be reached by now.
    sending.check(patch.url.as_ref().filter(|url| **url != stored.url)).await?;
    caller
        .write(move |connection, scope| Ok(Item(crm_webhooks::update(connection, scope, id, &condition, &patch)?)))
        .await
}

async fn delete_webhook(
    caller: Caller<area::Settings, Write>,
    PathId(id): PathId<WebhookId>,
    Precondition(condition): Precondition<Item<Webhook>>,
) -> Answer<NoContent> {
    caller
        .write(move |connection, scope| {
            crm_webhooks::delete(connection, scope, id, &condition)?;
            Ok(NoContent)
        })
        .await
}

async fn rotate_webhook_secret(
    caller: Caller<area::Settings, Write>,
    PathId(id): PathId<WebhookId>,
    Precondition(condition): Precondition<Item<Webhook>>,
    OptionalBody(rotation): OptionalBody<Rotation>,
) -> Answer<Shown<WebhookWithSecret>> {
    let rotation = rotation.unwrap_or_default();
    caller
        .write(move |connection, scope| {
            Ok(Shown(crm_webhooks::rotate_secret(connection, scope, id, &condition, rotation)?))
        })
        .await
}

/// What a receiver said to a ping.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct Pong {
    /// Whether it arrived: the status is 2xx.
    delivered: bool,
    /// How.
    #[serde(flatten)]
    pub(crate) attempt: Attempt,
}

async fn test_webhook(
    caller: Caller<area::Settings, Write>,
    PathId(id): PathId<WebhookId>,
    Precondition(condition): Precondition<Item<Webhook>>,
    sending: Sending,
    NoBody: NoBody,
) -> Answer<Plain<Pong>> {
    let ping = async |caller: &Caller<area::Settings, Write>| {
        let endpoint = caller.find(move |connection, scope| {
            let endpoint = crm_webhooks::endpoint(connection, scope, id)?;
            condition.check(|| Ok::<_, WebhookError>(endpoint.webhook.clone()))?;
            Ok(endpoint)
        });
        sending.ping(endpoint.await?, caller.scope().now()).await
    };
    caller.write_after(ping, |_, _, pong| Ok(Plain(pong.clone()))).await
}

async fn list_deliveries(
    caller: Caller<area::Settings, Read>,
    PathId(id): PathId<WebhookId>,
    Query((filter, page)): Query<(DeliveryFilter, PageRequest<DeliverySort>)>,
) -> Answer<Listing<Delivery>> {
    caller.read(move |connection, scope| Ok(Listing(deliveries::list(connection, scope, id, &filter, &page)?))).await
}

/// The `{deliveryId}` of a path.
pub(super) struct Delivered;

impl PathPart for Delivered {
    type Id = DeliveryId;
    const NAME: &'static str = "deliveryId";
    const ABOUT: &'static str = "The id of the delivery, its `webhook-id`.";
}

async fn replay_delivery(
    caller: Caller<area::Settings, Write>,
    PathPartId(id): PathPartId<Delivered>,
    Precondition(condition): Precondition<Item<Delivery>>,
    NoBody: NoBody,
) -> Answer<Item<Delivery>> {
    caller.write(move |connection, scope| Ok(Item(deliveries::replay(connection, scope, id, &condition)?))).await
}

async fn replay_deliveries(
    caller: Caller<area::Settings, Write>,
    PathId(id): PathId<WebhookId>,
    Precondition(condition): Precondition<Item<Webhook>>,
    Body(time): Body<Replay>,
) -> Answer<Plain<Replayed>> {
    caller
        .write(move |connection, scope| Ok(Plain(deliveries::replay_all(connection, scope, id, &condition, time)?)))
        .await
}
