//! The guard against floods of forged tokens.

use std::{fmt, net::IpAddr, time::Duration};

use secrecy::{ExposeSecret, SecretString};

use crate::{
    guard_keys::network_of,
    guard_table::{BlockLengths, Table},
    keyed::Keyed,
};

/// Distinct forged tokens from one network within [`WINDOW`] that block it.
const TOKENS: usize = 50;
const WINDOW: Duration = Duration::from_secs(15 * 60);
const LENGTHS: BlockLengths = BlockLengths {
    first: Duration::from_secs(60),
    longest: Duration::from_secs(15 * 60),
    memory: Duration::from_secs(3_600),
};
/// Networks that are remembered: 50 MB if an attacker has as many, and forges 50 for each.
const NETWORKS: usize = 65_536;

/// Bounds what a network can make us do with tokens that nobody trusted has signed.
///
/// A token is no secret that could be guessed, so nothing is held against the account it names,
/// and passwords are not touched: this only keeps signatures from being computed in a loop. An
/// application that repeats one bad token counts once, and a right token from the same network
/// clears the count. Times are monotonic.
pub struct TokenGuard {
    keyed: Keyed,
    networks: Table,
}

impl TokenGuard {
    /// A guard that has seen nothing. `key` must be random and of this process only.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self {
            keyed: Keyed::new(key),
            networks: Table::new(NETWORKS),
        }
    }

    /// The monotonic time until which tokens from this address are not looked at, if at all.
    #[must_use]
    pub fn blocked_until(&self, from: IpAddr, now: Duration) -> Option<Duration> {
        self.networks.blocked_until(self.key(from), now)
    }

    /// Counts a forged token. Returns the end of the block that it began, for the log.
    pub fn forged(
        &mut self,
        from: IpAddr,
        token: &SecretString,
        now: Duration,
    ) -> Option<Duration> {
        let key = self.key(from);
        let tag = self
            .keyed
            .tag(&[b"token", token.expose_secret().as_bytes()]);
        let token = u64::from_le_bytes(tag.first_chunk().copied().unwrap_or_default());
        if self.networks.count(key, token, WINDOW, now).distinct < TOKENS {
            return None;
        }
        let begun = self.networks.block(key, LENGTHS, now);
        begun.map(|(until, _)| until)
    }

    /// Notes a token that somebody trusted has signed.
    pub fn genuine(&mut self, from: IpAddr) {
        let key = self.key(from);
        self.networks.remove(key);
    }

    fn key(&self, from: IpAddr) -> u128 {
        let network = network_of(from).to_string();
        self.keyed.number(&[b"network", network.as_bytes()])
    }
}

impl fmt::Debug for TokenGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenGuard")
            .field("networks", &self.networks.len())
            .finish_non_exhaustive()
    }
}
