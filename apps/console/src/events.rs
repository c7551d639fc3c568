//! The events that a webhook is told of, as boxes: everything, all of a kind, or what is done with it.

use crm_history::{Action, Kind};
use crm_webhooks::{Event, Events};
use maud::{Markup, html};

use crate::form::{Field, Typed};
use crate::{Frame, words};

const EVERYTHING: &str = "*";

/// What is done with things of a kind.
fn actions(kind: Kind) -> &'static [Action] {
    use Action as A;
    match kind {
        Kind::Lead => &[
            A::Created,
            A::Updated,
            A::Archived,
            A::Unarchived,
            A::Converted,
            A::Commented,
            A::Merged,
            A::MergedInto,
            A::Deleted,
            A::Restored,
            A::Erased,
        ],
        Kind::Opportunity => &[
            A::Created,
            A::Updated,
            A::StageChanged,
            A::StatusChanged,
            A::Commented,
            A::Deleted,
            A::Restored,
            A::Erased,
        ],
        Kind::Contact | Kind::Organization => {
            &[A::Created, A::Updated, A::Commented, A::Merged, A::MergedInto, A::Deleted, A::Restored, A::Erased]
        }
        Kind::Case => &[A::Created, A::Updated, A::StatusChanged, A::Commented, A::Deleted, A::Restored, A::Erased],
        Kind::Form => &[A::Updated],
        Kind::Pipeline | Kind::CaseType | Kind::Tag | Kind::Key | Kind::Webhook | Kind::ClientMap => {
            &[A::Created, A::Updated, A::Deleted]
        }
    }
}

/// What things of a kind are called together.
fn many(kind: Kind) -> String {
    match kind {
        Kind::Opportunity => "Opportunities".to_owned(),
        other => format!("{}s", words::of_name(other.as_str())),
    }
}

/// The names of these events.
pub(crate) fn names(events: &Events) -> Vec<String> {
    let events = serde_json::to_value(events).unwrap_or_default();
    events.as_array().into_iter().flatten().filter_map(|event| event.as_str().map(str::to_owned)).collect()
}

/// An event as people say it.
pub(crate) fn in_words(event: &str) -> String {
    let kind = event.split_once('.').and_then(|(kind, action)| Some((Kind::from_name(kind)?, action)));
    match kind {
        Some((kind, "*")) => format!("{}: all", many(kind)),
        Some((kind, action)) => format!("{}: {}", many(kind), words::of_name(action).to_lowercase()),
        None if event == EVERYTHING => "Everything".to_owned(),
        None => event.to_owned(),
    }
}

/// Whether whoever looks may be told of it.
fn may(frame: &Frame, event: &str) -> bool {
    let event: Option<Event> = event.parse().ok();
    let needed = event.and_then(|event| Events::new([event]).ok()).map(|events| events.needed());
    needed.is_some_and(|needed| frame.rights.lacking(needed).is_none())
}

/// The boxes; ticked are those that were sent, or else `chosen`.
pub(crate) fn boxes(frame: &Frame, typed: &Typed, chosen: Vec<String>) -> Markup {
    let mut left: Vec<String> = match typed.values.is_empty() {
        true => chosen,
        false => typed.values.iter().filter(|(name, _)| name == "events").map(|(_, event)| event.clone()).collect(),
    };
    // What is offered is ticked and taken off; what is left then is none of those, and stays.
    let mut offer = |event: String, words: &str| {
        let is_chosen = left.contains(&event);
        left.retain(|other| *other != event);
        one(&event, words, is_chosen)
    };
    let everything = may(frame, EVERYTHING).then(|| offer(EVERYTHING.to_owned(), "Everything that happens"));
    let kinds = Kind::ALL.iter().copied().filter(|kind| may(frame, &format!("{kind}.*")));
    let groups: Vec<(String, Vec<Markup>)> = kinds
        .map(|kind| {
            let all = offer(format!("{kind}.*"), "All");
            let each = actions(kind).iter().map(|action| (format!("{kind}.{action}"), words::of_name(action.as_str())));
            (many(kind), std::iter::once(all).chain(each.map(|(event, words)| offer(event, &words))).collect())
        })
        .collect();
    let content = html! {
        @if let Some(everything) = everything { div class="boxes" { (everything) } }
        div class="groups" {
            @for (kind, boxes) in &groups { (group(kind, boxes)) }
            @if !left.is_empty() {
                (group("Others", &left.iter().map(|event| one(event, &in_words(event), true)).collect::<Vec<_>>()))
            }
        }
    };
    let hint = "What is ticked beside “All” or “Everything” changes nothing.";
    Field { name: "events", label: "Events", hint, required: true }.group(typed, "field wide", &content)
}

fn group(name: &str, boxes: &[Markup]) -> Markup {
    html! { fieldset { legend { (name) } div class="boxes" { @for one in boxes { (one) } } } }
}

fn one(event: &str, words: &str, is_chosen: bool) -> Markup {
    html! {
        label class="box" title=(event) {
            input type="checkbox" name="events" value=(event) checked[is_chosen];
            span { (words) @if event.ends_with('*') { " " code class="quiet" { (event) } } }
        }
    }
}
