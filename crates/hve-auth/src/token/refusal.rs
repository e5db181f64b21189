//! Why a token is refused.

use thiserror::Error;
use time::{UtcDateTime, format_description::well_known::Rfc3339};

/// Why an access token does not let anybody in.
///
/// The words are for the operator and for whoever holds a genuine token.
/// Somebody who does not is to hear one and the same answer whatever the defect, see
/// [`TokenRefusal::may_be_told`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a host maps each of them to a reply, and must hear of a new one"
)]
pub enum TokenRefusal {
    /// Genuine, but over in less than [`TOKEN_LIFE_SECONDS_MIN`](crate::TOKEN_LIFE_SECONDS_MIN).
    #[error(
        "the token is about to expire, at {}; get a new one and sign in again",
        rfc_3339(*.0)
    )]
    AboutToExpire(UtcDateTime),
    /// Signed in a way that is not on the list: with a shared secret, say.
    #[error("the token is signed in a way that is not allowed; sign it with RSA, ECDSA or EdDSA")]
    AlgorithmNotAllowed,
    /// The signature is not by the key it names.
    #[error("the token's signature is wrong; get the token from the issuer itself")]
    BadSignature,
    /// Genuine, but over.
    #[error("the token expired at {}; get a new one and sign in again", rfc_3339(*.0))]
    Expired(UtcDateTime),
    /// No JSON Web Token, or one without what the check needs.
    #[error("this is no signed JSON Web Token with the claims iss, aud, exp and oid or sub")]
    Malformed,
    /// Genuine, but not for this use.
    #[error(
        "the token lacks the permission Mail.Send; grant it to the application, have an \
         administrator consent, and get a new token"
    )]
    PermissionLacking,
    /// Longer than [`TOKEN_OCTETS_MAX`](crate::TOKEN_OCTETS_MAX).
    #[error("the token is too long; ask the issuer for one with fewer claims")]
    TooLong,
    /// The issuer's keys, as far as they are known, have none with this id and kind.
    #[error("the issuer has no key of the token's id and kind; get a new token")]
    UnknownKey,
    /// For somebody else, who could be the one who sends it on to us.
    #[error("the token is meant for another audience; ask for one for this service")]
    WrongAudience,
    /// By an issuer other than the one expected.
    #[error("the token is from another issuer; name that one in the configuration or use ours")]
    WrongIssuer,
    /// From another directory (tenant) of the same issuer.
    #[error("the token is from another directory; sign in to the account's own one")]
    WrongTenant,
    /// Its time begins more than a minute from now.
    #[error("the token is not yet valid; set the clocks of both sides right")]
    YetToBegin,
}

impl TokenRefusal {
    /// True where the token is genuine, so that its holder may hear what is wrong with it.
    /// All others are answered alike.
    #[must_use]
    pub const fn may_be_told(&self) -> bool {
        match self {
            Self::AboutToExpire(_) | Self::Expired(_) | Self::PermissionLacking => true,
            Self::AlgorithmNotAllowed
            | Self::BadSignature
            | Self::Malformed
            | Self::TooLong
            | Self::UnknownKey
            | Self::WrongAudience
            | Self::WrongIssuer
            | Self::WrongTenant
            | Self::YetToBegin => false,
        }
    }
}

/// As people and programs read it, to the second.
fn rfc_3339(at: UtcDateTime) -> String {
    let whole = at.replace_nanosecond(0).unwrap_or(at);
    whole.format(&Rfc3339).unwrap_or_else(|_| at.to_string())
}
