//! What the guard takes from the store: the state of before the start, and what an operator
//! forgives while the server runs.

use std::time::Duration;

use hve_auth::Subject;
use hve_smtp::Now;
use hve_store::{Block, GuardReset, KnownClient, StoreError, Suspect, Suspicion};
use time::UtcDateTime;
use tracing::{error, info};

use super::{Guarded, State};
use crate::directory::DirectoryView;

impl Guarded {
    /// Takes over what was known and blocked before the start. Without it the guard begins anew,
    /// which is no reason not to serve.
    pub(crate) fn restore(&self, view: &dyn DirectoryView, now: Now) {
        match self.try_restore(view, now) {
            Ok((known, blocked)) => info!(known, blocked, "guard restored"),
            Err(error) => error!(%error, "guard not restored: no client is known, nobody blocked"),
        }
    }

    fn try_restore(
        &self,
        view: &dyn DirectoryView,
        now: Now,
    ) -> Result<(usize, usize), StoreError> {
        let store = &self.edge.store;
        // First: what is forgiven from here on is followed later.
        let (resets, _) = store.guard_resets(0)?;
        let since = now.utc.saturating_sub(KnownClient::KEPT);
        let known = store.known_clients(since, self.limits.entries)?;
        let suspicions = store.suspicions()?;
        let mut state = self.lock();
        state.resets = resets;
        for client in &known {
            self.restore_known(&mut state, view, client, now);
        }
        let mut blocked = 0;
        for Suspicion { suspect, block, .. } in &suspicions {
            // That of tokens is short, and who had a genuine one is not known any more.
            let is_of_tokens = matches!(suspect, Suspect::Tokens(..));
            if let Some(block) = block.filter(|_| !is_of_tokens) {
                self.restore_block(&mut state, suspect, block, now);
                blocked += usize::from(block.until > now.utc);
            }
        }
        Ok((known.len(), blocked))
    }

    fn restore_known(
        &self,
        state: &mut State,
        view: &dyn DirectoryView,
        client: &KnownClient,
        now: Now,
    ) {
        // Of an account that was removed nothing is known any more.
        if let Some(account) = view.account(client.account) {
            let known_for = self.limits.known_for;
            let until = monotonic(client.seen_at, known_for, known_for, now);
            let user = account.address.as_str();
            state
                .guard
                .restore_known(user, client.network, until, now.monotonic);
        }
    }

    fn restore_block(&self, state: &mut State, suspect: &Suspect, block: Block, now: Now) {
        let (longest, memory) = (self.limits.block_longest, self.limits.block_memory);
        let until = monotonic(block.until, Duration::ZERO, longest, now);
        let remembered = monotonic(block.until, memory, longest.saturating_add(memory), now);
        let block = (until, block.in_a_row);
        state
            .guard
            .restore_block(subject(suspect), block, remembered, now.monotonic);
    }

    /// Forgives what an operator forgave since this was last called. True where that was anything.
    pub(super) fn follow_resets(&self) -> bool {
        let seen = self.lock().resets;
        let (last, resets) = match self.edge.store.guard_resets(seen) {
            Ok((_, resets)) if resets.is_empty() => return false,
            Ok(found) => found,
            Err(error) => {
                error!(%error, "resets of the guard unreadable");
                return false;
            }
        };
        let mut state = self.lock();
        if state.resets != seen {
            // Another client was faster.
            return true;
        }
        state.resets = last;
        for reset in &resets {
            match reset {
                GuardReset::All => state.guard.forgive_all(),
                GuardReset::One(suspect) => state.guard.forgive(subject(suspect)),
            }
        }
        info!(resets = resets.len(), "guard reset by the operator");
        true
    }
}

fn subject(suspect: &Suspect) -> Subject<'_> {
    match suspect {
        Suspect::Account(address) => Subject::Account(address.as_str()),
        Suspect::Network(network) => Subject::Address(*network),
        Suspect::Pair(address, network) => Subject::Pair(address.as_str(), *network),
        Suspect::Tokens(address, network) => Subject::Tokens(address.as_str(), *network),
    }
}

/// The monotonic time that is so long after `at`, but not further away than `most`: the time of
/// day may have been set back meanwhile.
fn monotonic(at: UtcDateTime, after: Duration, most: Duration, now: Now) -> Duration {
    let at = at.saturating_add(after.try_into().unwrap_or_default());
    let left = Duration::try_from(at - now.utc).unwrap_or(Duration::ZERO);
    now.monotonic.saturating_add(left.min(most))
}
