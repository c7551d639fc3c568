//! Parts of forms: fields with their labels, and what is wrong with them beside them.

use crm_core::FieldError;
use maud::{Markup, html};

use crate::Frame;
use crate::icon::Icon;

/// The name of the field that carries the token.
pub const TOKEN: &str = "_token";

/// The hidden field that every form has.
#[must_use]
pub fn token(frame: &Frame) -> Markup {
    token_of(&frame.token)
}

/// The same, for a form of somebody who is not signed in.
#[must_use]
pub fn token_of(token: &str) -> Markup {
    html! { input type="hidden" name=(TOKEN) value=(token); }
}

/// What was typed, and what is wrong with it.
#[derive(Debug, Clone, Default)]
pub struct Typed {
    /// Names and values.
    pub values: Vec<(String, String)>,
    /// What is wrong with which field.
    pub errors: Vec<FieldError>,
    /// What is wrong with all of it.
    pub problem: Option<String>,
}

impl Typed {
    /// Whether something is wrong.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.problem.is_some() || !self.errors.is_empty()
    }

    /// What was typed into a field; nothing where it was not.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// Whether a box with this value was ticked.
    #[must_use]
    pub fn has(&self, name: &str, value: &str) -> bool {
        self.values.iter().any(|(given, chosen)| given == name && chosen == value)
    }

    /// What is wrong with a field: with itself, or a part of it.
    pub fn problems<'t>(&'t self, name: &'t str) -> impl Iterator<Item = &'t str> {
        let is_of = move |field: &str| {
            field.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        self.errors.iter().filter(move |error| is_of(&error.field)).map(|error| error.message.as_str())
    }

    /// The problems of fields that the form does not show, and what is wrong with all of it.
    #[must_use]
    pub fn summary(&self, shown: &[&str]) -> Markup {
        let others: Vec<&FieldError> =
            self.errors.iter().filter(|error| !shown.iter().any(|name| error.field.starts_with(name))).collect();
        html! {
            @if self.is_refused() {
                div class="notice notice-bad" role="alert" {
                    (Icon::Alert.draw())
                    div {
                        p { (self.problem.as_deref().unwrap_or("Some fields need another look.")) }
                        @if !others.is_empty() {
                            ul { @for error in others { li { (error.field) ": " (error.message) } } }
                        }
                    }
                }
            }
        }
    }
}

/// The steps of an `input` of this type: a time has seconds.
pub(crate) fn step(kind: &str) -> Option<&'static str> {
    matches!(kind, "time" | "datetime-local").then_some("1")
}

/// A field of a form.
pub struct Field<'a> {
    /// Its name.
    pub name: &'a str,
    /// What people call it.
    pub label: &'a str,
    /// Words under it.
    pub hint: &'a str,
    /// Whether it must be filled in.
    pub required: bool,
}

impl Field<'_> {
    /// The label, what `control` draws, and what is wrong. It is given the id of the words under the field.
    #[must_use]
    pub fn draw(&self, typed: &Typed, control: impl FnOnce(&str, Option<&str>, bool) -> Markup) -> Markup {
        self.at(&format!("f-{}", self.name), typed, control)
    }

    /// The same with another id, where a page has several fields of this name.
    #[must_use]
    pub fn at(&self, id: &str, typed: &Typed, control: impl FnOnce(&str, Option<&str>, bool) -> Markup) -> Markup {
        let words = format!("{id}-words");
        let problems: Vec<&str> = typed.problems(self.name).collect();
        let is_described = !self.hint.is_empty() || !problems.is_empty();
        html! {
            div class={ "field" @if !problems.is_empty() { " field-bad" } } {
                label for=(id) {
                    (self.label)
                    @if self.required { span class="required" { " (required)" } }
                }
                (control(id, is_described.then_some(words.as_str()), !problems.is_empty()))
                @if is_described {
                    div class="words" id=(words) {
                        @for problem in &problems { p class="bad" { (Icon::Alert.draw()) (problem) } }
                        @if !self.hint.is_empty() { p { (self.hint) } }
                    }
                }
            }
        }
    }

    /// Several controls under one label, such as boxes to tick, and what is wrong with them.
    #[must_use]
    pub fn group(&self, typed: &Typed, class: &str, controls: &Markup) -> Markup {
        let words = format!("f-{}-words", self.name);
        let problems: Vec<&str> = typed.problems(self.name).collect();
        let is_described = !self.hint.is_empty() || !problems.is_empty();
        html! {
            fieldset class={ (class) @if !problems.is_empty() { " field-bad" } } aria-describedby=[is_described.then_some(&words)] {
                legend { (self.label) @if self.required { span class="required" { " (required)" } } }
                (controls)
                @if is_described {
                    div class="words" id=(words) {
                        @for problem in &problems { p class="bad" { (Icon::Alert.draw()) (problem) } }
                        @if !self.hint.is_empty() { p { (self.hint) } }
                    }
                }
            }
        }
    }

    /// One line of text.
    #[must_use]
    pub fn line(&self, typed: &Typed, kind: &str, value: &str) -> Markup {
        let value = typed.value(self.name).unwrap_or(value);
        self.draw(typed, |id, described, bad| {
            html! {
                input type=(kind) step=[step(kind)] id=(id) name=(self.name) value=(value) required[self.required]
                    aria-describedby=[described] aria-invalid=[bad.then_some("true")] autocomplete="off";
            }
        })
    }

    /// Several lines.
    #[must_use]
    pub fn lines(&self, typed: &Typed, value: &str) -> Markup {
        let value = typed.value(self.name).unwrap_or(value);
        self.draw(typed, |id, described, bad| {
            html! {
                // The parser takes the first line end of a text away.
                textarea id=(id) name=(self.name) rows="4" required[self.required]
                    aria-describedby=[described] aria-invalid=[bad.then_some("true")] { "\n" (value) }
            }
        })
    }

    /// One of several, each by its value and words.
    #[must_use]
    pub fn choice(&self, typed: &Typed, options: &[(String, String)], value: &str) -> Markup {
        let value = typed.value(self.name).unwrap_or(value);
        let is_known = value.is_empty() || options.iter().any(|(option, _)| option == value);
        self.draw(typed, |id, described, bad| {
            html! {
                select id=(id) name=(self.name) required[self.required]
                    aria-describedby=[described] aria-invalid=[bad.then_some("true")] {
                    @if !options.iter().any(|(option, _)| option.is_empty()) { option value="" { "–" } }
                    @if !is_known { option value=(value) selected { (value) " (no longer offered)" } }
                    @for (option, words) in options {
                        option value=(option) selected[option == value] { (words) }
                    }
                }
            }
        })
    }
}
