//! The board, and the overview.

use std::collections::BTreeMap;

use crm_cases::{Case, CaseFilter};
use crm_console::board::{self, Board, Column, MOST_CARDS};
use crm_console::overview::{Month, Overview};
use crm_core::keys::{Access, Area};
use crm_core::page::{Direction, PageRequest};
use crm_core::{DbConnection, Scope};
use crm_history::Kind;
use crm_opportunities::{Opportunity, OpportunityFilter, OpportunitySort, OpportunityStatus, Pipeline, pipelines};
use crm_suite::{cases, opportunities};
use crm_tags::TagKind;

use crate::auth::{Read, Visitor, area};
use crate::endpoint::{Answer, Api, Html, read_params};
use crate::error::Failure;
use crate::http::readable;

use super::frame;

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.get("/console", overview_page).undocumented();
    api.get("/console/board", board_page).undocumented();
}

/// How many pipelines there are to choose from.
const PIPELINES: i64 = 50;
/// What the board is filtered by.
const FILTERS: [&str; 4] = ["pipelineId", "title", "ownerId", "tags"];

async fn board_page(visitor: Visitor<area::Pipeline, Read>) -> Answer<Html> {
    let frame = frame(&visitor);
    let is_filter = |name: &str| FILTERS.contains(&name);
    let given: Vec<(String, String)> =
        visitor.query().iter().filter(|(name, value)| is_filter(name) && !value.is_empty()).cloned().collect();
    let (filter,): (OpportunityFilter,) = read_params(given.clone())?;
    let page = visitor.read(move |connection, scope| {
        let all = pipelines::list(connection, scope, &PageRequest::first(PIPELINES))?.items;
        let wanted = |pipeline: &&Pipeline| match filter.pipeline_id.as_deref() {
            Some(ids) => ids.contains(&pipeline.id),
            None => pipeline.is_default,
        };
        let Some(pipeline) = all.iter().find(wanted).or(all.first()) else {
            return Ok(Html::page(board::none(&frame)));
        };
        let filter = OpportunityFilter { pipeline_id: Some(vec![pipeline.id]), ..filter.clone() };
        let board = Board {
            pipelines: &all,
            pipeline,
            columns: &columns(connection, scope, pipeline, &filter)?,
            sums: &crm_opportunities::summary(connection, scope, &filter)?,
            given: &given,
            tags: &crm_tags::list(connection, scope, TagKind::Opportunity)?,
            now: scope.now(),
            problem: None,
        };
        Ok(Html::page(board.page(&frame)))
    });
    page.await
}

fn columns(
    connection: &mut DbConnection,
    scope: &Scope,
    pipeline: &Pipeline,
    filter: &OpportunityFilter,
) -> Result<Vec<Column>, Failure> {
    let mut request = PageRequest::first(MOST_CARDS);
    request.order_by = OpportunitySort::LastUpdatedOn;
    request.direction = Direction::Desc;
    let columns = pipeline.stages.iter().map(|stage| {
        let of_stage = OpportunityFilter {
            stage: Some(vec![stage.key.to_string()]),
            status: Some(vec![OpportunityStatus::Open]),
            ..filter.clone()
        };
        let page = opportunities::list(connection, scope, &of_stage, &request)?;
        Ok(Column { cards: page.items, has_more: page.has_more })
    });
    columns.collect()
}

/// How many records and changes the pictures of the overview are made of.
const LATEST: i64 = 200;
const CHANGES: i64 = 12;
const MONTHS: usize = 6;

async fn overview_page(visitor: Visitor<area::Anywhere, Read>) -> Answer<Html> {
    let frame = frame(&visitor);
    let page = visitor.read(move |connection, scope| {
        let rights = scope.actor().rights();
        let may = |area| rights.allow(area, Access::Read);
        let (mut all, mut sums, mut months, mut statuses) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        if may(Area::Pipeline) {
            all = pipelines::list(connection, scope, &PageRequest::first(PIPELINES))?.items;
            sums = crm_opportunities::summary(connection, scope, &OpportunityFilter::default())?;
            months = closed(&latest_closed(connection, scope)?);
        }
        if may(Area::Cases) {
            let latest = cases::list(connection, scope, &CaseFilter::default(), &PageRequest::first(LATEST))?;
            statuses = counted(&latest.items);
        }
        let mut changes = crm_history::newest(connection, scope, CHANGES)?;
        let readable = readable(rights, Kind::ALL.to_vec());
        changes.retain(|change| readable.contains(&change.kind));
        let overview =
            Overview { pipelines: &all, sums: &sums, months: &months, statuses: &statuses, changes: &changes };
        Ok(Html::page(overview.page(&frame)))
    });
    page.await
}

fn latest_closed(connection: &mut DbConnection, scope: &Scope) -> Result<Vec<Opportunity>, Failure> {
    let statuses = vec![OpportunityStatus::Won, OpportunityStatus::Lost];
    let filter = OpportunityFilter { status: Some(statuses), ..OpportunityFilter::default() };
    let mut request = PageRequest::first(LATEST);
    request.order_by = OpportunitySort::ClosedOn;
    request.direction = Direction::Desc;
    Ok(opportunities::list(connection, scope, &filter, &request)?.items)
}

/// The months in which they were closed, oldest first.
fn closed(opportunities: &[Opportunity]) -> Vec<Month> {
    let mut months: BTreeMap<String, Month> = BTreeMap::new();
    for opportunity in opportunities {
        let Some(closed_on) = opportunity.closed_on else { continue };
        let name = closed_on.to_string().get(..7).unwrap_or_default().to_owned();
        let month = months.entry(name.clone()).or_insert_with(|| Month { name, won: 0, lost: 0 });
        match opportunity.status {
            OpportunityStatus::Won => month.won += 1,
            _ => month.lost += 1,
        }
    }
    let skipped = months.len().saturating_sub(MONTHS);
    months.into_values().skip(skipped).collect()
}

/// The statuses with how many have them, most first.
fn counted(cases: &[Case]) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for case in cases {
        *counts.entry(case.status.as_str()).or_default() += 1;
    }
    let mut counts: Vec<(String, usize)> =
        counts.into_iter().map(|(status, count)| (status.to_owned(), count)).collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}
