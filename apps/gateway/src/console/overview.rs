//! The overview.

use chrono::{Datelike, Months, NaiveTime};
use crm_cases::Case;
use crm_console::happened::Names;
use crm_console::overview::{Mine, Overview};
use crm_console::people::Role;
use crm_core::counts;
use crm_core::keys::{Access, Area, Rights};
use crm_core::page::PageRequest;
use crm_core::{DbConnection, RecordKind, Scope, Timestamp};
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
        let readable = readable(rights, Kind::ALL.to_vec());
        let kinds = (readable.len() < Kind::ALL.len()).then_some(readable.as_slice());
        let changes = crm_history::newest(connection, scope, kinds, CHANGES)?;
        let mut known = Names::default();
        known.call_pipelines(&all);
        let names = names::of(connection, scope, &changes, known)?;
        let mine = mine(connection, scope)?;
        let has_pictures = sums.iter().any(|sum| sum.count > 0)
            || months.iter().any(|month| month.won + month.lost > 0)
            || !statuses.is_empty();
        let overview = Overview {
            pipelines: &all,
            sums: &sums,
            months: &months,
            statuses: &statuses,
            changes: &changes,
            names,
            mine: mine.as_deref(),
            is_empty: !has_pictures && has_no_records(connection, scope, rights)?,
        };
        Ok(Html::page(overview.page(&frame)))
    });
    page.await
}

/// Whether there is no record that whoever looks may read.
fn has_no_records(connection: &mut DbConnection, scope: &Scope, rights: Rights) -> Result<bool, Failure> {
    let kinds = [
        (Area::Pipeline, RecordKind::Lead),
        (Area::Pipeline, RecordKind::Opportunity),
        (Area::Directory, RecordKind::Contact),
        (Area::Directory, RecordKind::Organization),
        (Area::Cases, RecordKind::Case),
    ];
    for (area, kind) in kinds {
        if rights.allow(area, Access::Read) && counts::records(connection, scope, kind)? > 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// When the first of the months begins that are shown, this one being the last.
fn first_month(now: Timestamp) -> Timestamp {
    let first = now.as_datetime().with_day(1).unwrap_or(now.as_datetime());
    let months = first.checked_sub_months(Months::new(MONTHS - 1)).unwrap_or(first);
    Timestamp::from_datetime(months.with_time(NaiveTime::MIN).single().unwrap_or(months))
}

/// How many of each kind are shown of those that are somebody's.
const MINE: i64 = 5;

/// The latest records of each kind that are the person's who looks, by what this is to them; `None` where it is no person, but a
/// key.
fn mine(connection: &mut DbConnection, scope: &Scope) -> Result<Option<Vec<Mine>>, Failure> {
    let Some(person) = scope.actor().as_user().map(|user| user.id().to_owned()) else { return Ok(None) };
    let mut all = Vec::new();
    of_kind::<Opportunity>(connection, scope, &person, &mut all)?;
    of_kind::<Lead>(connection, scope, &person, &mut all)?;
    of_kind::<Case>(connection, scope, &person, &mut all)?;
    of_kind::<Contact>(connection, scope, &person, &mut all)?;
    of_kind::<Organization>(connection, scope, &person, &mut all)?;
    Ok(Some(all))
}

/// Adds those of a kind, where there are some that may be read.
fn of_kind<R: Recorded>(
    connection: &mut DbConnection,
    scope: &Scope,
    person: &str,
    all: &mut Vec<Mine>,
) -> Result<(), Failure> {
    if !R::Area::AREA.is_none_or(|area| scope.actor().rights().allow(area, Access::Read)) {
        return Ok(());
    }
    for role in Role::of(R::KIND) {
        let page = R::list(connection, scope, &R::of_person(*role, person), &PageRequest::first(MINE))?;
        let records = page.items.iter().map(shown).collect::<Result<Vec<_>, _>>()?;
        if !records.is_empty() {
            all.push(Mine { kind: R::KIND, role: *role, person: person.to_owned(), records, has_more: page.has_more });
        }
    }
    Ok(())
}
