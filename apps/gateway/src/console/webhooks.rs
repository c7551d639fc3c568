//! Settings, webhooks.

use crm_console::Frame;
use crm_console::form::Typed;
use crm_console::webhooks::{News, Page, list};
use crm_core::input::{FromBody, JsonObject};
use crm_core::keys::{GraceMinutes, Rotation};
use crm_core::page::PageRequest;
use crm_core::{Condition, DbConnection, DeliveryId, Scope, WebhookId};
use crm_webhooks::deliveries::{self, DeliveryFilter, DeliverySort, Replay};
use crm_webhooks::{NewWebhook, Webhook, WebhookPatch};
use maud::Markup;
use serde_json::{Value, json};

use crate::auth::{Read, Visitor, Write, area};
use crate::endpoint::{Address, Answer, Api, Call, Extract, Form, Html, OperationDoc, PathId, Query, read_params};
use crate::error::{Failure, Problem, ProblemCode};
use crate::http::webhooks::Sending;

use super::{Done, again, as_seen, done, frame, seen_by};

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.get("/console/settings/webhooks", webhooks_page).undocumented();
    api.post("/console/settings/webhooks", make).undocumented();
    api.get("/console/settings/webhooks/{id}", webhook_page).undocumented();
    api.post("/console/settings/webhooks/{id}", change).undocumented();
    api.post("/console/settings/webhooks/{id}/enable", enable).undocumented();
    api.post("/console/settings/webhooks/{id}/rotate", rotate).undocumented();
    api.post("/console/settings/webhooks/{id}/test", test).undocumented();
    api.post("/console/settings/webhooks/{id}/delete", remove).undocumented();
    api.post("/console/settings/webhooks/{id}/replay", replay_since).undocumented();
    api.post("/console/settings/webhooks/{id}/deliveries/{delivery}/replay", replay_one).undocumented();
}

const PATH: &str = "/console/settings/webhooks";
const PAGE: &str = "50";

async fn webhooks_page(visitor: Visitor<area::Settings, Read>, _: Query<(Done,)>) -> Answer<Html> {
    show_list(&visitor, Typed::default()).await
}

async fn show_list<D>(visitor: &Visitor<area::Settings, D>, typed: Typed) -> Answer<Html> {
    let (frame, notice) = (frame(visitor), done(visitor));
    let page = visitor.read(move |connection, scope| {
        let news = News { done: notice.map(str::to_owned), ..News::default() };
        Ok(Html::page(list(&frame, &crm_webhooks::list(connection, scope)?, &news, &typed)))
    });
    page.await
}

/// The body that the API takes for what the form says.
fn body_of(form: &Form) -> JsonObject {
    let lines = |name: &'static str| -> Vec<Value> {
        let text = form.value(name).unwrap_or_default();
        text.split(['\n', ',']).map(str::trim).filter(|line| !line.is_empty()).map(Value::from).collect()
    };
    let text = |name: &'static str| form.value(name).map(str::trim).filter(|text| !text.is_empty());
    let fields = Some(lines("fields")).filter(|fields| !fields.is_empty());
    JsonObject::from_iter([
        ("url".to_owned(), text("url").unwrap_or_default().into()),
        ("events".to_owned(), form.values("events").map(Value::from).collect()),
        ("fields".to_owned(), fields.map_or(Value::Null, Value::from)),
        ("description".to_owned(), text("description").map_or(Value::Null, Value::from)),
    ])
}

async fn make(visitor: Visitor<area::Settings, Write>, sending: Sending) -> Answer<Html> {
    let frame = frame(&visitor);
    let made = async {
        let new = NewWebhook::from_body(&body_of(visitor.form()))?;
        sending.check(Some(&new.url)).await?;
        let made = visitor.write(move |connection, scope| {
            let made = crm_webhooks::create(connection, scope, &new)?;
            let news = News { secret: Some(Box::new(made)), ..News::default() };
            // The answer itself, and nothing leads to it: a page that is loaded again shows no secret.
            Ok(Html::page(list(&frame, &crm_webhooks::list(connection, scope)?, &news, &Typed::default())).unkept())
        });
        made.await
    };
    again(visitor.form(), made.await, |typed| show_list(&visitor, typed)).await
}

async fn webhook_page(
    visitor: Visitor<area::Settings, Read>,
    PathId(id): PathId<WebhookId>,
    _: Address,
) -> Answer<Html> {
    show(&visitor, id, News::default(), Typed::default()).await
}

async fn show<D>(visitor: &Visitor<area::Settings, D>, id: WebhookId, news: News, typed: Typed) -> Answer<Html> {
    let (frame, notice) = (frame(visitor), done(visitor));
    let asked = Asked::of(visitor.query())?;
    let page = visitor.read(move |connection, scope| {
        let webhook = crm_webhooks::get(connection, scope, id)?;
        let news = News { done: notice.map(str::to_owned).or(news.done.clone()), ..news.clone() };
        Ok(Html::page(asked.page(connection, scope, &frame, (&webhook, &news, &typed))?))
    });
    page.await
}

/// Which deliveries a page of a webhook shows.
struct Asked {
    of_state: Option<String>,
    filter: DeliveryFilter,
    request: PageRequest<DeliverySort>,
}

impl Asked {
    fn of(query: &[(String, String)]) -> Result<Self, Problem> {
        let mut asked: Vec<(String, String)> =
            query.iter().filter(|(name, value)| name != "done" && !value.is_empty()).cloned().collect();
        let of_state = asked.iter().find(|(name, _)| name == "state").map(|(_, state)| state.clone());
        asked.extend([("size", PAGE), ("sort", "desc")].map(|(name, value)| (name.to_owned(), value.to_owned())));
        let (filter, request) = read_params(asked)?;
        Ok(Self { of_state, filter, request })
    }

