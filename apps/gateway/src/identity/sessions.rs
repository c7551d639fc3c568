use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crm_core::sessions::{self, Session, SessionHash};
use crm_core::{TenantId, Timestamp};

use crate::db::Executor;
use crate::error::Failure;

use super::fading::Fading;
use super::guesses::Guesses;
use super::keys::TRUSTED_FOR;

/// How many sessions are remembered at least.
const MOST_SESSIONS: usize = 10_000;

/// Remembers for a few seconds who is signed in, as [`KeyCache`](super::KeyCache) does of keys: so long a session lives on
/// whose key was rotated.
pub struct SessionCache {
    known: Fading<SessionHash, (Session, Instant)>,
    guesses: Guesses,
    /// When which sessions were used since that was last written down.
    used: Mutex<HashMap<(TenantId, SessionHash), Timestamp>>,
}

impl Default for SessionCache {
    fn default() -> Self {
        Self { known: Fading::of(MOST_SESSIONS), guesses: Guesses::of("sessions"), used: Mutex::default() }
    }
}

impl SessionCache {
    /// Who is signed in with this, which came from there, at this time.
    ///
    /// # Errors
    /// When the database cannot be asked, or too many sessions from there were nobody's.
    pub async fn find(
        &self,
        db: &Executor,
        hash: SessionHash,
        from: IpAddr,
        now: Timestamp,
    ) -> Result<Option<Session>, Failure> {
        // Counted from before the look-up, so that a rotation during it is seen in time.
        let asked = Instant::now();
        if let Some((session, _)) = self.known.get(&hash).filter(|(_, until)| asked < *until) {
            return Ok(Some(session));
        }
        self.guesses.refuse(from, asked)?;
        let found = db.look_up(move |connection| Ok::<_, Failure>(sessions::find(connection, &hash, now)?)).await?;
        match &found {
            Some(session) => self.known.insert(hash, (session.clone(), asked + TRUSTED_FOR)),
            None => {
                self.known.remove(&hash);
                self.guesses.count(from, asked);
            }
        }
        Ok(found)
    }

    /// Forgets who is signed in: it is another time.
    pub fn forget_all(&self) {
        self.known.retain(|_| false);
    }

    /// Forgets a session that was ended here.
    pub fn forget(&self, hash: &SessionHash) {
        self.known.remove(hash);
    }

    /// Forgets the sessions of a tenant whose keys are others now, or who is deleted.
    pub fn forget_of(&self, tenant: TenantId) {
        self.known.retain(|(session, _)| session.tenant() != tenant);
    }

    /// Notes that a session was used; to be [written down](Self::take_uses) by upkeep.
    pub fn was_used(&self, tenant: TenantId, session: SessionHash, now: Timestamp) {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert((tenant, session), now);
    }

    /// The uses since the last call.
    #[must_use]
    pub fn take_uses(&self) -> Vec<(TenantId, SessionHash, Timestamp)> {
        let uses = std::mem::take(&mut *self.used.lock().unwrap_or_else(PoisonError::into_inner));
        uses.into_iter().map(|((tenant, session), when)| (tenant, session, when)).collect()
    }
}
