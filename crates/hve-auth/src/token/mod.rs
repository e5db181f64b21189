//! OAuth access tokens: is this one genuine, for us, alive, and good for sending mail?

mod apps;
mod claims;
mod key_cache;
mod keys;
mod refusal;

use hve_types::Issuer;
use jsonwebtoken::{
    Algorithm, DecodingKey, TokenData, Validation, dangerous, decode, decode_header,
    errors::{Error, ErrorKind},
};
use time::{Duration, UtcDateTime};

pub(crate) use apps::lets_in;
pub use apps::{AppRefusal, may_use};
use claims::Claims;
pub use key_cache::{KeyAdvice, KeyCache};
pub use keys::{KeySet, KeySetError};
pub use refusal::TokenRefusal;

/// The longest token that is looked at, in octets. Those in use have some 2,000.
pub const TOKEN_OCTETS_MAX: usize = 16 * 1024;

/// A token with less life than this, in seconds, is refused: it would end in mid-session.
pub const TOKEN_LIFE_SECONDS_MIN: i64 = 30;

/// By how much the issuer's clock may be ahead of ours, in seconds, where a token's life begins.
const SKEW_SECONDS_MAX: i64 = 60;

/// What a token says before anybody verified it: only good for choosing issuer and keys.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnverifiedToken {
    /// Who claims to have issued it.
    pub issuer: String,
    /// The key that claims to have signed it.
    pub key_id: Option<String>,
}

/// What a verified token says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenFacts {
    /// Who issued it: claim `iss`.
    pub issuer: String,
    /// Whose token it is: claim `oid`, else `sub`. For an application at Entra this is the object
    /// id of the enterprise application, for a person that of the person.
    pub object_id: String,
    /// The application that got the token: claim `azp`, `appid` or `client_id`.
    pub client_id: Option<String>,
    /// From this moment on it is worth nothing, and no session may go on with it.
    pub expires_at: UtcDateTime,
    /// Who acts.
    pub kind: TokenKind,
}

/// Who acts with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third")]
pub enum TokenKind {
    /// An application on its own behalf.
    Application,
    /// A person, through an application.
    Person,
}

/// Reads who claims to have issued and signed a token, without verifying anything.
///
/// # Errors
/// [`TokenRefusal::TooLong`] and [`TokenRefusal::Malformed`].
pub fn read_unverified(token: &str) -> Result<UnverifiedToken, TokenRefusal> {
    #[derive(serde::Deserialize)]
    struct Iss {
        iss: String,
    }
    check_length(token)?;
    let TokenData { header, claims, .. } =
        dangerous::insecure_decode::<Iss>(token).map_err(|_| TokenRefusal::Malformed)?;
    Ok(UnverifiedToken {
        issuer: claims.iss,
        key_id: header.kid,
    })
}

/// Checks one access token, a JSON Web Token (RFC 7519 §7.2, RFC 9068 §4), at the time `now`.
///
/// Signature, issuer, audience, directory and beginning are checked before expiry and permission,
/// so that only the holder of a genuine token learns more than that it was refused.
///
/// # Errors
/// The first defect in that order.
///
/// ```
/// use hve_auth::{KeySet, check_token, may_use, read_unverified};
/// use hve_types::{AllowedApp, Issuer};
/// # use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
/// # use time::macros::utc_datetime;
/// # let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
/// # let key = EncodingKey::from_ec_der(pair.serialized_der());
/// # let jwk = Jwk::from_encoding_key(&key, Algorithm::ES256)?;
/// # let jwks = serde_json::json!({ "keys": [jwk] }).to_string();
/// # let now = utc_datetime!(2026-11-24 6:00);
/// # let claims = serde_json::json!({
/// #     "iss": "https://id.contoso.test", "aud": "https://smtp.contoso.test",
/// #     "exp": now.unix_timestamp() + 3_600, "oid": "af1c", "azp": "c0de", "roles": ["Mail.Send"],
/// # });
/// # let token = encode(&Header::new(Algorithm::ES256), &claims, &key)?;
///
/// let ours = Issuer {
///     url: "https://id.contoso.test".into(),
///     audiences: vec!["https://smtp.contoso.test".into()],
///     directory: None,
/// };
/// // Which of the configured issuers' keys to take out of the cache, or to fetch:
/// assert_eq!(read_unverified(&token)?.issuer, ours.url);
/// let keys = KeySet::parse(jwks.as_bytes())?;
///
/// let facts = check_token(&token, &ours, &keys, now)?;
/// let listed = |id: &str| [AllowedApp { object_id: id.into(), label: String::new() }];
/// may_use(&facts, &listed("AF1C"))?;
/// let mistaken = may_use(&facts, &listed("c0de")).unwrap_err();
/// assert!(mistaken.to_string().contains("replace it by the object id af1c"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn check_token(
    token: &str,
    issuer: &Issuer,
    keys: &KeySet,
    now: UtcDateTime,
) -> Result<TokenFacts, TokenRefusal> {
    check_length(token)?;
    let claims = verify(token, keys)?;
    check_origin(&claims, issuer)?;
    let begins_at = claims.begins_at().ok_or(TokenRefusal::Malformed)?;
    let expires_at = claims.expires_at().ok_or(TokenRefusal::Malformed)?;
    let object_id = claims.object_id().ok_or(TokenRefusal::Malformed)?;
    if begins_at.is_some_and(|begins_at| begins_at - now > Duration::seconds(SKEW_SECONDS_MAX)) {
        return Err(TokenRefusal::YetToBegin);
    }
    check_life(expires_at, now)?;
    Ok(TokenFacts {
        kind: claims.permission().ok_or(TokenRefusal::PermissionLacking)?,
        issuer: issuer.url.clone(),
        object_id: object_id.to_owned(),
        client_id: claims.client_id().map(str::to_owned),
        expires_at,
    })
}

