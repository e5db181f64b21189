//! Keyed hashes of what strangers choose: texts become numbers of one size that nobody can aim.

use hmac::{Hmac, KeyInit, Mac};
use hve_types::Address;
use sha2::Sha256;
use zeroize::Zeroizing;

/// HMAC-SHA-256 (RFC 2104) under a random key of this process. Each part goes in with its length
/// first, so that no separator or NUL in one part can make two different lists of parts equal.
#[derive(Clone)]
pub(crate) struct Keyed(Hmac<Sha256>);

impl Keyed {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self(hmac_sha256(&Zeroizing::new(key)))
    }

    pub(crate) fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// Half of the tag: enough for a key of a table, as nobody who lacks the key can look for two
    /// that are equal.
    pub(crate) fn number(&self, parts: &[&[u8]]) -> u128 {
        let tag = self.tag(parts);
        u128::from_le_bytes(tag.first_chunk().copied().unwrap_or_default())
    }
}

/// HMAC-SHA-256 under this key, without a failure that cannot be.
pub(crate) fn hmac_sha256(key: &[u8; 32]) -> Hmac<Sha256> {
    // A key shorter than the block is padded with zeros (RFC 2104 §2), so this is that key.
    let mut block = Zeroizing::new([0; 64]);
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    Hmac::new((&*block).into())
}

/// All spellings of one user name are one: else each would have guesses of its own.
pub(crate) fn canonical(user: &str) -> String {
    Address::parse(user).map_or_else(|_| user.to_ascii_lowercase(), |address| address.key())
}
