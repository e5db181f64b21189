//! What the peer says: octets into replies.
//!
//! `smtp_proto`'s `ResponseReceiver` joins the lines and takes the enhanced codes out of the
//! text. It gets one whole line at a time, and only one that was looked at here: it ends lines
//! at a bare LF, compares no codes, and has bounds of its own (see `tests/smtp_proto_reply_pins.rs`).

use std::fmt;

use smtp_proto::{Error, response::parser::ResponseReceiver};

use crate::{Enhanced, lines::Inbox};

/// One complete reply, text as it came: lines with LF between them, enhanced codes taken out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Received {
    pub(super) code: u16,
    pub(super) enhanced: Option<Enhanced>,
    pub(super) text: String,
}

/// Why nothing more can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReplyFault {
    /// Not the form of a reply (RFC 5321 §4.2), or lines that end in something else than CRLF.
    Malformed,
    /// Over one of the bounds.
    TooLong,
}

/// Reads replies; holds at most one and what came behind it.
#[derive(Default)]
pub(super) struct ReplyReader {
    inbox: Inbox,
    /// Octets of the pending ones that hold no LF.
    scanned: usize,
    /// What is known of the reply whose last line has not come.
    begun: Option<Begun>,
    receiver: ResponseReceiver,
}

#[derive(Clone, Copy, Debug)]
struct Begun {
    code: u16,
    enhanced: Option<Enhanced>,
    octets: usize,
    lines: usize,
}

impl fmt::Debug for ReplyReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyReader")
            .field("inbox", &self.inbox)
            .field("begun", &self.begun)
            .finish_non_exhaustive()
    }
}

impl ReplyReader {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.inbox.push(bytes);
    }

    /// True where the peer has said nothing that is not read.
    pub(super) fn is_empty(&self) -> bool {
        self.inbox.pending().is_empty() && self.begun.is_none()
    }

    /// Forgets everything, as before a TLS handshake.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The next reply, or `None` until more has come.
    pub(super) fn next(
        &mut self,
        octets_max: usize,
        lines_max: usize,
    ) -> Result<Option<Received>, ReplyFault> {
        loop {
            let pending = self.inbox.pending();
            let before = self.begun.map_or(0, |begun| begun.octets);
            let unseen = pending.get(self.scanned..).unwrap_or_default();
            let Some(found) = memchr::memchr(b'\n', unseen) else {
                self.scanned = pending.len();
                let total = before.saturating_add(self.scanned);
                return if total > octets_max {
                    Err(ReplyFault::TooLong)
                } else {
                    Ok(None)
                };
            };
            let end = self.scanned + found + 1;
            self.scanned = 0;
            let line = pending.get(..end).unwrap_or_default();
            let (first, last) = read_line(line).ok_or(ReplyFault::Malformed)?;
            let begun = match self.begun {
                None => first,
                Some(begun) if begun.code == first.code => Begun {
                    octets: begun.octets.saturating_add(first.octets),
                    lines: begun.lines + 1,
                    ..begun
                },
                // RFC 5321 §4.2.1: the code is the same in every line.
                Some(_) => return Err(ReplyFault::Malformed),
            };
            if begun.octets > octets_max || begun.lines > lines_max {
                return Err(ReplyFault::TooLong);
            }
            let parsed = self.receiver.parse(&mut line.iter());
            self.inbox.consume(end);
            match parsed {
                Ok(response) if last => {
                    self.receiver.reset();
                    self.begun = None;
                    return Ok(Some(Received {
                        code: begun.code,
                        enhanced: begun.enhanced,
                        text: response.message,
                    }));
                }
                Err(Error::NeedsMoreData { .. }) if !last => self.begun = Some(begun),
                Err(Error::ResponseTooLong) => return Err(ReplyFault::TooLong),
                _ => return Err(ReplyFault::Malformed),
            }
        }
    }
}

