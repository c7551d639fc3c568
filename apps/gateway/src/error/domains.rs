//! What the errors of each domain crate are to a client.

use std::fmt::Display;

use crm_cases::{CaseError, CaseTypeError};
use crm_core::keys::{KeyError, MOST_KEYS};
use crm_core::migrate::MigrateError;
use crm_core::tenants::TenantError;
use crm_core::values::ExternalIdTaken;
use crm_core::{RecordKind, Unmet};
use crm_directory::DirectoryError;
use crm_exchange::imports::ImportError;
use crm_forms::FormError;
use crm_history::{CommentError, HistoryError, MergeError};
use crm_leads::LeadError;
use crm_opportunities::{OpportunityError, PipelineError};
use crm_suite::SuiteError;
use crm_tags::TagError;
use crm_webhooks::WebhookError;
use serde_json::json;
use ticketing_clientmap::ClientMapError;

use super::{Failure, Problem, ProblemCode};

/// A cap is told in the words of its error.
fn limit_reached(error: &impl Display) -> Problem {
    Problem::new(ProblemCode::LimitReached, sentence(error))
}

/// What no client causes, and nothing here knows: told as a bug, and logged.
fn unforeseen(error: &impl Display) -> Failure {
    Failure::Bug(error.to_string())
}

impl From<Unmet> for Failure {
    fn from(Unmet(detail): Unmet) -> Self {
        Problem::new(ProblemCode::PreconditionFailed, detail).into()
    }
}

impl From<ExternalIdTaken> for Failure {
    fn from(taken: ExternalIdTaken) -> Self {
        let detail = sentence(&taken);
        Problem::new(ProblemCode::ExternalIdTaken, detail).with("id", taken.holder.to_string()).into()
    }
}

impl From<SuiteError> for Failure {
    fn from(error: SuiteError) -> Self {
        match error {
            SuiteError::Lead(error) => error.into(),
            SuiteError::Opportunity(error) => error.into(),
            SuiteError::Pipeline(error) => error.into(),
            SuiteError::Case(error) => error.into(),
            SuiteError::CaseType(error) => error.into(),
            SuiteError::Directory(error) => error.into(),
            SuiteError::Form(error) => error.into(),
            SuiteError::Tag(error) => error.into(),
            SuiteError::Comment(error) => error.into(),
            SuiteError::Tenant(error) => error.into(),
            SuiteError::NoSuchExternalId => {
                Problem::new(ProblemCode::NotFound, "No record has this external id.").into()
            }
            SuiteError::NoMatch => Problem::new(ProblemCode::NotFound, "No record matches the item.").into(),
            SuiteError::Ambiguous(ids) => {
                let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
                let most = SuiteError::MOST_AMBIGUOUS;
                let detail = format!("More than one record matches; `ids` has the first {most} of them at the most.");
                Problem::new(ProblemCode::AmbiguousMatch, detail).with("ids", ids).into()
            }
            SuiteError::TenantMismatch => {
                Problem::new(ProblemCode::TenantMismatch, "The tenantId is not the tenant of this key.").into()
            }
            SuiteError::NotInTrash(kind) => {
                let detail = format!("No {} with this id is in the trash.", kind.name());
                Problem::new(ProblemCode::NotFound, detail).into()
            }
            SuiteError::CannotRestore { kind, missing } => {
                let detail = format!("The {} cannot be without what is gone: {missing}.", kind.name());
                let fields: Vec<String> = missing.as_slice().iter().map(|one| one.field.clone()).collect();
                Problem::new(ProblemCode::CannotRestore, detail).with("missing", fields).into()
            }
            SuiteError::Unmet(unmet) => unmet.into(),
            SuiteError::Invalid(errors) => errors.into(),
            SuiteError::Database(error) => error.into(),
            error => unforeseen(&error),
        }
    }
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::NotFound => Problem::not_found("import").into(),
            error @ ImportError::LimitReached => limit_reached(&error).into(),
            error @ ImportError::UnderWay => Problem::new(ProblemCode::ImportUnderWay, sentence(&error)).into(),
            ImportError::MissingRight(right) => Problem::missing_scope(right).into(),
            ImportError::Unmet(unmet) => unmet.into(),
            ImportError::Suite(error) => error.into(),
            ImportError::Invalid(errors) => errors.into(),
            ImportError::Database(error) => error.into(),
            error => unforeseen(&error),
        }
    }
}

