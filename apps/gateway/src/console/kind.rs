//! The five kinds of records, for the pages that each of them has alike.

use crm_cases::{Activity, ActivitySort, Case, CaseFilter, CaseSort, NewComment, activities};
use crm_console::happened::Names;
use crm_console::people::Role;
use crm_console::record::{Ahead, Places, Said, Step};
use crm_core::input::{FromBody, JsonObject};
use crm_core::page::{Page, PageRequest, SortField};
use crm_core::params::FromParams;
use crm_core::values::User;
use crm_core::{DbConnection, FieldCode, FieldErrors, RecordId, Scope};
use crm_directory::{Contact, ContactFilter, ContactSort, Organization, OrganizationFilter, OrganizationSort};
use crm_exchange::Kind;
use crm_forms::{Field, FormKind};
use crm_history::comments::{Comment, CommentSort, NewRecordComment};
use crm_leads::{Lead, LeadFilter, LeadSort};
use crm_opportunities::{Opportunity, OpportunityFilter, OpportunitySort, Pipeline, pipelines};
use crm_suite::resource::Resource;
use crm_suite::trash::Restorable;
use crm_suite::{SuiteError, cases, comments, contacts, leads, opportunities, organizations};
use crm_tags::TagKind;
use serde::Serialize;
use serde_json::Value;

use crate::auth::{InArea, area};
use crate::endpoint::{Call, Extract, OperationDoc};
use crate::error::{Failure, Problem, ProblemCode};

use super::board::PIPELINES;
use super::steps;

/// A kind of records that has pages.
pub(super) trait Recorded: Resource + Serialize + Restorable<Id = <Self as Resource>::Id> {
    /// Whose rights count.
    type Area: InArea;
    /// What its lists are filtered by.
    type Filter: FromParams + Send + Sync + 'static;
    /// What they are ordered by.
    type Sort: SortField + Send + Sync + 'static;
    /// What is said about them is ordered by it.
    type SaidSort: SortField + Send + Sync + 'static;
    /// What it is.
    const KIND: Kind;
    /// Its tags.
    const TAGS: TagKind;
    /// The member that names what a record is made in, where it is made in something.
    const WITHIN: Option<&'static str> = None;

    fn list(
        connection: &mut DbConnection,
        scope: &Scope,
        filter: &Self::Filter,
        request: &PageRequest<Self::Sort>,
    ) -> Result<Page<Self>, SuiteError>;

    /// Those to which this person is so.
    fn of_person(role: Role, id: &str) -> Self::Filter;

    /// Those of these numbers.
    fn of_ids(ids: Vec<IdOf<Self>>) -> Self::Filter;

    /// The fields of this record, or of a new one of this type.
    fn fields(
        connection: &mut DbConnection,
        scope: &Scope,
        record: Option<&Self>,
        of_type: Option<&str>,
    ) -> Result<Vec<Field>, Failure>;

    /// What was said about it, newest first.
    fn said(
        connection: &mut DbConnection,
        scope: &Scope,
        id: IdOf<Self>,
        request: &PageRequest<Self::SaidSort>,
    ) -> Result<Page<Said>, Failure>;

    /// Says something about it.
    fn say(connection: &mut DbConnection, scope: &Scope, id: IdOf<Self>, body: &JsonObject) -> Result<(), Failure>;

    /// The pipelines whose stages they are in.
    fn pipelines(_: &mut DbConnection, _: &Scope) -> Result<Vec<Pipeline>, Failure> {
        Ok(Vec::new())
    }

    /// Puts what people read where records have what only programs do.
    fn put_words(_: &[Pipeline], _: &mut [Value]) {}

    /// What a new one is made in.
    fn places(_: &mut DbConnection, _: &Scope) -> Result<Option<Places>, Failure> {
        Ok(None)
    }

    /// Where it can go from where it is. What is read for that has its names in the history too.
    fn steps(&self, _: &mut DbConnection, _: &Scope, _: &mut Names) -> Result<Ahead, Failure> {
        Ok(Ahead::default())
    }
}

/// The id of a kind of records.
pub(super) type IdOf<R> = <R as Resource>::Id;

fn speaker(user: Option<&User>) -> Option<String> {
    user.and_then(|user| user.name().or(user.email()).map(str::to_owned))
}

