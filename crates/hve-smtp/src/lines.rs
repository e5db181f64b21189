//! The line splitter: what arrived and is not yet used, cut into lines at CRLF and nowhere else.
//!
//! A bare LF ends nothing (RFC 5321 §2.3.8). The line it stands in is refused up to its CRLF:
//! each piece gets a refusal at once, so that a device that sends only LF hears why, and no
//! octet behind a bare LF is ever read as a command.

use std::fmt;

use secrecy::zeroize::Zeroize;

/// Octets that wait to be used.
#[derive(Default)]
pub(crate) struct Inbox {
    bytes: Vec<u8>,
    at: usize,
}

/// Only how much there is: it may be a password.
impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Inbox({} octets)", self.pending().len())
    }
}

impl Inbox {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.at > 0 {
            self.bytes.drain(..self.at);
            self.at = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn pending(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    pub(crate) fn consume(&mut self, octets: usize) {
        self.at = self.bytes.len().min(self.at.saturating_add(octets));
        if self.at == self.bytes.len() {
            self.bytes.clear();
            self.at = 0;
        }
    }

    /// Overwrites the next octets and consumes them: they held a secret.
    pub(crate) fn wipe(&mut self, octets: usize) {
        let end = self.bytes.len().min(self.at.saturating_add(octets));
        if let Some(secret) = self.bytes.get_mut(self.at..end) {
            secret.zeroize();
        }
        self.consume(octets);
    }

    pub(crate) fn clear(&mut self) -> usize {
        let dropped = self.pending().len();
        self.consume(dropped);
        dropped
    }

    /// Gives memory back when a session goes idle; 10,000 idle sessions keep no read buffers.
    pub(crate) fn rest(&mut self) {
        if self.bytes.is_empty() && self.bytes.capacity() > KEPT_OCTETS {
            self.bytes = Vec::new();
        }
    }
}

/// The capacity an idle inbox may keep: enough for most commands.
const KEPT_OCTETS: usize = 1_024;

/// What stands next in the inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A clean line of so many octets with its CRLF, still in the inbox.
    Clean(usize),
    /// A line that must not be used; already consumed.
    Broken(LineFault),
    /// What comes has no end within reason; nothing more can be read.
    Endless,
}

/// Why a line must not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineFault {
    /// A line feed without a carriage return before it, here or earlier in the same line.
    BareLf,
    /// A carriage return without a line feed behind it.
    BareCr,
    /// NUL, TAB, ESC, DEL and their like.
    Control,
    /// Not UTF-8.
    NotUtf8,
    /// Over the limit.
    TooLong,
}

/// The bounds that apply to the line being read, in octets with its CRLF. `line` may differ from
/// line to line, `discard` is the same for all and not below it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LineLimits {
    pub(crate) line: usize,
    pub(crate) discard: usize,
}

/// Finds the ends of lines; remembers what it has looked at.
#[derive(Debug, Default)]
pub(crate) struct LineSplitter {
    /// Octets of the pending ones that hold no LF.
    scanned: usize,
    /// Octets already dropped of a line that is too long.
    discarded: usize,
    /// A bare LF came, and no CRLF since.
    tainted: bool,
}

impl LineSplitter {
    /// True while the inbox starts with the first octet of the line being read.
    pub(crate) const fn has_whole_line(&self) -> bool {
        self.discarded == 0
    }

    /// True between two lines: the next octet is the first of a line.
    pub(crate) const fn at_start(&self) -> bool {
        self.scanned == 0 && self.discarded == 0 && !self.tainted
    }

    /// Forgets everything, as after STARTTLS.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    /// The next line, or `None` until more has come.
    pub(crate) fn next(&mut self, inbox: &mut Inbox, limits: LineLimits) -> Option<Line> {
        let pending = inbox.pending();
        let unseen = pending.get(self.scanned..).unwrap_or_default();
        let Some(found) = memchr::memchr(b'\n', unseen) else {
            return self.wait(inbox, limits);
        };
        let end = self.scanned + found + 1;
        let total = self.discarded.saturating_add(end);
        let line = pending.get(..end).unwrap_or_default();
        let ends_in_crlf = line.ends_with(b"\r\n");
        // What is left of a line that was too long is never looked at as a line of its own.
        let fault = if self.discarded > 0 || total > limits.line {
            Some(LineFault::TooLong)
        } else if self.tainted || !ends_in_crlf {
            Some(LineFault::BareLf)
        } else {
            fault_in(line.strip_suffix(b"\r\n").unwrap_or(line))
        };
        *self = Self {
            tainted: !ends_in_crlf,
            ..Self::default()
        };
        if total > limits.discard {
            return Some(Line::Endless);
        }
        Some(match fault {
            None => Line::Clean(end),
            Some(fault) => {
                inbox.consume(end);
                Line::Broken(fault)
            }
        })
    }

