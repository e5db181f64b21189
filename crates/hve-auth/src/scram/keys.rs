//! What a server keeps of a password for SCRAM.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::Mac;
use pbkdf2::pbkdf2_hmac;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::keyed::hmac_sha256;

/// Salt, iterations, StoredKey and ServerKey (RFC 5802 §3): enough to check a proof, and neither
/// the password nor enough to make a proof. `Debug` shows the iterations only.
#[derive(Clone)]
pub struct ScramKeys {
    salt: [u8; 16],
    iterations: u32,
    stored_key: Zeroizing<[u8; 32]>,
    server_key: Zeroizing<[u8; 32]>,
}

impl ScramKeys {
    /// Iterations of new keys: what OWASP's password storage cheat sheet names for PBKDF2 with
    /// HMAC-SHA-256. Whoever steals a store guesses at the cheaper of what it keeps of a password,
    /// so this must not fall behind Argon2id beside it. The client pays: half a second of a PC at
    /// each sign-in, half a minute of a small controller, which has PLAIN and LOGIN.
    pub const ITERATIONS: u32 = 600_000;
    /// The least iterations (RFC 7677 §4).
    pub const ITERATIONS_MIN: u32 = 4_096;
    /// The most iterations: a stored figure beyond them would only stop the client's device.
    pub const ITERATIONS_MAX: u32 = 2_000_000;

    /// Derives the keys of a password after SASLprep (RFC 4013): a tenth of a second of work and
    /// more with [`Self::ITERATIONS`].
    ///
    /// # Errors
    /// [`ScramKeyError::Iterations`]; [`ScramKeyError::Unprepared`] for a password that no client
    /// may send by SCRAM: PLAIN and LOGIN, which compare octets, still take it.
    pub fn derive(
        password: &SecretString,
        salt: [u8; 16],
        iterations: u32,
    ) -> Result<Self, ScramKeyError> {
        check(iterations)?;
        let prepared = stringprep::saslprep(password.expose_secret())
            .map(|of| Zeroizing::new(of.into_owned()))
            .map_err(|_| ScramKeyError::Unprepared)?;
        if prepared.is_empty() {
            return Err(ScramKeyError::Unprepared);
        }
        let mut salted = Zeroizing::new([0; 32]);
        pbkdf2_hmac::<Sha256>(
            prepared.as_bytes(),
            &salt,
            iterations,
            salted.as_mut_slice(),
        );
        let client_key = signature(&salted, &[b"Client Key"]);
        Ok(Self {
            salt,
            iterations,
            stored_key: Zeroizing::new(Sha256::digest(*client_key).into()),
            server_key: signature(&salted, &[b"Server Key"]),
        })
    }

    /// Keys that no password has, for user names that do not exist.
    #[must_use]
    pub fn decoy(salt: [u8; 16]) -> Self {
        Self {
            salt,
            iterations: Self::ITERATIONS,
            // To find what hashes to zeros is to invert SHA-256.
            stored_key: Zeroizing::default(),
            server_key: Zeroizing::default(),
        }
    }

    /// The salt, which anybody may ask for.
    #[must_use]
    pub const fn salt(&self) -> [u8; 16] {
        self.salt
    }

    /// How often the client has to hash.
    #[must_use]
    pub const fn iterations(&self) -> u32 {
        self.iterations
    }

    /// `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey` in base64, to be stored (the form of
    /// RFC 5803 §2).
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(format!(
            "{SCHEME}{}:{}${}:{}",
            self.iterations,
            STANDARD.encode(self.salt),
            STANDARD.encode(*self.stored_key),
            STANDARD.encode(*self.server_key),
        ))
    }

    /// Reads the text that [`Self::to_text`] gives.
    ///
    /// # Errors
    /// [`ScramKeyError::Malformed`] and [`ScramKeyError::Iterations`].
    pub fn parse(text: &str) -> Result<Self, ScramKeyError> {
        let fields = || {
            let (cost, keys) = text.strip_prefix(SCHEME)?.split_once('$')?;
            let (iterations, salt) = cost.split_once(':')?;
            let (stored_key, server_key) = keys.split_once(':')?;
            Some(Self {
                salt: *octets(salt)?,
                iterations: iterations.parse().ok()?,
                stored_key: octets(stored_key)?,
                server_key: octets(server_key)?,
            })
        };
        let keys = fields().ok_or(ScramKeyError::Malformed)?;
        check(keys.iterations)?;
        Ok(keys)
    }

    /// Was this proof of this exchange made with the password? The same work for any answer.
    pub(super) fn takes(&self, proof: &[u8; 32], auth_message: &[&[u8]]) -> bool {
        let mut client_key = signature(&self.stored_key, auth_message);
        for (to, from) in client_key.iter_mut().zip(proof) {
            *to ^= from;
        }
        let stored_key: Zeroizing<[u8; 32]> = Zeroizing::new(Sha256::digest(*client_key).into());
        stored_key.ct_eq(&*self.stored_key).into()
    }

    /// What tells the client that the server has the keys of its password.
    pub(super) fn server_signature(&self, auth_message: &[&[u8]]) -> [u8; 32] {
        *signature(&self.server_key, auth_message)
    }
}

impl fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramKeys")
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}

/// Why there are no such keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ScramKeyError {
    /// Outside the bounds of [`ScramKeys`].
    #[error("SCRAM takes from 4,096 to 2,000,000 iterations; set a new password")]
    Iterations,
    /// Not a text of [`ScramKeys::to_text`].
    #[error("this is not a text of SCRAM-SHA-256 keys")]
    Malformed,
    /// SASLprep forbids a character of the password, or leaves none.
    #[error(
        "the password has a character that SCRAM forbids (RFC 4013); it serves PLAIN and LOGIN only"
    )]
    Unprepared,
}

const SCHEME: &str = "SCRAM-SHA-256$";

fn check(iterations: u32) -> Result<(), ScramKeyError> {
    if (ScramKeys::ITERATIONS_MIN..=ScramKeys::ITERATIONS_MAX).contains(&iterations) {
        Ok(())
    } else {
        Err(ScramKeyError::Iterations)
    }
}

fn octets<const N: usize>(text: &str) -> Option<Zeroizing<[u8; N]>>
where
    [u8; N]: zeroize::Zeroize,
{
    let octets = Zeroizing::new(STANDARD.decode(text).ok()?);
    octets.as_slice().try_into().ok().map(Zeroizing::new)
}

fn signature(key: &[u8; 32], parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut mac = hmac_sha256(key);
    for part in parts {
        mac.update(part);
    }
    Zeroizing::new(mac.finalize().into_bytes().into())
}
