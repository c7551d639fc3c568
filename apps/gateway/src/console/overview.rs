//! The overview.

use chrono::{Datelike, Months, NaiveTime};
use crm_cases::Case;
use crm_console::happened::Names;
use crm_console::overview::{Mine, Overview};
use crm_core::keys::{Access, Area};
use crm_core::page::PageRequest;
use crm_core::{DbConnection, Scope, Timestamp};
use crm_directory::{Contact, Organization};
use crm_history::Kind;
use crm_leads::Lead;
use crm_opportunities::{Opportunity, OpportunityFilter, pipelines};

use crate::auth::{InArea, Read, Visitor, area};
use crate::endpoint::{Answer, Api, Html};
use crate::error::Failure;
use crate::http::readable;

use super::board::PIPELINES;
use super::kind::{Recorded, shown};
use super::{frame, names};

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.get("/console", overview_page).undocumented();
}

const CHANGES: i64 = 12;
const MONTHS: u32 = 6;
/// How many statuses the picture of the cases has.
const STATUSES: i64 = 12;

async fn overview_page(visitor: Visitor<area::Anywhere, Read>) -> Answer<Html> {
    let frame = frame(&visitor);
    let page = visitor.read(move |connection, scope| {
        let rights = scope.actor().rights();
        let may = |area| rights.allow(area, Access::Read);
        let (mut all, mut sums, mut months, mut statuses) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        if may(Area::Pipeline) {
            all = pipelines::list(connection, scope, &PageRequest::first(PIPELINES))?.items;
            sums = crm_opportunities::summary(connection, scope, &OpportunityFilter::default())?;
            months = crm_opportunities::closed_by_month(connection, scope, first_month(scope.now()))?;
        }
        if may(Area::Cases) {
            statuses = crm_cases::ages_by_status(connection, scope, STATUSES)?;
        }
        let mut changes = crm_history::newest(connection, scope, CHANGES)?;
        let readable = readable(rights, Kind::ALL.to_vec());
        changes.retain(|change| readable.contains(&change.kind));
        let mut known = Names::default();
        known.call_pipelines(&all);
        let names = names::of(connection, scope, &changes, known)?;
        let mine = mine(connection, scope)?;
        let overview = Overview {
            pipelines: &all,
            sums: &sums,
            months: &months,
            statuses: &statuses,
            changes: &changes,
            names,
            mine: mine.as_deref(),
        };
        Ok(Html::page(overview.page(&frame)))
    });
    page.await
}

/// When the first of the months begins that are shown, this one being the last.
fn first_month(now: Timestamp) -> Timestamp {
    let first = now.as_datetime().with_day(1).unwrap_or(now.as_datetime());
    let months = first.checked_sub_months(Months::new(MONTHS - 1)).unwrap_or(first);
    Timestamp::from_datetime(months.with_time(NaiveTime::MIN).single().unwrap_or(months))
}

/// How many of each kind are shown of those that are somebody's.
const MINE: i64 = 5;

/// The latest records of each kind whose owner is the person who looks; `None` where it is no person, but a key.
fn mine(connection: &mut DbConnection, scope: &Scope) -> Result<Option<Vec<Mine>>, Failure> {
    let Some(owner) = scope.actor().as_user().map(|user| user.id().to_owned()) else { return Ok(None) };
    let all = [
        of_kind::<Opportunity>(connection, scope, &owner)?,
        of_kind::<Lead>(connection, scope, &owner)?,
        of_kind::<Case>(connection, scope, &owner)?,
        of_kind::<Contact>(connection, scope, &owner)?,
        of_kind::<Organization>(connection, scope, &owner)?,
    ];
    Ok(Some(all.into_iter().flatten().collect()))
}

/// Those of a kind, where there are some that may be read.
fn of_kind<R: Recorded>(connection: &mut DbConnection, scope: &Scope, owner: &str) -> Result<Option<Mine>, Failure> {
    let may_read = R::Area::AREA.is_none_or(|area| scope.actor().rights().allow(area, Access::Read));
    if !may_read {
        return Ok(None);
    }
    let page = R::list(connection, scope, &R::of_owner(owner), &PageRequest::first(MINE))?;
    let records = page.items.iter().map(shown).collect::<Result<Vec<_>, _>>()?;
    let mine = Mine { kind: R::KIND, owner: owner.to_owned(), records, has_more: page.has_more };
    Ok(Some(mine).filter(|mine| !mine.records.is_empty()))
}
