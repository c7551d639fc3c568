use actix_web::http::header::AUTHORIZATION;
use actix_web::web;
use crm_core::keys::ApiKey;
use crm_core::tenants::{self, Tenant};
use crm_core::{DbConnection, PublicTenantId, Timestamp};

use crate::clock::{self, Moment};
use crate::endpoint::{AmbiguousHeader, Answer, Call, Deadline, Extract, NoContent, OperationDoc, Reply, Typed};
use crate::error::{Failure, Problem, ProblemCode};
use crate::replica;
use crate::state::AppState;

/// How many rows of a tenant are deleted in one transaction.
const ROWS_AT_ONCE: usize = 1_000;

/// A request with the operator's key: the first argument of every handler below `/admin`. Where no such key is set, the
/// routes are not there.
pub struct Operator {
    state: web::Data<AppState>,
    request_id: String,
    now: Timestamp,
    deadline: Deadline,
}

impl Extract for Operator {
    async fn extract(call: &mut Call) -> Result<Self, Problem> {
        let Some(key) = &call.state.admin_key else { return Err(Problem::unknown_route(call.request.path())) };
        let refused = |code, detail: &str| Err(Problem::new(code, detail));
        match call.single_header(&AUTHORIZATION) {
            Err(AmbiguousHeader) => {
                return refused(ProblemCode::InvalidAdminKey, "The header Authorization stands twice.");
            }
            Ok(None) => {
                return refused(
                    ProblemCode::MissingAdminKey,
                    "Send the header Authorization: Bearer and CRM_ADMIN_KEY.",
                );
            }
            Ok(Some(text)) => {
                let sent = text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
                if !sent.is_some_and(|(_, sent)| ApiKey::parse(sent.trim_start()).is_ok_and(|sent| sent.hash() == *key))
                {
                    return refused(ProblemCode::InvalidAdminKey, "It is not the key of CRM_ADMIN_KEY.");
                }
            }
        }
        Ok(Self {
            state: call.state.clone(),
            request_id: call.request_id().to_string(),
            now: call.now,
            deadline: call.deadline.clone(),
        })
    }

    fn describe(operation: &mut OperationDoc) {
        operation.admin_key();
    }
}

/// An operator whose gateway has a clock that stands still (`CRM_NOW`). Elsewhere the route is not there.
pub struct Timekeeper(Operator);

impl Extract for Timekeeper {
    async fn extract(call: &mut Call) -> Result<Self, Problem> {
        let operator = Operator::extract(call).await?;
        if operator.state.clock.is_still() {
            Ok(Self(operator))
        } else {
            Err(Problem::new(ProblemCode::UnknownRoute, "Only with CRM_NOW."))
        }
    }

    fn describe(operation: &mut OperationDoc) {
        Operator::describe(operation);
    }
}

impl Timekeeper {
    /// Moves the clock.
    pub async fn turn(&self, moment: Moment) {
        clock::turn(&self.0.state, moment).await;
    }
}

impl Operator {
    /// Whether a tenant may be emptied (`CRM_ALLOW_RESET`).
    ///
    /// # Errors
    /// [`ProblemCode::UnknownRoute`] where it may not.
    pub fn may_reset(&self) -> Result<(), Problem> {
        if self.state.allows_reset {
            Ok(())
        } else {
            Err(Problem::new(ProblemCode::UnknownRoute, "Only with CRM_ALLOW_RESET=true."))
        }
    }

    /// Keys that this program did not make can be somebody's from now on.
    pub fn keys_are_chosen(&self) {
        self.state.keys.was_chosen();
    }

    /// Deletes a tenant that `check` finds right: its keys first, then what it has in parts so small that nobody waits for one,
    /// then itself.
    ///
    /// # Errors
    /// That there is no such tenant; those of `check`, nothing written; or a 503, after which it can be tried again.
    pub async fn delete_tenant(
        self,
        id: PublicTenantId,
        check: impl Fn(&Tenant) -> Result<(), Failure> + Send + 'static,
    ) -> Answer<NoContent> {
        let outcome = self.delete_in_parts(id, check).await;
        outcome.and_then(|()| Typed::of(NoContent)).map_err(|failure| failure.into_problem(&self.request_id))
    }

    async fn delete_in_parts(
        &self,
        id: PublicTenantId,
        check: impl Fn(&Tenant) -> Result<(), Failure> + Send + 'static,
    ) -> Result<(), Failure> {
        let Self { state, now, .. } = self;
        let now = *now;
        let (tenant, tables) = state
            .db
            .write({
                let id = id.clone();
                move |connection| {
                    let tenant = tenants::revoke(connection, &id, now)?;
                    // Of one that is half gone too: where this fails, it is rolled back.
                    check(&tenant)?;
                    Ok::<_, Failure>((tenant.id, tenants::tables(connection)?))
                }
            })
            .await?;
        state.keys.forget(tenant);
        state.sessions.forget_of(tenant);
        state.tenants.forget(&id);
        for table in tables {
            loop {
                let table = table.clone();
                let erase = move |connection: &mut DbConnection| {
                    Ok::<_, Failure>(table.erase(connection, tenant, ROWS_AT_ONCE)?)
                };
                let erased = state.db.of(tenant).write(erase).await?;
                self.deadline.went_on();
                if erased < ROWS_AT_ONCE {
                    break;
                }
            }
        }
        state.db.write(move |connection| Ok::<_, Failure>(tenants::delete(connection, &id)?)).await
    }

    /// Runs a job that only reads.
    ///
    /// # Errors
    /// What the job ends in, or a 503.
    pub async fn read<R: Reply + Send + 'static>(
        self,
        job: impl Fn(&mut DbConnection) -> Result<R, Failure> + Send + 'static,
    ) -> Answer<R> {
        let rendered = self.state.db.read(move |connection| Typed::of(job(connection)?)).await;
        rendered.map_err(|failure: Failure| failure.into_problem(&self.request_id))
    }

    /// Runs a job that may write, in one transaction: answered only after the commit.
    ///
    /// # Errors
    /// What the job ends in, with everything rolled back, or a 503.
    pub async fn write<R: Reply + Send + 'static>(
        self,
        job: impl Fn(&mut DbConnection, Timestamp) -> Result<R, Failure> + Send + 'static,
    ) -> Answer<R> {
        let now = self.now;
        let rendered = self.state.db.write(move |connection| Typed::of(job(connection, now)?)).await;
        if rendered.as_ref().map_or_else(Failure::is_in_doubt, |_| true) {
            replica::was_written_of_any(&self.state).await;
        }
        rendered.map_err(|failure: Failure| failure.into_problem(&self.request_id))
    }
}
