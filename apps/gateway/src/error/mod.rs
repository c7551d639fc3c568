//! The closed table of problems, and how everything that can go wrong becomes one of them
//! (docs/errors.md; RFC 9457).

mod domains;
mod page;

use std::fmt;

use actix_web::http::StatusCode;
use crm_core::FieldErrors;
use crm_core::error::{Fault, cut, fault};
use crm_core::keys::Right;
use serde_json::Value;

use crate::db::{JobError, Outcome, Unavailable};

pub use page::page;

/// One row per code: the variant, its name on the wire, its status, its title, and what a client should do.
macro_rules! problem_table {
    ($($variant:ident, $code:literal, $status:ident, $title:literal, $advice:literal;)*) => {
        /// Every code that a problem can have.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ProblemCode { $(#[doc = $title] $variant,)* }

        impl ProblemCode {
            /// Every code, in the order of docs/errors.md.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable name on the wire.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The HTTP status that goes with it.
            #[must_use]
            pub fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)* }
            }

            /// What it is, the same for every occurrence.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// What a client should do.
            #[must_use]
            pub fn advice(self) -> &'static str {
                match self { $(Self::$variant => $advice,)* }
            }
        }
    };
}

problem_table! {
    ValidationFailed, "validation_failed", BAD_REQUEST, "The request is not valid",
        "Change the fields or parameters that `errors` names, each with its own code.";
    MalformedJson, "malformed_json", BAD_REQUEST, "The body is not one JSON object",
        "Send one JSON object without duplicate keys, at most 64 levels deep and with at most 250 000 values, in UTF-8.";
    InvalidMessage, "invalid_message", BAD_REQUEST, "It is no message of the protocol",
        "Send one JSON-RPC 2.0 message of the Model Context Protocol, in a version of it that the server has.";
    MalformedQuery, "malformed_query", BAD_REQUEST, "The query string cannot be read",
        "Percent-encode the parameters as UTF-8, and send at most 100 of them.";
    InvalidIdempotencyKey, "invalid_idempotency_key", BAD_REQUEST, "The Idempotency-Key is not valid",
        "Send one Idempotency-Key of 1 to 255 visible ASCII characters, such as a UUID.";
    MissingKey, "missing_key", UNAUTHORIZED, "No key was sent",
        "Send the tenant's key in the header Ocp-Apim-Subscription-Key.";
    InvalidKey, "invalid_key", UNAUTHORIZED, "The key is not valid",
        "Check the key for typing errors; it may have been rotated.";
    ExpiredKey, "expired_key", UNAUTHORIZED, "The key has expired",
        "Ask whoever administers the tenant's keys for another one, or for a later expiresOn.";
    TwoCredentials, "two_credentials", BAD_REQUEST, "A key and a token came together",
        "Send either the key or the token.";
    MissingAdminKey, "missing_admin_key", UNAUTHORIZED, "The operator's key was not sent",
        "Send the value of CRM_ADMIN_KEY in the header Authorization, as a Bearer.";
    InvalidAdminKey, "invalid_admin_key", UNAUTHORIZED, "The operator's key is not valid",
        "Check the key for typing errors: it is the setting CRM_ADMIN_KEY of this server.";
    ReadOnlyKey, "read_only_key", FORBIDDEN, "The key only reads",
        "Use the tenant's primary key to change anything.";
    MissingScope, "missing_scope", FORBIDDEN, "A scope is missing",
        "Use a key, or a token with a role, that has the scope that `scope` names.";
    OwnKey, "own_key", FORBIDDEN, "A key does not change itself",
        "Use another key with the scope settings:write.";
    ReplacedKey, "replaced_key", FORBIDDEN, "The secret in use was replaced",
        "Use the new secret of the key, from whoever rotated it; the old one is for finishing what was begun.";
    NotYourself, "not_yourself", FORBIDDEN, "The author is somebody else",
        "Leave lastUpdatedBy out, or send the user that the token names.";
    ForeignForm, "foreign_form", FORBIDDEN, "The form is not of this session",
        "Open the page of the console again and send the form from there.";
    TenantMismatch, "tenant_mismatch", FORBIDDEN, "The body names another tenant than the key",
        "Leave tenantId out, or use the key of that tenant.";
    MissingToken, "missing_token", UNAUTHORIZED, "No token was sent",
        "Send a token of your issuer in the header Authorization, as a Bearer.";
    InvalidToken, "invalid_token", UNAUTHORIZED, "The token is not valid",
        "Get a token from the issuer that this server trusts; the details say what is wrong with this one.";
    TokenExpired, "token_expired", UNAUTHORIZED, "The token has expired",
        "Get a new token from the issuer.";
    InvalidHeader, "invalid_header", BAD_REQUEST, "A header is not valid",
        "Send x-tenantid once, as a UUID; send usecase once or not at all.";
    ForeignOrigin, "foreign_origin", FORBIDDEN, "The page may not call this",
        "Ask the operator to add the page's origin to CRM_CORS_ORIGINS; a program sends no Origin.";
    MissingRole, "missing_role", FORBIDDEN, "Insufficient permissions to access client mappings",
        "Ask for the role ticket_admin or tenant_admin.";
    ForeignTenant, "foreign_tenant", FORBIDDEN, "The token is for another tenant",
        "Use a token whose tenant claim names the tenant of x-tenantid.";
    UnknownTenant, "unknown_tenant", NOT_FOUND, "Tenant not found",
        "Check x-tenantid: the token names a tenant that this server does not have.";
    NotFound, "not_found", NOT_FOUND, "No such record",
        "The record does not exist in this tenant, or was deleted.";
    UnknownRoute, "unknown_route", NOT_FOUND, "No such route",
        "Compare the path with the API document at /openapi.json.";
    MethodNotAllowed, "method_not_allowed", METHOD_NOT_ALLOWED, "The route has no such method",
        "Use one of the methods in the Allow header.";
    NotAcceptable, "not_acceptable", NOT_ACCEPTABLE, "The answer is JSON",
        "Accept application/json.";
    RequestTimeout, "request_timeout", REQUEST_TIMEOUT, "The body took too long",
        "Send the whole body within 10 seconds; a file at least 64 KiB in each 10 seconds, and all of it within 15 minutes.";
    AlreadyConverted, "already_converted", CONFLICT, "The lead was converted before",
        "Use the opportunity that opportunityId names.";
    LeadArchived, "lead_archived", CONFLICT, "The lead is archived",
        "Unarchive the lead first.";
    OpportunityClosed, "opportunity_closed", CONFLICT, "The opportunity is won or lost",
        "Reopen the opportunity first, with the status open.";
    DefaultPipeline, "default_pipeline", CONFLICT, "It is the default pipeline",
        "Make another pipeline the default one first.";
    FixedKey, "fixed_key", CONFLICT, "The primary and the secondary key stay",
        "Rotate it instead; its name can be changed.";
    NoKey, "no_key", CONFLICT, "No key is in use",
        "Send the request with the key that is to be rotated; a token has none.";
    TenantExists, "tenant_exists", CONFLICT, "The tenant exists already",
        "Choose another id, or use the tenant that exists.";
    KeyInUse, "key_in_use", CONFLICT, "The chosen key is in use already",
        "Choose another key, or leave it out to have one made.";
    IdTaken, "id_taken", CONFLICT, "The id is taken",
        "Leave the id out, or change the record that has it.";
    Duplicate, "duplicate", CONFLICT, "It looks like one that exists",
        "Use one of the records that `ids` names, or leave ifNoDuplicate out.";
    ExternalIdTaken, "external_id_taken", CONFLICT, "The external id is taken",
        "Change the record that `id` names, or send it to PUT …/external/{externalId}, which does.";
    AmbiguousMatch, "ambiguous_match", CONFLICT, "More than one record matches",
        "Match by another field, or merge the records that `ids` names.";
    BatchUndone, "batch_undone", BAD_REQUEST, "The batch was undone",
        "Mend the item of `results` that has a problem, and send all of them again.";
    TransitionNotAllowed, "transition_not_allowed", CONFLICT, "The workflow has no such transition",
        "Walk to one of the statuses in `allowed`, which a transition leads to now.";
    NotAuthorizedForTransition, "not_authorized_for_transition", FORBIDDEN, "The transition is for others",
        "With a key, send as lastUpdatedBy one of those whom `authorizedUsers` names: of the case's owner, assignee and \
        requestor. With a token, be one of them.";
    DefaultCaseType, "default_case_type", CONFLICT, "The default case type stays",
        "Change it instead; cases that are made without a type have it.";
    CannotRestore, "cannot_restore", CONFLICT, "What the record needs is gone",
        "Make again what `missing` names, a stage, a status or a case type, or make the record anew; nothing was changed.";
    LabelTaken, "label_taken", CONFLICT, "The label is taken",
        "Choose another label, or use the one that exists.";
    InUse, "in_use", CONFLICT, "Records still use it",
        "Move or delete the records that use it first.";
    FieldInUse, "field_in_use", CONFLICT, "The custom field has values",
        "Keep the type, or add a field with another id.";
    ImportUnderWay, "import_under_way", CONFLICT, "The import is under way",
        "Wait until it is over, or cancel it; what it made and changed can be taken back then.";
    NoteTooLong, "note_too_long", CONFLICT, "The joined notes are too long",
        "Shorten the notes of the records that are merged; nothing was changed.";
    ClientIdTaken, "client_id_taken", CONFLICT, "The clientId is taken",
        "Choose another clientId, or change the mapping that has it.";
    LimitReached, "limit_reached", CONFLICT, "The tenant has as many as it may",
        "Delete what is not used any more; the detail says how many a tenant may have.";
    IdempotencyKeyInFlight, "idempotency_key_in_flight", CONFLICT, "The first request with this key still runs",
        "Send the same request again after a moment: it gets the first one's answer.";
    AnswerNotKept, "answer_not_kept", CONFLICT, "It was done, but its answer is too long to be kept",
        "Read what was made at `location`; do not send the request under another key.";
    PreconditionFailed, "precondition_failed", PRECONDITION_FAILED, "The record has changed",
        "Read the record again and repeat the change with its new ETag.";
    HistoryGone, "history_gone", GONE, "Changes after that place are no longer kept",
        "Read the lists anew, from a token that since=now gave before, and go on from there.";
    BodyTooLarge, "body_too_large", PAYLOAD_TOO_LARGE, "The body is too large",
        "Send at most 1 MiB, 8 MiB to a batch, or 256 MiB as a file to be imported.";
    UnsupportedMediaType, "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "The body is not of a known type",
        "Send application/json without a content coding; to an import text/csv or application/x-ndjson.";
    IdempotencyKeyReused, "idempotency_key_reused", UNPROCESSABLE_ENTITY, "The Idempotency-Key belongs to another request",
        "Use a new Idempotency-Key for each request, and the same only to repeat it unchanged.";
    RateLimited, "rate_limited", TOO_MANY_REQUESTS, "Too many requests",
        "Wait for the seconds in Retry-After; RateLimit tells how many requests are left.";
    InternalError, "internal_error", INTERNAL_SERVER_ERROR, "Something went wrong here",
        "Report the requestId; the cause is in the server's log.";
    Overloaded, "overloaded", SERVICE_UNAVAILABLE, "The server is busy",
        "Try again after the seconds in Retry-After, with some jitter.";
    DatabaseUnavailable, "database_unavailable", SERVICE_UNAVAILABLE, "The database cannot be used now",
        "Try again after the seconds in Retry-After, with some jitter; where `outcome` is `unknown`, read first.";
    TenantFrozen, "tenant_frozen", SERVICE_UNAVAILABLE, "The tenant takes no changes at present",
        "It is being moved: read on, and send changes again after the seconds in Retry-After.";
    TokensNotConfigured, "tokens_not_configured", SERVICE_UNAVAILABLE, "Tokens are not configured",
        "Ask the operator to set one of the CRM_JWT settings.";
    IssuerUnavailable, "issuer_unavailable", SERVICE_UNAVAILABLE, "The issuer of the tokens is out of reach",
        "Try again after the seconds in Retry-After, with some jitter.";
    NotReady, "not_ready", SERVICE_UNAVAILABLE, "The server is not ready",
        "Send requests to another server, or try again later.";
}

