//! What the peer offered in its reply to EHLO.
//!
//! Read here, and not by `smtp_proto`'s `EhloResponse`: a SIZE with too many digits wraps there
//! to a small one, for which every message would come back as too large, and LIMITS is unknown
//! to it (see `tests/smtp_proto_reply_pins.rs`).

/// The extensions that make a difference to a client that relays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Offer {
    /// 8BITMIME (RFC 6152).
    pub(super) eight_bit: bool,
    /// AUTH with LOGIN.
    pub(super) auth_login: bool,
    /// AUTH with PLAIN (RFC 4616).
    pub(super) auth_plain: bool,
    /// BINARYMIME (RFC 3030 §3).
    pub(super) binary: bool,
    /// CHUNKING (RFC 3030 §2).
    pub(super) chunking: bool,
    /// DSN (RFC 3461 §4).
    pub(super) dsn: bool,
    /// PIPELINING (RFC 2920 §3.1).
    pub(super) pipelining: bool,
    /// The most recipients of a transaction, where LIMITS says so (RFC 9422).
    pub(super) recipients_max: Option<usize>,
    /// SIZE (RFC 1870 §3).
    pub(super) size: bool,
    /// The largest message in octets, where SIZE says so.
    pub(super) octets_max: Option<u64>,
    /// SMTPUTF8 (RFC 6531 §3.4).
    pub(super) smtputf8: bool,
    /// STARTTLS (RFC 3207 §4).
    pub(super) starttls: bool,
}

impl Offer {
    /// Reads the lines of the reply; the first is the peer's name. A keyword with parameters
    /// that make no sense is as if it had none, and never spoils the others.
    pub(super) fn read(text: &str) -> Self {
        let mut offer = Self::default();
        for line in text.lines().skip(1) {
            let mut words = line.split_ascii_whitespace();
            let keyword = words.next().unwrap_or_default().to_ascii_uppercase();
            offer.keyword(&keyword, words);
        }
        offer
    }

    fn keyword<'a>(&mut self, keyword: &str, words: impl Iterator<Item = &'a str>) {
        match keyword {
            "8BITMIME" => self.eight_bit = true,
            "AUTH" => words.for_each(|word| {
                self.auth_login |= word.eq_ignore_ascii_case("LOGIN");
                self.auth_plain |= word.eq_ignore_ascii_case("PLAIN");
            }),
            "BINARYMIME" => self.binary = true,
            "CHUNKING" => self.chunking = true,
            "DSN" => self.dsn = true,
            "LIMITS" => words.for_each(|word| match word.split_once('=') {
                Some((name, value)) if name.eq_ignore_ascii_case("RCPTMAX") => {
                    self.recipients_max = value.parse().ok().filter(|max| *max > 0);
                }
                _ => {}
            }),
            "PIPELINING" => self.pipelining = true,
            "SIZE" => {
                self.size = true;
                // RFC 1870 §3: zero is no limit.
                let limit = words.into_iter().next().and_then(|word| word.parse().ok());
                self.octets_max = limit.filter(|octets| *octets > 0);
            }
            "SMTPUTF8" => self.smtputf8 = true,
            "STARTTLS" => self.starttls = true,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_read_in_any_case_and_order() {
        let text = "mx.test greets you\nsize 1000\nPipelining\nAUTH SCRAM-SHA-256 plain LOGIN\n\
                    LIMITS MAILMAX=5 RCPTMAX=50\nCHUNKING\nX-ODD 1 2\n8bitmime\nDSN";
        let expected = Offer {
            eight_bit: true,
            auth_login: true,
            auth_plain: true,
            chunking: true,
            dsn: true,
            pipelining: true,
            recipients_max: Some(50),
            size: true,
            octets_max: Some(1000),
            ..Offer::default()
        };
        assert_eq!(Offer::read(text), expected);
    }

    #[test]
    fn row_55_nonsense_limits_nothing() {
        assert_eq!(Offer::read(""), Offer::default());
        assert_eq!(Offer::read("STARTTLS"), Offer::default());
        for size in [
            "SIZE",
            "SIZE 0",
            "SIZE x",
            "SIZE -1",
            "SIZE 99999999999999999999999",
        ] {
            let offer = Offer::read(&format!("mx\n{size}\nLIMITS RCPTMAX=0"));
            assert!(offer.size);
            assert_eq!((offer.octets_max, offer.recipients_max), (None, None));
        }
    }
}
