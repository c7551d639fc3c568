use actix_web::http::header::{AUTHORIZATION, HeaderName};
use crm_core::{DbConnection, PublicTenantId, Scope, Uuid};

use crate::endpoint::{AmbiguousHeader, Answer, Call, Extract, OperationDoc, Reply};
use crate::error::{Failure, Problem, ProblemCode};
use crate::identity::Found;
use crate::identity::tokens::{Identity, TokenError};
use crate::limits::Payer;
use crate::ticketing::unknown_tenant;

use super::requester::{From, Identified, Requester};

pub(super) const TENANT: HeaderName = HeaderName::from_static("x-tenantid");
/// Either of them opens the routes of ticketing (docs/ticketing.md).
pub(super) const ROLES: [&str; 2] = ["ticket_admin", "tenant_admin"];

/// A request with a token of somebody who administers ticketing in the tenant that `x-tenantid` names: the first
/// argument of every handler of ticketing. What is wrong is told in a fixed order: the token (401), the header
/// (400), role and tenant (403), and only to those who may know whether the tenant exists (404). The database is asked
/// only for those who have not asked too often.
pub struct TicketingAdmin(Requester);

impl Extract for TicketingAdmin {
    async fn extract(call: &mut Call) -> Result<Self, Problem> {
        let identity = verified(call).await?;
        let tenant = tenant_of(call)?;
        if !ROLES.iter().any(|role| identity.has_role(role)) {
            let detail = "User requires 'ticket_admin' or 'tenant_admin' role";
            return Err(Problem::new(ProblemCode::MissingRole, detail));
        }
        if !identity.is_of_tenant(tenant) {
            return Err(Problem::new(ProblemCode::ForeignTenant, "The token is not for the tenant of x-tenantid."));
        }
        let payer = Payer::Ticketing(tenant);
        call.count(payer)?;
        let scope = scope_of(call, tenant).await.map_err(|failure| failure.into_problem(&call.request_id()))?;
        call.set_tenant(scope.public_tenant().clone());
        Ok(Self(Requester::new(call, Identified { scope, payer, role: None })?))
    }

    fn describe(operation: &mut OperationDoc) {
        operation.token();
    }
}

impl TicketingAdmin {
    /// Runs a job that only reads.
    ///
    /// # Errors
    /// What the job ends in, or a 503.
    pub async fn read<R: Reply + Send + 'static>(
        self,
        job: impl Fn(&mut DbConnection, &Scope) -> Result<R, Failure> + Send + 'static,
    ) -> Answer<R> {
        self.0.read(From::Anywhere, job).await
    }

    /// Runs a job that may write, as [`Caller::write`](super::Caller::write) does.
    ///
    /// # Errors
    /// What the job ends in, with everything rolled back, or a 503.
    pub async fn write<R: Reply + Send + 'static>(
        self,
        job: impl Fn(&mut DbConnection, &Scope) -> Result<R, Failure> + Send + 'static,
    ) -> Answer<R> {
        self.0.write(job).await
    }
}

/// Whom the token of a request is of.
pub(super) async fn verified(call: &Call) -> Result<Identity, Problem> {
    let Some(verifier) = &call.state.tokens else {
        let detail = "This server checks no tokens: set CRM_JWT_JWKS_URL, CRM_JWT_PUBLIC_KEY or CRM_JWT_SECRET.";
        return Err(Problem::new(ProblemCode::TokensNotConfigured, detail));
    };
    verifier.verify(token_of(call)?, call.now).await.map_err(problem_of)
}

/// The token of `Authorization: Bearer …` (RFC 6750, section 2.1; the other two ways put it where it is logged).
fn token_of(call: &Call) -> Result<&str, Problem> {
    let missing = || Problem::new(ProblemCode::MissingToken, "Send the header Authorization: Bearer and a token.");
    let header = call.single_header(&AUTHORIZATION);
    let header =
        header.map_err(|AmbiguousHeader| invalid("The header Authorization stands twice or is no visible ASCII."))?;
    let (scheme, token) = header.ok_or_else(missing)?.split_once(' ').ok_or_else(missing)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim_start_matches(' ')) } else { Err(missing()) }
}

fn tenant_of(call: &Call) -> Result<Uuid, Problem> {
    let malformed = |detail: &str| Problem::new(ProblemCode::InvalidHeader, detail);
    match call.single_header(&TENANT) {
        Ok(None) => Err(malformed("The header x-tenantid is missing.")),
        Ok(Some(text)) => text.parse().map_err(|_| malformed("The header x-tenantid must be a UUID.")),
        Err(AmbiguousHeader) => Err(malformed("The header x-tenantid stands twice or is no visible ASCII.")),
    }
}

async fn scope_of(call: &Call, tenant: Uuid) -> Result<Scope, Failure> {
    let id: PublicTenantId = tenant.to_string().parse().map_err(|error| Failure::Bug(format!("{tenant}: {error}")))?;
    let found = call.state.tenants.find(&call.state.db, &id).await?;
    let Found { tenant, is_frozen } = found.ok_or_else(unknown_tenant)?;
    Ok(Scope::new(tenant, id, call.now).frozen(is_frozen))
}

fn invalid(detail: &str) -> Problem {
    Problem::new(ProblemCode::InvalidToken, detail)
}

fn problem_of(error: TokenError) -> Problem {
    match error {
        TokenError::Invalid(why) => invalid(why),
        TokenError::Expired => Problem::new(ProblemCode::TokenExpired, "Get a new token from the issuer."),
        TokenError::NoKeys => {
            Problem::new(ProblemCode::IssuerUnavailable, "The keys of the tokens' issuer could not be fetched yet.")
        }
    }
}
