//! The body decoder at every chunk size, against a plain octet-by-octet model.

use proptest::prelude::*;

use super::*;

/// What came of decoding: the text, whether it ended, whether it was bare, what was left over.
type Outcome = (Vec<u8>, bool, bool, Vec<u8>);

fn decode(input: &[u8], size: usize) -> Outcome {
    let (mut decoder, mut body) = (
        DotDecoder::default(),
        Body::new(Vec::new(), u64::MAX, false),
    );
    let mut text_if_kept = Vec::new();
    let mut used = 0;
    for piece in input.chunks(size.max(1)) {
        let (octets, ended) = decoder.decode(piece, &mut body);
        used += octets;
        text_if_kept.clone_from(&body.bytes);
        if ended {
            return (text_if_kept, true, body.bare, input[used..].to_vec());
        }
        assert_eq!(octets, piece.len());
    }
    (text_if_kept, false, body.bare, Vec::new())
}

/// RFC 5321 §4.5.2, slowly.
fn model(input: &[u8]) -> Outcome {
    let mut text = Vec::new();
    let mut rest = input;
    let mut bare = false;
    loop {
        let end = rest.windows(2).position(|w| w == b"\r\n");
        let Some(end) = end else {
            let line = rest.strip_prefix(b".").unwrap_or(rest);
            // An end of the input within a line is no verdict on its last CR, nor on a lone dot.
            let complete = line.strip_suffix(b"\r").unwrap_or(line);
            bare |= complete.iter().any(|b| matches!(b, b'\r' | b'\n'));
            text.extend_from_slice(if rest == b".\r" { b"" } else { line });
            return (text, false, bare, Vec::new());
        };
        let (line, behind) = (&rest[..end], &rest[end + 2..]);
        if line == b"." {
            return (text, true, bare, behind.to_vec());
        }
        let line = line.strip_prefix(b".").unwrap_or(line);
        bare |= line.iter().any(|b| matches!(b, b'\r' | b'\n'));
        text.extend_from_slice(line);
        text.extend_from_slice(b"\r\n");
        rest = behind;
    }
}

fn check(input: &[u8]) {
    let (text, ended, bare, left) = model(input);
    for size in 1..=input.len().max(1) {
        let found = decode(input, size);
        assert_eq!(
            (found.1, found.2, &found.3),
            (ended, bare, &left),
            "{input:?} in pieces of {size}"
        );
        if !bare {
            assert_eq!(found.0, text, "{input:?} in pieces of {size}");
        }
    }
}

#[test]
fn pitfall_1_an_empty_message_ends_at_once() {
    assert_eq!(
        decode(b".\r\nQUIT", 100),
        (vec![], true, false, b"QUIT".to_vec())
    );
    check(b".\r\n");
}

#[test]
fn row_1_smuggling_sequences_end_nothing() {
    for sequence in [
        &b"\n.\n"[..],
        b"\n.\r\n",
        b"\r\n.\n",
        b"\r.\r",
        b"\r\n.\r",
        b"\r\r\n.\r\r\n",
        b"\r\n\0.\r\n",
        b"\r.\r\n",
        b"\r\n.\r\r\n",
    ] {
        let message = [b"hi", sequence, b"MAIL FROM:<a@b.c>\r\n"].concat();
        let (_, ended, ..) = decode(&message, message.len());
        assert!(!ended, "{sequence:?}");
        check(&message);
        check(&[&message[..], b".\r\n"].concat());
    }
    // This one holds the true end, and a bare CR before it: one message, refused.
    let (_, ended, bare, left) = decode(b"hi\r\r\n.\r\nMAIL", 100);
    assert_eq!((ended, bare, left), (true, true, b"MAIL".to_vec()));
}

#[test]
fn row_6_dots_are_unstuffed() {
    let (text, ..) = decode(b"..\r\n..x\r\n.y\r\na.b\r\n...\r\n.\r\n", 100);
    assert_eq!(text, b".\r\n.x\r\ny\r\na.b\r\n..\r\n");
    check(b"..\r\n..x\r\n.y\r\na.b\r\n...\r\n.\r\n");
    check(&b"..\r\n".repeat(300));
}

#[test]
fn row_4_beyond_the_limit_nothing_is_kept() {
    let mut body = Body::new(b"Received: x\r\n".to_vec(), 10, false);
    let mut decoder = DotDecoder::default();
    let (_, ended) = decoder.decode(b"12345678\r\n", &mut body);
    assert!(!ended && !body.too_large() && body.octets == 10);
    for _ in 0..1_000 {
        let _ = decoder.decode(&[b'x'; 1_000], &mut body);
    }
    assert!(body.too_large() && body.bytes.capacity() == 0);
    let (_, ended) = decoder.decode(b"\r\n.\r\n", &mut body);
    assert!(ended && body.octets == 1_000_012);
    assert!(body.hopeless(1_000_001) && !body.hopeless(1_000_002));
}

#[test]
fn growing_reserves_no_more_than_may_come() {
    let mut body = Body::new(Vec::new(), 300_000, false);
    for _ in 0..300 {
        body.chunk(&[b'x'; 1_000], false);
        assert!(body.bytes.capacity() <= 300_000);
    }
    assert!(body.bytes.len() == 300_000 && !body.too_large());
}

#[test]
fn chunks_are_checked_across_their_borders() {
    let bare = |chunks: &[&[u8]]| {
        let mut body = Body::new(Vec::new(), u64::MAX, false);
        chunks.iter().for_each(|chunk| body.chunk(chunk, false));
        body.end_of_chunks();
        body.bare
    };
    assert!(!bare(&[b"a\r", b"\nb\r\n"]) && !bare(&[b"a", b"", b"b"]));
    assert!(bare(&[b"a\r", b"b"]) && bare(&[b"a", b"\nb"]) && bare(&[b"a\r"]));
    assert!(bare(&[b"\n"]) && bare(&[b"a\r", b"\r\n"]) && bare(&[b"a\n\r\n"]));
}

proptest! {
    #[test]
    fn one_look_sees_what_plain_code_sees(piece in proptest::collection::vec(any::<u8>(), 0..40), fill in 0_usize..5_000) {
        let piece = [vec![b'x'; fill], piece].concat();
        let seen = look(&piece);
        prop_assert_eq!(seen.nul, piece.contains(&0));
        prop_assert_eq!(seen.all < 0x80, piece.is_ascii());
        let bare = piece.windows(2).any(|w| (w[0] == b'\r') != (w[1] == b'\n'));
        prop_assert_eq!(seen.bare, bare);
    }

    #[test]
    fn decoding_agrees_with_the_model(input in "[a.\r\n]{0,24}") {
        check(input.as_bytes());
    }

    #[test]
    fn what_is_stuffed_comes_back(lines in proptest::collection::vec("[.a-c\u{0}é]{0,6}", 0..40), size in 1_usize..64) {
        let text: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        let stuffed: String = lines.iter().map(|line| {
            let dot = if line.starts_with('.') { "." } else { "" };
            format!("{dot}{line}\r\n")
        }).collect();
        let (decoded, ended, bare, left) = decode(format!("{stuffed}.\r\nNOOP").as_bytes(), size);
        prop_assert_eq!(decoded, text.into_bytes());
        prop_assert!(ended && !bare && left == b"NOOP");
    }

    #[test]
    fn bare_octets_are_found_in_any_block(before in 0_usize..9_000, bad in "[\r\n]") {
        let text = [vec![b'x'; before], bad.into_bytes(), vec![b'x'; 9_000 - before]].concat();
        prop_assert!(look(&text).bare);
        prop_assert!(!look(&vec![b'x'; before]).bare);
    }
}
