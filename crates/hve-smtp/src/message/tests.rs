//! Messages before and after their fixes.

use hve_types::{Address, HeaderMailbox, QueueId};
use proptest::prelude::*;
use time::macros::utc_datetime;

use super::*;

const HEAD: &str = "Received: us\r\n";

fn fixed(message: &[u8], binary: bool) -> Result<Fixed, &'static str> {
    fixed_for(message, binary, None)
}

fn fixed_for(
    message: &[u8],
    binary: bool,
    reply_to: Option<&Address>,
) -> Result<Fixed, &'static str> {
    let account = Address::parse("hve01@contoso.test").unwrap();
    let context = Context {
        hostname: "mail.contoso.test",
        queue_id: QueueId::from_bytes([0; 16]),
        account: &account,
        at: utc_datetime!(2026-11-24 05:52:29),
        reply_to,
        reserved: &["X-House-Word".into()],
        binary,
    };
    let content = [HEAD.as_bytes(), message].concat();
    fix(content, HEAD.len(), &SessionLimits::default(), &context).map_err(|r| r.reason)
}

fn check(message: &str, expected: &str) {
    let content = fixed(message.as_bytes(), false).unwrap().content;
    assert_eq!(
        String::from_utf8(content).unwrap(),
        format!("{HEAD}{expected}"),
        "{message:?}"
    );
}

const COMPLETE: &str = "From: a@x.test\r\nDate: now\r\nMessage-ID: <i@x>\r\n";
const ADDED: &str = "Message-ID: <00000000000000000000000000@mail.contoso.test>\r\n\
                     Date: Tue, 24 Nov 2026 05:52:29 +0000\r\n\
                     From: hve01@contoso.test\r\n";

#[test]
fn a_complete_message_is_left_alone() {
    let message = format!("{COMPLETE}\r\nBcc: in the body\r\n");
    check(&message, &message);
    let fixed = fixed(message.as_bytes(), false).unwrap();
    assert_eq!(fixed.message_id, "<i@x>");
    assert_eq!(
        fixed.from,
        HeaderMailbox::One(Address::parse("a@x.test").unwrap())
    );
    assert_eq!(fixed.sender, HeaderMailbox::Absent);
}

#[test]
fn the_word_of_the_house_is_not_taken_from_a_client() {
    check(
        &format!(
            "x-house-WORD: secret\r\n\tfolded\r\n{COMPLETE}X-House-Words: kept\r\n\r\nX-House-Word: text\r\n"
        ),
        &format!("{COMPLETE}X-House-Words: kept\r\n\r\nX-House-Word: text\r\n"),
    );
}

#[test]
fn reply_to_of_the_account_is_added_where_there_is_none() {
    let desk = Address::parse("desk@contoso.test").unwrap();
    let content = |message: &str| {
        let fixed = fixed_for(message.as_bytes(), false, Some(&desk)).unwrap();
        String::from_utf8(fixed.content).unwrap()
    };
    let plain = format!("{COMPLETE}\r\nhi\r\n");
    let added = format!("{HEAD}Reply-To: desk@contoso.test\r\n{plain}");
    assert_eq!(content(&plain), added);
    let own = format!("reply-to: a@contoso.test\r\n{plain}");
    assert_eq!(content(&own), format!("{HEAD}{own}"));
}

#[test]
fn row_31_what_is_missing_is_added() {
    check(
        "Subject: x\r\n\r\nhi\r\n",
        &format!("{ADDED}Subject: x\r\n\r\nhi\r\n"),
    );
    check("", &format!("{ADDED}\r\n"));
    check("\r\nhi", &format!("{ADDED}\r\nhi\r\n"));
    assert_eq!(fixed(b"", false).unwrap().from, HeaderMailbox::Absent);
    let empty_id = COMPLETE.replace("<i@x>", "");
    let fixed = fixed(format!("{empty_id}\r\n").as_bytes(), false).unwrap();
    assert!(fixed.message_id.starts_with("<000"));
    assert_eq!(
        String::from_utf8(fixed.content)
            .unwrap()
            .matches("Message-ID")
            .count(),
        1
    );
}

