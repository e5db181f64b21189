//! A field that tells the next hop's filter to let a message pass.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use thiserror::Error;

/// A header field that the server alone writes, on top of the messages for one route. Whoever
/// receives them trusts it, so its value is best one that nobody guesses, and the same field of a
/// client is to be taken out before (`SessionConfig::reserved_fields` of `hve-smtp`).
#[derive(Clone, PartialEq, Eq)]
pub struct Mark {
    field: Box<str>,
    value: Box<str>,
}

/// Without the value, which is as good as a password.
impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mark")
            .field("field", &self.field)
            .finish_non_exhaustive()
    }
}

impl Mark {
    /// A field of this name with this value.
    ///
    /// # Errors
    /// It is no field that can be written (RFC 5322 §2.2), or one with a meaning of its own.
    ///
    /// ```
    /// use hve_delivery::Mark;
    ///
    /// assert!(Mark::new("X-Contoso-Internal", "1f3a").is_ok());
    /// assert!(Mark::new("From", "anybody").is_err());
    /// ```
    pub fn new(field: &str, value: &str) -> Result<Self, MarkError> {
        let name = |octet: u8| octet.is_ascii_graphic() && octet != b':';
        if field.is_empty() || field.len() > NAME_OCTETS_MAX || !field.bytes().all(name) {
            return Err(MarkError::Name(field.to_owned()));
        }
        if TAKEN.iter().any(|taken| taken.eq_ignore_ascii_case(field)) {
            return Err(MarkError::Taken(field.to_owned()));
        }
        let printed = |octet: u8| matches!(octet, b' '..=b'~');
        if value.trim().is_empty() || value.len() > VALUE_OCTETS_MAX || !value.bytes().all(printed)
        {
            return Err(MarkError::Value);
        }
        Ok(Self {
            field: field.into(),
            value: value.into(),
        })
    }

    /// The field's name.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    /// The message with the field on top.
    pub(crate) fn on(&self, content: &Bytes) -> Bytes {
        let Self { field, value } = self;
        let mut marked = BytesMut::with_capacity(content.len() + field.len() + value.len() + 4);
        for part in [field.as_bytes(), b": ", value.as_bytes(), b"\r\n", content] {
            marked.put_slice(part);
        }
        marked.freeze()
    }
}

/// Fields that mean something to everybody.
const TAKEN: [&str; 14] = [
    "Bcc",
    "Cc",
    "Content-Transfer-Encoding",
    "Content-Type",
    "Date",
    "DKIM-Signature",
    "From",
    "Message-ID",
    "MIME-Version",
    "Received",
    "Reply-To",
    "Return-Path",
    "Sender",
    "To",
];
const NAME_OCTETS_MAX: usize = 76;
/// With the name, well within a line (RFC 5322 §2.1.1).
const VALUE_OCTETS_MAX: usize = 900;

/// The field cannot be a mark.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MarkError {
    /// No name of a field.
    #[error("{0:?} is no name of a header field; write one such as X-Contoso-Internal")]
    Name(String),
    /// It means something else already.
    #[error("the field {0:?} has a meaning of its own; take another, such as X-Contoso-Internal")]
    Taken(String),
    /// No value of a field.
    #[error("the value of a mark has 1 to {VALUE_OCTETS_MAX} printable ASCII characters")]
    Value,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_stands_on_top_and_shows_no_value() {
        let mark = Mark::new("X-House", "secret word").unwrap();
        let content = Bytes::from_static(b"Subject: x\r\n\r\nbody\r\n");
        assert_eq!(
            &mark.on(&content)[..],
            b"X-House: secret word\r\nSubject: x\r\n\r\nbody\r\n"
        );
        assert!(!format!("{mark:?}").contains("secret"));
    }

    #[test]
    fn what_is_no_field_is_no_mark() {
        for (field, value) in [
            ("", "x"),
            ("X House", "x"),
            ("X:", "x"),
            ("subject\u{e9}", "x"),
            ("to", "x"),
            ("X-House", ""),
            ("X-House", " "),
            ("X-House", "a\r\nBcc: b"),
            ("X-House", "\u{e9}"),
        ] {
            assert!(Mark::new(field, value).is_err(), "{field:?} {value:?}");
        }
    }
}
