//! A domain name in its one canonical form: lower-case A-labels.

use std::{borrow::Cow, fmt, str::FromStr};

use thiserror::Error;

/// A DNS domain name in canonical form: ASCII lower case, internationalised labels as A-labels
/// (RFC 5890 §2.3.2.1), no trailing dot, no address literal.
///
/// Two spellings of one domain are equal, and comparing is comparing bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain(Box<str>);

impl Domain {
    /// Parses a domain as a person or a client writes it.
    ///
    /// # Errors
    /// Names the first rule that is broken; see [`DomainError`].
    pub fn parse(text: &str) -> Result<Self, DomainError> {
        Self::canonical(text).map(|name| Self(name.into()))
    }

    /// The canonical text, such as `contoso.test` or `xn--bcher-kva.test`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn from_canonical(name: &str) -> Self {
        Self(name.into())
    }

    pub(crate) fn canonical(text: &str) -> Result<Cow<'_, str>, DomainError> {
        if text.is_empty() {
            return Err(DomainError::Empty);
        }
        if text.starts_with('[') {
            return Err(DomainError::AddressLiteral);
        }
        let name = if text.is_ascii() {
            lower(text)
        } else {
            let ascii =
                idna::domain_to_ascii_strict(text).map_err(|_| DomainError::Internationalised)?;
            Cow::Owned(ascii)
        };
        check(&name)?;
        Ok(name)
    }
}

/// Why a text is not a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DomainError {
    /// `user@[192.0.2.1]`: only names belong to an organisation.
    #[error("an address literal is not a domain name")]
    AddressLiteral,
    /// A label holds something else than letters, digits and inner hyphens (RFC 1123 §2.1).
    #[error("a label may hold only letters, digits and inner hyphens")]
    BadLabel,
    /// Nothing there.
    #[error("the domain is empty")]
    Empty,
    /// Not valid under IDNA (UTS 46, strict).
    #[error("not a valid internationalised domain name")]
    Internationalised,
    /// A label over 63 octets (RFC 1035 §2.3.4).
    #[error("a label is longer than 63 octets")]
    LabelTooLong,
    /// Over 253 octets (RFC 1035 §2.3.4, less the length octets).
    #[error("the domain is longer than 253 octets")]
    TooLong,
}

fn lower(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

fn check(name: &str) -> Result<(), DomainError> {
    if name.len() > 253 {
        return Err(DomainError::TooLong);
    }
    for label in name.split('.') {
        if label.len() > 63 {
            return Err(DomainError::LabelTooLong);
        }
        let inner = label
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if label.is_empty() || !inner || label.starts_with('-') || label.ends_with('-') {
            return Err(DomainError::BadLabel);
        }
    }
    Ok(())
}

impl FromStr for Domain {
    type Err = DomainError;

    fn from_str(text: &str) -> Result<Self, DomainError> {
        Self::parse(text)
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How an accepted domain answers for a local part it does not list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DomainKind {
    /// The recipient directory is complete: an address that it does not list does not exist.
    Authoritative,
    /// Any local part is passed on; the next hop knows its own users.
    #[default]
    Relay,
}

impl DomainKind {
    /// `authoritative` or `relay`: the word in commands, configuration and the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authoritative => "authoritative",
            Self::Relay => "relay",
        }
    }

    /// The kind of that name, the inverse of [`DomainKind::as_str`].
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "authoritative" => Some(Self::Authoritative),
            "relay" => Some(Self::Relay),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, DomainError>) {
        assert_eq!(
            Domain::parse(text).as_ref().map(Domain::as_str),
            expected.as_ref().copied(),
            "{text}"
        );
    }

    #[test]
    fn spellings_of_one_domain_are_equal() {
        check("contoso.test", Ok("contoso.test"));
        check("Contoso.TEST", Ok("contoso.test"));
        check("Bücher.test", Ok("xn--bcher-kva.test"));
        check("XN--BCHER-KVA.test", Ok("xn--bcher-kva.test"));
        check("localhost", Ok("localhost"));
    }

    #[test]
    fn what_is_no_domain_is_refused() {
        check("", Err(DomainError::Empty));
        check("[127.0.0.1]", Err(DomainError::AddressLiteral));
        check("contoso.test.", Err(DomainError::BadLabel));
        check(".test", Err(DomainError::BadLabel));
        check("a..test", Err(DomainError::BadLabel));
        check("-a-.test", Err(DomainError::BadLabel));
        check("a_b.test", Err(DomainError::BadLabel));
        check("a b.test", Err(DomainError::BadLabel));
        check("a\u{7f}.test", Err(DomainError::BadLabel));
        check("a\u{fffd}.test", Err(DomainError::Internationalised));
        check(&"a".repeat(64), Err(DomainError::LabelTooLong));
        check(&["a"; 200].join("."), Err(DomainError::TooLong));
    }
}
