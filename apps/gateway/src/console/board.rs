//! The board.

use crm_console::Place;
use crm_console::board::{self, Board, Column, MOST_CARDS, PATH};
use crm_console::filters::Called;
use crm_console::people::Role;
use crm_core::page::PageRequest;
use crm_core::{DbConnection, Scope};
use crm_exchange::Kind;
use crm_opportunities::{OpportunityFilter, Pipeline, StageKey, pipelines};
use crm_suite::opportunities;
use crm_tags::TagKind;

use crate::auth::{Read, Visitor, area};
use crate::endpoint::{Answer, Api, Html, read_params};
use crate::error::Failure;

use super::filters::{self, Sent};
use super::{frame, people};

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.get(PATH, board_page).undocumented();
}

/// How many pipelines there are to choose from: all that a tenant can have.
pub(super) const PIPELINES: i64 = pipelines::MOST_PIPELINES;
/// What the board is filtered by.
const FILTERS: [&str; 4] = ["pipelineId", "title", "ownerId", "tags"];

async fn board_page(visitor: Visitor<area::Pipeline, Read>) -> Answer<Html> {
    let frame = frame(&visitor);
    let is_filter = |name: &str| FILTERS.contains(&name);
    let given: Vec<(String, String)> =
        visitor.query().iter().filter(|(name, value)| is_filter(name) && !value.is_empty()).cloned().collect();
    let (filter,): (OpportunityFilter,) = read_params(given.clone())?;
    let typed: Vec<_> = visitor.query().iter().filter(|(name, _)| name == Role::Owner.members().0).cloned().collect();
    let page = visitor.read(move |connection, scope| {
        let people = people::of(connection, scope, Kind::Opportunity, &given)?;
        let (kind, place, called) = (Kind::Opportunity, Place::Board, &Called::new());
        let sent =
            Sent { frame: &frame, kind, place, path: PATH, typed: &typed, given: &given, called, people: &people };
        if let Some(elsewhere) = filters::settled(connection, scope, &sent)? {
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
        let board = Board {
            pipelines: &all,
            pipeline,
            columns: &columns(connection, scope, pipeline, &filter)?,
            sums: &crm_opportunities::summary(connection, scope, &filter)?,
            given: &given,
            tags: &crm_tags::list(connection, scope, TagKind::Opportunity)?,
            people: &people,
            now: scope.now(),
            is_another,
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
