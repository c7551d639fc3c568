//! How the controls of fields are drawn.

use crm_core::keys::{Access, Area};
use crm_core::{FieldCode, FieldError};
use crm_exchange::Lookup;
use maud::{Markup, html};
use serde_json::Value;

use crate::fields::{Choice, Control, Entry, KEEP, MAKE, WAS, retired};
use crate::form::{Field, Typed, step};
use crate::icon::Icon;
use crate::{Frame, show};

/// The fields of a form for a record, or for a new one where that is null. `conflicts` are the names of those that somebody
/// else changed meanwhile.
#[must_use]
pub(crate) fn all(frame: &Frame, entries: &[Entry], record: &Value, typed: &Typed, conflicts: &[String]) -> Markup {
    html! {
        @for entry in entries {
            div class="entry" data-entry=(entry.name()) {
                (draw(frame, entry, record, typed))
                @if !record.is_null() { (was(entry, record)) }
                @if conflicts.contains(&entry.name()) { (conflict(entry, record)) }
            }
        }
    }
}

/// What stood in the fields when they were shown: so only what somebody changed is changed.
fn was(entry: &Entry, record: &Value) -> Markup {
    html! {
        @for (part, text) in entry.parts().iter().zip(entry.texts(record)) {
            input type="hidden" name={ (WAS) (part) } value=(text);
        }
    }
}

/// Both values, to choose one.
fn conflict(entry: &Entry, record: &Value) -> Markup {
    let name = format!("{KEEP}{}", entry.name());
    html! {
        fieldset class="field conflict wide" {
            legend { (Icon::Alert.draw()) "Somebody else changed “" (entry.label) "” meanwhile" }
            label class="box" { input type="radio" name=(name) value="theirs" required; span { "Keep theirs: " strong { (text(entry, record)) } } }
            label class="box" { input type="radio" name=(name) value="mine" required; span { "Take mine, as it stands above" } }
        }
    }
}

/// A value in words.
#[must_use]
pub(crate) fn text(entry: &Entry, record: &Value) -> String {
    let texts = entry.texts(record);
    let words = |choices: &[Choice], id: &str| {
        choices.iter().find(|choice| choice.id == id).map_or_else(|| id.to_owned(), |choice| choice.words.clone())
    };
    let said = match &entry.control {
        Control::One(choices) => words(choices, &texts[0]),
        Control::Many(choices, _) => texts[0].lines().map(|id| words(choices, id)).collect::<Vec<_>>().join(", "),
        Control::Money => show::money(entry.value(record)),
        Control::Person => texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default(),
        Control::Range(_) => texts.join(" – "),
        Control::People | Control::Contacts => {
            let names = entry.value(record).as_array().into_iter().flatten().filter_map(called);
            names.collect::<Vec<_>>().join(", ")
        }
        _ => texts.join(" "),
    };
    if said.trim().is_empty() || said == " – " { "–".to_owned() } else { said }
}

/// What somebody is called, or a contact.
pub(crate) fn called(one: &Value) -> Option<&str> {
    one["name"].as_str().or(one["email"].as_str()).or(one["id"].as_str())
}

fn draw(frame: &Frame, entry: &Entry, record: &Value, typed: &Typed) -> Markup {
    let (name, texts) = (entry.name(), entry.texts(record));
    let field = |hint| Field { name: &name, label: &entry.label, hint, required: entry.required };
    match &entry.control {
        Control::Line(kind) => field("").line(typed, kind, &texts[0]),
        Control::Number => field("").line(typed, "text", &texts[0]),
        Control::Lines => html! { div class="wide" { (field("").lines(typed, &texts[0])) } },
        Control::Labeled(example) => {
            field(&format!("One a line, with a label before it: Work: {example}")).lines(typed, &texts[0])
        }
        Control::Record(lookup) => html! {
            div class="field" {
                (field("Its name, or # and its number.").line(typed, "text", &texts[0]))
                @if is_nameless(&name, typed) && frame.may(Area::Directory, Access::Write) { (maker(&name, *lookup)) }
            }
        },
        Control::One(choices) => {
            let options: Vec<(String, String)> =
                choices.iter().map(|choice| (choice.id.clone(), choice.words.clone())).collect();
            field("").choice(typed, &options, &texts[0])
        }
        Control::Many(choices, _) => many(entry, choices, typed, record),
        Control::Money => pair(entry, typed, &texts, ["Amount", "Currency"], "text"),
        Control::Range(kind) => pair(entry, typed, &texts, ["from", "to"], kind),
        Control::Person => pair(entry, typed, &texts, ["Name", "E-mail"], "text"),
        Control::People => {
            html! { div class="wide" { (field("One person a line: Jane Doe <jane@example.com>, or an id.").lines(typed, &texts[0])) } }
        }
        Control::Contacts => {
            html! { div class="wide" { (field("One contact a line: its name, or # and its number.").lines(typed, &texts[0])) } }
        }
    }
}

/// Whether what was typed is the name of nothing that there is.
fn is_nameless(name: &str, typed: &Typed) -> bool {
    let is_unknown = |error: &FieldError| error.field == name && error.code == FieldCode::UnknownReference;
    typed.errors.iter().any(is_unknown) && typed.value(name).is_some_and(|text| !text.trim_start().starts_with('#'))
}

/// The box that has it made.
fn maker(name: &str, lookup: Lookup) -> Markup {
    let what = if lookup == Lookup::Contact { "contact" } else { "organization" };
    html! {
        label class="box" {
            input type="checkbox" name={ (MAKE) (name) } value="yes";
            span { "Make " (if lookup == Lookup::Contact { "a " } else { "an " }) (what) " of this name" }
        }
    }
}

fn many(entry: &Entry, choices: &[Choice], typed: &Typed, record: &Value) -> Markup {
    let (name, texts) = (entry.name(), entry.texts(record));
    let is_chosen = |id: &str| match typed.values.is_empty() {
        true => texts[0].lines().any(|chosen| chosen == id),
        false => typed.has(&name, id),
    };
    // They stay until somebody takes them off.
    let retired = retired(entry.value(record), choices);
    let boxes = html! {
        @if choices.is_empty() && retired.is_empty() { p class="quiet small" { "There is nothing to choose yet." } }
        div class="boxes" {
            @for choice in choices {
                label class="box" {
                    input type="checkbox" name=(name) value=(choice.id) checked[is_chosen(&choice.id)];
                    (show::dot(choice.color.as_deref())) span { (choice.words) }
                }
            }
            @for choice in &retired {
                label class="box" {
                    input type="checkbox" name=(name) value=(choice.id) checked[is_chosen(&choice.id)];
                    span { (choice.words) " (no longer offered)" }
                }
            }
        }
    };
    Field { name: &name, label: &entry.label, hint: "", required: entry.required }.group(typed, "field wide", &boxes)
}

fn pair(entry: &Entry, typed: &Typed, texts: &[String], labels: [&str; 2], kind: &str) -> Markup {
    let name = entry.name();
    let is_bad = typed.problems(&name).next().is_some();
    let both = html! {
        div class={ @if entry.control == Control::Money { "pair pair-money" } @else { "pair" } } {
            @for ((part, text), label) in entry.parts().iter().zip(texts).zip(labels) {
                input type=(kind) step=[step(kind)] name=(part) value=(typed.value(part).unwrap_or(text)) aria-label={ (entry.label) ": " (label) }
                    placeholder=(label) autocomplete="off" aria-invalid=[is_bad.then_some("true")];
            }
        }
    };
    Field { name: &name, label: &entry.label, hint: "", required: entry.required }.group(typed, "field", &both)
}
