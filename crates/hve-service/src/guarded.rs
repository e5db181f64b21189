//! The guard against guessing, in the service: leave to guess is given back however an attempt
//! ends, and the answer to a wrong guess waits.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hve_auth::{Guard, GuardLimits, Guess, Reservation};
use hve_smtp::Refusal;
use hve_types::Address;
use tokio::time::sleep;
use tracing::warn;

use crate::{config::Limits, refusals, server::Stop};

/// The guard of one server.
pub(crate) struct Guarded {
    guard: Mutex<Guard>,
    stop: Arc<Stop>,
}

/// One guess that may be tried. Dropped without a verdict it was none: the client went away, the
/// line was full, or it repeated what was wrong before.
pub(crate) struct Admitted<'a> {
    of: &'a Guarded,
    user: &'a str,
    from: IpAddr,
    reservation: Option<Reservation>,
}

impl Guarded {
    pub(crate) fn new(key: [u8; 32], limits: &Limits, stop: Arc<Stop>) -> Self {
        let limits = GuardLimits {
            delay_longest: limits.guess_delay,
            ..GuardLimits::default()
        };
        Self {
            guard: Mutex::new(Guard::new(key, limits)),
            stop,
        }
    }

    /// Asks for leave to try `guess`, before anything is spent on it. `now` is monotonic.
    pub(crate) fn admit<'a>(
        &'a self,
        user: &'a str,
        from: IpAddr,
        guess: Guess<'_>,
        now: Duration,
    ) -> Result<Admitted<'a>, Refusal> {
        let admitted = self.lock().admit(user, from, guess, now);
        let reservation = admitted.map_err(|blocked| refusals::sign_in(&blocked.into(), now))?;
        Ok(Admitted {
            of: self,
            user,
            from,
            reservation: Some(reservation),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Guard> {
        // What is behind the lock is as good after a panic as before.
        self.guard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Admitted<'_> {
    /// It is right: from now on this client is known to the account.
    pub(crate) fn right(mut self, now: Duration) {
        if let Some(reservation) = self.reservation.take() {
            self.of.lock().right(reservation, now);
        }
    }

    /// It is wrong: counts it, and waits as long as the answer has to. The wait holds nothing but
    /// the client's own session, and ends with the server.
    pub(crate) async fn wrong(mut self, now: Duration) {
        let Some(reservation) = self.reservation.take() else {
            return;
        };
        let wrong = self.of.lock().wrong(reservation, now);
        if let Some(blocked) = wrong.begun {
            // Only an address is logged: some type their password where the user name belongs.
            let user = Address::parse(self.user).ok();
            let user = user.as_ref().map(tracing::field::display);
            warn!(user, from = %self.from, by = ?blocked.by, "sign-in blocked for a while");
        }
        if !wrong.delay.is_zero() {
            tokio::select! {
                () = sleep(wrong.delay) => {}
                () = self.of.stop.draining() => {}
            }
        }
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        if let Some(reservation) = self.reservation.take() {
            self.of.lock().give_back(reservation);
        }
    }
}

#[cfg(test)]
mod tests;