/// One line with its end: what it says as a first line, and whether it is the last.
fn read_line(line: &[u8]) -> Option<(Begun, bool)> {
    let content = line.strip_suffix(b"\r\n")?;
    if content.contains(&b'\r') {
        return None;
    }
    let (digits, rest) = content.split_at_checked(3)?;
    let mut code = 0;
    for digit in digits {
        code = code * 10 + u16::from(digit.is_ascii_digit().then(|| digit - b'0')?);
    }
    // RFC 5321 §4.2.1: there are no others.
    if !(200..=599).contains(&code) {
        return None;
    }
    let last = match rest.first() {
        // RFC 5321 §4.2: a reply without text is to be understood.
        None | Some(b' ') => true,
        Some(b'-') => false,
        Some(_) => return None,
    };
    let begun = Begun {
        code,
        enhanced: enhanced(rest.get(1..).unwrap_or_default(), code),
        octets: line.len(),
        lines: 1,
    };
    Some((begun, last))
}

/// The enhanced code at the start of a text (RFC 2034 §4), where it agrees with the code. Read
/// here, since details above 255 are in use and the library holds octets.
fn enhanced(text: &[u8], code: u16) -> Option<Enhanced> {
    let word = text.split(|b| *b == b' ').next()?;
    let mut parts = std::str::from_utf8(word).ok()?.split('.');
    let mut number = || {
        let part = parts.next()?;
        let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        (digits && part.len() <= 3).then(|| part.parse().ok())?
    };
    let found = Enhanced(number()?, number()?, number()?);
    (parts.next().is_none() && found.0 == code / 100).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read<T> = Result<(u16, Option<Enhanced>, T), ReplyFault>;

    fn check(input: &[u8], expected: &[Read<&str>]) {
        let expected: Vec<Read<String>> = expected
            .iter()
            .map(|r| r.map(|(code, enhanced, text)| (code, enhanced, text.to_owned())))
            .collect();
        for size in 1..=input.len() {
            let mut reader = ReplyReader::default();
            let mut found: Vec<Read<String>> = Vec::new();
            'pieces: for piece in input.chunks(size) {
                reader.push(piece);
                loop {
                    match reader.next(100, 5) {
                        Ok(None) => break,
                        Ok(Some(r)) => found.push(Ok((r.code, r.enhanced, r.text))),
                        Err(fault) => {
                            found.push(Err(fault));
                            break 'pieces;
                        }
                    }
                }
            }
            assert_eq!(found, expected, "pieces of {size}");
        }
    }

    #[test]
    fn replies_of_one_line_and_of_several() {
        check(
            b"220 mx.test ESMTP\r\n250-mx\r\n250-8BITMIME\r\n250 SIZE 9\r\n354\r\n",
            &[
                Ok((220, None, "mx.test ESMTP")),
                Ok((250, None, "mx\n8BITMIME\nSIZE 9")),
                Ok((354, None, "")),
            ],
        );
        check(
            b"550-5.7.750 No\r\n550 5.7.750 never\r\n250 2.1.0\r\n",
            &[
                Ok((550, Some(Enhanced(5, 7, 750)), "No\nnever")),
                Ok((250, Some(Enhanced(2, 1, 0)), "")),
            ],
        );
        // A code of another class says nothing that could be trusted.
        check(b"450 5.1.1 x\r\n", &[Ok((450, None, "x"))]);
    }

    #[test]
    fn row_54_what_is_no_reply_is_malformed() {
        for bad in [
            &b"250 ok\n"[..],
            b"250-a\r\n550 b\r\n",
            b"250 a\rb\r\n",
            b"\r\n",
            b"25\r\n",
            b"2x0 ok\r\n",
            b"250_ok\r\n",
            b"150 ok\r\n",
            b"600 ok\r\n",
            b"HTTP/1.1 400 Bad Request\r\n",
        ] {
            check(bad, &[Err(ReplyFault::Malformed)]);
        }
    }

    #[test]
    fn row_54_replies_are_bounded() {
        check(&[b'2'; 300], &[Err(ReplyFault::TooLong)]);
        check(&b"250-a\r\n".repeat(20), &[Err(ReplyFault::TooLong)]);
        let exact = [b"250 ", &[b'x'; 94][..], b"\r\n"].concat();
        check(&exact, &[Ok((250, None, &"x".repeat(94)))]);
        let over = [b"250 ", &[b'x'; 95][..], b"\r\n"].concat();
        check(&over, &[Err(ReplyFault::TooLong)]);
    }

    #[test]
    fn octets_that_are_no_text_are_kept_for_cleaning() {
        check(b"250 a\0\xe9\r\n", &[Ok((250, None, "a\0\u{fffd}"))]);
    }
}
