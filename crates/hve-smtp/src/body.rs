//! The body decoder: DATA to its true end, BDAT by count, both with a size limit.
//!
//! Only `CRLF . CRLF` ends DATA, and the text starts as if after a CRLF (RFC 5321 §4.1.1.4).
//! A bare CR or LF does not stop the reading, since what follows would then be taken for
//! commands: it is read on to the true end, and then refused. A body beyond its limit is
//! counted on without being kept.

use std::{fmt, sync::LazyLock};

use memchr::memmem::Finder;

/// What has come of a message so far.
pub(crate) struct Body {
    /// The trace line, then the message without dot-stuffing. Empty once the message is lost.
    pub(crate) bytes: Vec<u8>,
    /// Octets of the message, dots unstuffed.
    pub(crate) octets: u64,
    /// The most octets that are kept.
    pub(crate) limit: u64,
    /// A bare CR or a bare LF came.
    pub(crate) bare: bool,
    /// A message with one is kept all the same, as it came.
    keep_bare: bool,
    /// A NUL came.
    pub(crate) nul: bool,
    /// All octets of the message, or-ed.
    all: u8,
    /// The last octet was a CR (BDAT only: chunks are cut anywhere).
    after_cr: bool,
}

/// Only how much there is: it is somebody's mail.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} octets)", self.octets)
    }
}

impl Body {
    /// A message whose trace line is `head` and which may have `limit` octets.
    pub(crate) const fn new(head: Vec<u8>, limit: u64, keep_bare: bool) -> Self {
        Self {
            bytes: head,
            octets: 0,
            limit,
            bare: false,
            keep_bare,
            nul: false,
            all: 0,
            after_cr: false,
        }
    }

    /// No octet above 127 came.
    pub(crate) const fn is_ascii(&self) -> bool {
        self.all < 0x80
    }

    pub(crate) const fn too_large(&self) -> bool {
        self.octets > self.limit
    }

    /// True where not even the end is worth waiting for.
    pub(crate) const fn hopeless(&self, overrun: u64) -> bool {
        self.would_be_hopeless(0, overrun)
    }

    /// The same, once `more` octets will have come.
    pub(crate) const fn would_be_hopeless(&self, more: u64, overrun: u64) -> bool {
        self.octets.saturating_add(more) > self.limit.saturating_add(overrun)
    }

    /// Keeps a piece and says whether it holds a bare CR or LF within.
    fn keep(&mut self, piece: &[u8]) -> bool {
        let seen = look(piece);
        self.nul |= seen.nul;
        self.all |= seen.all;
        self.octets = self.octets.saturating_add(length(piece));
        if self.too_large() || self.bare && !self.keep_bare {
            // The memory goes back at once: nothing of this message will be used.
            self.bytes = Vec::new();
        } else {
            self.make_room(piece.len());
            self.bytes.extend_from_slice(piece);
        }
        seen.bare
    }

    /// Doubles like a `Vec`, but never beyond what the limit lets come: giving spare memory back
    /// afterwards would cost more than the whole decoding.
    fn make_room(&mut self, octets: usize) {
        let (length, capacity) = (self.bytes.len(), self.bytes.capacity());
        if capacity - length < octets {
            let left =
                usize::try_from(self.limit.saturating_sub(self.octets)).unwrap_or(usize::MAX);
            self.bytes
                .reserve_exact(octets.saturating_add(left.min(length)));
        }
    }

    /// Adds a piece of a chunk. Text must not hold a bare CR or LF; binary may (RFC 3030 §3).
    pub(crate) fn chunk(&mut self, piece: &[u8], binary: bool) {
        let bare_within = self.keep(piece);
        if !binary && let (Some(first), Some(last)) = (piece.first(), piece.last()) {
            self.bare |= bare_within || self.after_cr != (*first == b'\n');
            self.after_cr = *last == b'\r';
        }
    }

    /// The last chunk is in: a CR at the very end is bare.
    pub(crate) fn end_of_chunks(&mut self) {
        self.bare |= self.after_cr;
    }
}

