//! Password hashes: Argon2id in PHC text, within bounds that protect the machine.

use std::fmt;

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash as Phc, Salt},
};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::Zeroizing;

/// What one verification costs: the price of guessing, and of every sign-in that is not cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the three costs of Argon2 (RFC 9106 §3.1)"
)]
pub struct HashCost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over that memory.
    pub passes: u32,
    /// Lanes; they are computed one after another.
    pub lanes: u32,
}

impl HashCost {
    /// 256 MiB, the most memory of one verification. A row in a store that asks for more is
    /// refused, so that whoever can write rows can not take the machine.
    pub const MEMORY_KIB_MAX: u32 = 256 * 1024;
    /// The most memory times passes of one verification, in KiB: about a second of work.
    pub const WORK_KIB_MAX: u64 = 1024 * 1024;
    /// The most lanes.
    pub const LANES_MAX: u32 = 16;

    fn check(self) -> Result<Params, HashError> {
        let work = u64::from(self.memory_kib) * u64::from(self.passes);
        if self.memory_kib > Self::MEMORY_KIB_MAX
            || work > Self::WORK_KIB_MAX
            || self.lanes > Self::LANES_MAX
        {
            return Err(HashError::TooCostly);
        }
        Params::new(
            self.memory_kib,
            self.passes,
            self.lanes,
            Some(OUTPUT_OCTETS),
        )
        .map_err(|_| HashError::TooCheap)
    }
}

/// 19 MiB, 2 passes, 1 lane: the least that OWASP's password storage cheat sheet names.
impl Default for HashCost {
    fn default() -> Self {
        Self {
            memory_kib: 19 * 1024,
            passes: 2,
            lanes: 1,
        }
    }
}

/// An Argon2id hash, safe to store and to compare with a password; `Debug` shows its cost only.
#[derive(Clone)]
pub struct PasswordHash {
    text: Box<str>,
    cost: HashCost,
    params: Params,
    salt: Salt,
    hash: [u8; OUTPUT_OCTETS],
}

impl PasswordHash {
    /// Hashes a password with a fresh random salt: milliseconds of work and the memory of `cost`.
    ///
    /// # Errors
    /// [`HashError::TooCostly`] and [`HashError::TooCheap`] for the cost, [`HashError::NoMemory`].
    pub fn derive(
        password: &SecretString,
        salt: [u8; 16],
        cost: HashCost,
    ) -> Result<Self, HashError> {
        let params = cost.check()?;
        let mut hash = [0; OUTPUT_OCTETS];
        work(&params, password, &salt, &mut hash)?;
        Self::assemble(cost, params, &salt, hash)
    }

    /// Hashes a second password of the same account with the salt and cost of this one, so that
    /// [`PasswordHash::matching`] tries both for the price of one. Whoever steals both hashes
    /// guesses at both at once; between accounts salts stay apart.
    ///
    /// # Errors
    /// [`HashError::NoMemory`].
    pub fn derive_beside(&self, password: &SecretString) -> Result<Self, HashError> {
        let mut hash = [0; OUTPUT_OCTETS];
        work(&self.params, password, &self.salt, &mut hash)?;
        Self::assemble(self.cost, self.params.clone(), &self.salt, hash)
    }

    /// Which of these hashes is of this password? One run of Argon2 for all that share salt and
    /// cost; every hash is looked at, whichever matches.
    #[must_use]
    pub fn matching(hashes: &[Self], password: &SecretString) -> Option<usize> {
        let mut found = None;
        let mut last: Option<(&Self, Zeroizing<[u8; OUTPUT_OCTETS]>)> = None;
        for (index, of) in hashes.iter().enumerate() {
            let reusable = last
                .take()
                .filter(|(other, _)| other.cost == of.cost && *other.salt == *of.salt);
            let hash = match reusable {
                Some((_, hash)) => hash,
                None => {
                    let mut hash = Zeroizing::new([0; OUTPUT_OCTETS]);
                    if work(&of.params, password, &of.salt, hash.as_mut_slice()).is_err() {
                        continue;
                    }
                    hash
                }
            };
            if bool::from(hash.ct_eq(&of.hash)) {
                found = Some(index);
            }
            last = Some((of, hash));
        }
        found
    }