/// One occurrence of a problem.
#[derive(Debug, Clone)]
pub struct Problem {
    /// Which.
    pub code: ProblemCode,
    /// What happened here, for a person.
    pub detail: String,
    /// What is wrong with each field, under [`ProblemCode::ValidationFailed`].
    pub errors: FieldErrors,
    /// Members beyond the common ones, such as `opportunityId`.
    pub members: Vec<(&'static str, Value)>,
    /// The value of `Allow`, under [`ProblemCode::MethodNotAllowed`].
    pub allow: Option<String>,
}

impl Problem {
    /// The most characters of a detail, which may repeat what was sent.
    const LONGEST_DETAIL: usize = 1_000;

    /// A problem of this code.
    #[must_use]
    pub fn new(code: ProblemCode, detail: impl fmt::Display) -> Self {
        Self {
            code,
            detail: cut(detail, Self::LONGEST_DETAIL),
            errors: FieldErrors::new(),
            members: Vec::new(),
            allow: None,
        }
    }

    /// Adds a member.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.members.push((name, value.into()));
        self
    }

    /// This right is missing.
    #[must_use]
    pub fn missing_scope(right: Right) -> Self {
        Self::new(ProblemCode::MissingScope, format!("This needs the scope {right}.")).with("scope", right.to_string())
    }

