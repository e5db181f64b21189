//! The guard against guessing, in the service: leave to guess is given back however an attempt
//! ends, and the answer to a wrong guess waits.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hve_auth::{
    Blocked, Guard, GuardLimits, Guess, Held, Reservation, SignInRefusal, Wrong, network_of,
};
use hve_smtp::{Now, Refusal};
use hve_store::{Block, KnownClient, Store, Suspect, Suspicion};
use hve_types::{AccountId, Address};
use tokio::time::{Instant, sleep_until};
use tracing::warn;

use crate::{
    committer::{CommitQueue, Note},
    config::Limits,
    directory::CachedDirectory,
    refusals,
    server::Stop,
};

mod restart;
mod tokens;

/// The guard of one server.
pub(crate) struct Guarded {
    state: Mutex<State>,
    limits: GuardLimits,
    edge: Edge,
}

/// What the guard meets of the rest of the server.
pub(crate) struct Edge {
    /// Whose name may be told.
    pub(crate) directory: Arc<CachedDirectory>,
    /// Ends the waits.
    pub(crate) stop: Arc<Stop>,
    /// What was before the start, and what an operator forgives.
    pub(crate) store: Store,
    /// Where notes for the next start, and for the operator, are left.
    pub(crate) queue: CommitQueue,
}

struct State {
    guard: Guard,
    /// The number of the last reset that was followed.
    resets: i64,
}

/// One guess that may be tried. Dropped without a verdict it was none: the client went away, the
/// line was full, or it repeated what was wrong before.
pub(crate) struct Admitted<'a> {
    of: &'a Guarded,
    user: &'a str,
    from: IpAddr,
    since: Instant,
    reservation: Option<Reservation>,
}

impl Guarded {
    /// A guard that has seen nothing.
    pub(crate) fn new(key: [u8; 32], limits: &Limits, edge: Edge) -> Self {
        let limits = GuardLimits {
            delay_longest: limits.guess_delay,
            ..GuardLimits::default()
        };
        let guard = Guard::new(key, limits);
        Self {
            state: Mutex::new(State { guard, resets: 0 }),
            limits,
            edge,
        }
    }

