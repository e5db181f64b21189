//! The header of a message: its fields, found in one linear pass without parsing any deeper.

use std::ops::Range;

use crate::{Refusal, SessionLimits, refusals};

/// The fields this server cares about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Bcc,
    Date,
    From,
    MessageId,
    Other,
    Received,
    ReplyTo,
    ResentBcc,
    ResentFrom,
    ResentSender,
    ReturnPath,
    Sender,
}

const NAMES: [(&[u8], Name); 11] = [
    (b"From", Name::From),
    (b"Date", Name::Date),
    (b"Message-ID", Name::MessageId),
    (b"Sender", Name::Sender),
    (b"Bcc", Name::Bcc),
    (b"Received", Name::Received),
    (b"Reply-To", Name::ReplyTo),
    (b"Return-Path", Name::ReturnPath),
    (b"Resent-From", Name::ResentFrom),
    (b"Resent-Sender", Name::ResentSender),
    (b"Resent-Bcc", Name::ResentBcc),
];

/// One field with its folded lines, as positions in the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: Name,
    /// From the first octet of the name to the end of the last line.
    pub(crate) whole: Range<usize>,
    /// From behind the colon.
    pub(crate) value: Range<usize>,
}

/// Where the header ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// Behind the last line of the last field.
    pub(crate) at: usize,
    /// The empty line is there; otherwise it has to be put in.
    pub(crate) separated: bool,
    /// The last line of the header has its CRLF.
    pub(crate) complete: bool,
}

/// Calls `field` for each field in turn, and says where the header ends.
///
/// The header ends at the empty line, at the end of the message, or at the first line that is
/// neither a field nor a folded line: what stands there is text, and the empty line was
/// forgotten. Other programs might skip such a line and find further fields behind it, so the
/// empty line is put in and the matter settled for everyone.
pub(crate) fn scan(
    message: &[u8],
    limits: &SessionLimits,
    mut field: impl FnMut(Field) -> Result<(), Refusal>,
) -> Result<End, Refusal> {
    let mut at = 0;
    let mut fields = 0_usize;
    let mut current: Option<Field> = None;
    loop {
        let rest = message.get(at..).unwrap_or_default();
        let line = line(rest)?;
        let folded = matches!(line.first(), Some(b' ' | b'\t')) && current.is_some();
        if folded && let Some(open) = current.as_mut() {
            open.whole.end += line.len();
            open.value.end += line.len();
        } else {
            if let Some(done) = current.take() {
                field(done)?;
            }
            match colon(line)? {
                Some(colon) => current = Some(open(line, at, colon)),
                None => {
                    return Ok(End {
                        at,
                        separated: line == b"\r\n",
                        complete: at == 0
                            || message.get(..at).is_some_and(|h| h.ends_with(b"\r\n")),
                    });
                }
            }
            fields += 1;
            if fields > limits.header_fields {
                return Err(refusals::TOO_MANY_HEADER_FIELDS);
            }
        }
        at += line.len();
        if at > limits.header_octets {
            return Err(refusals::HEADER_TOO_LARGE);
        }
    }
}

/// The next line with its CRLF, or what is left. A header has no bare CR or LF even where the
/// body may (RFC 3030 §3 makes only the content binary).
fn line(rest: &[u8]) -> Result<&[u8], Refusal> {
    let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |lf| lf + 1);
    let line = rest.get(..end).unwrap_or_default();
    let text = line.strip_suffix(b"\r\n").unwrap_or(line);
    if memchr::memchr2(b'\r', b'\n', text).is_some() && is_header_like(text) {
        return Err(refusals::BARE_LINE_END);
    }
    Ok(line)
}

/// A binary body right behind a header without an empty line is no header; only what would be
/// taken for one must be clean.
fn is_header_like(text: &[u8]) -> bool {
    matches!(text.first(), Some(b' ' | b'\t')) || matches!(colon(text), Ok(Some(_)) | Err(_))
}

/// The place of the colon where a line starts a field (RFC 5322 §2.2): a name of visible ASCII.
fn colon(line: &[u8]) -> Result<Option<usize>, Refusal> {
    let end = line
        .iter()
        .position(|b| *b == b':' || !b.is_ascii_graphic());
    let Some(end) = end.filter(|end| *end > 0) else {
        return Ok(None);
    };
    let rest = line.get(end..).unwrap_or_default();
    if rest.first() == Some(&b':') {
        return Ok(Some(end));
    }
    // `From : x` is a field to some programs and text to others (RFC 5322 §4.5 calls it obsolete).
    let blank = rest.iter().position(|b| !matches!(b, b' ' | b'\t'));
    match blank.and_then(|blank| rest.get(blank)) {
        Some(b':') if end > 0 => Err(refusals::SPACE_BEFORE_COLON),
        _ => Ok(None),
    }
}