    /// Reads the text that [`PasswordHash::as_phc`] gives. No hashing is done.
    ///
    /// # Errors
    /// What is wrong with it; see [`HashError`].
    pub fn parse(phc: &str) -> Result<Self, HashError> {
        if phc.len() > PHC_OCTETS_MAX {
            return Err(HashError::Malformed);
        }
        let parsed = Phc::new(phc).map_err(|_| HashError::Malformed)?;
        if parsed.algorithm.as_str() != "argon2id" || parsed.version != Some(VERSION) {
            return Err(HashError::OtherAlgorithm);
        }
        let figure = |name: &str| parsed.params.get_decimal(name).ok_or(HashError::Malformed);
        let cost = HashCost {
            memory_kib: figure("m")?,
            passes: figure("t")?,
            lanes: figure("p")?,
        };
        if parsed.params.iter().count() != 3 {
            return Err(HashError::Malformed);
        }
        let params = cost.check()?;
        let salt = parsed.salt.ok_or(HashError::Malformed)?;
        let hash = parsed
            .hash
            .and_then(|hash| hash.as_bytes().try_into().ok())
            .ok_or(HashError::Malformed)?;
        Ok(Self {
            text: phc.into(),
            cost,
            params,
            salt,
            hash,
        })
    }

    /// `$argon2id$v=19$m=…,t=…,p=…$salt$hash`, to be stored.
    #[must_use]
    pub fn as_phc(&self) -> &str {
        &self.text
    }

    /// What verifying costs.
    #[must_use]
    pub const fn cost(&self) -> HashCost {
        self.cost
    }

    /// Is it this password? Milliseconds of work, the same for a right and a wrong one, compared
    /// in constant time. False as well where the memory for it can not be had.
    ///
    /// Passwords are compared octet by octet, without Unicode normalisation.
    #[must_use]
    pub fn verify(&self, password: &SecretString) -> bool {
        let mut hash = Zeroizing::new([0; OUTPUT_OCTETS]);
        work(&self.params, password, &self.salt, hash.as_mut_slice()).is_ok()
            && bool::from(hash.ct_eq(&self.hash))
    }

    /// A hash that no password has, for user names that do not exist: verifying against it is the
    /// same work as against a real one of that cost, so that time tells a stranger nothing.
    ///
    /// # Errors
    /// [`HashError::TooCostly`] and [`HashError::TooCheap`].
    pub fn decoy(cost: HashCost) -> Result<Self, HashError> {
        // An output of zeros: to find its password is to invert Argon2.
        Self::assemble(cost, cost.check()?, &[0; 16], [0; OUTPUT_OCTETS])
    }

    fn assemble(
        cost: HashCost,
        params: Params,
        salt: &[u8],
        hash: [u8; OUTPUT_OCTETS],
    ) -> Result<Self, HashError> {
        let salt = Salt::new(salt).map_err(|_| HashError::Malformed)?;
        let phc = Phc {
            algorithm: argon2::ARGON2ID_IDENT,
            version: Some(VERSION),
            params: ParamsString::try_from(&params).map_err(|_| HashError::Malformed)?,
            salt: Some(salt),
            hash: Some(Output::new(&hash).map_err(|_| HashError::Malformed)?),
        };
        Ok(Self {
            text: phc.to_string().into(),
            cost,
            params,
            salt,
            hash,
        })
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHash")
            .field("cost", &self.cost)
            .finish_non_exhaustive()
    }
}

/// Why there is no such hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HashError {
    /// Not a complete PHC text with m, t, p, a salt and 32 octets of hash.
    #[error("this is not a complete Argon2id hash in PHC text")]
    Malformed,
    /// The memory for it could not be had; try again when the machine is less busy.
    #[error("not enough memory to hash a password")]
    NoMemory,
    /// A PHC text of another algorithm or of another version than 19.
    #[error("only argon2id with v=19 is taken; set a new password")]
    OtherAlgorithm,
    /// Less than 8 KiB for each lane, no pass or no lane.
    #[error("the hash cost is below the least of Argon2: 8 KiB for each lane, one pass, one lane")]
    TooCheap,
    /// Above the bounds of [`HashCost`].
    #[error("the hash cost is over 256 MiB, over 1 GiB for all passes together, or over 16 lanes")]
    TooCostly,
}

fn work(
    params: &Params,
    password: &SecretString,
    salt: &[u8],
    hash: &mut [u8],
) -> Result<(), HashError> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
        .hash_password_into(password.expose_secret().as_bytes(), salt, hash)
        .map_err(|_| HashError::NoMemory)
}

const OUTPUT_OCTETS: usize = 32;
const VERSION: u32 = 19;
/// A text of ours has about 97 octets; other salts and figures make it no longer than this.
const PHC_OCTETS_MAX: usize = 256;
