//! The numbers of the guard, and how long an answer waits.

use std::time::Duration;

use super::table::BlockLengths;

/// The numbers of the [`Guard`](crate::Guard), with the reasons for their defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "built by struct update from the default"
)]
pub struct GuardLimits {
    /// Distinct wrong passwords for one user name that block it: for everybody where they came
    /// from more than one address, see [`GuardLimits::of_one_address`], and for the one address
    /// otherwise. Default 10: far more than a person who mistypes; some 100 guesses a day as
    /// blocks grow, against passwords of at least 12 characters.
    pub secrets_per_account: usize,
    /// Distinct pairs of user name and wrong password from one address that block it. Default 50:
    /// an office behind one address may have 49 devices with an old password each.
    pub secrets_per_address: usize,
    /// For how long a wrong password counts after it was last tried. Default 15 minutes.
    pub window: Duration,
    /// How long a first block lasts; each further one within `block_memory` lasts twice as long.
    /// Default 15 minutes: guessing becomes hopeless, waiting does not.
    pub block: Duration,
    /// The longest block. Default 4 hours: who is locked out by a stranger still gets in the same
    /// working day.
    pub block_longest: Duration,
    /// For how long after its end a block makes the next one longer. Default 24 hours: an attack
    /// that rests over night goes on where it was.
    pub block_memory: Duration,
    /// How long a pair of account and address that was right is spared. Default 30 days: a device
    /// that reports once a month stays known.
    pub known_for: Duration,
    /// The longest wait before the answer to a wrong password, see [`GuardLimits::delay`]. Default
    /// 8 s: a device that was mistyped a few times hears the answer before it gives up.
    pub delay_longest: Duration,
    /// Entries of each table: accounts, addresses, pairs of both, known pairs. Default 65,536: some
    /// 60 MB if an attacker fills them with one wrong guess each, more where it makes up to
    /// 49 from each address. A guess with a password costs the server 20 ms of hashing, one with
    /// a SCRAM proof next to nothing. When a table is full, a quarter goes: those without a block,
    /// with the fewest guesses and longest unheard of, first.
    pub entries: usize,
}

impl Default for GuardLimits {
    fn default() -> Self {
        const MINUTE: u64 = 60;
        Self {
            secrets_per_account: 10,
            secrets_per_address: 50,
            window: Duration::from_secs(15 * MINUTE),
            block: Duration::from_secs(15 * MINUTE),
            block_longest: Duration::from_secs(4 * 60 * MINUTE),
            block_memory: Duration::from_secs(24 * 60 * MINUTE),
            known_for: Duration::from_secs(30 * 24 * 60 * MINUTE),
            delay_longest: Duration::from_secs(8),
            entries: 65_536,
        }
    }
}

impl GuardLimits {
    /// How long the answer to a wrong password waits, when so many distinct ones were tried within
    /// the window, this one among them: nothing for the first fifth of what blocks, then a second,
    /// doubled with each further tenth. With the defaults, for one user name: 0, 0, 1, 2, 4, 8, 8,
    /// 8, 8, 8 seconds. The longer of the two waits counts.
    #[must_use]
    pub fn delay(&self, of_account: usize, of_address: usize) -> Duration {
        let account = seconds(of_account, self.secrets_per_account);
        let address = seconds(of_address, self.secrets_per_address);
        Duration::from_secs(account.max(address)).min(self.delay_longest)
    }

    /// How many of the guesses from one address weigh towards the block of an account: half of
    /// what blocks it, so that no stranger locks out everybody else alone.
    #[must_use]
    pub const fn of_one_address(&self) -> usize {
        self.secrets_per_account.div_ceil(2)
    }

    pub(crate) const fn lengths(&self) -> BlockLengths {
        BlockLengths {
            first: self.block,
            longest: self.block_longest,
            memory: self.block_memory,
        }
    }
}

/// More than a fifth of what blocks.
pub(crate) fn is_suspicious(guesses: usize, most: usize) -> bool {
    seconds(guesses, most) > 0
}

/// 2 to the power of the tenths of `most` beyond the second.
fn seconds(guesses: usize, most: usize) -> u64 {
    let tenths = guesses.saturating_mul(10).div_ceil(most.max(1));
    let Some(beyond) = tenths.checked_sub(3) else {
        return 0;
    };
    let power = u32::try_from(beyond).unwrap_or(u32::MAX);
    2_u64.saturating_pow(power)
}
