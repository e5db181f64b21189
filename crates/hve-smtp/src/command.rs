//! One complete, clean line into one command.
//!
//! The line is looked at twice: here, strictly, and by `smtp_proto`, and the two must agree on
//! what they read. See `tests/smtp_proto_pins.rs` for what the second alone would let pass.

use std::borrow::Cow;

use smtp_proto::Request;

use crate::{Mechanism, Refusal, params, refusals};

/// The first word of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Auth,
    Bdat,
    Data,
    Ehlo,
    Helo,
    Help,
    /// Known by name, and not offered: ATRN, BURL, ETRN, EXPN, LHLO.
    Known(&'static str),
    Mail,
    Noop,
    /// A word of HTTP, or another protocol's greeting.
    NotSmtp,
    Quit,
    Rcpt,
    Rset,
    StartTls,
    Unknown,
    Vrfy,
}

const VERBS: [(&str, Verb); 18] = [
    ("RCPT", Verb::Rcpt),
    ("MAIL", Verb::Mail),
    ("DATA", Verb::Data),
    ("EHLO", Verb::Ehlo),
    ("AUTH", Verb::Auth),
    ("QUIT", Verb::Quit),
    ("BDAT", Verb::Bdat),
    ("RSET", Verb::Rset),
    ("NOOP", Verb::Noop),
    ("STARTTLS", Verb::StartTls),
    ("HELO", Verb::Helo),
    ("HELP", Verb::Help),
    ("VRFY", Verb::Vrfy),
    ("EXPN", Verb::Known("EXPN")),
    ("ETRN", Verb::Known("ETRN")),
    ("LHLO", Verb::Known("LHLO")),
    ("ATRN", Verb::Known("ATRN")),
    ("BURL", Verb::Known("BURL")),
];

/// First words that only other protocols use. A browser can be made to send any body to any
/// port; its first line already tells it apart.
const NOT_SMTP: [&str; 14] = [
    "GET",
    "POST",
    "PUT",
    "HEAD",
    "DELETE",
    "OPTIONS",
    "CONNECT",
    "TRACE",
    "PATCH",
    "PRI",
    "HOST:",
    "USER-AGENT:",
    "REFERER:",
    "COOKIE:",
];

impl Verb {
    /// Which command a line is, and what stands behind the verb and one space.
    pub(crate) fn of(line: &str) -> (Self, &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let same = |name: &str| word.eq_ignore_ascii_case(name);
        let verb = VERBS.iter().find(|(name, _)| same(name));
        let verb = match verb {
            Some((_, verb)) => *verb,
            None if NOT_SMTP.iter().any(|name| same(name)) => Self::NotSmtp,
            None if word.starts_with("SSH-") || word.starts_with("RTSP/") => Self::NotSmtp,
            None => Self::Unknown,
        };
        (verb, rest)
    }

    /// The verb for logs.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NotSmtp | Self::Unknown => "line",
            known => VERBS
                .iter()
                .find_map(|(name, verb)| (*verb == known).then_some(*name))
                .unwrap_or("line"),
        }
    }
}

/// Refuses a word behind a command that takes none (STARTTLS, DATA): who sends one means
/// something else.
pub(crate) fn no_argument(verb: &str, rest: &str) -> Result<(), Refusal> {
    if rest.trim_end_matches(' ').is_empty() {
        Ok(())
    } else {
        Err(refusals::bad_argument(format!("{verb} takes no argument")))
    }
}

/// Hands a whole line with its CRLF to the second parser. The line is dropped whole whatever the
/// parser consumed of it.
pub(crate) fn second_opinion(line: &[u8]) -> Option<Request<Cow<'_, str>>> {
    Request::parse(&mut line.iter()).ok()
}

