//! What `smtp_proto` 0.2.5 does with odd replies, as assertions: each is the reason for a rule of
//! the client. When an upgrade changes one of them, this fails, and the rule is looked at again.
//! Numbers go on from those in `smtp_proto_pins.rs`.

use smtp_proto::{EhloResponse, Error, Response, response::parser::ResponseReceiver};

fn reply(octets: &[u8]) -> Result<Response<String>, Error> {
    ResponseReceiver::default().parse(&mut octets.iter())
}

fn parsed(octets: &[u8]) -> (u16, [u8; 3], String) {
    reply(octets)
        .map(|r| (r.code, r.esc, r.message))
        .unwrap_or_default()
}

#[test]
fn pin_30_a_bare_lf_ends_a_line_and_a_bare_cr_vanishes() {
    assert_eq!(parsed(b"250 ok\n"), (250, [0; 3], "ok".into()));
    assert_eq!(parsed(b"250 a\rb\r\n"), (250, [0; 3], "ab".into()));
    assert_eq!(parsed(b"250\r\r-\r\n").0, 0, "but not among separators");
}

#[test]
fn pin_31_codes_of_later_lines_are_not_looked_at() {
    assert_eq!(
        parsed(b"250-yes\r\n550 no\r\n"),
        (250, [0; 3], "yes\nno".into())
    );
    // Nor is any code out of bounds.
    assert_eq!(parsed(b"999 x\r\n").0, 999);
    assert_eq!(parsed(b"000 x\r\n"), (0, [0; 3], "x".into()));
}

#[test]
fn pin_32_enhanced_codes_are_octets_of_any_class() {
    assert_eq!(parsed(b"550 5.7.750 x\r\n").1, [5, 7, 255]);
    assert_eq!(parsed(b"250 5.1.1 x\r\n").1, [5, 1, 1]);
    assert_eq!(parsed(b"550-5.1.1 a\r\n550 4.0.0 b\r\n").1, [4, 0, 0]);
}

#[test]
fn pin_33_a_receiver_has_to_be_reset_after_each_reply() {
    let mut receiver = ResponseReceiver::default();
    assert!(receiver.parse(&mut b"250 a\r\n".iter()).is_ok());
    assert!(
        receiver
            .parse(&mut b"354 b\r\n".iter())
            .is_ok_and(|r| r.code != 354)
    );
    receiver.reset();
    assert!(
        receiver
            .parse(&mut b"354 b\r\n".iter())
            .is_ok_and(|r| r.code == 354)
    );
}

#[test]
fn pin_34_the_bound_is_on_the_text_alone() {
    let long = [b"250 ", &[b'x'; 4_096][..], b"\r\n"].concat();
    assert!(reply(&long).is_ok());
    let longer = [b"250 ", &[b'x'; 4_097][..], b"\r\n"].concat();
    assert_eq!(reply(&longer), Err(Error::ResponseTooLong));
    // Lines without text are not counted until there are thousands.
    assert!(matches!(
        reply(&b"250-\r\n".repeat(4_000)),
        Err(Error::NeedsMoreData { .. })
    ));
}

#[test]
fn pin_35_whole_lines_are_read_as_they_come() {
    let mut receiver = ResponseReceiver::default();
    let first = receiver.parse(&mut b"250-2.0.0 a\r\n".iter());
    assert!(matches!(first, Err(Error::NeedsMoreData { .. })));
    let last = receiver.parse(&mut b"250 2.0.0 b\r\n".iter());
    assert!(last.is_ok_and(|r| r.message == "a\nb" && r.code == 250));
    assert_eq!(parsed(b"354\r\n"), (354, [0; 3], String::new()));
}

#[test]
fn pin_36_a_size_that_is_too_large_wraps_and_limits_are_unknown() {
    let size = |text: &str| {
        let text = format!("250-mx\r\n250-{text}\r\n250 LIMITS RCPTMAX=5\r\n");
        EhloResponse::parse(&mut text.as_bytes().iter()).map(|ehlo| ehlo.size)
    };
    assert_eq!(size("SIZE 1000"), Ok(1000));
    assert_eq!(size("SIZE 99999999999999999999999"), Ok(999));
    assert_eq!(size("SIZE 10x"), Ok(10));
}
