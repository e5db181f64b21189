//! Floods of forged access tokens.
//!
//! A token is no secret that could be guessed, so nothing is held against the account it names, and
//! passwords are not touched: this only keeps signatures from being computed in a loop. It counts
//! per user name and address, so that other applications behind the same address are left alone,
//! and an application that had a genuine token lately is let in behind a block as well.

use std::{net::IpAddr, time::Duration};

use secrecy::{ExposeSecret, SecretString};

use super::{Blocked, BlockedBy, Guard, Held, Mark, held, table::BlockLengths};
#[cfg(doc)]
use crate::TokenRefusal;

/// Distinct forged tokens for one user name from one address within the window that block the
/// pair: an application that repeats a bad one counts once.
const TOKENS: usize = 50;
/// Shorter than for passwords, as nothing can be guessed.
const LENGTHS: BlockLengths = BlockLengths {
    first: Duration::from_secs(60),
    longest: Duration::from_secs(15 * 60),
    memory: Duration::from_secs(3_600),
};

impl Guard {
    /// May a token be looked at that this address shows for this user name? The block that comes
    /// back is to be answered to a forged one: it is looked at all the same, as the pair had a
    /// genuine one lately.
    ///
    /// # Errors
    /// [`Blocked`]: too many forged ones.
    pub fn admit_token(
        &self,
        user: &str,
        from: IpAddr,
        now: Duration,
    ) -> Result<Option<Blocked>, Blocked> {
        let pair = self.keys(user, from).pair;
        let by = BlockedBy::Pair;
        let until = self.tokens.blocked_until(pair, now);
        let blocked = until.map(|until| Blocked { until, by });
        match blocked.filter(|_| self.genuine.kept_until(pair, now).is_none()) {
            Some(blocked) => Err(blocked),
            None => Ok(blocked),
        }
    }

    /// Counts a token that nobody trusted has signed.
    pub fn forged(
        &mut self,
        user: &str,
        from: IpAddr,
        token: &SecretString,
        now: Duration,
    ) -> Held {
        let pair = self.keys(user, from).pair;
        let token = token.expose_secret().as_bytes();
        let tag = self.keyed.tag(&[b"token", token]);
        let mark = Mark {
            secret: u64::from_le_bytes(tag.first_chunk().copied().unwrap_or_default()),
            source: 0,
        };
        let counted = self.tokens.count(pair, mark, self.limits.window, now);
        let full = counted.weight >= TOKENS;
        let block = full.then(|| self.tokens.block(pair, LENGTHS, now));
        held(counted, TOKENS, block.flatten())
    }

    /// Notes a token that somebody trusted has signed.
    pub fn genuine(&mut self, user: &str, from: IpAddr, now: Duration) {
        let pair = self.keys(user, from).pair;
        let until = now.saturating_add(self.limits.known_for);
        self.genuine.keep(pair, until, now);
    }
}
