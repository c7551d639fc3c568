//! `/changes`: the feed of everything that happens (docs/compatibility.md, "Changes").

use std::time::Duration;

use crm_core::FieldCode;
use crm_core::keys::{Access, Area, Right, Rights};
use crm_core::params::{FromParams, ParamReader};
use crm_history::{Action, Change, FeedFilter, FeedPage, Kind, Position};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::{Caller, Read, area};
use crate::endpoint::{Answer, Api, Plain, Query};
use crate::error::ProblemCode;

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.get("/changes", list_changes)
        .named("list_changes", "Follow everything that happens")
        .about(
            "The changes of all records and settings that the key may read, oldest first. Keep `next`, and pass it back as \
             `since`: who does so sees every change exactly once, and those of one record in the order in which they were \
             made. `since=now` gives a token without any changes, for before the lists are read for the first time.",
        )
        .problem(ProblemCode::HistoryGone);
}

/// Where somebody stands, and what they want to see.
struct FeedQuery {
    since: Since,
    filter: FeedFilter,
    size: i64,
    wait: Duration,
}

enum Since {
    Oldest,
    Now,
    Place(Position),
}

fn table<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str) -> Vec<(&'static str, T)> {
    all.iter().map(|one| (name(*one), *one)).collect()
}

impl FromParams for FeedQuery {
    fn from_params(params: &mut ParamReader) -> Self {
        let token = params.token(
            "since",
            "The `next` of the answer before. Left out, from the oldest change that is kept; `now` gives a token alone.",
        );
        let since = match token.as_deref() {
            None => Since::Oldest,
            Some("now") => Since::Now,
            Some(text) => match text.parse() {
                Ok(place) => Since::Place(place),
                Err(error) => {
                    params.errors().push("since", FieldCode::InvalidToken, error);
                    Since::Now
                }
            },
        };
        let kinds = params.words("kinds", &table(Kind::ALL, Kind::as_str), "The kinds of records and settings wanted.");
        let actions = params.words("actions", &table(Action::ALL, Action::as_str), "The actions wanted.");
        let size =
            params.integer("size", 1, 1_000, "The most changes of an answer; it ends at 8 MiB of content before.");
        let wait = params.integer(
            "wait",
            0,
            25,
            "For how many seconds an answer without changes is held open until there is one.",
        );
        let wait = Duration::from_secs(wait.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(0));
        Self { since, filter: FeedFilter { kinds, actions }, size: size.unwrap_or(100), wait }
    }
}

/// A part of the feed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Changes {
    /// The changes, oldest first.
    items: Vec<Change>,
    /// What to pass back as `since`.
    next: String,
    /// Whether there is more at once.
    has_more: bool,
}

impl Changes {
    fn of(FeedPage { items, next, has_more }: FeedPage) -> Self {
        Self { items, next: next.to_string(), has_more }
    }
}

/// Whoever may read a kind: all of a tag's and form's areas, because their changes do not say which one it is.
fn areas(kind: Kind) -> &'static [Area] {
    match kind {
        Kind::Lead | Kind::Opportunity | Kind::Pipeline => &[Area::Pipeline],
        Kind::Contact | Kind::Organization => &[Area::Directory],
        Kind::Case | Kind::CaseType => &[Area::Cases],
        Kind::Tag | Kind::Form => &[Area::Pipeline, Area::Directory, Area::Cases],
        Kind::Key | Kind::Webhook | Kind::ClientMap => &[Area::Settings],
    }
}

/// Those of these kinds that somebody may read.
pub(crate) fn readable(rights: Rights, wanted: Vec<Kind>) -> Vec<Kind> {
    let may = |kind: &Kind| {
        let right = |area: &Area| Rights::default().with(Right { area: Some(*area), access: Access::Read });
        areas(*kind).iter().all(|area| rights.lacking(right(area)).is_none())
    };
    wanted.into_iter().filter(may).collect()
}

async fn list_changes(
    caller: Caller<area::Anywhere, Read>,
    Query((query,)): Query<(FeedQuery,)>,
) -> Answer<Plain<Changes>> {
    let FeedQuery { since, mut filter, size, wait } = query;
    let wanted = filter.kinds.unwrap_or_else(|| Kind::ALL.to_vec());
    let kinds = readable(caller.scope().actor().rights(), wanted);
    filter.kinds = (kinds.len() < Kind::ALL.len()).then_some(kinds);
    let since = match since {
        Since::Now => {
            let empty = |next| FeedPage { items: Vec::new(), next, has_more: false };
            let end = caller.read_newest(move |connection, scope| {
                Ok(Plain(Changes::of(empty(crm_history::end(connection, scope)?))))
            });
            return end.await;
        }
        Since::Oldest => None,
        Since::Place(place) => Some(place),
    };
    let since = if wait.is_zero() { since } else { caller.wait_for_changes(since, &filter, wait).await? };
    caller
        .read_newest(move |connection, scope| {
            Ok(Plain(Changes::of(crm_history::feed(connection, scope, since, &filter, size)?)))
        })
        .await
}
