//! Keys that accounts had a while ago: whoever repeats an old password by SCRAM guesses once.

use std::{collections::HashMap, fmt};

use hve_types::AccountId;

use super::ScramKeys;

/// Remembers, in memory alone, the keys with which accounts were seen.
///
/// Nothing of a wrong proof stays the same from one attempt to the next, so a device with last
/// year's password would look like somebody who guesses. Its proof is compared with the keys that
/// its account had when it was last looked at as well: one that fits is the old password, again.
/// A store must not keep what was revoked: after a restart such a device is taken for a guesser.
///
/// ```
/// use hve_auth::{ScramKeys, SeenKeys};
/// use hve_types::AccountId;
///
/// let keys = |salt| ScramKeys::decoy([salt; 16]);
/// let mut seen = SeenKeys::new(10_000);
/// assert!(seen.former(AccountId(7), &[(1, keys(1))]).is_empty());
/// let former = seen.former(AccountId(7), &[(2, keys(2))]);
/// assert_eq!(former.first().map(|(version, _)| *version), Some(1));
/// ```
pub struct SeenKeys {
    capacity: usize,
    accounts: HashMap<AccountId, Vec<(u64, ScramKeys)>>,
}

impl SeenKeys {
    /// Former keys that an account is asked for at most.
    pub const FORMER_MAX: usize = 2;

    /// Remembers those of so many accounts, some 400 octets each. When there are more, all are
    /// forgotten.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            accounts: HashMap::new(),
        }
    }

    /// Notes the keys that an account has now, by the version of their secret; gives those that it
    /// had before, the latest first, at most [`Self::FORMER_MAX`].
    pub fn former(
        &mut self,
        account: AccountId,
        current: &[(u64, ScramKeys)],
    ) -> Vec<(u64, ScramKeys)> {
        if self.accounts.len() >= self.capacity && !self.accounts.contains_key(&account) {
            self.accounts.clear();
        }
        let seen = self.accounts.entry(account).or_default();
        for (version, keys) in current {
            if !seen.iter().any(|(of, _)| of == version) {
                seen.push((*version, keys.clone()));
            }
        }
        let is_current = |version: &u64| current.iter().any(|(of, _)| of == version);
        seen.sort_by_key(|(version, _)| (is_current(version), *version));
        let former = seen
            .iter()
            .filter(|(version, _)| !is_current(version))
            .count();
        seen.drain(..former.saturating_sub(Self::FORMER_MAX));
        let mut former: Vec<_> = seen
            .iter()
            .filter(|(version, _)| !is_current(version))
            .cloned()
            .collect();
        former.reverse();
        former
    }
}

impl fmt::Debug for SeenKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeenKeys")
            .field("capacity", &self.capacity)
            .field("accounts", &self.accounts.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [u64; 0] = [];

    fn of(versions: &[u64]) -> Vec<(u64, ScramKeys)> {
        let keys = |version: &u64| (*version, ScramKeys::decoy([0; 16]));
        versions.iter().map(keys).collect()
    }

    #[test]
    fn row_21_the_last_two_former_keys_are_kept() {
        let mut seen = SeenKeys::new(2);
        let mut former = |account, versions: &[u64]| -> Vec<u64> {
            let former = seen.former(AccountId(account), &of(versions));
            former
                .iter()
                .map(|(version, _)| *version)
                .collect::<Vec<_>>()
        };
        assert_eq!(former(1, &[3]), NONE);
        assert_eq!(former(1, &[3, 5]), NONE, "rotation has begun");
        assert_eq!(former(1, &[5]), [3]);
        assert_eq!(former(1, &[8]), [5, 3]);
        assert_eq!(former(1, &[9]), [8, 5], "two are the most");
        assert_eq!(former(1, &[]), [9, 8], "and all are revoked");
        assert_eq!(former(2, &[1]), NONE);
        assert_eq!(former(3, &[1]), NONE, "there is no room: all are forgotten");
        assert_eq!(former(1, &[10]), NONE);
    }
}
