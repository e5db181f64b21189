//! Leniency for old devices: what an account may be allowed to send wrong, and how it is put
//! right. Nothing here decides where a message ends.

use crate::{Refusal, refusals};

/// The longest line of a message in octets without its CRLF (RFC 5322 §2.1.1).
const LINE_OCTETS: usize = 998;

/// Makes CRLF of each bare LF behind the first `head` octets. A bare CR stays an error: it might
/// be meant as a line end, or as nothing. What was let come within `limit` octets must not
/// exceed it afterwards.
pub(crate) fn end_lines(bytes: &[u8], head: usize, limit: u64) -> Result<Vec<u8>, Refusal> {
    let (trace, text) = bytes
        .split_at_checked(head)
        .ok_or(refusals::BARE_LINE_END)?;
    let bare = memchr::memchr_iter(b'\n', text)
        .filter(|at| !text.get(..*at).unwrap_or_default().ends_with(b"\r"))
        .count();
    let octets = text.len().saturating_add(bare);
    if u64::try_from(octets).unwrap_or(u64::MAX) > limit {
        return Err(refusals::TOO_LARGE);
    }
    let mut out = Vec::with_capacity(trace.len().saturating_add(octets));
    out.extend_from_slice(trace);
    for piece in text.split_inclusive(|octet| *octet == b'\n') {
        let line = text_of(piece);
        if memchr::memchr(b'\r', line).is_some() {
            return Err(refusals::BARE_LINE_END);
        }
        out.extend_from_slice(line);
        if piece.ends_with(b"\n") {
            out.extend_from_slice(b"\r\n");
        }
    }
    Ok(out)
}

/// Wraps lines of more than 998 octets: a field is folded before white space, and stays as it is
/// where it has none; a line of the body is cut behind a space or, failing that, anywhere
/// between two characters.
pub(crate) fn wrap(content: Vec<u8>) -> Vec<u8> {
    let is_long = |piece: &[u8]| text_of(piece).len() > LINE_OCTETS;
    let pieces = || content.split_inclusive(|octet| *octet == b'\n');
    if !pieces().any(is_long) {
        return content;
    }
    let mut out = Vec::with_capacity(content.len().saturating_add(content.len() / 256));
    let mut in_header = true;
    for piece in pieces() {
        in_header &= !text_of(piece).is_empty();
        let mut rest = piece;
        while is_long(rest)
            && let Some((line, tail)) = cut(rest, in_header)
        {
            out.extend_from_slice(line);
            out.extend_from_slice(b"\r\n");
            rest = tail;
        }
        out.extend_from_slice(rest);
    }
    out
}

fn text_of(piece: &[u8]) -> &[u8] {
    let line = piece.strip_suffix(b"\n").unwrap_or(piece);
    // In `CR LF` the CR is no text; without the LF it would be.
    if line.len() < piece.len() {
        line.strip_suffix(b"\r").unwrap_or(line)
    } else {
        line
    }
}

/// Cuts a line that is too long in two; neither half is empty.
fn cut(line: &[u8], in_header: bool) -> Option<(&[u8], &[u8])> {
    let at = if in_header { fold(line)? } else { split(line) };
    line.split_at_checked(at)
}

/// Where a field may be folded (RFC 5322 §2.2.3). No line may then be of white space only: some
/// programs see the end of the header there.
fn fold(line: &[u8]) -> Option<usize> {
    let white = |octet: &u8| matches!(octet, b' ' | b'\t');
    let window = line.get(..=LINE_OCTETS)?;
    let pairs = window.windows(2);
    let before = pairs.rev().position(|pair| match pair {
        [a, b] => !white(a) && white(b),
        _ => false,
    })?;
    let at = LINE_OCTETS.checked_sub(before)?;
    let blank = line.get(at..)?.trim_ascii().is_empty();
    (!blank).then_some(at)
}

/// Where a line of the body may be cut.
fn split(line: &[u8]) -> usize {
    let window = line.get(..LINE_OCTETS).unwrap_or(line);
    if let Some(space) = memchr::memrchr(b' ', window) {
        return space + 1;
    }
    let within_character = |at: usize| line.get(at).is_some_and(|octet| octet & 0xc0 == 0x80);
    // No character of UTF-8 has more than four octets; other text is cut where the line ends.
    (0..4)
        .filter_map(|back| LINE_OCTETS.checked_sub(back))
        .find(|at| !within_character(*at))
        .unwrap_or(LINE_OCTETS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(text: &[u8]) -> Result<Vec<u8>, &'static str> {
        end_lines(&[b"T\r\n", text].concat(), 3, 40).map_err(|refusal| refusal.reason)
    }

    #[test]
    fn bare_line_feeds_become_line_ends() {
        for (text, expected) in [
            (&b""[..], &b"T\r\n"[..]),
            (b"\n", b"T\r\n\r\n"),
            (b"a\n\nb\r\n", b"T\r\na\r\n\r\nb\r\n"),
            (b"a\r\n\n.\nb", b"T\r\na\r\n\r\n.\r\nb"),
        ] {
            assert_eq!(ended(text).as_deref(), Ok(expected), "{text:?}");
        }
        for bad in [&b"a\rb\n"[..], b"\r", b"a\r\r\n", b"\n\r"] {
            assert_eq!(ended(bad), Err("bare-line-end"), "{bad:?}");
        }
    }

    #[test]
    fn what_grows_beyond_the_limit_is_too_large() {
        assert!(ended(&[b'\n'; 20]).is_ok());
        assert_eq!(ended(&[b'\n'; 21]), Err("message-too-large"));
    }

    /// The lengths of the lines after wrapping; joined again they must be what they were.
    fn lengths(header: &str, body: &str) -> Vec<usize> {
        let content = format!("{header}\r\n\r\n{body}\r\n").into_bytes();
        let out = String::from_utf8(wrap(content.clone())).unwrap();
        let plain = |text: &str| text.replace("\r\n", "");
        assert_eq!(plain(&out), plain(&String::from_utf8(content).unwrap()));
        out.split_terminator("\r\n").map(str::len).collect()
    }

    #[test]
    fn long_lines_are_wrapped() {
        let of = |unit: &str, times| unit.repeat(times);
        assert_eq!(lengths("A: b", &of("x", 998)), [4, 0, 998]);
        assert_eq!(lengths("A: b", &of("x", 999)), [4, 0, 998, 1]);
        assert_eq!(lengths("A: b", &of("x", 1_996)), [4, 0, 998, 998]);
        // Behind a space, and between two characters.
        assert_eq!(lengths("A: b", &of("xxxx ", 200)), [4, 0, 995, 5]);
        assert_eq!(lengths("A: b", &of("€", 333)), [4, 0, 996, 3]);
        // A field only where it has white space, which begins the next line.
        assert_eq!(
            lengths(&of("xxxx ", 399), "b"),
            [994, 995, 6, 0, 1][..].to_vec()
        );
        assert_eq!(lengths(&of("x", 1_500), "b"), [1_500, 0, 1]);
        let blank = format!("A: b{}", of(" ", 1_500));
        assert_eq!(lengths(&blank, "b"), [1_504, 0, 1]);
    }

    #[test]
    fn text_that_is_no_utf_8_is_wrapped_too() {
        let content = [&b"A: b\r\n\r\n"[..], &[0x80; 1_000], b"\r\n"].concat();
        assert_eq!(wrap(content.clone()).len(), content.len() + 2);
    }
}
