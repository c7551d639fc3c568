//! Settings, forms: the fields of a kind of records, or of the cases of a type.

use crm_forms::{Category, Field as Stored, FieldOption, FieldType};
use maud::{Markup, html};
use serde_json::Value;

use crate::form::{self, Typed};
use crate::icon::Icon;
use crate::rows::{self, Row, text};
use crate::{Frame, Place, assets, show};

/// A form on its page.
pub struct Editor<'a> {
    /// What it is called.
    pub title: &'a str,
    /// Its page.
    pub path: &'a str,
    /// The name of the list of its fields in a body of the API.
    pub list: &'a str,
    /// The pages beside it: addresses and words.
    pub tabs: &'a [(String, String)],
    /// What it was when this page was made.
    pub seen: &'a str,
    /// Its fields, as a body has them.
    pub fields: &'a [Value],
    /// What a change would break, to be asked once more.
    pub breaks: &'a [String],
    /// What has just been done.
    pub notice: Option<&'a str>,
    /// What was refused.
    pub typed: &'a Typed,
    /// Whether it may be changed.
    pub may_write: bool,
}

/// How many rows are offered for new fields.
const NEW: usize = 2;
/// The heads of the table of fields.
const HEADS: [&str; 7] = ["Place", "Label", "Id", "Type", "Required", "Options, one a line", "Remove"];

impl Editor<'_> {
    /// The page.
    #[must_use]
    pub fn page(&self, frame: &Frame) -> Markup {
        let none = Value::Null;
        let new = if self.may_write { NEW } else { 0 };
        let all = self.fields.iter().chain(std::iter::repeat_n(&none, new)).enumerate();
        let drawn = all.map(|(index, field)| self.row(index, field));
        let known = format!("{}[", self.list);
        let content = html! {
            (show::head("Forms", &html! {}))
            nav class="tabs" aria-label="Forms" {
                @for (path, words) in self.tabs { a class="tab" href=(path) aria-current=[(path == self.path).then_some("page")] { (words) } }
            }
            @if let Some(words) = self.notice { (show::done(words)) }
            (self.typed.summary(&[&known]))
            form method="post" action=(self.path) {
                (form::token(frame))
                input type="hidden" name="seen" value=(self.seen);
                @if !self.breaks.is_empty() { (self.warning()) }
                h2 class="spaced" { (self.title) }
                (rows::table("table-box spaced", self.title, &HEADS, drawn))
                (rows::help())
                p class="quiet small" { "An option is a text, or an id, a label and a colour with | between: " code { "gold | Gold | #ffcc00" } }
                @if self.may_write { div class="actions spaced" { button class="button button-main" type="submit" { (if self.breaks.is_empty() { "Save" } else { "Save it all the same" }) } } }
            }
            script type="module" src=(assets::path_of("order.js")) {}
        };
        frame.page(Place::Forms, self.title, &content)
    }

    fn warning(&self) -> Markup {
        html! {
            input type="hidden" name="sure" value="yes";
            div class="notice notice-warn" role="alert" {
                (Icon::Alert.draw())
                div { p { "Nothing is saved yet. This would change what records can have:" } ul { @for one in self.breaks { li { (one) } } } }
            }
        }
    }

    fn row(&self, index: usize, field: &Value) -> Markup {
        let label = text(field, "label");
        let called = if field.is_null() { format!("the new field {}", index + 1) } else { label.clone() };
        let row = Row { list: self.list, index, called: &called, typed: self.typed };
        let is_own = field["category"] == "default";
        let kind = text(field, "type");
        let types: Vec<(String, String)> =
            FieldType::ALL.iter().map(|kind| (kind.as_str().to_owned(), type_words(*kind))).collect();
        html! {
            tr {
                td data-handle { (row.hidden("category", if is_own { "default" } else { "custom" })) (row.place()) (row.problems("category")) }
                td { (row.line("label", "Label", "text", &label)) }
                td {
                    @if field.is_null() { (row.line("id", "Id", "text", "")) }
                    @else { (row.hidden("id", &text(field, "id"))) code { (text(field, "id")) } (row.problems("id")) }
                }
                td {
                    @if is_own { (row.hidden("type", &kind)) (type_words(FieldType::from_name(&kind).unwrap_or(FieldType::Text))) (row.problems("type")) }
                    @else { (row.choice("type", "Type", &types, if kind.is_empty() { "text" } else { &kind })) }
                }
                td { (row.tick("required", "Requirement", field["required"] == true)) }
                td { (row.lines("options", "Options", &option_lines(field))) (row.problems("labelOptions")) }
                td { @if !field.is_null() { (row.tick("remove", "Removal", false)) } }
            }
        }
    }
}

/// The name of a type as people read it.
fn type_words(kind: FieldType) -> String {
    kind.as_str().replace(['-', '_'], " ")
}

/// The options of a field, or the labels of its values, one a line.
fn option_lines(field: &Value) -> String {
    let of = |member: &str| field[member].as_array().map_or(&[][..], Vec::as_slice);
    let line = |option: &Value| match option {
        Value::String(text) => text.clone(),
        other => {
            let parts = ["id", "label", "color"].map(|member| text(other, member));
            parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" | ")
        }
    };
    of("options").iter().chain(of("labelOptions")).map(line).collect::<Vec<_>>().join("\n")
}

/// What records could no longer have, or not be made without, where these fields take the place of those: what somebody
/// should know before.
#[must_use]
pub fn breaks(before: &[Stored], after: &[Value]) -> Vec<String> {
    let mut found = Vec::new();
    for field in before {
        let label = &field.label;
        let Some(now) = after.iter().find(|now| now["id"] == field.id.as_str()) else {
            found.push(format!(
                "“{label}” is taken off the form: values that records have in it are kept, and come back with it."
            ));
            continue;
        };
        let kind = text(now, "type");
        if field.category == Category::Custom && kind != field.field_type.as_str() {
            found.push(format!("“{label}” becomes another type: that is refused once a record has a value in it."));
        }
        if now["required"] == true && !field.required {
            found.push(format!("“{label}” is required from now on: nothing is made without it."));
        }
        let now: Vec<String> = now["options"].as_array().into_iter().flatten().map(option_id).collect();
        let gone: Vec<&str> =
            field.options.iter().flatten().map(FieldOption::id).filter(|id| !now.iter().any(|now| now == id)).collect();
        if !gone.is_empty() && !now.is_empty() {
            found.push(format!("“{label}” no longer offers {}.", gone.join(", ")));
        }
    }
    for field in
        after.iter().filter(|now| now["required"] == true && !before.iter().any(|field| now["id"] == field.id.as_str()))
    {
        found.push(format!("“{}” is new and required: nothing is made without it.", text(field, "label")));
    }
    found
}

fn option_id(option: &Value) -> String {
    option.as_str().map_or_else(|| text(option, "id"), str::to_owned)
}
