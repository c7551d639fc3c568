//! Settings, pipelines with their stages.

use crm_core::keys::{Access, Area};
use crm_opportunities::Pipeline;
use maud::{Markup, html};
use serde_json::{Value, json};

use crate::form::{self, Field, Typed};
use crate::icon::Icon;
use crate::record::hidden;
use crate::rows::{self, Row, text};
use crate::{Frame, Place, assets, show};

/// How many rows are offered for new stages.
const NEW: usize = 2;

/// The stages that a new pipeline is offered.
#[must_use]
pub fn offered() -> Value {
    json!({ "stages": [{ "label": "New", "probability": 10 }, { "label": "Proposal", "probability": 50 }, { "label": "Closing", "probability": 90 }] })
}

/// The list.
#[must_use]
pub fn list(frame: &Frame, pipelines: &[Pipeline], notice: Option<&str>) -> Markup {
    let may_write = frame.may(Area::Pipeline, Access::Write);
    let actions = html! {
        @if may_write { a class="button button-main" href="/console/settings/pipelines/new" { (Icon::Plus.draw()) "New pipeline" } }
    };
    let content = html! {
        (show::head("Pipelines", &actions))
        p class="lead" { "The stages that opportunities go through." }
        @if let Some(words) = notice { (show::done(words)) }
        @if pipelines.is_empty() { div class="empty" { p { "There are no pipelines." } } }
        @else {
            ul class="rows card" {
                @for pipeline in pipelines {
                    li {
                        span {
                            a href={ "/console/settings/pipelines/" (pipeline.id) } { (pipeline.name.as_str()) }
                            @if pipeline.is_default { " " span class="pill" { "default" } }
                        }
                        span class="quiet small" { @for stage in &pipeline.stages { span class="pill" { (show::dot(Some(stage.color.as_str()))) (stage.label.as_str()) } " " } }
                    }
                }
            }
        }
    };
    frame.page(Place::Pipelines, "Pipelines", &content)
}

/// The form of a pipeline; `body` is what stands in it, as the API has it. `id` and `seen` are of one that there is.
#[must_use]
pub fn edit(frame: &Frame, id: Option<(&str, &str)>, body: &Value, notice: Option<&str>, typed: &Typed) -> Markup {
    let may_write = frame.may(Area::Pipeline, Access::Write);
    let title = match id {
        None => "New pipeline".to_owned(),
        Some(_) => text(body, "name"),
    };
    let path =
        id.map_or("/console/settings/pipelines/new".to_owned(), |(id, _)| format!("/console/settings/pipelines/{id}"));
    let actions = html! {
        @if let Some((id, _)) = id {
            a class="button" href={ "/console/board?pipelineId=" (id) } { "Board" }
            @if may_write && body["isDefault"] != true { (hidden(frame, &format!("{path}/delete"), &[], "Delete")) }
        }
    };
    let content = html! {
        nav class="crumbs" aria-label="Where you are" { a href="/console/settings/pipelines" { "Pipelines" } }
        (show::head(if title.is_empty() { "Pipeline" } else { &title }, &actions))
        @if let Some(words) = notice { (show::done(words)) }
        (typed.summary(&["name", "isDefault", "stages["]))
        form class="card grid-form" method="post" action=(path) {
            (form::token(frame))
            @if let Some((_, seen)) = id { input type="hidden" name="seen" value=(seen); }
            (Field { name: "name", label: "Name", hint: "", required: true }.line(typed, "text", &text(body, "name")))
            fieldset class="field" {
                legend { "Default" }
                label class="box" { input type="checkbox" name="isDefault" value="yes" checked[body["isDefault"] == true]; span { "New opportunities are made in it, unless another is chosen" } }
            }
            div class="wide" { (stages(body, typed)) }
            @if may_write { div class="actions" { button class="button button-main" type="submit" { "Save" } } }
        }
        script type="module" src=(assets::path_of("order.js")) {}
    };
    frame.page(Place::Pipelines, &title, &content)
}

fn stages(body: &Value, typed: &Typed) -> Markup {
    let none = Value::Null;
    let given = body["stages"].as_array().map_or(&[][..], Vec::as_slice);
    let all = given.iter().chain(std::iter::repeat_n(&none, NEW)).enumerate();
    let heads = ["Place", "Stage", "Chance of winning", "Colour", "Remove"];
    let drawn = all.map(|(index, stage)| row(index, stage, typed));
    html! {
        h2 { "Stages" }
        @for problem in typed.errors.iter().filter(|error| error.field == "stages") { p class="words bad" { (Icon::Alert.draw()) (problem.message) } }
        (rows::table("table-box", "Stages", &heads, drawn))
        (rows::help())
    }
}

fn row(index: usize, stage: &Value, typed: &Typed) -> Markup {
    let label = text(stage, "label");
    let called = if stage.is_null() { format!("the new stage {}", index + 1) } else { label.clone() };
    let row = Row { list: "stages", index, called: &called, typed };
    let color = text(stage, "color");
    html! {
        tr {
            td data-handle { (row.hidden("key", &text(stage, "key"))) (row.place()) (row.problems("key")) }
            td { (row.line("label", "Label", "text", &label)) }
            td { span class="together" { (row.line("probability", "Probability in percent", "number", &text(stage, "probability"))) "%" } }
            td { (row.line("color", "Colour", "color", if color.is_empty() { "#808080" } else { &color })) }
            td { @if !stage.is_null() { (row.tick("remove", "Removal", false)) } }
        }
    }
}
