//! The board, and the overview.

use chrono::{Datelike, Months, NaiveTime};
use crm_console::board::{self, Board, Column, MOST_CARDS};
use crm_console::overview::Overview;
use crm_core::keys::{Access, Area};
use crm_core::page::{Direction, PageRequest};
use crm_core::{DbConnection, Scope, Timestamp};
use crm_history::Kind;
use crm_opportunities::{OpportunityFilter, OpportunitySort, OpportunityStatus, Pipeline, pipelines};
use crm_suite::opportunities;
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
        let overview =
            Overview { pipelines: &all, sums: &sums, months: &months, statuses: &statuses, changes: &changes };
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
