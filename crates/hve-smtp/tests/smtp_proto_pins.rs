//! What `smtp_proto` 0.2.5 does with odd input, as assertions: each is the reason for a rule of
//! ours. When an upgrade changes one of them, this fails, and the rule is looked at again.
//!
//! Numbers follow the findings in the order in which they were made: 1 to 22 in the first round,
//! and 23 onwards in a second, independent one where it saw something new.

use std::borrow::Cow;

use smtp_proto::{
    AUTH_PLAIN, AUTH_SCRAM_SHA_256, AUTH_SCRAM_SHA_256_PLUS, EhloResponse, Error, MAIL_BODY_7BIT,
    MAIL_BODY_8BITMIME, MailFrom, RCPT_NOTIFY_NEVER, RCPT_NOTIFY_SUCCESS, RcptTo, Request,
    Response,
    request::receiver::{BdatReceiver, DataReceiver, LineReceiver, RequestReceiver},
};

type Parsed<'a> = Result<Request<Cow<'a, str>>, Error>;

fn parse(line: &[u8]) -> Parsed<'_> {
    Request::parse(&mut line.iter())
}

/// The sender and its parameters.
fn mail(line: &str) -> Option<MailFrom<Cow<'_, str>>> {
    match parse(line.as_bytes()) {
        Ok(Request::Mail { from }) => Some(from),
        _ => None,
    }
}

fn rcpt(line: &[u8]) -> Option<RcptTo<Cow<'_, str>>> {
    match parse(line) {
        Ok(Request::Rcpt { to }) => Some(to),
        _ => None,
    }
}

fn rcpt_address(path: &str) -> Option<String> {
    rcpt(format!("RCPT TO:<{path}>\r\n").as_bytes()).map(|to| to.address.into_owned())
}

/// Whether DATA ended, the text, and what was left unread.
fn data(input: &[u8]) -> (bool, Vec<u8>, Vec<u8>) {
    let (mut receiver, mut text) = (DataReceiver::new(), Vec::new());
    let mut octets = input.iter();
    let ended = receiver.ingest(&mut octets, &mut text);
    (ended, text, octets.as_slice().to_vec())
}

#[test]
fn pin_01_data_that_starts_with_the_dot_never_ends() {
    assert!(!data(b".\r\n").0);
    assert!(data(b"x\r\n.\r\n").0);
}

#[test]
fn pin_02_dot_cr_crlf_ends_data() {
    let (ended, _, left) = data(b"hi\r\n.\r\r\nMAIL");
    assert!(ended);
    assert_eq!(left, b"MAIL");
}

#[test]
fn pin_03_bare_line_ends_stay_in_the_text() {
    for input in [&b"a\r\n.\nb"[..], b"a\n.\nb", b"a\n.\r\nb", b"a\r.\r\nb"] {
        let (ended, text, _) = data(input);
        assert!(!ended, "{input:?}");
        assert!(text.contains(&b'\n') || text.contains(&b'\r'));
    }
}

#[test]
fn pin_04_a_long_line_in_one_slice_is_accepted() {
    let line = [b"NOOP ", &[b'x'; 20_000][..], b"\r\n"].concat();
    let mut receiver = RequestReceiver::default();
    assert!(receiver.ingest(&mut line.iter()).is_ok());
}

#[test]
fn pin_05_a_long_line_in_pieces_is_cut_into_commands() {
    let line = [b"NOOP ", &[b'x'; 20_000][..], b"\r\n"].concat();
    let mut receiver = RequestReceiver::default();
    let mut too_long = 0;
    for piece in line.chunks(1_000) {
        let mut octets = piece.iter();
        while !octets.as_slice().is_empty() {
            match receiver.ingest(&mut octets) {
                Err(Error::ResponseTooLong) => too_long += 1,
                Err(Error::NeedsMoreData { .. }) => break,
                _ => {}
            }
        }
    }
    assert_eq!(too_long, 4);
}

#[test]
fn pin_06_a_command_may_span_two_lines_and_swallow_the_next() {
    assert!(matches!(
        parse(b"RCPT TO\r\n:<a@b.c>\r\n"),
        Ok(Request::Rcpt { .. })
    ));
    let line = b"RCPT TO\r\nQUIT\r\n";
    let mut octets = line.iter();
    assert!(Request::parse(&mut octets).is_err());
    assert!(octets.as_slice().is_empty(), "QUIT was swallowed");
}