impl From<WebhookError> for Failure {
    fn from(error: WebhookError) -> Self {
        match error {
            WebhookError::NotFound => Problem::not_found("webhook").into(),
            WebhookError::NoSuchDelivery => Problem::not_found("delivery").into(),
            error @ WebhookError::LimitReached => limit_reached(&error).into(),
            WebhookError::MissingRight(right) => Problem::missing_scope(right).into(),
            WebhookError::Unmet(unmet) => unmet.into(),
            WebhookError::Secrets(error) => Self::Bug(error.to_string()),
            error @ WebhookError::Randomness(_) => Self::Bug(error.to_string()),
            WebhookError::Invalid(errors) => errors.into(),
            WebhookError::Database(error) => error.into(),
            error => unforeseen(&error),
        }
    }
}

impl From<ClientMapError> for Failure {
    fn from(error: ClientMapError) -> Self {
        match error {
            ClientMapError::NotFound => Problem::not_found("client mapping").into(),
            error @ (ClientMapError::LimitReached | ClientMapError::TooLarge) => limit_reached(&error).into(),
            ClientMapError::ClientIdTaken => {
                Problem::new(ProblemCode::ClientIdTaken, "Another client mapping has this clientId.").into()
            }
            ClientMapError::Unmet(unmet) => unmet.into(),
            ClientMapError::Secrets(error) => Self::Bug(error.to_string()),
            ClientMapError::Invalid(errors) => errors.into(),
            ClientMapError::Database(error) => error.into(),
            error => unforeseen(&error),
        }
    }
}

impl From<CommentError> for Failure {
    fn from(error: CommentError) -> Self {
        match error {
            CommentError::NotFound => Problem::not_found("comment").into(),
            CommentError::Unmet(unmet) => unmet.into(),
            CommentError::Database(error) => error.into(),
            error => unforeseen(&error),
        }
    }
}

impl From<HistoryError> for Failure {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::Gone => {
                Problem::new(ProblemCode::HistoryGone, "The changes that follow this token are no longer kept.").into()
            }
            HistoryError::Database(error) => error.into(),
            error => unforeseen(&error),
        }
    }
}

impl From<LeadError> for Failure {
    fn from(error: LeadError) -> Self {
        let detail = sentence(&error);
        match error {
            LeadError::NotFound => Problem::not_found("lead").into(),
            LeadError::Archived => {
                Problem::new(ProblemCode::LeadArchived, "An archived lead cannot be converted.").into()
            }
            LeadError::AlreadyConverted(opportunity) => {
                let detail = match opportunity {
                    Some(id) => format!("The lead was converted into the opportunity {id}."),
                    None => "The lead was converted into an opportunity that is deleted.".to_owned(),
                };
                Problem::new(ProblemCode::AlreadyConverted, detail).with("opportunityId", json!(opportunity)).into()
            }
            LeadError::ConvertedSource { id: _, opportunity } => {
                Problem::new(ProblemCode::AlreadyConverted, detail).with("opportunityId", json!(opportunity)).into()
            }
            LeadError::Merge(error) => error.into(),
            LeadError::Unmet(unmet) => unmet.into(),
            LeadError::ExternalIdTaken(taken) => taken.into(),
            LeadError::Invalid(errors) => errors.into(),
            LeadError::Database(error) => error.into(),
            error => unforeseen(&error),
        }
    }
}

impl From<OpportunityError> for Failure {
    fn from(error: OpportunityError) -> Self {
        match error {
            OpportunityError::NotFound => Problem::not_found("opportunity").into(),
            OpportunityError::Closed => {
                let detail = "A won or lost opportunity stays in its stage.";
                Problem::new(ProblemCode::OpportunityClosed, detail).into()
            }
            OpportunityError::AlreadyConverted(lead) => {
                let detail = format!("The lead {lead} was converted into an opportunity before.");
                Problem::new(ProblemCode::AlreadyConverted, detail).into()
            }
            OpportunityError::Tag(error) => error.into(),
            OpportunityError::Unmet(unmet) => unmet.into(),
            OpportunityError::ExternalIdTaken(taken) => taken.into(),
            OpportunityError::Invalid(errors) => errors.into(),
            OpportunityError::Database(error) => error.into(),
            error => unforeseen(&error),
        }
    }
}

