//! An issuer's public keys.

use std::{fmt, sync::Arc};

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse},
};
use serde::Deserialize;
use thiserror::Error;

/// No issuer has more in use; a token that names no key is tried with each of its kind.
const KEYS_MAX: usize = 32;

/// The keys with which one issuer signs (RFC 7517 §5).
///
/// Keys for encryption, shared secrets and kinds that are not known here are passed over:
/// an issuer may publish them beside those that serve us. A clone costs nothing.
#[derive(Clone)]
pub struct KeySet(Arc<[Key]>);

#[derive(Clone)]
struct Key {
    id: Option<String>,
    /// What this key may verify: never chosen by the token alone.
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

impl KeySet {
    /// Reads what stands at an issuer's `jwks_uri`. The caller bounds its length.
    ///
    /// # Errors
    /// It is no such document, has more than 32 keys, or none that verifies signatures.
    pub fn parse(json: &[u8]) -> Result<Self, KeySetError> {
        #[derive(Deserialize)]
        struct Document {
            // One by one: a single key of a new kind must not spoil the others.
            keys: Vec<serde_json::Value>,
        }
        let document: Document =
            serde_json::from_slice(json).map_err(|_| KeySetError::Malformed)?;
        if document.keys.len() > KEYS_MAX {
            return Err(KeySetError::TooMany);
        }
        let keys: Vec<Key> = document.keys.into_iter().filter_map(usable).collect();
        if keys.is_empty() {
            return Err(KeySetError::NoneUsable);
        }
        Ok(Self(keys.into()))
    }

    /// Is there a key with this id? Without an id, the question is only whether there is any key.
    #[must_use]
    pub fn knows(&self, key_id: Option<&str>) -> bool {
        self.0.iter().any(|key| key.answers_to(key_id))
    }

    /// The keys that may have signed so.
    pub(super) fn candidates(
        &self,
        key_id: Option<&str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &DecodingKey> {
        self.0
            .iter()
            .filter(move |key| key.answers_to(key_id) && key.algorithms.contains(&algorithm))
            .map(|key| &key.key)
    }
}

impl Key {
    fn answers_to(&self, key_id: Option<&str>) -> bool {
        key_id.is_none() || self.id.as_deref() == key_id
    }
}

/// Ids only: a modulus says nothing to anybody.
impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = self.0.iter().map(|key| key.id.as_deref());
        f.debug_list().entries(ids).finish()
    }
}

/// Why a document is not taken as an issuer's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[expect(clippy::exhaustive_enums, reason = "closed: these are all the ways")]
pub enum KeySetError {
    /// Not JSON, or without a list `keys`.
    #[error("this is no JSON Web Key Set; look whether jwks_uri leads to one")]
    Malformed,
    /// Nothing in it verifies a signature.
    #[error("none of the issuer's keys verifies signatures with RSA, ECDSA or EdDSA")]
    NoneUsable,
    /// More keys than any issuer needs.
    #[error("the issuer has more than 32 keys; look whether this is the right issuer")]
    TooMany,
}

fn usable(value: serde_json::Value) -> Option<Key> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    let purpose = jwk.common.public_key_use.as_ref();
    if purpose.is_some_and(|purpose| *purpose != PublicKeyUse::Signature) {
        return None;
    }
    let mut algorithms = allowed(&jwk.algorithm).to_vec();
    if let Some(named) = jwk.common.key_algorithm {
        let named = Algorithm::try_from(named).ok()?;
        algorithms.retain(|algorithm| *algorithm == named);
    }
    if algorithms.is_empty() {
        return None;
    }
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    Some(Key {
        id: jwk.common.key_id,
        algorithms,
        key,
    })
}

/// The list of what is allowed: no shared secrets, for whoever verifies could sign as well.
const fn allowed(parameters: &AlgorithmParameters) -> &'static [Algorithm] {
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    match parameters {
        AlgorithmParameters::RSA(_) => &[RS256, RS384, RS512, PS256, PS384, PS512],
        AlgorithmParameters::EllipticCurve(parameters) => match parameters.curve {
            EllipticCurve::P256 => &[ES256],
            EllipticCurve::P384 => &[ES384],
            _ => &[],
        },
        AlgorithmParameters::OctetKeyPair(parameters) => match parameters.curve {
            EllipticCurve::Ed25519 => &[EdDSA],
            _ => &[],
        },
        _ => &[],
    }
}