#[test]
fn pin_07_after_an_error_the_rest_of_the_line_may_stay_unread() {
    let line = b"AUTH\t\tMAIL FROM:<a@b.c>\r\n";
    let mut octets = line.iter();
    assert!(Request::parse(&mut octets).is_err());
    assert!(!octets.as_slice().is_empty());
}

#[test]
fn pin_08_a_long_sasl_response_is_cut_at_4096() {
    let mut receiver = LineReceiver::new(());
    let line = [&[b'A'; 6_000][..], b"\r\n"].concat();
    assert!(receiver.ingest(&mut line.iter()));
    assert_eq!(receiver.buf.len(), 4_096);
}

#[test]
fn pin_09_quotes_are_taken_off_the_local_part() {
    assert_eq!(
        rcpt_address("\"a@evil.com\"@b.c").as_deref(),
        Some("a@evil.com@b.c")
    );
    assert_eq!(rcpt_address("\"a b\"@b.c").as_deref(), Some("a b@b.c"));
}

#[test]
fn pin_10_null_and_postmaster_are_one() {
    assert_eq!(rcpt_address("").as_deref(), Some(""));
    assert_eq!(rcpt_address("postmaster").as_deref(), Some(""));
    let sender = mail("MAIL FROM:<postmaster>\r\n").unwrap();
    assert_eq!(sender.address, "");
}

#[test]
fn pin_11_two_broken_addresses_become_one() {
    let one = rcpt(b"RCPT TO:<jos\xe9@b.c>\r\n").unwrap();
    let other = rcpt(b"RCPT TO:<jos\xe8@b.c>\r\n").unwrap();
    assert_eq!(one.address, other.address);
    assert!(one.address.contains('\u{fffd}'));
}

#[test]
fn pin_12_utf8_needs_no_smtputf8() {
    assert_eq!(rcpt_address("jürgen@b.c").as_deref(), Some("jürgen@b.c"));
}

#[test]
fn pin_13_domains_and_lengths_are_not_looked_at() {
    let long = format!("{}@b.c", "a".repeat(100));
    for address in ["a@-b-", "a@b.c.", &long] {
        assert_eq!(rcpt_address(address).as_deref(), Some(address));
    }
}

#[test]
fn pin_14_address_literals_are_refused() {
    assert_eq!(rcpt_address("a@[127.0.0.1]"), None);
}

#[test]
fn pin_15_controls_are_accepted_or_dropped() {
    assert!(rcpt(b"RCPT TO:<\"a\0b\"@b.c>\r\n").is_some());
    assert!(matches!(
        parse(b"EHLO a\x01b\r\n"),
        Ok(Request::Ehlo { .. })
    ));
    assert!(matches!(
        parse(b"MA\rIL FROM:<a@b.c>\r\n"),
        Ok(Request::Mail { .. })
    ));
    assert_eq!(rcpt_address("a\r@b.c").as_deref(), Some("a@b.c"));
}

#[test]
fn pin_16_repeated_parameters_are_accepted() {
    let sender = mail("MAIL FROM:<a@b.c> SIZE=10 SIZE=20\r\n").unwrap();
    assert_eq!(sender.size, 20);
    let sender = mail("MAIL FROM:<a@b.c> BODY=7BIT BODY=8BITMIME\r\n").unwrap();
    assert_eq!(sender.flags & MAIL_BODY_7BIT, MAIL_BODY_7BIT);
    assert_eq!(sender.flags & MAIL_BODY_8BITMIME, MAIL_BODY_8BITMIME);
    assert!(mail("MAIL FROM:<a@b.c>SIZE=10\r\n").is_some());
}

#[test]
fn pin_17_absent_and_zero_are_one() {
    let absent = mail("MAIL FROM:<a@b.c>\r\n").unwrap();
    let zero = mail("MAIL FROM:<a@b.c> SIZE=0 MT-PRIORITY=0\r\n").unwrap();
    assert_eq!(
        (absent.size, absent.mt_priority),
        (zero.size, zero.mt_priority)
    );
    // HOLDFOR=0 alone is told apart, by being refused.
    assert!(mail("MAIL FROM:<a@b.c> HOLDFOR=0\r\n").is_none());
}

#[test]
fn pin_18_words_behind_a_command_are_ignored() {
    for line in [
        "DATA x",
        "QUIT now",
        "RSET x",
        "STARTTLS x",
        "AUTH PLAIN a b",
        "EHLO a b",
    ] {
        assert!(parse(format!("{line}\r\n").as_bytes()).is_ok(), "{line}");
    }
}