impl From<PipelineError> for Failure {
    fn from(error: PipelineError) -> Self {
        match error {
            PipelineError::NotFound => Problem::not_found("pipeline").into(),
            error @ PipelineError::LimitReached => limit_reached(&error).into(),
            PipelineError::IdTaken(id) => {
                Problem::new(ProblemCode::IdTaken, format!("A pipeline with the id {id} exists already.")).into()
            }
            PipelineError::InUse => {
                Problem::new(ProblemCode::InUse, "Opportunities are in the pipeline or stage.").into()
            }
            PipelineError::IsDefault => {
                Problem::new(ProblemCode::DefaultPipeline, "The tenant needs a default pipeline.").into()
            }
            PipelineError::Unmet(unmet) => unmet.into(),
            PipelineError::Invalid(errors) => errors.into(),
            PipelineError::Database(error) => error.into(),
            error => unforeseen(&error),
        }
    }
}

impl From<CaseError> for Failure {
    fn from(error: CaseError) -> Self {
        let detail = sentence(&error);
        match error {
            CaseError::NotFound => Problem::not_found("case").into(),
            CaseError::TransitionNotAllowed { from: _, to: _, allowed } => {
                Problem::new(ProblemCode::TransitionNotAllowed, detail).with("allowed", allowed.labels).into()
            }
            CaseError::NotAuthorized { authorized } => {
                Problem::new(ProblemCode::NotAuthorizedForTransition, detail).with("authorizedUsers", authorized).into()
            }
            CaseError::Unmet(unmet) => unmet.into(),
            CaseError::ExternalIdTaken(taken) => taken.into(),
            CaseError::Invalid(errors) => errors.into(),
            CaseError::Database(error) => error.into(),
            error => unforeseen(&error),
        }
    }
}

impl From<CaseTypeError> for Failure {
    fn from(error: CaseTypeError) -> Self {
        let detail = sentence(&error);
        match error {
            CaseTypeError::NotFound => Problem::not_found("case type").into(),
            error @ CaseTypeError::LimitReached => limit_reached(&error).into(),
            CaseTypeError::LabelTaken => Problem::new(ProblemCode::LabelTaken, detail).into(),
            CaseTypeError::Default => Problem::new(ProblemCode::DefaultCaseType, detail).into(),
            CaseTypeError::InUse(cases) => Problem::new(ProblemCode::InUse, detail).with("cases", cases).into(),
            CaseTypeError::StatusInUse(statuses) => {
                let statuses: Vec<_> =
                    statuses.iter().map(|status| json!({ "status": status.label, "cases": status.cases })).collect();
                Problem::new(ProblemCode::InUse, detail).with("statuses", statuses).into()
            }
            CaseTypeError::FieldInUse(fields) => {
                Problem::new(ProblemCode::FieldInUse, detail).with("fields", fields).into()
            }
            CaseTypeError::Unmet(unmet) => unmet.into(),
            CaseTypeError::Invalid(errors) => errors.into(),
            CaseTypeError::Database(error) => error.into(),
            error => unforeseen(&error),
        }
    }
}

/// What an error says, as a sentence of a `detail`.
fn sentence(error: &impl Display) -> String {
    let text = error.to_string();
    let first = text.chars().next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", text.get(first.len()..).unwrap_or_default())
}

fn none_has(kind: RecordKind, ids: &[i64]) -> Problem {
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    Problem::new(ProblemCode::NotFound, format!("No {} has the id {}.", kind.name(), ids.join(", ")))
}

