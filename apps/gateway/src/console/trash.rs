//! The trash, and searching.

use crm_cases::Case;
use crm_console::trash::{search as search_page, trash as trash_page};
use crm_core::page::{PageRequest, Start};
use crm_directory::{Contact, Organization};
use crm_history::{Kind, TrashSort};
use crm_leads::Lead;
use crm_opportunities::Opportunity;
use crm_suite::search::{self, Search};
use crm_suite::trash;

use crate::auth::{Read, Visitor, Write, area};
use crate::endpoint::{Answer, Api, Html, read_params};
use crate::http::readable;

use super::frame;
use super::kind::{IdOf, Numbered, Recorded};

/// The kinds of records that can be in the trash.
const KINDS: [Kind; 5] = [Kind::Lead, Kind::Opportunity, Kind::Contact, Kind::Organization, Kind::Case];

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

async fn trash_list(visitor: Visitor<area::Anywhere, Read>) -> Answer<Html> {
    let frame = frame(&visitor);
    let trash = visitor.trash();
    let kinds = readable(visitor.scope().actor().rights(), KINDS.to_vec());
    let is_gone = visitor.query().iter().any(|(name, _)| name == "gone");
    let mut asked: Vec<(String, String)> = visitor.query().iter().filter(|(name, _)| name != "gone").cloned().collect();
    asked.push(("size".to_owned(), "50".to_owned()));
    let (request,): (PageRequest<TrashSort>,) = read_params(asked)?;
    let page = visitor.read(move |connection, scope| {
        let page = trash::list(connection, scope, trash, &kinds, &request)?;
        let next = page.continuation_token.as_deref().filter(|_| page.has_more);
        let notice = is_gone.then_some("It is gone for good.");
        let is_first = request.start == Start::Offset(0);
        Ok(Html::page(trash_page(&frame, &page.items, next, is_first, notice, trash.days())))
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

async fn let_go<R: Recorded>(visitor: Visitor<R::Area, Write>, Numbered(id): Numbered<IdOf<R>>) -> Answer<Html> {
    let trash = visitor.trash();
    let gone = visitor.write(move |connection, scope| {
        R::let_go(connection, scope, trash, id)?;
        Ok(Html::see_other("/console/trash?gone"))
    });
    gone.await
}

async fn found(visitor: Visitor<area::Anywhere, Read>) -> Answer<Html> {
    let frame = frame(&visitor);
    let mut asked: Vec<(String, String)> =
        visitor.query().iter().filter(|(name, value)| name == "q" && !value.trim().is_empty()).cloned().collect();
    let text = asked.first().map(|(_, value)| value.clone()).unwrap_or_default();
    asked.push(("size".to_owned(), "50".to_owned()));
    let (wanted,): (Search,) = read_params(asked)?;
    let page = visitor.read(move |connection, scope| {
        let found = if text.is_empty() { Vec::new() } else { search::search(connection, scope, &wanted)? };
        Ok(Html::page(search_page(&frame, &text, &found)))
    });
    page.await
}
