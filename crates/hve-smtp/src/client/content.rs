//! The content on its way out: dot-stuffed for DATA, in chunks for BDAT, never copied whole.

use bytes::{Bytes, BytesMut};
use memchr::memmem;

use crate::reply::push_number;

/// A message that is being sent.
#[derive(Debug)]
pub(super) struct Sending {
    content: Bytes,
    at: usize,
    way: Way,
}

#[derive(Debug)]
enum Way {
    /// BDAT, and how many octets of the present chunk are not yet sent; `None` between chunks.
    Chunks(Option<usize>),
    /// DATA.
    Dots,
}

/// What is done with a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// More of the same follows.
    More,
    /// It ends a chunk, and another one follows.
    Chunk,
    /// It ends the message.
    End,
}

impl Sending {
    /// To be sent after DATA.
    pub(super) const fn dots(content: Bytes) -> Self {
        Self {
            content,
            at: 0,
            way: Way::Dots,
        }
    }

    /// To be sent by BDAT.
    pub(super) const fn chunks(content: Bytes) -> Self {
        Self {
            content,
            at: 0,
            way: Way::Chunks(None),
        }
    }

    /// True where the next piece begins a chunk.
    pub(super) const fn between_chunks(&self) -> bool {
        matches!(self.way, Way::Chunks(None))
    }

    /// The next piece. Not to be called after the end.
    pub(super) fn next(&mut self, piece_octets: usize, chunk_octets: usize) -> (Bytes, Progress) {
        let piece_octets = piece_octets.max(1);
        match self.way {
            Way::Dots => self.next_dots(piece_octets),
            Way::Chunks(None) => self.begin_chunk(chunk_octets.max(1)),
            Way::Chunks(Some(left)) => self.next_of_chunk(left, piece_octets),
        }
    }

    fn take(&mut self, octets: usize) -> Bytes {
        let end = self.content.len().min(self.at.saturating_add(octets));
        let piece = self.content.slice(self.at.min(end)..end);
        self.at = end;
        piece
    }

    /// RFC 5321 §4.5.2: a dot at the start of a line is doubled; the text ends with a dot alone.
    fn next_dots(&mut self, piece_octets: usize) -> (Bytes, Progress) {
        let before = self.at.checked_sub(1).and_then(|i| self.content.get(i));
        let at_start_of_line = matches!(before, None | Some(b'\n'));
        let piece = self.take(piece_octets);
        let ends = self.at == self.content.len();
        let stuffed =
            at_start_of_line && piece.starts_with(b".") || memmem::find(&piece, b"\n.").is_some();
        let small = piece.len() <= SMALL_OCTETS;
        if !(stuffed || ends && small) {
            return (piece, Progress::More);
        }
        let mut out = BytesMut::with_capacity(piece.len() + piece.len() / 16 + 8);
        if at_start_of_line && piece.starts_with(b".") {
            out.extend_from_slice(b".");
        }
        let mut from = 0;
        for at in memmem::find_iter(&piece, b"\n.") {
            out.extend_from_slice(piece.get(from..=at).unwrap_or_default());
            out.extend_from_slice(b".");
            from = at + 1;
        }
        out.extend_from_slice(piece.get(from..).unwrap_or_default());
        if !ends {
            return (out.freeze(), Progress::More);
        }
        // RFC 5321 §4.1.1.4: a text that lacks its last line end gets it.
        if !self.content.is_empty() && !self.content.ends_with(b"\n") {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
        (out.freeze(), Progress::End)
    }

    /// `BDAT 1000 LAST` (RFC 3030 §2), with the chunk itself where that is small.
    fn begin_chunk(&mut self, chunk_octets: usize) -> (Bytes, Progress) {
        let rest = self.content.len().saturating_sub(self.at);
        let octets = rest.min(chunk_octets);
        let mut out = Vec::with_capacity(32);
        out.extend_from_slice(b"BDAT ");
        push_number(&mut out, u64::try_from(octets).unwrap_or(u64::MAX));
        out.extend_from_slice(if octets == rest {
            b" LAST\r\n"
        } else {
            b"\r\n"
        });
        if octets > SMALL_OCTETS {
            self.way = Way::Chunks(Some(octets));
            return (out.into(), Progress::More);
        }
        out.extend_from_slice(&self.take(octets));
        (out.into(), self.after_chunk())
    }

    fn next_of_chunk(&mut self, left: usize, piece_octets: usize) -> (Bytes, Progress) {
        let piece = self.take(left.min(piece_octets));
        let left = left.saturating_sub(piece.len());
        if left > 0 {
            self.way = Way::Chunks(Some(left));
            return (piece, Progress::More);
        }
        self.way = Way::Chunks(None);
        (piece, self.after_chunk())
    }

    fn after_chunk(&self) -> Progress {
        if self.at < self.content.len() {
            Progress::Chunk
        } else {
            Progress::End
        }
    }
}

/// Up to this size a copy is cheaper than another write.
const SMALL_OCTETS: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(content: &[u8], expected: &[u8]) {
        for size in 1..=content.len() + 1 {
            let mut sending = Sending::dots(Bytes::copy_from_slice(content));
            let mut out = Vec::new();
            loop {
                let (piece, progress) = sending.next(size, 1);
                out.extend_from_slice(&piece);
                match progress {
                    Progress::More => {}
                    Progress::Chunk => panic!("DATA knows no chunks"),
                    Progress::End => break,
                }
            }
            assert_eq!(out, expected, "pieces of {size}");
        }
    }

    #[test]
    fn dots_are_stuffed_wherever_pieces_begin() {
        check(b"", b".\r\n");
        check(b".", b"..\r\n.\r\n");
        check(b".\r\n", b"..\r\n.\r\n");
        check(b"a\r\n.\r\n..b\r\n.c", b"a\r\n..\r\n...b\r\n..c\r\n.\r\n");
        check(b"a.b.\r\n\r\n", b"a.b.\r\n\r\n.\r\n");
    }

    #[test]
    fn large_text_without_dots_is_not_copied() {
        let content = Bytes::from(b"0123456789abcd\r\n".repeat(5_000));
        let mut sending = Sending::dots(content.clone());
        let (first, progress) = sending.next(65_536, 1);
        assert_eq!((first.len(), progress), (65_536, Progress::More));
        assert_eq!(first.as_ptr(), content.as_ptr());
        let (rest, progress) = sending.next(65_536, 1);
        assert!(rest.ends_with(b"\r\n.\r\n"));
        assert_eq!((rest.len(), progress), (80_000 - 65_536 + 3, Progress::End));
    }

    #[test]
    fn chunks_are_bounded_and_the_last_one_says_so() {
        let chunks = |content: &'static [u8], chunk| {
            let mut sending = Sending::chunks(Bytes::from_static(content));
            let mut out = Vec::new();
            loop {
                let (piece, progress) = sending.next(3, chunk);
                out.extend_from_slice(&piece);
                if progress == Progress::End {
                    return String::from_utf8(out).unwrap();
                }
            }
        };
        assert_eq!(chunks(b"", 4), "BDAT 0 LAST\r\n");
        assert_eq!(chunks(b"abcd", 4), "BDAT 4 LAST\r\nabcd");
        assert_eq!(chunks(b"abcdef", 4), "BDAT 4\r\nabcdBDAT 2 LAST\r\nef");
        let large: &'static [u8] = Box::leak(vec![b'x'; 40_000].into());
        assert_eq!(chunks(large, 20_000).len(), 40_000 + 12 + 17);
    }
}
