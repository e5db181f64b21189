//! Words of strangers, made fit for a header field and for eyes.

use std::fmt::Write;

use time::{UtcDateTime, format_description::well_known::Rfc2822};

/// Printable ASCII in one line of at most `most` octets. Anything else is written as `\x{E9}`, the
/// form that RFC 6533 §3 has for addresses; no line end, control character or trick of direction
/// gets through.
pub(super) fn plain(text: &str, most: usize) -> String {
    let mut plain = String::new();
    for c in text.trim().chars() {
        let before = plain.len();
        match c {
            ' '..='~' => plain.push(c),
            '\r' | '\n' | '\t' => plain.push(' '),
            _ => {
                write!(plain, "\\x{{{:X}}}", u32::from(c)).ok();
            }
        }
        if plain.len() > most {
            plain.truncate(before);
            plain.push_str("...");
            break;
        }
    }
    plain
}

/// What xtext stands for (RFC 3461 §4); what is no xtext is left as it is.
pub(super) fn from_xtext(text: &str) -> String {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let decoded = match (first, tail) {
            (b'+', [high, low, after @ ..]) => hex(*high, *low).map(|octet| (octet, after)),
            _ => None,
        };
        let (octet, after) = decoded.unwrap_or((*first, tail));
        octets.push(octet);
        rest = after;
    }
    String::from_utf8_lossy(&octets).into_owned()
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |octet: u8| char::from(octet).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// Appends a field, folded at spaces (RFC 5322 §2.2.3). `value` is [`plain`] and bounded.
pub(super) fn field(out: &mut String, name: &str, value: &str) {
    out.push_str(name);
    out.push(':');
    let mut column = name.len() + 1;
    for word in value.split(' ').filter(|word| !word.is_empty()) {
        if column + 1 + word.len() > LINE_MAX && column > name.len() + 1 {
            out.push_str("\r\n");
            column = 0;
        }
        out.push(' ');
        out.push_str(word);
        column += 1 + word.len();
    }
    out.push_str("\r\n");
}

/// Appends a paragraph for eyes, each of its lines behind `indent`.
pub(super) fn paragraph(out: &mut String, indent: &str, value: &str) {
    let mut column = 0;
    for word in value.split(' ').filter(|word| !word.is_empty()) {
        if column == 0 {
            out.push_str(indent);
            column = indent.len();
        } else if column + 1 + word.len() > LINE_MAX {
            out.push_str("\r\n");
            out.push_str(indent);
            column = indent.len();
        } else {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += word.len();
    }
    out.push_str("\r\n");
}

/// `Tue, 24 Nov 2026 13:00:00 +0000` (RFC 5322 §3.3).
pub(super) fn date(at: UtcDateTime) -> String {
    // Only years that no clock shows have no such text.
    at.format(&Rfc2822).unwrap_or_default()
}

/// RFC 5322 §2.1.1 asks for 78.
const LINE_MAX: usize = 76;
