//! What a token says of itself.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Number;
use time::UtcDateTime;

use super::TokenKind;

const PERMISSION: &str = "Mail.Send";

/// The claims that count here. One given twice, or of the wrong type, spoils the token.
#[derive(Deserialize)]
pub(super) struct Claims {
    pub(super) iss: String,
    pub(super) aud: OneOrMany,
    exp: Number,
    nbf: Option<Number>,
    pub(super) tid: Option<String>,
    oid: Option<String>,
    sub: Option<String>,
    azp: Option<String>,
    appid: Option<String>,
    client_id: Option<String>,
    roles: Option<OneOrMany>,
    scp: Option<OneOrMany>,
    scope: Option<OneOrMany>,
}

impl Claims {
    /// The moment from which the token is worth nothing; `None` where it is not a moment.
    pub(super) fn expires_at(&self) -> Option<UtcDateTime> {
        moment(&self.exp)
    }

    /// The moment from which it is worth something; `Some(None)` where the issuer names none.
    pub(super) fn begins_at(&self) -> Option<Option<UtcDateTime>> {
        self.nbf
            .as_ref()
            .map_or(Some(None), |nbf| moment(nbf).map(Some))
    }

    pub(super) fn object_id(&self) -> Option<&str> {
        first(&[&self.oid, &self.sub])
    }

    /// Entra's name for it in its second token version, in its first, and that of RFC 9068.
    pub(super) fn client_id(&self) -> Option<&str> {
        first(&[&self.azp, &self.appid, &self.client_id])
    }

    /// By which right the token may send mail, if at all.
    ///
    /// Where a person delegated something, that alone counts: `roles` are the person's own then.
    pub(super) fn permission(&self) -> Option<TokenKind> {
        let Some(delegated) = self.scp.as_ref().or(self.scope.as_ref()) else {
            let granted = self.roles.as_ref()?.iter().any(|role| role == PERMISSION);
            return granted.then_some(TokenKind::Application);
        };
        let granted = delegated
            .iter()
            .any(|scopes| scopes.split(' ').any(|scope| scope == PERMISSION));
        // An application that acts for itself is its own subject (RFC 9068 §2.2).
        let kind = if self.object_id() == self.client_id() {
            TokenKind::Application
        } else {
            TokenKind::Person
        };
        granted.then_some(kind)
    }
}

/// `"a"` or `["a", "b"]`.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        let (one, many) = match self {
            Self::One(one) => (Some(one), None),
            Self::Many(many) => (None, Some(many)),
        };
        one.into_iter()
            .chain(many.into_iter().flatten())
            .map(String::as_str)
    }
}

fn first<'a>(names: &[&'a Option<String>]) -> Option<&'a str> {
    names
        .iter()
        .filter_map(|name| name.as_deref())
        .find(|name| !name.is_empty())
}

/// Seconds since 1970, possibly with a fraction (RFC 7519 §2).
fn moment(seconds: &Number) -> Option<UtcDateTime> {
    let since_1970 = match seconds.as_u64() {
        Some(whole) => Duration::from_secs(whole),
        None => Duration::try_from_secs_f64(seconds.as_f64()?).ok()?,
    };
    UtcDateTime::UNIX_EPOCH.checked_add(since_1970.try_into().ok()?)
}
