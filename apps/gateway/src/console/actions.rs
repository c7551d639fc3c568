//! What is done with one record by a button: archive, convert, move, win, lose.

use crm_console::{board, show};
use crm_core::input::{FromBody, JsonObject};
use crm_core::params::{FromParams, ParamReader};
use crm_core::{Condition, DbConnection, LeadId, OpportunityId, Scope, Unmet};
use crm_exchange::Kind;
use crm_leads::Lead;
use crm_opportunities::{Opportunity, OpportunityPatch, OpportunityStatus, StageChange, StatusChange, pipelines};
use crm_suite::convert::{Conversion, convert};
use crm_suite::{leads, opportunities};

use crate::auth::{Read, Visitor, Write, area, is_local};
use crate::endpoint::{Answer, Api, Form, Html, Query};
use crate::error::Failure;

use super::kind::{IdOf, Numbered, Recorded};
use super::{again, back, body, frame, may_change, named_as_in_form, records, steps};

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.post("/console/leads/{id}/archive", archive).undocumented();
    api.post("/console/leads/{id}/unarchive", unarchive).undocumented();
    api.post("/console/leads/{id}/convert", convert_lead).undocumented();
    api.get("/console/opportunities/{id}/stage", stage_page).undocumented();
    api.post("/console/opportunities/{id}/stage", set_stage).undocumented();
    api.post("/console/opportunities/{id}/status", set_status).undocumented();
    api.post("/console/cases/{id}/status", steps::walk).undocumented();
}

/// Does it, and leads back to where the form was. What is wrong is told on the page of the record.
async fn act<R: Recorded>(
    visitor: &Visitor<R::Area, Write>,
    id: IdOf<R>,
    job: impl Fn(&mut DbConnection, &Scope, &Form) -> Result<(), Failure> + Send + 'static,
) -> Answer<Html> {
    let form = visitor.form().clone();
    let way = back(&form, &format!("/console/{}/{id}?done=done", R::KIND.plural()));
    // A script asks for no page.
    let is_quiet = form.value("quiet").is_some();
    let acted = visitor.write(move |connection, scope| {
        job(connection, scope, &form)?;
        Ok(if is_quiet { Html::nothing() } else { Html::see_other(way.clone()) })
    });
    let acted = acted.await;
    if is_quiet {
        return acted;
    }
    let acted = acted.map_err(|problem| named_as_in_form(problem, &[("lostReason.", ""), ("lostReason", "reasonId")]));
    again(visitor.form(), acted, |typed| records::show::<R, _>(visitor, id, typed)).await
}

async fn archive(visitor: Visitor<area::Pipeline, Write>, Numbered(id): Numbered<LeadId>) -> Answer<Html> {
    act::<Lead>(&visitor, id, move |connection, scope, _| {
        leads::archive(connection, scope, id, &Condition::none(), None)?;
        Ok(())
    })
    .await
}

async fn unarchive(visitor: Visitor<area::Pipeline, Write>, Numbered(id): Numbered<LeadId>) -> Answer<Html> {
    act::<Lead>(&visitor, id, move |connection, scope, _| {
        leads::unarchive(connection, scope, id, &Condition::none(), None)?;
        Ok(())
    })
    .await
}

async fn convert_lead(visitor: Visitor<area::Pipeline, Write>, Numbered(id): Numbered<LeadId>) -> Answer<Html> {
    let converted = visitor.write(move |connection, scope| {
        let made = convert(connection, scope, id, &Condition::none(), &Conversion::default())?;
        Ok(Html::see_other(format!("/console/opportunities/{}?done=converted", made.id)))
    });
    again(visitor.form(), converted.await, |typed| records::show::<Lead, _>(&visitor, id, typed)).await
}

/// The parameter that leads back to the board.
struct Back(Option<String>);

impl FromParams for Back {
    fn from_params(params: &mut ParamReader) -> Self {
        Self(params.text("back", "The board to lead back to."))
    }
}

/// Where a card is moved without script. What is won or lost already is looked at.
async fn stage_page(
    visitor: Visitor<area::Pipeline, Read>,
    Numbered(id): Numbered<OpportunityId>,
    Query((Back(back),)): Query<(Back,)>,
) -> Answer<Html> {
    may_change(&visitor)?;
    let frame = frame(&visitor);
    let back = back.filter(|path| is_local(path)).unwrap_or_else(|| board::PATH.to_owned());
    let page = visitor.read(move |connection, scope| {
        let card = opportunities::get(connection, scope, id)?;
        if card.status != OpportunityStatus::Open {
            return Ok(Html::see_other(show::path(Kind::Opportunity, &id.to_string())));
        }
        let pipeline = pipelines::get(connection, scope, card.pipeline_id)?;
        Ok(Html::page(board::card_page(&frame, &card, &pipeline, &back)))
    });
    page.await
}

async fn set_stage(visitor: Visitor<area::Pipeline, Write>, Numbered(id): Numbered<OpportunityId>) -> Answer<Html> {
    act::<Opportunity>(&visitor, id, move |connection, scope, form| {
        // The board names a stage of the pipeline that it shows, the page of a record one of any pipeline.
        let Some((pipeline, stage)) = form.value("to").and_then(|to| to.split_once(' ')) else {
            let change = StageChange::from_body(&body(form, &["stage"]))?;
            opportunities::update_stage(connection, scope, id, &Condition::none(), &change)?;
            return Ok(());
        };
        let patch = [("pipelineId", pipeline), ("stage", stage)].map(|(name, value)| (name.to_owned(), value.into()));
        let patch = OpportunityPatch::from_body(&JsonObject::from_iter(patch))?;
        opportunities::update(connection, scope, id, &Condition::none(), &patch)?;
        Ok(())
    })
    .await
}

async fn set_status(visitor: Visitor<area::Pipeline, Write>, Numbered(id): Numbered<OpportunityId>) -> Answer<Html> {
    act::<Opportunity>(&visitor, id, move |connection, scope, form| {
        let mut change = body(form, &["status"]);
        if form.value("status") == Some("lost") {
            change.insert("lostReason".to_owned(), body(form, &["reasonId", "comment"]).into());
        }
        let change = StatusChange::from_body(&change)?;
        opportunities::update_status(connection, scope, id, &is_still(form.value("was"), change.status), &change)?;
        Ok(())
    })
    .await
}

/// It is as it was when somebody decided about it: open where it is to be won or lost, and closed as it was shown where it is
/// opened again. What is so already is neither refused nor changed, but for the reason of a loss.
fn is_still(was: Option<&str>, wanted: OpportunityStatus) -> Condition<Opportunity> {
    let was = was.map(str::to_owned);
    Condition::new(move |now: &Opportunity| {
        let is_still = match (now.status, wanted) {
            (OpportunityStatus::Open, _) | (OpportunityStatus::Won, OpportunityStatus::Won) => true,
            (status, OpportunityStatus::Open) => was.as_deref().is_none_or(|was| was == status.as_str()),
            _ => false,
        };
        if is_still {
            return Ok(());
        }
        Err(Unmet(format!("It is {} already, since this was shown, and stays so.", now.status.as_str())))
    })
}
