//! A mail address, parsed strictly and once.

use std::{
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
};

use thiserror::Error;

use crate::{ADDRESS_OCTETS_MAX, Domain, DomainError};

/// An address `local@domain` in the form in which it is judged *and* delivered.
///
/// The local part is a dot-atom (RFC 5321 §4.1.2, RFC 6531 §3.3); quoted local parts, source
/// routes and the `%` and `!` relaying tricks are refused, since two mail systems can read them
/// as two different people. The domain is canonical, see [`Domain`].
///
/// Equality ignores ASCII case in the local part, as every mail system in use does; a `+tag` is
/// part of the name. The spelling of the local part is kept for delivery (RFC 5321 §2.4).
#[derive(Clone, Debug)]
pub struct Address {
    text: Box<str>,
    at: usize,
}

impl Address {
    /// Parses an address without angle brackets.
    ///
    /// # Errors
    /// Names the first rule that is broken; see [`AddressError`].
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let (local, domain) = text.rsplit_once('@').ok_or(AddressError::NoDomain)?;
        check_local(local)?;
        let domain = Domain::canonical(domain)?;
        if local.len() + 1 + domain.len() > ADDRESS_OCTETS_MAX {
            return Err(AddressError::TooLong);
        }
        let mut canonical = String::with_capacity(local.len() + 1 + domain.len());
        canonical.push_str(local);
        canonical.push('@');
        canonical.push_str(&domain);
        Ok(Self {
            text: canonical.into(),
            at: local.len(),
        })
    }

    /// The whole address, domain canonical, local part as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The part before the `@`, as it was given.
    #[must_use]
    pub fn local(&self) -> &str {
        self.text.get(..self.at).unwrap_or_default()
    }

    /// The text after the `@`, canonical.
    #[must_use]
    pub fn domain_str(&self) -> &str {
        self.text.get(self.at + 1..).unwrap_or_default()
    }

    /// The domain as a value of its own.
    #[must_use]
    pub fn domain(&self) -> Domain {
        Domain::from_canonical(self.domain_str())
    }

    /// The text under which equal addresses are one: for map keys, indexes and folder names.
    #[must_use]
    pub fn key(&self) -> String {
        self.text.to_ascii_lowercase()
    }

    /// True where the address needs SMTPUTF8 on the wire (RFC 6531 §3.2).
    #[must_use]
    pub fn is_internationalised(&self) -> bool {
        !self.text.is_ascii()
    }
}

/// Why a text is not an address this service takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AddressError {
    /// The part after the `@` is no domain.
    #[error("bad domain: {0}")]
    Domain(#[from] DomainError),
    /// Nothing before the `@`.
    #[error("the local part is empty")]
    EmptyLocal,
    /// Over 64 octets before the `@` (RFC 5321 §4.5.3.1.1).
    #[error("the local part is longer than 64 octets")]
    LocalTooLong,
    /// A character that a dot-atom does not hold, or a dot at an end or doubled.
    #[error("the local part may hold letters, digits, single inner dots and #$&'*+-/=?^_`{{|}}~")]
    BadLocal,
    /// No `@` at all.
    #[error("the address has no @domain")]
    NoDomain,
    /// Over 254 octets in all (RFC 5321 §4.5.3.1.3).
    #[error("the address is longer than 254 octets")]
    TooLong,
}

fn check_local(local: &str) -> Result<(), AddressError> {
    if local.is_empty() {
        return Err(AddressError::EmptyLocal);
    }
    if local.len() > 64 {
        return Err(AddressError::LocalTooLong);
    }
    let mut previous = '.';
    for c in local.chars() {
        if !(is_atext(c) || c == '.' && previous != '.') {
            return Err(AddressError::BadLocal);
        }
        previous = c;
    }
    if previous == '.' {
        return Err(AddressError::BadLocal);
    }
    Ok(())
}

/// `atext` of RFC 5322 §3.2.3 with UTF-8 (RFC 6532 §3.2), less `%` and `!`: those route mail.
/// U+FFFD stands for octets that were no UTF-8, so it names nobody.
fn is_atext(c: char) -> bool {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => true,
        '#' | '$' | '&' | '\'' | '*' | '+' | '-' | '/' | '=' | '?' | '^' | '_' | '`' | '{'
        | '|' | '}' | '~' => true,
        _ => !c.is_ascii() && !c.is_control() && !c.is_whitespace() && !is_invisible(c),
    }
}

/// Characters that no one sees, and that make two names look like one.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{ffff}' | '\u{e0000}'..='\u{e0fff}')
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.text.eq_ignore_ascii_case(&other.text)
    }
}

impl Eq for Address {}

impl Hash for Address {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in self.text.bytes() {
            state.write_u8(byte.to_ascii_lowercase());
        }
    }
}

impl PartialOrd for Address {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Address {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let lower = |byte: u8| byte.to_ascii_lowercase();
        self.text
            .bytes()
            .map(lower)
            .cmp(other.text.bytes().map(lower))
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::parse(text)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, expected: AddressError) {
        assert_eq!(Address::parse(text), Err(expected), "{text:?}");
    }

    #[test]
    fn case_of_the_local_part_is_kept_and_ignored() {
        let one = Address::parse("Scan.2@CONTOSO.test").unwrap();
        let two = Address::parse("scan.2@contoso.test").unwrap();
        assert_eq!(one, two);
        assert_eq!(one.key(), two.key());
        assert_eq!(one.as_str(), "Scan.2@contoso.test");
        assert_eq!((one.local(), one.domain_str()), ("Scan.2", "contoso.test"));
        assert_ne!(one, Address::parse("scan.2+tag@contoso.test").unwrap());
    }

    #[test]
    fn row_26_tricks_are_no_address() {
        refused("\"a@b\"@internal.test", AddressError::BadLocal);
        refused("a@b@internal.test", AddressError::BadLocal);
        refused("user%evil.example@internal.test", AddressError::BadLocal);
        refused("evil.example!user@internal.test", AddressError::BadLocal);
        refused("@evil.example:user@internal.test", AddressError::BadLocal);
        refused("=?utf-8?q?a=40b?=@c@internal.test", AddressError::BadLocal);
        refused("@internal.test", AddressError::EmptyLocal);
        refused("internal.test", AddressError::NoDomain);
        refused(
            "user@internal.test.",
            AddressError::Domain(DomainError::BadLabel),
        );
        refused(
            "user@[192.0.2.1]",
            AddressError::Domain(DomainError::AddressLiteral),
        );
        refused("user@", AddressError::Domain(DomainError::Empty));
        let lookalike = Address::parse("user@соntoso.test").unwrap();
        assert!(lookalike.domain_str().starts_with("xn--"));
    }

    #[test]
    fn dots_controls_and_lengths_are_checked() {
        for local in [
            ".a",
            "a.",
            "a..b",
            "a b",
            "a\u{0}b",
            "a\u{7f}",
            "a\r\nb",
            "a\u{200b}b",
            "jos\u{fffd}",
        ] {
            refused(&format!("{local}@contoso.test"), AddressError::BadLocal);
        }
        refused(
            &format!("{}@contoso.test", "a".repeat(65)),
            AddressError::LocalTooLong,
        );
        let long = format!("{}@{}.test", "a".repeat(64), ["b"; 95].join("."));
        refused(&long, AddressError::TooLong);
        assert!(
            Address::parse("josé@contoso.test")
                .unwrap()
                .is_internationalised()
        );
    }
}