    /// No line end yet: keeps a line that may still be good, drops one that is too long.
    fn wait(&mut self, inbox: &mut Inbox, limits: LineLimits) -> Option<Line> {
        let pending = inbox.pending();
        self.scanned = pending.len();
        let total = self.discarded.saturating_add(self.scanned);
        if self.discarded == 0 && total < limits.line {
            return None;
        }
        // The last octet stays: it may be the CR of the CRLF.
        let dropped = self.scanned.saturating_sub(1);
        inbox.consume(dropped);
        self.discarded = self.discarded.saturating_add(dropped);
        self.scanned -= dropped;
        (total >= limits.discard).then_some(Line::Endless)
    }
}

fn fault_in(line: &[u8]) -> Option<LineFault> {
    // One pass without branches; the rare bad line is looked at again.
    let suspicious = line
        .iter()
        .fold(false, |bad, b| bad | (*b < b' ' || *b >= 0x7f));
    if !suspicious {
        return None;
    }
    if line.contains(&b'\r') {
        return Some(LineFault::BareCr);
    }
    if line.iter().any(|b| *b < b' ' || *b == 0x7f) {
        return Some(LineFault::Control);
    }
    std::str::from_utf8(line)
        .is_err()
        .then_some(LineFault::NotUtf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: LineLimits = LineLimits {
        line: 12,
        discard: 40,
    };

    /// Reads `input` in pieces of each size; the lines must be the same for all.
    fn check(input: &[u8], expected: &[Result<&[u8], Line>]) {
        for size in 1..=input.len().max(1) {
            let (mut inbox, mut splitter) = (Inbox::default(), LineSplitter::default());
            let mut lines = Vec::new();
            'pieces: for piece in input.chunks(size) {
                inbox.push(piece);
                while let Some(line) = splitter.next(&mut inbox, LIMITS) {
                    match line {
                        Line::Clean(octets) => {
                            lines.push(Ok(inbox.pending()[..octets].to_vec()));
                            inbox.consume(octets);
                        }
                        other => lines.push(Err(other)),
                    }
                    if line == Line::Endless {
                        break 'pieces;
                    }
                }
            }
            let expected: Vec<_> = expected.iter().map(|l| l.map(<[u8]>::to_vec)).collect();
            assert_eq!(lines, expected, "pieces of {size}");
            assert!(inbox.bytes.len() <= 40 + size);
        }
    }

    const fn broken(fault: LineFault) -> Result<&'static [u8], Line> {
        Err(Line::Broken(fault))
    }

    #[test]
    fn crlf_and_nothing_else_ends_a_line() {
        check(
            b"a\r\n\r\nb\r\n",
            &[Ok(b"a\r\n"), Ok(b"\r\n"), Ok(b"b\r\n")],
        );
        check("é\r\n".as_bytes(), &[Ok("é\r\n".as_bytes())]);
    }

    #[test]
    fn row_2_nothing_behind_a_bare_lf_is_read_as_a_line() {
        check(
            b"a\nQUIT\r\nb\r\n",
            &[
                broken(LineFault::BareLf),
                broken(LineFault::BareLf),
                Ok(b"b\r\n"),
            ],
        );
        check(b"a\rb\r\nc\r\n", &[broken(LineFault::BareCr), Ok(b"c\r\n")]);
        check(b"a\r\r\n", &[broken(LineFault::BareCr)]);
    }

    #[test]
    fn row_3_limits_are_exact_and_the_next_line_is_good() {
        check(b"0123456789\r\n", &[Ok(b"0123456789\r\n")]);
        check(
            b"0123456789a\r\nb\r\n",
            &[broken(LineFault::TooLong), Ok(b"b\r\n")],
        );
        check(
            &[&[b'x'; 30][..], b"\r\nb\r\n"].concat(),
            &[broken(LineFault::TooLong), Ok(b"b\r\n")],
        );
        check(&[b'x'; 300], &[Err(Line::Endless)]);
        check(&[&[b'x'; 300][..], b"\r\n"].concat(), &[Err(Line::Endless)]);
    }

    #[test]
    fn row_5_controls_and_broken_utf8_are_refused() {
        check(b"a\0\r\n", &[broken(LineFault::Control)]);
        check(b"a\tb\r\n", &[broken(LineFault::Control)]);
        check(b"a\x7f\r\n", &[broken(LineFault::Control)]);
        check(b"a\xe9\r\n", &[broken(LineFault::NotUtf8)]);
        check(b"\xc0\xaf\r\n", &[broken(LineFault::NotUtf8)]);
    }
}