impl From<MergeError> for Failure {
    fn from(error: MergeError) -> Self {
        match error {
            MergeError::NotFound(kind, ids) => none_has(kind, &ids).into(),
            MergeError::NoteTooLong => {
                let detail = "The joined notes have more than 10 000 characters; nothing was changed.";
                Problem::new(ProblemCode::NoteTooLong, detail).into()
            }
            MergeError::Invalid(errors) => errors.into(),
            error => unforeseen(&error),
        }
    }
}

impl From<DirectoryError> for Failure {
    fn from(error: DirectoryError) -> Self {
        let detail = sentence(&error);
        match error {
            DirectoryError::NotFound(kind, ids) => none_has(kind, &ids).into(),
            DirectoryError::Duplicate(_, ids) => {
                let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
                Problem::new(ProblemCode::Duplicate, detail).with("ids", ids).into()
            }
            DirectoryError::Merge(error) => error.into(),
            DirectoryError::Unmet(unmet) => unmet.into(),
            DirectoryError::ExternalIdTaken(taken) => taken.into(),
            DirectoryError::Invalid(errors) => errors.into(),
            DirectoryError::Database(error) => error.into(),
            error => unforeseen(&error),
        }
    }
}

impl From<TagError> for Failure {
    fn from(error: TagError) -> Self {
        match error {
            TagError::NotFound => Problem::not_found("tag").into(),
            error @ TagError::LimitReached => limit_reached(&error).into(),
            TagError::LabelTaken => {
                Problem::new(ProblemCode::LabelTaken, "Another tag of this kind has this label.").into()
            }
            TagError::Unmet(unmet) => unmet.into(),
            TagError::Invalid(errors) => errors.into(),
            TagError::Database(error) => error.into(),
            error => unforeseen(&error),
        }
    }
}

impl From<FormError> for Failure {
    fn from(error: FormError) -> Self {
        match error {
            FormError::FieldInUse(fields) => {
                let detail = format!("Records have values of another type in {}.", fields.join(", "));
                Problem::new(ProblemCode::FieldInUse, detail).with("fields", fields).into()
            }
            FormError::Unmet(unmet) => unmet.into(),
            FormError::Invalid(errors) => errors.into(),
            FormError::Database(error) => error.into(),
            error => unforeseen(&error),
        }
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        let refused = |code, detail: String| Problem::new(code, detail).into();
        match error {
            KeyError::NotFound => Problem::not_found("key").into(),
            KeyError::LimitReached => {
                let detail =
                    format!("At most {MOST_KEYS} named keys, and at most 5 replaced secrets of one that still work.");
                refused(ProblemCode::LimitReached, detail)
            }
            KeyError::MissingRight(right) => Problem::missing_scope(right).into(),
            KeyError::Replaced => {
                let detail = "The key was rotated: its old secret makes, changes and rotates no key.";
                refused(ProblemCode::ReplacedKey, detail.to_owned())
            }
            KeyError::OwnKey => refused(ProblemCode::OwnKey, "The key in use cannot be changed by itself.".to_owned()),
            KeyError::Fixed => refused(
                ProblemCode::FixedKey,
                "Every tenant keeps its primary and its secondary key as they are.".to_owned(),
            ),
            KeyError::NoKey => refused(ProblemCode::NoKey, "The request came with a token.".to_owned()),
            KeyError::Unmet(unmet) => unmet.into(),
            KeyError::Invalid(errors) => errors.into(),
            KeyError::Database(error) => error.into(),
            error => unforeseen(&error),
        }
    }
}

impl From<TenantError> for Failure {
    fn from(error: TenantError) -> Self {
        match error {
            TenantError::Database(error) => Self::Database(error),
            TenantError::Unknown(_) => Problem::not_found("tenant").into(),
            TenantError::Exists(id) => {
                Problem::new(ProblemCode::TenantExists, format!("A tenant with the id {id} exists already.")).into()
            }
            TenantError::Frozen(_) => Problem::tenant_frozen().into(),
            TenantError::KeyInUse => Problem::new(ProblemCode::KeyInUse, "Choose another key.").into(),
            error => unforeseen(&error),
        }
    }
}

impl From<MigrateError> for Failure {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Database(error) => Self::Database(error),
            error => unforeseen(&error),
        }
    }
}
