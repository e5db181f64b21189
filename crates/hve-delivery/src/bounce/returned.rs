//! What comes back of the message itself.

use hve_types::{BodyKind, Return};

use super::{Action, NoticeForm};

/// The last part: the message or its header.
pub(super) struct Returned {
    pub(super) media_type: &'static str,
    pub(super) eight_bit: bool,
    pub(super) octets: Vec<u8>,
}

/// The whole message where the client asked for it, something failed, and it is neither large nor
/// of a form that a part cannot hold; else its header (RFC 3461 §4.3, §6.2). Without a word of the
/// client it is the header: what is in the message is not for those who read notices.
pub(super) fn part(form: &NoticeForm<'_>) -> Returned {
    let failed = form.told.iter().any(|told| told.action == Action::Failed);
    let full = failed && form.envelope.ret == Some(Return::Full);
    let header = header(form.content);
    // A header with octets above 127 has types of its own (RFC 6532 §3.7, RFC 6533 §4).
    let global = !header.is_ascii();
    if full && form.content.len() <= RETURNED_MAX && holds(form) {
        let mut octets = form.content.to_vec();
        if !octets.ends_with(b"\r\n") {
            octets.extend_from_slice(b"\r\n");
        }
        return Returned {
            media_type: if global {
                "message/global"
            } else {
                "message/rfc822"
            },
            eight_bit: !octets.is_ascii(),
            octets,
        };
    }
    Returned {
        media_type: if global {
            "message/global-headers"
        } else {
            "text/rfc822-headers"
        },
        eight_bit: global,
        octets: lines(header),
    }
}

/// A part of text holds no binary message: lines of at most 998 octets, each ended by CRLF
/// (RFC 2045 §2.7, §2.8).
fn holds(form: &NoticeForm<'_>) -> bool {
    form.envelope.body != BodyKind::BinaryMime
        && form.content.split(|&octet| octet == b'\n').all(|line| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            line.len() <= LINE_MAX && !line.iter().any(|octet| matches!(octet, 0 | b'\r'))
        })
        && !form
            .content
            .windows(2)
            .any(|pair| matches!(pair, [before, b'\n'] if *before != b'\r'))
}

/// The octets before the first empty line.
fn header(content: &[u8]) -> &[u8] {
    let mut end = 0;
    for line in content.split_inclusive(|&octet| octet == b'\n') {
        if matches!(line, b"\r\n" | b"\n") {
            break;
        }
        end += line.len();
    }
    content.get(..end).unwrap_or(content)
}

/// Lines of a header, as a part may hold them, and not more of them than anybody reads.
fn lines(header: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(header.len().min(HEADER_MAX));
    for line in header.split(|&octet| octet == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = line.get(..LINE_MAX).unwrap_or(line);
        if line.is_empty() || out.len() + line.len() > HEADER_MAX {
            break;
        }
        let clean = |&octet: &u8| {
            if matches!(octet, 0 | b'\r') {
                b'?'
            } else {
                octet
            }
        };
        out.extend(line.iter().map(clean));
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// A larger message comes back as its header.
const RETURNED_MAX: usize = 256 * 1024;
/// More header than any client writes.
const HEADER_MAX: usize = 64 * 1024;
/// RFC 5322 §2.1.1, without CRLF.
const LINE_MAX: usize = 998;