macro_rules! said_by_comments {
    () => {
        type SaidSort = CommentSort;

        fn said(
            connection: &mut DbConnection,
            scope: &Scope,
            id: IdOf<Self>,
            request: &PageRequest<CommentSort>,
        ) -> Result<Page<Said>, Failure> {
            let said = |comment: Comment| Said {
                text: comment.comment.as_str().to_owned(),
                by: speaker(comment.user.as_ref()),
                on: comment.created_on,
            };
            let page = comments::list(connection, scope, id, request)?;
            page.try_map(|items| Ok(items.into_iter().map(said).collect()))
        }

        fn say(connection: &mut DbConnection, scope: &Scope, id: IdOf<Self>, body: &JsonObject) -> Result<(), Failure> {
            comments::add(connection, scope, id, &NewRecordComment::from_body(body)?)?;
            Ok(())
        }
    };
}

/// Of kinds whose records have nobody but an owner.
macro_rules! of_owner {
    ($filter:ident) => {
        fn of_person(_: Role, id: &str) -> $filter {
            $filter { owner_id: Some(vec![id.to_owned()]), ..Default::default() }
        }
    };
}

macro_rules! form_of {
    ($kind:ident) => {
        fn fields(
            connection: &mut DbConnection,
            scope: &Scope,
            _: Option<&Self>,
            _: Option<&str>,
        ) -> Result<Vec<Field>, Failure> {
            Ok(crm_forms::get(connection, scope, FormKind::$kind)?.fields().to_vec())
        }
    };
}

macro_rules! recorded {
    ($record:ty, $area:ident, $kind:ident, $filter:ident, $sort:ty, $suite:ident { $($own:tt)* }) => {
        impl Recorded for $record {
            type Area = area::$area;
            type Filter = $filter;
            type Sort = $sort;
            const KIND: Kind = Kind::$kind;
            const TAGS: TagKind = TagKind::$kind;

            fn list(
                connection: &mut DbConnection,
                scope: &Scope,
                filter: &$filter,
                request: &PageRequest<$sort>,
            ) -> Result<Page<Self>, SuiteError> {
                $suite::list(connection, scope, filter, request)
            }

            fn of_ids(ids: Vec<IdOf<Self>>) -> $filter {
                $filter { ids: Some(ids), ..Default::default() }
            }

            $($own)*
        }
    };
}

recorded!(Lead, Pipeline, Lead, LeadFilter, LeadSort, leads {
    of_owner!(LeadFilter);
    form_of!(Pipeline);
    said_by_comments!();
});

recorded!(Opportunity, Pipeline, Opportunity, OpportunityFilter, OpportunitySort, opportunities {
    of_owner!(OpportunityFilter);
    form_of!(Pipeline);
    said_by_comments!();

    fn pipelines(connection: &mut DbConnection, scope: &Scope) -> Result<Vec<Pipeline>, Failure> {
        Ok(pipelines::list(connection, scope, &PageRequest::first(PIPELINES))?.items)
    }

    fn put_words(all: &[Pipeline], records: &mut [Value]) {
        for record in records {
            let Some(pipeline) = all.iter().find(|pipeline| record["pipelineId"] == pipeline.id.to_string()) else {
                continue;
            };
            if let Some(stage) = pipeline.stages.iter().find(|stage| record["stage"] == stage.key.as_str()) {
                record["stage"] = stage.label.as_str().into();
            }
            record["pipelineId"] = pipeline.name.as_str().into();
        }
    }

    const WITHIN: Option<&'static str> = Some("pipelineId");

    fn places(connection: &mut DbConnection, scope: &Scope) -> Result<Option<Places>, Failure> {
        let mut all = Self::pipelines(connection, scope)?;
        all.sort_by_key(|pipeline| !pipeline.is_default);
        let places = all.into_iter().map(|pipeline| (pipeline.id.to_string(), pipeline.name.to_string()));
        Ok(Some(Places { label: "Pipelines", places: places.collect() }))
    }

    fn steps(&self, connection: &mut DbConnection, scope: &Scope, names: &mut Names) -> Result<Ahead, Failure> {
        let mut all = Self::pipelines(connection, scope)?;
        names.call_pipelines(&all);
        all.sort_by_key(|pipeline| pipeline.id != self.pipeline_id);
        let are_several = all.len() > 1;
        let steps = all.iter().flat_map(|pipeline| {
            pipeline.stages.iter().map(move |stage| Step {
                id: format!("{} {}", pipeline.id, stage.key),
                words: stage.label.to_string(),
                within: are_several.then(|| pipeline.name.to_string()),
                is_here: pipeline.id == self.pipeline_id && stage.key == self.stage,
                takes_comment: false,
            })
        });
        Ok(Ahead { steps: steps.collect(), picture: None })
    }
});