    /// The key is nobody's.
    #[must_use]
    pub fn invalid_key() -> Self {
        Self::new(ProblemCode::InvalidKey, "The key is unknown or was rotated.")
    }

    /// No route has this path.
    #[must_use]
    pub fn unknown_route(path: &str) -> Self {
        Self::new(ProblemCode::UnknownRoute, format!("No route has the path {path}."))
    }

    fn of_unavailable(why: Unavailable) -> Self {
        let detail = match (why, why.outcome()) {
            (Unavailable::NotBegun, _) => {
                return Self::new(
                    ProblemCode::Overloaded,
                    "Too many requests are waiting, and this one was not begun.",
                );
            }
            (_, Outcome::Unknown) => {
                "The database did not answer in time. The request may have been done, or still be."
            }
            (Unavailable::ReadUnanswered, _) => "The database did not answer in time.",
            (_, Outcome::NotDone) => "The database is out of reach.",
        };
        Self::new(ProblemCode::DatabaseUnavailable, detail)
    }

    /// Nothing is written for a tenant that is moved.
    #[must_use]
    pub fn tenant_frozen() -> Self {
        Self::new(ProblemCode::TenantFrozen, "The tenant is being moved to another database.")
    }

    /// No record of this kind has this id in the tenant.
    #[must_use]
    pub fn not_found(kind: &str) -> Self {
        Self::new(ProblemCode::NotFound, format!("No {kind} has this id."))
    }
}