    fn page(
        &self,
        connection: &mut DbConnection,
        scope: &Scope,
        frame: &Frame,
        (webhook, news, typed): (&Webhook, &News, &Typed),
    ) -> Result<Markup, Failure> {
        let found = deliveries::list(connection, scope, webhook.id, &self.filter, &self.request)?;
        let page = Page {
            webhook,
            seen: &seen_by(typed, webhook)?,
            deliveries: &found.items,
            of_state: self.of_state.as_deref(),
            next: found.continuation_token.as_deref().filter(|_| found.has_more),
            news,
            typed,
        };
        Ok(page.page(frame))
    }
}

async fn change(
    visitor: Visitor<area::Settings, Write>,
    PathId(id): PathId<WebhookId>,
    sending: Sending,
) -> Answer<Html> {
    let changed = async {
        let patch = WebhookPatch::from_body(&body_of(visitor.form()))?;
        let was = visitor.form().value("seen").map(str::to_owned);
        let caller = visitor.caller();
        let stored = caller.find(move |connection, scope| Ok(crm_webhooks::get(connection, scope, id)?)).await?;
        sending.check(patch.url.as_ref().filter(|url| **url != stored.url)).await?;
        let changed = visitor.write(move |connection, scope| {
            crm_webhooks::update(connection, scope, id, &as_seen(was.clone()), &patch)?;
            Ok(Html::see_other(format!("{PATH}/{id}?done=saved")))
        });
        changed.await
    };
    again(visitor.form(), changed.await, |typed| show(&visitor, id, News::default(), typed)).await
}

async fn enable(visitor: Visitor<area::Settings, Write>, PathId(id): PathId<WebhookId>) -> Answer<Html> {
    let enabled = visitor.form().value("enabled") == Some("true");
    let changed = visitor.write(move |connection, scope| {
        let patch = WebhookPatch { enabled: Some(enabled), ..WebhookPatch::default() };
        crm_webhooks::update(connection, scope, id, &Condition::none(), &patch)?;
        Ok(Html::see_other(format!("{PATH}/{id}?done=saved")))
    });
    changed.await
}

async fn rotate(visitor: Visitor<area::Settings, Write>, PathId(id): PathId<WebhookId>) -> Answer<Html> {
    let minutes = visitor.form().value("graceMinutes").and_then(|minutes| minutes.parse().ok());
    let grace_minutes = minutes.and_then(GraceMinutes::new).unwrap_or_default();
    let (frame, asked) = (frame(&visitor), Asked::of(&[])?);
    let rotated = visitor.write(move |connection, scope| {
        let made = crm_webhooks::rotate_secret(connection, scope, id, &Condition::none(), Rotation { grace_minutes })?;
        let news = News { secret: Some(Box::new(made.clone())), ..News::default() };
        let page = asked.page(connection, scope, &frame, (&made.described, &news, &Typed::default()))?;
        Ok(Html::page(page).unkept())
    });
    rotated.await
}

async fn test(
    visitor: Visitor<area::Settings, Write>,
    PathId(id): PathId<WebhookId>,
    sending: Sending,
) -> Answer<Html> {
    let caller = visitor.caller();
    let endpoint = caller.find(move |connection, scope| Ok(crm_webhooks::endpoint(connection, scope, id)?)).await?;
    let attempt = sending.ping(endpoint, visitor.scope().now()).await?.attempt;
    show(&visitor, id, News { ping: Some(attempt), ..News::default() }, Typed::default()).await
}

async fn remove(visitor: Visitor<area::Settings, Write>, PathId(id): PathId<WebhookId>) -> Answer<Html> {
    let removed = visitor.write(move |connection, scope| {
        crm_webhooks::delete(connection, scope, id, &Condition::none())?;
        Ok(Html::see_other(format!("{PATH}?done=deleted")))
    });
    removed.await
}

async fn replay_since(visitor: Visitor<area::Settings, Write>, PathId(id): PathId<WebhookId>) -> Answer<Html> {
    let since = visitor.form().value("since").unwrap_or_default().trim().to_owned();
    // A field of a browser says minutes, and no zone.
    let seconds = if since.len() == "2026-01-31T12:00".len() { ":00" } else { "" };
    let since = if since.ends_with('Z') { since } else { format!("{since}{seconds}Z") };
    let replayed = async {
        let time = Replay::from_body(&JsonObject::from_iter([("since".to_owned(), json!(since))]))?;
        let replayed = visitor.write(move |connection, scope| {
            deliveries::replay_all(connection, scope, id, &Condition::none(), time)?;
            Ok(Html::see_other(format!("{PATH}/{id}?done=replayed")))
        });
        replayed.await
    };
    again(visitor.form(), replayed.await, |typed| show(&visitor, id, News::default(), typed)).await
}

/// The `{delivery}` of a path.
struct OfDelivery(DeliveryId);

impl Extract for OfDelivery {
    async fn extract(call: &mut Call) -> Result<Self, Problem> {
        let id = call.request.match_info().get("delivery").and_then(|text| text.parse().ok());
        id.map(Self).ok_or_else(|| Problem::new(ProblemCode::NotFound, "No delivery has this id."))
    }

    fn describe(_: &mut OperationDoc) {}
}

async fn replay_one(
    visitor: Visitor<area::Settings, Write>,
    PathId(id): PathId<WebhookId>,
    OfDelivery(delivery): OfDelivery,
) -> Answer<Html> {
    let replayed = visitor.write(move |connection, scope| {
        deliveries::replay(connection, scope, delivery, &Condition::none())?;
        Ok(Html::see_other(format!("{PATH}/{id}?done=replayed")))
    });
    replayed.await
}
