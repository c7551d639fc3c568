//! Settings, tags.

use crm_cases::Case;
use crm_console::form::Typed;
use crm_console::tags::list;
use crm_core::input::FromBody;
use crm_core::{Condition, TagId};
use crm_directory::{Contact, Organization};
use crm_leads::Lead;
use crm_opportunities::Opportunity;
use crm_tags::{NewTag, TagPatch};

use crate::auth::{Read, Visitor, Write, area};
use crate::endpoint::{Answer, Api, Html, PathId, Query};
use crate::error::Problem;

use super::imports::readable;
use super::kind::Recorded;
use super::{Done, again, body, done, frame};

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    macro_rules! tags {
        ($($record:ty, $path:literal;)*) => { $(
            api.get($path, tags_page::<$record>).undocumented();
            api.post($path, make::<$record>).undocumented();
            api.post(concat!($path, "/{id}/edit"), change::<$record>).undocumented();
            api.post(concat!($path, "/{id}/delete"), remove::<$record>).undocumented();
        )* };
    }
    api.get("/console/settings/tags", first_page).undocumented();
    tags! {
        Lead, "/console/settings/tags/leads";
        Opportunity, "/console/settings/tags/opportunities";
        Contact, "/console/settings/tags/contacts";
        Organization, "/console/settings/tags/organizations";
        Case, "/console/settings/tags/cases";
    }
}

const MEMBERS: &[&str] = &["label", "color"];

fn page_of<R: Recorded>() -> String {
    format!("/console/settings/tags/{}", R::KIND.plural())
}

/// The tags of the first kind that may be read.
async fn first_page(visitor: Visitor<area::OfKind, Read>) -> Answer<Html> {
    let kinds = readable(&visitor)?;
    let first = kinds.first().ok_or_else(|| Problem::not_found("kind"))?;
    super::reply(Html::see_other(format!("/console/settings/tags/{}", first.plural())))
}

async fn tags_page<R: Recorded>(visitor: Visitor<R::Area, Read>, _: Query<(Done,)>) -> Answer<Html> {
    show::<R, _>(&visitor, None, Typed::default()).await
}

async fn show<R: Recorded, D>(visitor: &Visitor<R::Area, D>, edited: Option<TagId>, typed: Typed) -> Answer<Html> {
    let (frame, notice) = (frame(visitor), done(visitor));
    let edited = edited.map(|id| id.to_string());
    let page = visitor.read(move |connection, scope| {
        let tags = crm_tags::list(connection, scope, R::TAGS)?;
        Ok(Html::page(list(&frame, R::KIND, &tags, notice, edited.as_deref(), &typed)))
    });
    page.await
}

async fn make<R: Recorded>(visitor: Visitor<R::Area, Write>) -> Answer<Html> {
    let form = visitor.form().clone();
    let made = visitor.write(move |connection, scope| {
        crm_tags::create(connection, scope, R::TAGS, &NewTag::from_body(&body(&form, MEMBERS))?)?;
        Ok(Html::see_other(format!("{}?done=made", page_of::<R>())))
    });
    again(visitor.form(), made.await, |typed| show::<R, _>(&visitor, None, typed)).await
}

async fn change<R: Recorded>(visitor: Visitor<R::Area, Write>, PathId(id): PathId<TagId>) -> Answer<Html> {
    let form = visitor.form().clone();
    let changed = visitor.write(move |connection, scope| {
        let patch = TagPatch::from_body(&body(&form, MEMBERS))?;
        crm_tags::update(connection, scope, R::TAGS, id, &Condition::none(), &patch)?;
        Ok(Html::see_other(format!("{}?done=saved", page_of::<R>())))
    });
    again(visitor.form(), changed.await, |typed| show::<R, _>(&visitor, Some(id), typed)).await
}

async fn remove<R: Recorded>(visitor: Visitor<R::Area, Write>, PathId(id): PathId<TagId>) -> Answer<Html> {
    let removed = visitor.write(move |connection, scope| {
        crm_tags::delete(connection, scope, R::TAGS, id, &Condition::none())?;
        Ok(Html::see_other(format!("{}?done=deleted", page_of::<R>())))
    });
    removed.await
}