/// AUTH (RFC 4954 §4): mechanism and initial response, if any.
pub(crate) fn auth<'a>(
    line: &[u8],
    rest: &'a str,
    offered: &[Mechanism],
) -> Result<(Mechanism, Option<&'a str>), Refusal> {
    let mut words = rest.trim_end_matches(' ').split(' ');
    let (Some(name), initial, None) = (words.next(), words.next(), words.next()) else {
        return Err(refusals::bad_argument(
            "AUTH takes a mechanism and perhaps one initial response",
        ));
    };
    if name.is_empty() || initial == Some("") {
        return Err(refusals::bad_argument("Syntax: AUTH mechanism [response]"));
    }
    let mechanism = Mechanism::from_name(name)
        .filter(|mechanism| offered.contains(mechanism))
        .ok_or(refusals::UNKNOWN_MECHANISM)?;
    let known = |seen| {
        // The second parser knows the longest name in capitals only.
        seen == bit(mechanism) || seen == 0 && mechanism == Mechanism::ScramSha256Plus
    };
    match second_opinion(line) {
        Some(Request::Auth {
            mechanism: seen, ..
        }) if known(seen) => Ok((mechanism, initial)),
        _ => Err(refusals::bad_argument("Syntax: AUTH mechanism [response]")),
    }
}

/// What the second parser calls it.
const fn bit(mechanism: Mechanism) -> u64 {
    match mechanism {
        Mechanism::Login => smtp_proto::AUTH_LOGIN,
        Mechanism::Plain => smtp_proto::AUTH_PLAIN,
        Mechanism::XOAuth2 => smtp_proto::AUTH_XOAUTH2,
        Mechanism::OAuthBearer => smtp_proto::AUTH_OAUTHBEARER,
        Mechanism::ScramSha256 => smtp_proto::AUTH_SCRAM_SHA_256,
        Mechanism::ScramSha256Plus => smtp_proto::AUTH_SCRAM_SHA_256_PLUS,
        Mechanism::External => smtp_proto::AUTH_EXTERNAL,
    }
}

/// The name behind EHLO or HELO (RFC 5321 §4.1.1.1): one word of the characters of domains and
/// address literals. It is not verified (RFC 5321 §4.1.4), and `_` is let pass: printers
/// introduce themselves with the names they have in Windows networks.
pub(crate) fn hello_name<'a>(line: &[u8], rest: &'a str) -> Result<&'a str, Refusal> {
    let name = rest.trim_end_matches(' ');
    if name.is_empty() || name.len() > 255 || !is_name(name) {
        return Err(refusals::bad_argument(
            "Syntax: EHLO with one name or address literal",
        ));
    }
    match second_opinion(line) {
        Some(Request::Ehlo { host } | Request::Helo { host }) if host.trim_end() == name => {
            Ok(name)
        }
        _ => Err(refusals::bad_argument(
            "Syntax: EHLO with one name or address literal",
        )),
    }
}

/// Whether it has only the characters of domains and address literals, and `_`.
pub(crate) fn is_name(word: &str) -> bool {
    let is_fit =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    word.bytes().all(is_fit)
}

/// BDAT (RFC 3030 §2): size in octets, and whether it is the last chunk. A size of more than ten
/// digits is not read at all, since parsers differ in how it overflows.
pub(crate) fn bdat(line: &[u8], rest: &str) -> Result<(u64, bool), Refusal> {
    let (digits, last) = match rest.trim_end_matches(' ').split_once(' ') {
        None => (rest.trim_end_matches(' '), false),
        Some((digits, word)) if word.eq_ignore_ascii_case("LAST") => (digits, true),
        Some(_) => return Err(refusals::BAD_CHUNK),
    };
    let octets = params::number(digits).ok_or(refusals::BAD_CHUNK)?;
    match second_opinion(line) {
        Some(Request::Bdat {
            chunk_size,
            is_last,
        }) if u64::try_from(chunk_size) == Ok(octets) && is_last == last => Ok((octets, last)),
        _ => Err(refusals::BAD_CHUNK),
    }
}
