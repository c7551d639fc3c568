//! Settings, API keys.

use crm_console::form::Typed;
use crm_console::keys::{News, list};
use crm_core::input::{FromBody, JsonObject};
use crm_core::keys::{self, GraceMinutes, KeyWithSecret, NewKey, Rotation};
use crm_core::{Condition, KeyId};
use serde_json::{Value, json};

use crate::auth::{Read, Visitor, Write, area};
use crate::endpoint::{Answer, Api, Form, Html, PathId, Query};
use crate::error::{Failure, Problem};

use super::{Done, done, frame, is_told_in_form, typed};

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.get("/console/settings/keys", keys_page).undocumented();
    api.post("/console/settings/keys", make_key).undocumented();
    api.post("/console/settings/keys/{id}/rotate", replace_key).undocumented();
    api.post("/console/settings/keys/{id}/delete", remove_key).undocumented();
}

async fn keys_page(visitor: Visitor<area::Settings, Read>, _: Query<(Done,)>) -> Answer<Html> {
    show(&visitor, Typed::default()).await
}

/// The list, after `typed` was refused where it was.
async fn show<D>(visitor: &Visitor<area::Settings, D>, typed: Typed) -> Answer<Html> {
    let frame = frame(visitor);
    let own = visitor.scope().actor().key_id();
    let news = if done(visitor).is_some() { News::Deleted } else { News::Nothing };
    let page = visitor.read(move |connection, scope| {
        Ok(Html::page(list(&frame, &keys::list(connection, scope)?, own, &news, &typed)))
    });
    page.await
}

/// The list again, with what was wrong, where the page can say it.
async fn refused(visitor: &Visitor<area::Settings, Write>, problem: Problem) -> Answer<Html> {
    if !is_told_in_form(&problem) {
        return Err(problem);
    }
    let status = problem.code.status();
    let mut page = show(visitor, typed(visitor.form(), &problem)).await?;
    page.rendered.status = status;
    Ok(page)
}

/// The body that the API takes for what the form says.
fn new_key(form: &Form) -> Result<NewKey, Failure> {
    let mut body = JsonObject::new();
    body.insert("name".to_owned(), form.value("name").unwrap_or_default().into());
    body.insert("scopes".to_owned(), form.values("scopes").map(Value::from).collect());
    if let Some(day) = form.value("expiresOn").filter(|day| !day.is_empty()) {
        body.insert("expiresOn".to_owned(), json!(format!("{day}T23:59:59Z")));
    }
    Ok(NewKey::from_body(&body)?)
}

async fn make_key(visitor: Visitor<area::Settings, Write>) -> Answer<Html> {
    let form = visitor.form().clone();
    let made =
        tell(&visitor, move |connection, scope| Ok(crm_suite::keys::create(connection, scope, &new_key(&form)?)?));
    made.await
}

async fn replace_key(visitor: Visitor<area::Settings, Write>, PathId(id): PathId<KeyId>) -> Answer<Html> {
    let minutes = visitor.form().value("graceMinutes").and_then(|minutes| minutes.parse().ok());
    let grace_minutes = minutes.and_then(GraceMinutes::new).unwrap_or_default();
    let rotated = tell(&visitor, move |connection, scope| {
        let rotation = Rotation { grace_minutes };
        Ok(crm_suite::keys::rotate(connection, scope, id, &Condition::none(), rotation)?)
    });
    rotated.await
}

/// The list with the secret that `job` made, which no other page shows. It is the answer itself and nothing leads to it, so
/// that a page that is loaded again shows nothing.
async fn tell(
    visitor: &Visitor<area::Settings, Write>,
    job: impl Fn(&mut crm_core::DbConnection, &crm_core::Scope) -> Result<KeyWithSecret, Failure> + Send + 'static,
) -> Answer<Html> {
    let frame = frame(visitor);
    let own = visitor.scope().actor().key_id();
    let told = visitor.write(move |connection, scope| {
        let news = News::Secret(Box::new(job(connection, scope)?));
        Ok(Html::page(list(&frame, &keys::list(connection, scope)?, own, &news, &Typed::default())).unkept())
    });
    match told.await {
        Err(problem) => refused(visitor, problem).await,
        told => told,
    }
}

async fn remove_key(visitor: Visitor<area::Settings, Write>, PathId(id): PathId<KeyId>) -> Answer<Html> {
    let removed = visitor.write(move |connection, scope| {
        crm_suite::keys::delete(connection, scope, id, &Condition::none())?;
        Ok(Html::see_other("/console/settings/keys?done=deleted"))
    });
    match removed.await {
        Err(problem) => refused(&visitor, problem).await,
        removed => removed,
    }
}