/// Where the decoder of DATA stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum DotDecoder {
    /// After a CRLF, or at the very start.
    #[default]
    LineStart,
    /// Within a line, the last octet being no CR.
    Within,
    /// After a CR within a line.
    Cr,
    /// After a dot at the start of a line.
    Dot,
    /// After a dot and a CR at the start of a line.
    DotCr,
}

static LINE_WITH_DOT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\r\n."));

impl DotDecoder {
    /// Decodes from `input` into `body`. Returns how many octets were used, and whether the last
    /// of them ended the message.
    pub(crate) fn decode(&mut self, input: &[u8], body: &mut Body) -> (usize, bool) {
        let mut at = 0;
        while let Some(&octet) = input.get(at) {
            match *self {
                Self::LineStart if octet == b'.' => {
                    // RFC 5321 §4.5.2: the first dot of a line is not part of the text.
                    *self = Self::Dot;
                    at += 1;
                }
                Self::LineStart | Self::Within | Self::Cr => {
                    at += self.run(input.get(at..).unwrap_or_default(), body);
                }
                Self::Dot if octet == b'\r' => {
                    *self = Self::DotCr;
                    at += 1;
                }
                Self::Dot => *self = Self::Within,
                Self::DotCr if octet == b'\n' => {
                    *self = Self::LineStart;
                    return (at + 1, true);
                }
                Self::DotCr => {
                    // Dot, CR, something else: the CR belongs to the text, and is bare.
                    let _ = body.keep(b"\r");
                    *self = Self::Cr;
                }
            }
        }
        (at, false)
    }

    /// Takes text up to and with the next `CRLF .`; the dot is dropped.
    fn run(&mut self, input: &[u8], body: &mut Body) -> usize {
        let dot = LINE_WITH_DOT.find(input);
        let text = input.get(..dot.map_or(input.len(), |at| at + 2));
        let text = text.unwrap_or_default();
        let starts_with_lf = text.first() == Some(&b'\n');
        // `CR` at the end of the last piece and `LF .` at the start of this one is a line with a
        // dot too; cut there and come back.
        if *self == Self::Cr && starts_with_lf {
            let _ = body.keep(b"\n");
            *self = Self::LineStart;
            return 1;
        }
        let bare_within = body.keep(text);
        body.bare |= *self == Self::Cr || starts_with_lf || bare_within;
        *self = match text {
            _ if dot.is_some() => Self::Dot,
            [.., b'\r', b'\n'] => Self::LineStart,
            [.., b'\r'] => Self::Cr,
            _ => Self::Within,
        };
        text.len() + usize::from(dot.is_some())
    }
}

/// What one look at a piece shows.
#[derive(Clone, Copy, Debug, Default)]
struct Look {
    /// A CR has no LF behind it, or an LF no CR before it, both neighbours being in the piece.
    bare: bool,
    nul: bool,
    /// All octets, or-ed: above 127 if one of them is.
    all: u8,
}

/// One pass without branches while the piece is in the cache; the compiler makes vector code of
/// it.
fn look(piece: &[u8]) -> Look {
    let Some((&last, before)) = piece.split_last() else {
        return Look::default();
    };
    let following = piece.get(1..).unwrap_or_default();
    let mut seen = Look {
        bare: false,
        nul: last == 0,
        all: last,
    };
    for (block, following) in before
        .chunks(BLOCK_OCTETS)
        .zip(following.chunks(BLOCK_OCTETS))
    {
        let (mut bare, mut nul, mut all) = (false, false, 0);
        for (a, b) in block.iter().zip(following) {
            bare |= (*a == b'\r') != (*b == b'\n');
            nul |= *a == 0;
            all |= *a;
        }
        seen.bare |= bare;
        seen.nul |= nul;
        seen.all |= all;
    }
    seen
}

/// Short enough that the loop above stays one of vectors.
const BLOCK_OCTETS: usize = 4_096;

/// `usize` as `u64`; no machine in use has a larger `usize`.
pub(crate) fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