impl From<FieldErrors> for Problem {
    fn from(errors: FieldErrors) -> Self {
        let detail = match errors.as_slice() {
            [only] => format!("{}: {}.", only.field, only.message),
            all if errors.is_full() => {
                format!("{} fields or parameters are not valid, if not more: these are the first.", all.len())
            }
            all => format!("{} fields or parameters are not valid.", all.len()),
        };
        Self { errors, ..Self::new(ProblemCode::ValidationFailed, detail) }
    }
}

/// What a job of the database executor can end in besides its answer.
#[derive(Debug)]
pub enum Failure {
    /// The client is told this.
    Problem(Box<Problem>),
    /// The database's error: a 503 where trying again may help, otherwise a bug.
    Database(diesel::result::Error),
    /// The executor could not run the job.
    Unavailable(Unavailable),
    /// A bug: what is for the log stays there.
    Bug(String),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl From<FieldErrors> for Failure {
    fn from(errors: FieldErrors) -> Self {
        Problem::from(errors).into()
    }
}

impl From<diesel::result::Error> for Failure {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Bug(format!("an answer cannot be written as JSON: {error}"))
    }
}

impl JobError for Failure {
    fn fault(&self) -> Option<Fault> {
        match self {
            Self::Database(error) => Some(fault(error)),
            Self::Problem(_) | Self::Unavailable(_) | Self::Bug(_) => None,
        }
    }

    fn unavailable(why: Unavailable) -> Self {
        Self::Unavailable(why)
    }

    fn panicked() -> Self {
        Self::Bug("a database job panicked".to_owned())
    }
}

impl Failure {
    /// Whether what was asked for may have been done all the same.
    pub(crate) fn is_in_doubt(&self) -> bool {
        match self {
            Self::Unavailable(why) => why.outcome() == Outcome::Unknown,
            Self::Database(error) => fault(error) == Fault::CommitUnknown,
            Self::Problem(_) | Self::Bug(_) => false,
        }
    }

    /// What the client is told; what it must not know is logged with the id of the request.
    #[must_use]
    pub fn into_problem(self, request_id: &str) -> Problem {
        let bug = |cause: &dyn fmt::Display| {
            log::error!("request_id={request_id} {cause}");
            Problem::new(ProblemCode::InternalError, "The cause was logged under the requestId.")
        };
        match self {
            Self::Problem(problem) => *problem,
            Self::Bug(cause) => bug(&cause),
            Self::Unavailable(why) => {
                log::warn!("request_id={request_id} {why}");
                Problem::of_unavailable(why).with("outcome", why.outcome().as_str())
            }
            Self::Database(error) => match fault(&error) {
                Fault::Bug => bug(&error),
                fault => {
                    log::warn!("request_id={request_id} {error}");
                    let detail = "The database could not finish the request.";
                    // A job that returns an error was rolled back.
                    let outcome = if fault == Fault::CommitUnknown { Outcome::Unknown } else { Outcome::NotDone };
                    let outcome = outcome.as_str();
                    Problem::new(ProblemCode::DatabaseUnavailable, detail).with("outcome", outcome)
                }
            },
        }
    }
}