const fn check_length(token: &str) -> Result<(), TokenRefusal> {
    if token.len() > TOKEN_OCTETS_MAX {
        return Err(TokenRefusal::TooLong);
    }
    Ok(())
}

fn verify(token: &str, keys: &KeySet) -> Result<Claims, TokenRefusal> {
    let header = decode_header(token).map_err(|_| TokenRefusal::Malformed)?;
    // Whoever lists what must be understood means it, and none of it is (RFC 7515 §4.1.11).
    if header.crit.is_some() {
        return Err(TokenRefusal::Malformed);
    }
    if matches!(
        header.alg,
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512
    ) {
        return Err(TokenRefusal::AlgorithmNotAllowed);
    }
    let mut refusal = TokenRefusal::UnknownKey;
    for key in keys.candidates(header.kid.as_deref(), header.alg) {
        match verify_with(token, key, header.alg) {
            Ok(claims) => return Ok(claims),
            Err(error) => refusal = refusal_of(&error),
        }
        if refusal != TokenRefusal::BadSignature {
            break;
        }
    }
    Err(refusal)
}

/// The signature alone: the library would read the clock for times, and let a token pass that
/// lacks an issuer.
fn verify_with(token: &str, key: &DecodingKey, algorithm: Algorithm) -> Result<Claims, Error> {
    let mut only_signature = Validation::new(algorithm);
    only_signature.required_spec_claims.clear();
    only_signature.validate_exp = false;
    only_signature.validate_nbf = false;
    only_signature.validate_aud = false;
    decode(token, key, &only_signature).map(|data| data.claims)
}

fn refusal_of(error: &Error) -> TokenRefusal {
    match error.kind() {
        ErrorKind::InvalidSignature => TokenRefusal::BadSignature,
        _ => TokenRefusal::Malformed,
    }
}

fn check_origin(claims: &Claims, issuer: &Issuer) -> Result<(), TokenRefusal> {
    if claims.iss != issuer.url {
        return Err(TokenRefusal::WrongIssuer);
    }
    if !claims
        .aud
        .iter()
        .any(|audience| issuer.audiences.iter().any(|ours| ours == audience))
    {
        return Err(TokenRefusal::WrongAudience);
    }
    let Some(directory) = &issuer.directory else {
        return Ok(());
    };
    if !claims
        .tid
        .as_ref()
        .is_some_and(|tid| tid.eq_ignore_ascii_case(directory))
    {
        return Err(TokenRefusal::WrongTenant);
    }
    Ok(())
}

fn check_life(expires_at: UtcDateTime, now: UtcDateTime) -> Result<(), TokenRefusal> {
    if expires_at <= now {
        return Err(TokenRefusal::Expired(expires_at));
    }
    if expires_at - now < Duration::seconds(TOKEN_LIFE_SECONDS_MIN) {
        return Err(TokenRefusal::AboutToExpire(expires_at));
    }
    Ok(())
}
