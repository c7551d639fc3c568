use actix_web::http::header::AUTHORIZATION;
use crm_core::PublicTenantId;

use crate::endpoint::{AmbiguousHeader, Call};
use crate::error::{Problem, ProblemCode};
use crate::identity::Found;
use crate::identity::tokens::Identity;
use crate::limits::Payer;

use super::requester::Identified;
use super::ticketing::{TENANT, verified};

/// Whether a token came. One that nobody here could check is none.
pub(super) fn has_token(call: &Call) -> bool {
    let headers = call.request.headers().get_all(AUTHORIZATION);
    let is_bearer = |text: &str| text.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer "));
    call.state.tokens.is_some() && headers.filter_map(|value| value.to_str().ok()).any(is_bearer)
}

/// The person whom a token names, in the tenant that it names, with the rights of their roles (docs/compatibility.md,
/// "Tokens on every route").
pub(super) async fn identify(call: &mut Call) -> Result<Identified, Problem> {
    let identity = verified(call).await?;
    let tenant = tenant_of(call, &identity)?;
    let Some(user) = identity.user().cloned() else {
        return Err(Problem::new(
            ProblemCode::InvalidToken,
            "It does not say whose it is: `sub` must have 1 to 128 characters.",
        ));
    };
    let payer = Payer::person(&tenant, user.id());
    call.count(payer)?;
    let rights = call.state.roles.rights(&identity);
    let found = call.state.tenants.find(&call.state.db, &tenant).await;
    let Some(Found { tenant: id, is_frozen }) = found.map_err(|failure| failure.into_problem(&call.request_id()))?
    else {
        return Err(Problem::new(ProblemCode::UnknownTenant, "The token names a tenant that does not exist."));
    };
    let identified = Identified::person(call, user, rights, (id, tenant, is_frozen));
    call.set_caller(&identified.scope);
    Ok(identified)
}

/// The tenant that `x-tenantid` chooses of those that the token names; without the header, the only one.
fn tenant_of(call: &Call, identity: &Identity) -> Result<PublicTenantId, Problem> {
    let malformed = |detail: &str| Problem::new(ProblemCode::InvalidHeader, detail);
    let foreign = || Problem::new(ProblemCode::ForeignTenant, "The token is not for this tenant.");
    match call.single_header(&TENANT) {
        Err(AmbiguousHeader) => Err(malformed("The header x-tenantid stands twice or is no visible ASCII.")),
        Ok(Some(text)) => {
            let chosen: PublicTenantId =
                text.parse().map_err(|_| malformed("The header x-tenantid is no tenant's id."))?;
            identity.tenant(chosen.as_str()).ok_or_else(foreign)
        }
        Ok(None) => match identity.only_tenant() {
            Ok(only) => only.ok_or_else(foreign),
            Err(_) => Err(malformed("The token names several tenants: choose one by the header x-tenantid.")),
        },
    }
}