recorded!(Contact, Directory, Contact, ContactFilter, ContactSort, contacts {
    of_owner!(ContactFilter);
    form_of!(Contacts);
    said_by_comments!();
});

recorded!(Organization, Directory, Organization, OrganizationFilter, OrganizationSort, organizations {
    of_owner!(OrganizationFilter);
    form_of!(Organizations);
    said_by_comments!();
});

recorded!(Case, Cases, Case, CaseFilter, CaseSort, cases {
    fn of_person(role: Role, id: &str) -> CaseFilter {
        let ids = Some(vec![id.to_owned()]);
        match role {
            Role::Owner => CaseFilter { owner_id: ids, ..Default::default() },
            Role::Assignee => CaseFilter { assignee_id: ids, ..Default::default() },
        }
    }

    fn fields(
        connection: &mut DbConnection,
        scope: &Scope,
        record: Option<&Self>,
        of_type: Option<&str>,
    ) -> Result<Vec<Field>, Failure> {
        let wanted = record.map(|case| case.case_type_id.to_string()).or_else(|| of_type.map(str::to_owned));
        let mut types = crm_cases::types::forms(connection, scope)?;
        let at = types.iter().position(|(id, ..)| Some(id.to_string()) == wanted).unwrap_or(0);
        if types.is_empty() {
            return Ok(Vec::new());
        }
        Ok(types.swap_remove(at).2.fields().to_vec())
    }

    type SaidSort = ActivitySort;

    fn said(
        connection: &mut DbConnection,
        scope: &Scope,
        id: IdOf<Self>,
        request: &PageRequest<ActivitySort>,
    ) -> Result<Page<Said>, Failure> {
        let said = |activity: Activity| {
            let step = activity.from.zip(activity.to).map(|(from, to)| format!("{from} → {to}"));
            let words = activity.comment.map(|comment| comment.as_str().to_owned());
            let text = [step, words].into_iter().flatten().collect::<Vec<_>>().join("\n");
            Said { text, by: speaker(activity.user.as_ref()), on: activity.created_on }
        };
        let page = activities::list(connection, scope, id, request)?;
        page.try_map(|items| Ok(items.into_iter().map(said).collect()))
    }

    fn say(connection: &mut DbConnection, scope: &Scope, id: IdOf<Self>, body: &JsonObject) -> Result<(), Failure> {
        activities::add(connection, scope, id, &NewComment::from_body(body)?)?;
        Ok(())
    }

    const WITHIN: Option<&'static str> = Some("caseTypeId");

    fn places(connection: &mut DbConnection, scope: &Scope) -> Result<Option<Places>, Failure> {
        let types = crm_cases::types::forms(connection, scope)?;
        let places = types.into_iter().map(|(id, label, _)| (id.to_string(), label));
        Ok(Some(Places { label: "Case types", places: places.collect() }))
    }

    fn steps(&self, connection: &mut DbConnection, scope: &Scope, _: &mut Names) -> Result<Ahead, Failure> {
        steps::of(connection, scope, self)
    }
});

/// The `{id}` of a path.
pub(super) struct Numbered<I>(pub(super) I);

impl<I: RecordId> Extract for Numbered<I> {
    async fn extract(call: &mut Call) -> Result<Self, Problem> {
        let id = call.request.match_info().get("id").and_then(|text| text.parse().ok());
        id.map(Self).ok_or_else(|| Problem::new(ProblemCode::NotFound, "No record has this id."))
    }

    fn describe(_: &mut OperationDoc) {}
}

/// A record as the API shows it.
pub(super) fn shown<R: Serialize>(record: &R) -> Result<Value, Failure> {
    Ok(serde_json::to_value(record)?)
}

/// The ids that a form or address has.
pub(super) fn parsed<R: Recorded>(ids: &[String]) -> Result<Vec<IdOf<R>>, Failure> {
    let mut errors = FieldErrors::new();
    let read = ids.iter().filter_map(|id| match id.parse() {
        Ok(id) => Some(id),
        Err(_) => {
            errors.push("id", FieldCode::InvalidId, "is no id");
            None
        }
    });
    let read = read.collect();
    Ok(errors.into_result(read)?)
}