#[test]
fn row_31_bcc_and_return_path_are_removed() {
    check(
        &format!(
            "Bcc: a@x.test,\r\n b@x.test\r\n{COMPLETE}bcc: c\r\nTo: d\r\nResent-Bcc: e\r\nReturn-Path: <>\r\n\r\nBcc: f\r\n"
        ),
        &format!("{COMPLETE}To: d\r\n\r\nBcc: f\r\n"),
    );
    check("Bcc: a\r\n\r\nhi\r\n", &format!("{ADDED}\r\nhi\r\n"));
}

#[test]
fn row_30_a_forgotten_empty_line_is_put_in() {
    check(
        &format!("{COMPLETE}text\r\nFrom: b@y.test\r\n"),
        &format!("{COMPLETE}\r\ntext\r\nFrom: b@y.test\r\n"),
    );
    check("just text\r\n", &format!("{ADDED}\r\njust text\r\n"));
    check(COMPLETE, &format!("{COMPLETE}\r\n"));
    check(COMPLETE.trim_end(), &format!("{COMPLETE}\r\n"));
    check("Bcc: a", &format!("{ADDED}\r\n"));
}

#[test]
fn row_30_loops_and_bombs_are_refused() {
    let received = "Received: x\r\n";
    assert!(fixed(received.repeat(50).as_bytes(), false).is_ok());
    assert_eq!(
        fixed(received.repeat(51).as_bytes(), false).unwrap_err(),
        "mail-loop"
    );
    assert_eq!(
        fixed("a: b\r\n".repeat(1_001).as_bytes(), false).unwrap_err(),
        "too-many-header-fields"
    );
}

#[test]
fn row_31_authors_are_taken_together() {
    let from = |header: &str| fixed(header.as_bytes(), false).unwrap().from;
    let one = HeaderMailbox::One(Address::parse("a@x.test").unwrap());
    assert_eq!(from("From: a@x.test\r\nResent-From: A <a@x.test>\r\n"), one);
    assert_eq!(
        from("From: a@x.test\r\nResent-From: b@x.test\r\n"),
        HeaderMailbox::Several
    );
    assert_eq!(
        from("From: a@x.test\r\nFrom: b@x.test\r\n"),
        HeaderMailbox::Several
    );
    assert_eq!(
        from("From: a@x.test\r\nFrom: a@x.test (b@y.test)\r\n"),
        HeaderMailbox::Malformed
    );
    // Resent-From alone does not make up for From.
    let resent = fixed(b"Resent-From: a@x.test\r\n", false).unwrap();
    assert_eq!(resent.from, one);
    assert!(
        String::from_utf8(resent.content)
            .unwrap()
            .contains("\r\nFrom: hve01@contoso.test\r\n")
    );
}

#[test]
fn row_31_a_hostile_message_id_is_shown_clean() {
    let id = |value: &str| {
        fixed(format!("Message-ID: {value}\r\n").as_bytes(), false)
            .unwrap()
            .message_id
    };
    assert_eq!(id("<a\u{1b}[2J b\0@x>"), "<a?[2J?b?@x>");
    assert_eq!(id(&"é".repeat(500)).len(), 254);
}

#[test]
fn a_binary_body_is_not_touched() {
    let message = [COMPLETE.as_bytes(), b"\r\n\0\n\r"].concat();
    let fixed = fixed(&message, true).unwrap();
    assert!(fixed.content.ends_with(b"\r\n\0\n\r"));
}

proptest! {
    /// No octets panic, nothing but the header changes, and the result has one header only.
    #[test]
    fn the_body_survives(header in "(From|Bcc|X|Date|Return-Path)?[: a@.\r\n]{0,40}", body in "[ -~]{0,20}") {
        let message = format!("{COMPLETE}{header}\r\n\r\n{body}\r\n");
        if let Ok(fixed) = fixed(message.as_bytes(), false) {
            let content = String::from_utf8(fixed.content).unwrap();
            let ending = format!("{body}\r\n");
            prop_assert!(content.ends_with(&ending));
            let head = content.split("\r\n\r\n").next().unwrap();
            prop_assert!(!head.lines().any(|l| l.starts_with("Bcc:") || l.starts_with("Return-Path:")));
        }
    }

    #[test]
    fn no_octets_panic(message in proptest::collection::vec(any::<u8>(), 0..200), binary: bool) {
        let _ = fixed(&message, binary);
    }
}
