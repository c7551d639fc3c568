//! Settings, pipelines.

use crm_console::form::Typed;
use crm_console::pipelines::{edit, list, offered};
use crm_core::input::{FromBody, JsonObject};
use crm_core::page::PageRequest;
use crm_core::{Condition, PipelineId};
use crm_opportunities::{NewPipeline, PipelinePatch, pipelines};
use serde_json::{Value, json};

use crate::auth::{Read, Visitor, Write, area};
use crate::endpoint::{Answer, Api, Form, Html, PathId, Query};

use super::rows::rows;
use super::{Done, again, as_seen, done, frame, may_change, seen_by, shown};

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.get("/console/settings/pipelines", pipelines_page).undocumented();
    api.get("/console/settings/pipelines/new", new_page).undocumented();
    api.post("/console/settings/pipelines/new", make).undocumented();
    api.get("/console/settings/pipelines/{id}", pipeline_page).undocumented();
    api.post("/console/settings/pipelines/{id}", change).undocumented();
    api.post("/console/settings/pipelines/{id}/delete", remove).undocumented();
}

/// How many pipelines the list has.
const MOST: i64 = 200;

async fn pipelines_page(visitor: Visitor<area::Pipeline, Read>, _: Query<(Done,)>) -> Answer<Html> {
    let (frame, notice) = (frame(&visitor), done(&visitor));
    let page = visitor.read(move |connection, scope| {
        let all = pipelines::list(connection, scope, &PageRequest::first(MOST))?.items;
        Ok(Html::page(list(&frame, &all, notice)))
    });
    page.await
}

/// The body that the API takes for what the form says.
fn body_of(form: &Form) -> JsonObject {
    let stages = rows(form, "stages", |row| row.text("label").is_none() && row.text("key").is_none());
    let stages = stages.iter().map(|row| {
        let mut stage =
            json!({ "label": row.raw("label"), "probability": row.number("probability"), "color": row.text("color") });
        if let Some(key) = row.text("key") {
            stage["key"] = key.into();
        }
        stage
    });
    let mut body = JsonObject::new();
    body.insert("name".to_owned(), form.value("name").unwrap_or_default().into());
    body.insert("stages".to_owned(), stages.collect());
    if form.value("isDefault").is_some() {
        body.insert("isDefault".to_owned(), true.into());
    }
    body
}

async fn new_page(visitor: Visitor<area::Pipeline, Read>) -> Answer<Html> {
    may_change(&visitor)?;
    let frame = frame(&visitor);
    super::reply(Html::page(edit(&frame, None, &offered(), None, &Typed::default())))
}

async fn make(visitor: Visitor<area::Pipeline, Write>) -> Answer<Html> {
    let body = body_of(visitor.form());
    let stated = Value::Object(body.clone());
    let made = visitor.write(move |connection, scope| {
        let pipeline = pipelines::create(connection, scope, &NewPipeline::from_body(&body)?)?;
        Ok(Html::see_other(format!("/console/settings/pipelines/{}?done=made", pipeline.id)))
    });
    let frame = frame(&visitor);
    let show = async |typed| super::reply(Html::page(edit(&frame, None, &stated, None, &typed)));
    again(visitor.form(), made.await, show).await
}

async fn pipeline_page(
    visitor: Visitor<area::Pipeline, Read>,
    PathId(id): PathId<PipelineId>,
    _: Query<(Done,)>,
) -> Answer<Html> {
    show(&visitor, id, None, Typed::default()).await
}

async fn show<D>(
    visitor: &Visitor<area::Pipeline, D>,
    id: PipelineId,
    stated: Option<Value>,
    typed: Typed,
) -> Answer<Html> {
    let (frame, notice) = (frame(visitor), done(visitor));
    let page = visitor.read(move |connection, scope| {
        let pipeline = pipelines::get(connection, scope, id)?;
        let value = shown(&pipeline)?;
        let body = stated.as_ref().unwrap_or(&value);
        Ok(Html::page(edit(&frame, Some((&id.to_string(), &seen_by(&typed, &pipeline)?)), body, notice, &typed)))
    });
    page.await
}

async fn change(visitor: Visitor<area::Pipeline, Write>, PathId(id): PathId<PipelineId>) -> Answer<Html> {
    let (body, was) = (body_of(visitor.form()), visitor.form().value("seen").map(str::to_owned));
    let stated = Value::Object(body.clone());
    let changed = visitor.write(move |connection, scope| {
        let patch = PipelinePatch::from_body(&body)?;
        pipelines::update(connection, scope, id, &as_seen(was.clone()), &patch)?;
        Ok(Html::see_other(format!("/console/settings/pipelines/{id}?done=saved")))
    });
    again(visitor.form(), changed.await, |typed| show(&visitor, id, Some(stated), typed)).await
}

async fn remove(visitor: Visitor<area::Pipeline, Write>, PathId(id): PathId<PipelineId>) -> Answer<Html> {
    let removed = visitor.write(move |connection, scope| {
        pipelines::delete(connection, scope, id, &Condition::none())?;
        Ok(Html::see_other("/console/settings/pipelines?done=deleted"))
    });
    again(visitor.form(), removed.await, |typed| show(&visitor, id, None, typed)).await
}