#[test]
fn pin_19_an_unknown_mechanism_is_zero() {
    assert!(matches!(
        parse(b"AUTH FROBNICATE\r\n"),
        Ok(Request::Auth { mechanism: 0, .. })
    ));
    assert!(matches!(
        parse(b"AUTH PLAIN\r\n"),
        Ok(Request::Auth {
            mechanism: AUTH_PLAIN,
            ..
        })
    ));
}

#[test]
fn pin_20_absurd_chunk_sizes_are_accepted() {
    assert!(matches!(
        parse(b"BDAT 18446744073709551614\r\n"),
        Ok(Request::Bdat {
            chunk_size: 18_446_744_073_709_551_614,
            ..
        })
    ));
}

#[test]
fn pin_21_the_ehlo_writer_has_no_end_and_a_fixed_text() {
    let mut out = Vec::new();
    EhloResponse::new("host").write(&mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(
        text.starts_with("250-host ") && !text.contains("\n250 "),
        "{text}"
    );
    assert!(text.contains("you had me at EHLO"));
}

#[test]
fn pin_22_the_reply_writer_passes_line_ends_through() {
    let mut out = Vec::new();
    Response::new(354, 0, 0, 0, "Go\r\n250 on")
        .write(&mut out)
        .unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.starts_with("354 0.0.0 "), "{text}");
    assert!(text.contains("Go\r\n250 on"));
}

#[test]
fn pin_23_large_numbers_wrap_or_saturate_unseen() {
    let Ok(Request::Bdat { chunk_size, .. }) = parse(b"BDAT 99999999999999999999999\r\n") else {
        panic!("BDAT was accepted before")
    };
    assert_eq!(chunk_size, 999);
    let mut receiver = BdatReceiver::new(chunk_size, true);
    let mut text = Vec::new();
    assert!(receiver.ingest(&mut [b'x'; 1_000].iter(), &mut text));
    let sender = mail("MAIL FROM:<a@b.c> SIZE=99999999999999999999999\r\n").unwrap();
    assert_eq!(sender.size, 999);
}

#[test]
fn pin_24_the_dot_of_the_first_line_stays_and_crlf_dot_lf_loses_its_dot() {
    assert_eq!(data(b"..x\r\n.\r\n").1, b"..x\r\n");
    let (ended, text, _) = data(b"a\r\n.\nb\r\n.\r\n");
    assert!(ended);
    assert_eq!(text, b"a\r\n\nb\r\n");
}

#[test]
fn pin_25_commands_may_end_in_a_bare_lf() {
    assert!(matches!(parse(b"QUIT\n"), Ok(Request::Quit)));
}

#[test]
fn pin_26_parse_itself_has_no_limit() {
    let line = [b"NOOP ", &[b'x'; 200_000][..], b"\r\n"].concat();
    assert!(parse(&line).is_ok());
}

#[test]
fn pin_27_quoted_angle_brackets_leave_their_quotes() {
    assert_eq!(
        rcpt_address("\"x> SIZE=1\"@y.z").as_deref(),
        Some("x> SIZE=1@y.z")
    );
}

#[test]
fn pin_28_more_laxity() {
    let to = rcpt(b"RCPT TO:<a@b.c> NOTIFY=NEVER,SUCCESS\r\n").unwrap();
    let both = RCPT_NOTIFY_NEVER | RCPT_NOTIFY_SUCCESS;
    assert_eq!(to.flags & both, both);
    assert_eq!(
        mail("MAIL FROM:<a@b.c> MT-PRIORITY=99\r\n")
            .unwrap()
            .mt_priority,
        99
    );
    assert!(rcpt(b"RCPT TO:<a@b.c> ORCPT=utf-8;a@b.c\r\n").is_none());
    assert!(rcpt(b"RCPT TO:<a@b.c> ORCPT=rfc822;a@b.c\r\n").is_some());
    assert!(rcpt(b"RCPT TO: <a@b.c>\r\n").is_some());
}

#[test]
fn pin_29_a_reply_cannot_hold_details_above_255() {
    let reply = Response::new(550, 5, 7, 255, "x");
    assert_eq!(reply.esc, [5, 7, 255_u8]);
}

#[test]
fn pin_30_a_long_mechanism_is_known_in_capitals_only() {
    let seen = |line: &[u8]| match parse(line).unwrap() {
        Request::Auth { mechanism, .. } => mechanism,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        seen(b"AUTH SCRAM-SHA-256-PLUS\r\n"),
        AUTH_SCRAM_SHA_256_PLUS
    );
    assert_eq!(seen(b"AUTH scram-sha-256-plus\r\n"), 0);
    assert_eq!(seen(b"AUTH scram-sha-256\r\n"), AUTH_SCRAM_SHA_256);
}