    /// Asks for leave to try `guess`, before anything is spent on it. A block is told after as long
    /// as it takes to look at the guess of a known client.
    pub(crate) async fn admit<'a>(
        &'a self,
        user: &'a str,
        from: IpAddr,
        guess: Guess<'_>,
        now: Now,
    ) -> Result<Admitted<'a>, Refusal> {
        let since = Instant::now();
        let attempt = || self.lock().guard.admit(user, from, guess, now.monotonic);
        // The store is asked only where it matters: who is let in pays nothing.
        let admitted = attempt().or_else(|blocked| match self.follow_resets() {
            true => attempt(),
            false => Err(blocked),
        });
        match admitted {
            Ok(reservation) => Ok(Admitted {
                of: self,
                user,
                from,
                since,
                reservation: Some(reservation),
            }),
            Err(blocked) => {
                self.wait(since, self.behind_block()).await;
                Err(refused(Some(blocked), now))
            }
        }
    }

    fn behind_block(&self) -> Duration {
        BEHIND_BLOCK.min(self.limits.delay_longest)
    }

    /// Until `lasts` after `since`, or the server ends.
    async fn wait(&self, since: Instant, lasts: Duration) {
        if !lasts.is_zero() {
            tokio::select! {
                () = sleep_until(since + lasts) => {}
                () = self.edge.stop.draining() => {}
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // What is behind the lock is as good after a panic as before.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Admitted<'_> {
    /// It is right: from now on this client is known to the account.
    pub(crate) fn right(mut self, account: AccountId, now: Now) {
        let Some(reservation) = self.reservation.take() else {
            return;
        };
        if self.of.lock().guard.right(reservation, now.monotonic) {
            self.of.edge.queue.note(Note::Known(KnownClient {
                account,
                network: network_of(self.from),
                seen_at: now.utc,
            }));
        }
    }

    /// It is wrong: counts it, and waits as long as the answer has to, which it gives. The wait
    /// holds nothing but the client's own session, and ends with the server.
    pub(crate) async fn wrong(mut self, now: Now) -> Refusal {
        let Some(reservation) = self.reservation.take() else {
            return refused(None, now);
        };
        // What was forgiven does not count any more.
        self.of.follow_resets();
        let wrong = self.of.lock().guard.wrong(reservation, now.monotonic);
        self.tell(&wrong, now);
        let (since, lasts) = match wrong.behind {
            Some(_) => (self.since, self.of.behind_block()),
            None => (Instant::now(), wrong.delay),
        };
        self.of.wait(since, lasts).await;
        refused(wrong.behind, now)
    }

    /// It is the same wrong one as a moment ago: the answer.
    pub(crate) async fn repeated(mut self, now: Now) -> Refusal {
        let behind = self.reservation.as_ref().and_then(Reservation::behind);
        self.give_back();
        if behind.is_some() {
            self.of.wait(self.since, self.of.behind_block()).await;
        }
        refused(behind, now)
    }

    fn give_back(&mut self) {
        if let Some(reservation) = self.reservation.take() {
            self.of.lock().guard.give_back(reservation);
        }
    }

    /// Tells the log and the operator. Of user names only addresses: some type their password
    /// where the user name belongs.
    fn tell(&self, wrong: &Wrong, now: Now) {
        let user = Address::parse(self.user).ok();
        let edge = &self.of.edge;
        let user = user.filter(|user| edge.is_ours(user));
        if let Some(blocked) = wrong.begun {
            let user = user.as_ref().map(tracing::field::display);
            warn!(user, from = %self.from, by = ?blocked.by, "sign-in blocked for a while");
        }
        let network = network_of(self.from);
        let name = user.as_ref().map(Address::key);
        if let (true, Some(user)) = (wrong.pair.block.is_some(), user.clone()) {
            let suspect = Suspect::Pair(user, network);
            edge.suspect(suspect, wrong.pair, Some(network.to_string()), now);
        }
        if let (true, Some(user)) = (wrong.account.suspicious, user) {
            let suspect = Suspect::Account(user);
            edge.suspect(suspect, wrong.account, Some(network.to_string()), now);
        }
        if wrong.address.suspicious {
            edge.suspect(Suspect::Network(network), wrong.address, name, now);
        }
    }
}

impl Edge {
    /// An address of the house. Any other may be a password that was typed in its place.
    fn is_ours(&self, user: &Address) -> bool {
        let view = self.directory.current();
        view.is_ok_and(|view| view.domain(&user.domain()).is_some())
    }

    /// Leaves word for the operator.
    fn suspect(&self, suspect: Suspect, held: Held, other: Option<String>, now: Now) {
        let block = held.block.map(|(until, in_a_row)| {
            let lasts = until.saturating_sub(now.monotonic);
            Block {
                since: now.utc,
                until: now.utc.saturating_add(lasts.try_into().unwrap_or_default()),
                in_a_row,
            }
        });
        let suspicion = Suspicion {
            suspect,
            guesses: u32::try_from(held.guesses).unwrap_or(u32::MAX),
            tried_at: now.utc,
            other,
            block,
        };
        self.queue.note(Note::Suspect(Box::new(suspicion)));
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// What is said to a wrong guess, or to one that is not looked at.
fn refused(blocked: Option<Blocked>, now: Now) -> Refusal {
    let why = blocked.map_or(SignInRefusal::WrongCredentials, SignInRefusal::from);
    refusals::sign_in(&why, now.monotonic)
}

/// When a block is told, after the guess came: the same for one that was looked at, as its client
/// is known, as for all others. Else the time would tell who is known. More than a guess takes,
/// unless the hashing threads are far behind.
const BEHIND_BLOCK: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests;
