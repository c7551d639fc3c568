use crm_core::page::PageRequest;
use crm_core::{Condition, LeadId, OpportunityId, Timestamp};
use crm_opportunities::{LostReason, Opportunity, OpportunityStatus, PipelineError, StageKey, StatusChange, pipelines};
use crm_suite::convert::{Conversion, convert_each};
use crm_suite::resource::Resource;
use crm_suite::{SuiteError, opportunities};

use super::run::{Run, days_after};

const LOST: &[(&str, &str)] = &[
    ("too_expensive", "A competitor was a third cheaper."),
    ("no_budget", "The budget was cut; ask again next year."),
    ("no_answer", "Nobody answered for two months."),
    ("missing_feature", "Needs an interface to their warehouse."),
];

/// Converts one in four of these leads some weeks after they came in, and wins or loses most of them. It says how
/// many opportunities that makes.
pub(super) fn make(run: &mut Run, leads: &[(LeadId, Timestamp)]) -> anyhow::Result<usize> {
    let stages = stages(run)?;
    let mut due = Vec::new();
    for (id, since) in leads.iter().filter(|(id, _)| id.as_i64() % 4 == 1) {
        let moment = days_after(*since, 3 + run.dice.below(18));
        let stage = run.dice.place(stages.len()).map(|place| stages[place].clone());
        if moment < run.now() {
            due.push((moment, *id, Conversion { pipeline_id: None, stage, last_updated_by: None }));
        }
    }
    let made = run.each("opportunities", &due, |connection, scope, due| {
        let made = convert_each(connection, scope, due)?;
        Ok::<_, SuiteError>(made.into_iter().map(|made| (made.id, made.created_on)).collect())
    })?;
    decide(run, &made)?;
    Ok(made.len())
}

/// The stages of the pipeline that opportunities are in by default.
fn stages(run: &mut Run) -> Result<Vec<StageKey>, PipelineError> {
    let all = run.read(|connection, scope| pipelines::list(connection, scope, &PageRequest::first(200)))?;
    let default = all.items.into_iter().find(|pipeline| pipeline.is_default);
    Ok(default.map(|pipeline| pipeline.stages.into_iter().map(|stage| stage.key).collect()).unwrap_or_default())
}

/// Wins about one in three, loses another.
fn decide(run: &mut Run, opportunities: &[(OpportunityId, Timestamp)]) -> anyhow::Result<()> {
    let mut due = Vec::new();
    for (id, since) in opportunities {
        let moment = days_after(*since, 5 + run.dice.below(60));
        let (reason, comment) = *run.dice.one(LOST);
        let (status, lost_reason) = match run.dice.below(3) {
            0 => (OpportunityStatus::Won, None),
            1 => (OpportunityStatus::Lost, Some(LostReason::new(reason)?.with_comment(comment)?)),
            _ => continue,
        };
        if moment < run.now() {
            due.push((moment, *id, StatusChange { status, lost_reason, last_updated_by: None }));
        }
    }
    run.each("opportunities", &due, |connection, scope, due| {
        let ids: Vec<OpportunityId> = due.iter().map(|(_, id, _)| *id).collect();
        Opportunity::lock(connection, scope, &ids)?;
        Opportunity::remember(connection, scope, &ids)?;
        let decide = |(moment, id, change): &(Timestamp, OpportunityId, StatusChange)| {
            let scope = scope.clone().at(*moment);
            opportunities::update_status(connection, &scope, *id, &Condition::none(), change).map(drop)
        };
        due.iter().map(decide).collect()
    })?;
    Ok(())
}
