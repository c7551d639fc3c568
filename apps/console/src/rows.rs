//! Tables of a form whose rows have places: stages, fields, statuses and transitions. A row is named as the API names it,
//! `stages[0].label`, so that its problems stand beside it.

use maud::{Markup, html};
use serde_json::Value;

use crate::form::Typed;
use crate::icon::Icon;

/// A row: of a list, and what is in it.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    /// The name of the list.
    pub(crate) list: &'a str,
    /// Its place, from 0.
    pub(crate) index: usize,
    /// What it is called, for those who hear it.
    pub(crate) called: &'a str,
    /// What was refused.
    pub(crate) typed: &'a Typed,
}

impl Row<'_> {
    /// The name of a member.
    pub(crate) fn name(&self, member: &str) -> String {
        format!("{}[{}].{member}", self.list, self.index)
    }

    fn said(&self, words: &str) -> String {
        format!("{words} of {}", self.called)
    }

    /// The problems of a member, where it has some.
    pub(crate) fn problems(&self, member: &str) -> Markup {
        let name = self.name(member);
        html! { @for problem in self.typed.problems(&name) { p class="words bad" { (Icon::Alert.draw()) (problem) } } }
    }

    fn is_bad(&self, member: &str) -> Option<&'static str> {
        self.typed.problems(&self.name(member)).next().map(|_| "true")
    }

    /// One line.
    pub(crate) fn line(&self, member: &str, words: &str, kind: &str, value: &str) -> Markup {
        html! {
            input type=(kind) name=(self.name(member)) value=(value) aria-label=(self.said(words)) aria-invalid=[self.is_bad(member)] autocomplete="off";
            (self.problems(member))
        }
    }

    /// Several lines.
    pub(crate) fn lines(&self, member: &str, words: &str, value: &str) -> Markup {
        html! {
            textarea name=(self.name(member)) rows="2" aria-label=(self.said(words)) aria-invalid=[self.is_bad(member)] { "\n" (value) }
            (self.problems(member))
        }
    }

    /// One of several.
    pub(crate) fn choice(&self, member: &str, words: &str, options: &[(String, String)], value: &str) -> Markup {
        let is_known = value.is_empty() || options.iter().any(|(option, _)| option == value);
        html! {
            select name=(self.name(member)) aria-label=(self.said(words)) aria-invalid=[self.is_bad(member)] {
                @if !is_known { option value=(value) selected { (value) } }
                @for (option, label) in options { option value=(option) selected[option == value] { (label) } }
            }
            (self.problems(member))
        }
    }

    /// A box.
    pub(crate) fn tick(&self, member: &str, words: &str, is_ticked: bool) -> Markup {
        html! {
            input type="checkbox" name=(self.name(member)) value="yes" checked[is_ticked] aria-label=(self.said(words));
            (self.problems(member))
        }
    }

    /// What is not shown.
    pub(crate) fn hidden(&self, member: &str, value: &str) -> Markup {
        html! { input type="hidden" name=(self.name(member)) value=(value); }
    }

    /// Where it stands among the others: a number, which the script sets where a row is dragged.
    pub(crate) fn place(&self) -> Markup {
        html! {
            input class="place" type="number" name=(self.name("place")) value=(self.index + 1) min="0" step="any" aria-label=(self.said("Place")) data-place;
        }
    }
}

/// The text of a member, nothing where it is none.
pub(crate) fn text(value: &Value, member: &str) -> String {
    match &value[member] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A table of these rows, with the heads of its columns.
pub(crate) fn table(class: &str, label: &str, heads: &[&str], rows: impl IntoIterator<Item = Markup>) -> Markup {
    html! {
        div class=(class) tabindex="0" role="region" aria-label=(label) {
            table class="editor" {
                thead { tr { @for head in heads { th scope="col" { (head) } } } }
                tbody data-rows { @for row in rows { (row) } }
            }
        }
    }
}

/// What stands below a table of rows.
pub(crate) fn help() -> Markup {
    html! {
        p class="quiet small" { "Rows stand in the order of their places: change the numbers, drag a row by its number, or use Alt and the arrow keys there." }
    }
}