fn open(line: &[u8], at: usize, colon: usize) -> Field {
    let written = line.get(..colon).unwrap_or_default();
    let known = NAMES
        .iter()
        .find(|(name, _)| written.eq_ignore_ascii_case(name));
    Field {
        name: known.map_or(Name::Other, |(_, name)| *name),
        whole: at..at + line.len(),
        value: at + colon + 1..at + line.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Found = Vec<(Name, String)>;

    fn fields(message: &[u8]) -> Result<(Found, End), &'static str> {
        let mut found = Vec::new();
        let end = scan(message, &SessionLimits::default(), |field| {
            let value = String::from_utf8_lossy(&message[field.value.clone()]).into_owned();
            assert!(message[field.whole].ends_with(value.as_bytes()));
            found.push((field.name, value));
            Ok(())
        });
        end.map(|end| (found, end))
            .map_err(|refusal| refusal.reason)
    }

    const fn end(at: usize, separated: bool, complete: bool) -> End {
        End {
            at,
            separated,
            complete,
        }
    }

    #[test]
    fn fields_are_found_with_their_folds() {
        let (found, ended) =
            fields(b"FROM: a\r\n b\r\nX:\r\nmessage-id:<i>\r\n\r\nFrom: no\r\n").unwrap();
        let expected = [
            (Name::From, " a\r\n b\r\n"),
            (Name::Other, "\r\n"),
            (Name::MessageId, "<i>\r\n"),
        ];
        assert_eq!(found, expected.map(|(n, v)| (n, v.to_owned())));
        assert_eq!(ended, end(33, true, true));
    }

    #[test]
    fn row_30_a_missing_separator_is_noticed() {
        assert_eq!(fields(b"").unwrap().1, end(0, false, true));
        assert_eq!(fields(b"\r\nFrom: x\r\n").unwrap().1, end(0, true, true));
        assert_eq!(fields(b"just text\r\n").unwrap().1, end(0, false, true));
        assert_eq!(
            fields(b" folded first\r\nFrom: a\r\n").unwrap().1,
            end(0, false, true)
        );
        assert_eq!(
            fields(b"X: a\r\ntext\r\nFrom: b\r\n").unwrap(),
            (vec![(Name::Other, " a\r\n".into())], end(6, false, true))
        );
        assert_eq!(fields(b"X: a\r\n").unwrap().1, end(6, false, true));
        assert_eq!(fields(b"X: a").unwrap().1, end(4, false, false));
        assert_eq!(
            fields(b"From a@b Mon Jan 1 00:00:00\r\nX: a\r\n\r\n")
                .unwrap()
                .1,
            end(0, false, true)
        );
    }

    #[test]
    fn row_30_bombs_are_refused_early() {
        assert_eq!(
            fields(&b"A: b\r\n".repeat(100_000)),
            Err("too-many-header-fields")
        );
        assert_eq!(
            fields(&[b"A: ", &[b'x'; 10 << 20][..], b"\r\n\r\n"].concat()),
            Err("header-too-large")
        );
        assert_eq!(
            fields(&[&b"A: b\r\n"[..], &b" c\r\n".repeat(1 << 20)].concat()),
            Err("header-too-large")
        );
    }

    #[test]
    fn what_programs_read_differently_is_refused() {
        assert_eq!(fields(b"From : a\r\n\r\n"), Err("space-before-colon"));
        assert_eq!(
            fields(b"X: a\r\nFrom\t : a\r\n\r\n"),
            Err("space-before-colon")
        );
        assert_eq!(fields(b"X: a\nFrom: b\r\n\r\n"), Err("bare-line-end"));
        assert_eq!(fields(b"X: a\rFrom: b\r\n\r\n"), Err("bare-line-end"));
        assert_eq!(fields(b"X: a\r\n b\rc\r\n\r\n"), Err("bare-line-end"));
        assert!(fields(b"X: a\r\n\r\nb\nc\rd").is_ok());
    }
}
