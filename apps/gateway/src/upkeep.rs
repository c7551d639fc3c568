//! What a gateway does now and then beside serving: it forgets what nobody needs any more.

use std::sync::Arc;
use std::time::Duration;

use crm_core::{Timestamp, idempotency};

use crate::error::Failure;
use crate::state::AppState;

/// How often.
const EVERY: Duration = Duration::from_secs(60);

/// Forgets kept answers after their 24 hours, and who has not asked for a while, until the process ends. Every gateway
/// on a database does so; what another has done is found done.
pub async fn keep_up(state: Arc<AppState>) {
    loop {
        tokio::time::sleep(EVERY).await;
        state.shares.forget_idle();
        if let Some(limit) = &state.rate_limit {
            limit.forget_idle();
        }
        if let Err(failure) = forget_answers(&state).await {
            // Whatever it was, it is logged there; the next minute is another chance.
            let _ = failure.into_problem("upkeep");
        }
    }
}

/// In transactions so small that no request notices them.
async fn forget_answers(state: &AppState) -> Result<(), Failure> {
    let now = Timestamp::now();
    let tenants =
        state.db.read(move |connection| Ok::<_, Failure>(idempotency::tenants_with_expired(connection, now)?));
    for tenant in tenants.await? {
        let forget = || {
            state.db.write(move |connection| Ok::<_, Failure>(idempotency::forget_expired(connection, tenant, now)?))
        };
        while forget().await? > 0 {}
    }
    Ok(())
}
