//! The board.

use crm_console::Place;
use crm_console::board::{self, Board, Column, MOST_CARDS, PATH};
use crm_console::filters::Called;
use crm_console::form::Typed;
use crm_console::people::Role;
use crm_core::page::PageRequest;
use crm_core::{DbConnection, Scope};
use crm_exchange::Kind;
use crm_opportunities::{OpportunityFilter, Pipeline, StageKey, pipelines};
use crm_suite::opportunities;
use crm_tags::TagKind;

use crate::auth::{Read, Visitor, area};
use crate::endpoint::{Address, Answer, Api, Html, read_params};
use crate::error::Failure;

use super::filters::{self, Sent};
use super::{as_asked, frame, only, people};

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.get(PATH, board_page).undocumented();
}

/// How many pipelines there are to choose from: all that a tenant can have.
pub(super) const PIPELINES: i64 = pipelines::MOST_PIPELINES;
/// What the board is filtered by.
const FILTERS: [&str; 4] = ["pipelineId", "title", "ownerId", "tags"];

async fn board_page(visitor: Visitor<area::Pipeline, Read>, _: Address) -> Answer<Html> {
    as_asked(visitor.query(), |refused| show(&visitor, refused)).await
}

/// The board; without cards where the filters were refused.
async fn show(visitor: &Visitor<area::Pipeline, Read>, refused: Typed) -> Answer<Html> {
    let frame = frame(visitor);
    let query = visitor.query().iter().cloned();
    let (typed, mut given): (Vec<_>, Vec<_>) = query.partition(|(name, _)| name == Role::Owner.members().0);
    given.retain(|(_, value)| !value.is_empty());
    let (filter,): (OpportunityFilter,) = if refused.is_refused() {
        Default::default()
    } else {
        only(&given, &FILTERS)?;
        read_params(given.clone())?
    };
    let page = visitor.read(move |connection, scope| {
        let people = people::of(connection, scope, Kind::Opportunity, &given)?;
        let (kind, place, called) = (Kind::Opportunity, Place::Board, &Called::new());
        let sent =
            Sent { frame: &frame, kind, place, path: PATH, typed: &typed, given: &given, called, people: &people };
        if !refused.is_refused()
            && let Some(elsewhere) = filters::settled(connection, scope, &sent)?
        {
            return Ok(elsewhere);
        }
        let all = pipelines::list(connection, scope, &PageRequest::first(PIPELINES))?.items;
        let wanted = |pipeline: &&Pipeline| match filter.pipeline_id.as_deref() {
            Some(ids) => ids.contains(&pipeline.id),
            None => pipeline.is_default,
        };
        let Some(pipeline) = all.iter().find(wanted).or(all.first()) else {
            return Ok(Html::page(board::none(&frame)));
        };
        let is_another = filter.pipeline_id.as_deref().is_some_and(|ids| !ids.contains(&pipeline.id));
        let is_kept = |(name, _): &&(String, String)| !is_another || name != "pipelineId";
        let given: Vec<(String, String)> = given.iter().filter(is_kept).cloned().collect();
        let filter = OpportunityFilter { pipeline_id: Some(vec![pipeline.id]), ..filter.clone() };
        let (columns, sums) = if refused.is_refused() {
            Default::default()
        } else {
            let columns = columns(connection, scope, pipeline, &filter)?;
            (columns, crm_opportunities::summary(connection, scope, &filter)?)
        };
        let board = Board {
            pipelines: &all,
            pipeline,
            columns: &columns,
            sums: &sums,
            given: &given,
            tags: &crm_tags::list(connection, scope, TagKind::Opportunity)?,
            people: &people,
            now: scope.now(),
            is_another,
            refused: &refused,
        };
        Ok(Html::page(board.page(&frame)))
    });
    page.await
}

/// The cards of each stage.
fn columns(
    connection: &mut DbConnection,
    scope: &Scope,
    pipeline: &Pipeline,
    filter: &OpportunityFilter,
) -> Result<Vec<Column>, Failure> {
    let stages: Vec<&StageKey> = pipeline.stages.iter().map(|stage| &stage.key).collect();
    let columns = opportunities::by_stage(connection, scope, filter, &stages, MOST_CARDS)?;
    Ok(columns.into_iter().map(|(cards, has_more)| Column { cards, has_more }).collect())
}
