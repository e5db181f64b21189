//! OAuth: whose access tokens are taken, and which applications an account lets in.

/// An issuer whose access tokens a tenant takes, for each of its accounts.
///
/// It is trusted with all object ids: whom an account lets in is compared with what the token
/// says, whichever of the tenant's issuers signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a store fills in each field, and must hear of a new one"
)]
pub struct Issuer {
    /// The claim `iss`, letter by letter (RFC 8414 §2).
    pub url: String,
    /// What the claim `aud` may be; one match is enough.
    pub audiences: Vec<String>,
    /// The claim `tid`, the directory (tenant) at an issuer that has many; `None` where the issuer
    /// has no such thing, and then the claim is not looked at.
    pub directory: Option<String>,
}

/// An application, or a person, whose tokens an account lets in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "as for Issuer")]
pub struct AllowedApp {
    /// The object id of the *enterprise application* in the directory: not the one of its
    /// registration, and not its client id. For a person, the person's own. Compared without the
    /// case of ASCII letters.
    pub object_id: String,
    /// Words for operators; may be empty.
    pub label: String,
}

/// So many applications an account may let in; the original has the same limit.
pub const ALLOWED_APPS_MAX: usize = 10;
/// Issuers of a tenant: each is one more that could be broken into.
pub const ISSUERS_MAX: usize = 10;
/// Audiences of an issuer: each token is compared with them all.
pub const AUDIENCES_MAX: usize = 10;
