//! The trash, and searching.

use crm_cases::Case;
use crm_console::form::Typed;
use crm_console::trash::{Trash as Page, kind_of, search as search_page};
use crm_core::page::{PageRequest, Start};
use crm_core::params::{FromParams, ParamReader};
use crm_core::text::searchable;
use crm_directory::{Contact, Organization};
use crm_history::{Kind, TrashSort};
use crm_leads::Lead;
use crm_opportunities::Opportunity;
use crm_suite::search::{self, Search};
use crm_suite::trash;

use crate::auth::{Read, Visitor, Write, area};
use crate::endpoint::{Address, Answer, Api, Html, read_params};
use crate::http::{erase, readable};

use super::filters::value;
use super::kind::{IdOf, Numbered, Recorded};
use super::{Done, as_asked, done, frame};

/// How many a page has.
const SIZE: i64 = 50;
/// Among how many, those first that were deleted last, a page looks for a title: a database folds no text as we do.
const MOST_SEARCHED: i64 = 1_000;
/// The most of them that a page shows.
const MOST_FOUND: usize = 100;

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    macro_rules! trash {
        ($($record:ty, $path:literal;)*) => { $(
            api.post(concat!($path, "/restore"), restore::<$record>).undocumented();
            api.post(concat!($path, "/delete"), let_go::<$record>).undocumented();
        )* };
    }
    api.get("/console/search", found).undocumented();
    api.get("/console/trash", trash_list).undocumented();
    trash! {
        Lead, "/console/trash/lead/{id}";
        Opportunity, "/console/trash/opportunity/{id}";
        Contact, "/console/trash/contact/{id}";
        Organization, "/console/trash/organization/{id}";
        Case, "/console/trash/case/{id}";
    }
}

/// What is looked for in the trash.
struct Wanted {
    kinds: Option<Vec<Kind>>,
    /// A part of a title or name, searchable.
    title: Option<String>,
}

impl FromParams for Wanted {
    fn from_params(params: &mut ParamReader) -> Self {
        let known = trash::KINDS.map(|kind| (kind.as_str(), kind));
        Self {
            kinds: params.words("kinds", &known, "The kinds of records wanted."),
            title: params.contains("title", "A part of a title or name."),
        }
    }
}

async fn trash_list(visitor: Visitor<area::Anywhere, Read>, _: Address) -> Answer<Html> {
    as_asked(visitor.query(), |refused| show(&visitor, refused)).await
}

/// What is in the trash; nothing where what is searched for was refused.
async fn show(visitor: &Visitor<area::Anywhere, Read>, refused: Typed) -> Answer<Html> {
    let (frame, trash) = (frame(visitor), visitor.trash());
    let notice = done(visitor);
    let readable_kinds = readable(visitor.scope().actor().rights(), trash::KINDS.to_vec());
    let given: Vec<(String, String)> =
        visitor.query().iter().filter(|(name, value)| name != "done" && !value.is_empty()).cloned().collect();
    let asked = match refused.is_refused() {
        true => Vec::new(),
        false => visitor.query().iter().filter(|(_, value)| !value.is_empty()).cloned().collect(),
    };
    let asked = asked.into_iter().chain([("size".to_owned(), SIZE.to_string())]).collect();
    let (Wanted { kinds, title }, Done, mut request): (Wanted, Done, PageRequest<TrashSort>) = read_params(asked)?;
    if title.is_some() {
        request.size = MOST_SEARCHED;
        if let Start::Offset(skipped) = &mut request.start {
            *skipped = *skipped / SIZE * MOST_SEARCHED;
        }
    }
    let page = visitor.read(move |connection, scope| {
        let wanted: Vec<Kind> = match &kinds {
            Some(kinds) => kinds.iter().copied().filter(|kind| readable_kinds.contains(kind)).collect(),
            None => readable_kinds.clone(),
        };
        let found = match refused.is_refused() {
            true => None,
            false => Some(trash::list(connection, scope, trash, &wanted, &request)?),
        };
        let next = found.as_ref().and_then(|page| page.continuation_token.clone().filter(|_| page.has_more));
        let mut items = found.map(|page| page.items).unwrap_or_default();
        if let Some(part) = &title {
            items.retain(|item| searchable(&item.title).contains(part));
        }
        let is_cut = items.len() > MOST_FOUND;
        items.truncate(MOST_FOUND);
        let kinds: Vec<_> = readable_kinds.iter().filter_map(|kind| kind_of(kind.as_str())).collect();
        let page = Page {
            items: &items,
            kinds: &kinds,
            given: &given,
            next: next.as_deref(),
            is_first: request.start == Start::Offset(0),
            searched: title.as_ref().map(|_| MOST_SEARCHED),
            is_cut,
            notice,
            days: trash.days(),
            refused: &refused,
        };
        Ok(Html::page(page.page(&frame)))
    });
    page.await
}

async fn restore<R: Recorded>(visitor: Visitor<R::Area, Write>, Numbered(id): Numbered<IdOf<R>>) -> Answer<Html> {
    let trash = visitor.trash();
    let restored = visitor.write(move |connection, scope| {
        R::restore(connection, scope, trash, id, None)?;
        Ok(Html::see_other(format!("/console/{}/{id}?done=restored", R::KIND.plural())))
    });
    restored.await
}

/// Lets it go, or erases it.
async fn let_go<R: Recorded>(visitor: Visitor<R::Area, Write>, Numbered(id): Numbered<IdOf<R>>) -> Answer<Html>
where
    IdOf<R>: Ord,
{
    let trash = visitor.trash();
    let erases = visitor.form().value("erase") == Some("true");
    let gone = visitor.write(move |connection, scope| {
        if erases {
            // What is there is not erased by a form that was sent twice.
            R::in_trash(connection, scope, trash, id)?;
            erase(connection, scope, id)?;
            return Ok(Html::see_other("/console/trash?done=erased"));
        }
        R::let_go(connection, scope, trash, id)?;
        Ok(Html::see_other("/console/trash?done=gone"))
    });
    gone.await
}

async fn found(visitor: Visitor<area::Anywhere, Read>, _: Address) -> Answer<Html> {
    as_asked(visitor.query(), |refused| show_found(&visitor, refused)).await
}

/// What is found; nothing where what is searched for was refused.
async fn show_found(visitor: &Visitor<area::Anywhere, Read>, refused: Typed) -> Answer<Html> {
    let frame = frame(visitor);
    let given: Vec<(String, String)> =
        visitor.query().iter().filter(|(_, value)| !value.trim().is_empty()).cloned().collect();
    let text = value(&given, "q").unwrap_or_default().to_owned();
    let asked = if refused.is_refused() { Vec::new() } else { given };
    let asked = asked.into_iter().chain([("size".to_owned(), SIZE.to_string())]).collect();
    let (wanted,): (Search,) = read_params(asked)?;
    let page = visitor.read(move |connection, scope| {
        let is_asked = !text.is_empty() && !refused.is_refused();
        let found = if is_asked { search::search(connection, scope, &wanted)? } else { Vec::new() };
        Ok(Html::page(search_page(&frame, &text, &found, &refused)))
    });
    page.await
}
