//! Whole notices, to the octet, and what nothing in them may do.

use hve_store::{Outcome, Reason};
use hve_types::{Address, BodyKind, Envelope, Notify, QueueId, Recipient, Return};
use time::macros::utc_datetime;

use super::{Composed, NoticeForm, compose, wanted};

const CONTENT: &str = "From: hve01@contoso.test\r\nSubject: Your payslip\r\n\r\nIt is secret.\r\n";

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn envelope(recipients: &[&str]) -> Envelope {
    let recipient = |to: &&str| Recipient::new(address(to));
    Envelope {
        sender: Some(address("hve01@contoso.test")),
        recipients: recipients.iter().map(recipient).collect(),
        body: BodyKind::SevenBit,
        smtputf8: false,
        ret: None,
        envid: None,
    }
}

fn refused(reply: &str) -> Reason {
    Reason {
        words: format!("mx1.contoso.test: rcpt: refused: {reply}"),
        stage: Some("rcpt".into()),
        hop: Some("mx1.contoso.test".into()),
        status: Some([5, 1, 1]),
        reply: Some(reply.into()),
    }
}

fn failed(reply: &str) -> Outcome {
    Outcome::Failed {
        reason: refused(reply),
    }
}

fn made(envelope: &Envelope, outcomes: &[(usize, Outcome)], content: &[u8]) -> Composed {
    compose(&NoticeForm {
        name: "mail.contoso.test",
        to: &address("postmaster@contoso.test"),
        id: QueueId::new(1_764_000_000_001, 1),
        now: utc_datetime!(2026-11-24 12:00),
        of: QueueId::new(1_764_000_000_000, 0),
        envelope,
        content,
        accepted_at: utc_datetime!(2026-11-24 8:00),
        retry_until: Some(utc_datetime!(2026-11-25 8:00)),
        told: &wanted(envelope, outcomes, true),
        boundary: 7,
    })
}

fn text(composed: &Composed) -> &str {
    std::str::from_utf8(&composed.content).unwrap()
}

/// What no message may have, whatever went into it (RFC 5322 §2.1.1, RFC 2045 §2.7).
fn check_lines(composed: &Composed) {
    let text = &composed.content;
    assert!(text.ends_with(b"\r\n"));
    for line in text.split(|&octet| octet == b'\n').rev().skip(1) {
        let line = line.strip_suffix(b"\r").expect("CRLF ends a line");
        assert!(line.len() <= 998 && !line.contains(&b'\r') && !line.contains(&0));
    }
    let seven = composed.body == BodyKind::SevenBit;
    assert_eq!(text.is_ascii(), seven, "declared as it is");
    let header = text
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let header = String::from_utf8_lossy(&text[..header]).into_owned();
    let word = if seven { "7bit" } else { "8bit" };
    assert!(
        header.contains(&format!("Content-Transfer-Encoding: {word}")),
        "{header}"
    );
}

#[test]
fn a_notice_tells_of_all_recipients_at_once() {
    let mut envelope = envelope(&[
        "user1@contoso.test",
        "user2@contoso.test",
        "user3@contoso.test",
    ]);
    envelope.envid = Some("run+2B7".into());
    envelope.recipients[0].orcpt = Some("rfc822;Pay+2Broll@contoso.test".into());
    let too_old = Reason {
        status: Some([5, 4, 7]),
        ..Reason::from("given up, it was tried for too long: no room")
    };
    let outcomes = [
        (0, failed("550 5.1.1 No such user")),
        (1, Outcome::Failed { reason: too_old }),
        (
            2,
            Outcome::Deferred {
                reason: "no room".into(),
            },
        ),
    ];
    let composed = made(&envelope, &outcomes, CONTENT.as_bytes());
    check_lines(&composed);
    assert_eq!(
        composed.message_id,
        "<01KAV9FT010000000000000001@mail.contoso.test>"
    );
    if std::env::var_os("BLESS").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/bounce/golden.eml");
        std::fs::write(path, text(&composed).replace("\r\n", "\n")).unwrap();
        return;
    }
    let expected = include_str!("golden.eml").replace('\n', "\r\n");
    assert_eq!(text(&composed), expected);
}

/// What is told of a recipient with these wishes, for each outcome: failed, late, delivered,
/// relayed to a hop that tells nothing, relayed to one that does.
fn told(notify: Option<Notify>) -> Vec<&'static str> {
    let mut envelope = envelope(&["user1@contoso.test"]);
    envelope.recipients[0].notify = notify;
    let outcomes = [
        failed("550 no"),
        Outcome::Deferred {
            reason: "no room".into(),
        },
        Outcome::Delivered,
        Outcome::Relayed {
            dsn_passed_on: false,
        },
        Outcome::Relayed {
            dsn_passed_on: true,
        },
    ];
    let mut told = Vec::new();
    for outcome in outcomes {
        let outcomes = [(0, outcome)];
        told.extend(
            wanted(&envelope, &outcomes, true)
                .iter()
                .map(|of| of.action.as_str()),
        );
    }
    told
}

#[test]
fn notify_decides_who_hears_of_what() {
    let on = |success, failure, delay| {
        Some(Notify::On {
            success,
            failure,
            delay,
        })
    };
    assert_eq!(told(None), ["failed", "delayed"]);
    assert_eq!(told(Some(Notify::Never)), [""; 0]);
    assert_eq!(told(on(true, false, false)), ["delivered", "relayed"]);
    assert_eq!(told(on(false, true, false)), ["failed"]);
    assert_eq!(told(on(false, false, true)), ["delayed"]);
}

#[test]
fn row_34_there_is_no_bounce_of_a_bounce_and_no_news_of_a_short_wait() {
    let mut envelope = envelope(&["user1@contoso.test"]);
    let waits = [(
        0,
        Outcome::Deferred {
            reason: "no room".into(),
        },
    )];
    assert_eq!(wanted(&envelope, &waits, false), []);
    let failed = [(0, failed("550 no")), (7, failed("550 nobody"))];
    assert_eq!(
        wanted(&envelope, &failed, true).len(),
        1,
        "index 7 is nobody"
    );
    envelope.sender = None;
    envelope.recipients[0].notify = Some(Notify::On {
        success: true,
        failure: true,
        delay: true,
    });
    assert_eq!(wanted(&envelope, &failed, true), []);
}

#[test]
fn row_54_words_of_a_next_hop_are_words_and_nothing_else() {
    let envelope = envelope(&["user1@contoso.test"]);
    let part = "\r\n--=_00000000000000000000000000000007--\r\n\r\nBcc: x@example.org\r\n.\r\n";
    for hostile in [
        format!("550 5.1.1 {part}"),
        format!("550 {}", "x".repeat(1 << 20)),
        "550 \u{202e}evil\u{0}\u{1b}[2J \u{e9}\u{85}".to_owned(),
        "550 \n Action: delivered".to_owned(),
    ] {
        let composed = made(&envelope, &[(0, failed(&hostile))], CONTENT.as_bytes());
        check_lines(&composed);
        let text = text(&composed);
        assert_eq!(
            text.matches("\r\n--=_").count(),
            4,
            "three parts and the end"
        );
        assert_eq!(text.matches("\r\nAction:").count(), 1);
        assert!(!text.contains("\r\nBcc:") && text.is_ascii());
        assert!(text.len() < 8192, "{}", text.len());
    }
}

#[test]
fn row_27_the_message_itself_comes_back_only_where_it_was_asked_for() {
    let mut envelope = envelope(&["user1@contoso.test"]);
    let secret = |envelope: &Envelope, outcome: Outcome| {
        text(&made(envelope, &[(0, outcome)], CONTENT.as_bytes())).contains("It is secret.")
    };
    assert!(!secret(&envelope, failed("550 no")));
    envelope.ret = Some(Return::Headers);
    assert!(!secret(&envelope, failed("550 no")));
    envelope.ret = Some(Return::Full);
    assert!(secret(&envelope, failed("550 no")));
    let waits = Outcome::Deferred {
        reason: "no room".into(),
    };
    assert!(!secret(&envelope, waits), "nothing failed (RFC 3461 §6.2)");
}

#[test]
fn what_a_part_cannot_hold_comes_back_as_its_header() {
    let mut envelope = envelope(&["user1@contoso.test"]);
    envelope.ret = Some(Return::Full);
    let outcomes = [(0, failed("550 no"))];
    let long = format!("Subject: x\r\n\r\n{}\r\n", "y".repeat(999));
    let large = format!("Subject: x\r\n\r\n{}", "y\r\n".repeat(100_000));
    for body in [
        &long,
        &large,
        "Subject: x\r\n\r\na\nb\r\n",
        "Subject: x\r\n\r\na\rb\r\n",
    ] {
        let composed = made(&envelope, &outcomes, body.as_bytes());
        check_lines(&composed);
        let text = text(&composed);
        assert!(text.contains("Content-Type: text/rfc822-headers\r\n"));
        assert!(text.contains("\r\n\r\nSubject: x\r\n\r\n--=_"));
    }
    // Whole, though its last line has no end.
    let composed = made(&envelope, &outcomes, b"Subject: x\r\n\r\nbody");
    assert!(text(&composed).contains("\r\n\r\nSubject: x\r\n\r\nbody\r\n\r\n--=_"));
    // No text at all: it cannot be read from a damaged disk.
    check_lines(&made(&envelope, &outcomes, b""));
    envelope.ret = None;
    let header = format!("Subject: {}\r\n", "z".repeat(5000)).repeat(100);
    let composed = made(&envelope, &outcomes, header.as_bytes());
    check_lines(&composed);
    assert!(composed.content.len() < 80 * 1024);
}

#[test]
fn octets_above_127_are_declared_and_have_their_types() {
    let mut plain = envelope(&["user1@contoso.test"]);
    plain.ret = Some(Return::Full);
    let outcomes = [(0, failed("550 no"))];
    let body = made(&plain, &outcomes, "Subject: x\r\n\r\n\u{e9}\r\n".as_bytes());
    check_lines(&body);
    assert_eq!(body.body, BodyKind::EightBitMime);
    assert!(text(&body).contains("message/rfc822\r\nContent-Transfer-Encoding: 8bit"));
    let header = made(&plain, &outcomes, "Subject: \u{e9}\r\n\r\nx\r\n".as_bytes());
    check_lines(&header);
    assert!(text(&header).contains("message/global\r\nContent-Transfer-Encoding: 8bit"));
    plain.ret = None;
    let latin = made(&plain, &outcomes, b"Subject: \xe9\r\n\r\n\xe9\r\n");
    check_lines(&latin);
    let kind = b"message/global-headers";
    assert!(
        latin
            .content
            .windows(kind.len())
            .any(|window| window == kind)
    );

    let envelope = envelope(&["jos\u{e9}+1@contoso.test"]);
    let composed = made(&envelope, &outcomes, CONTENT.as_bytes());
    check_lines(&composed);
    assert!(text(&composed).contains("Final-Recipient: utf-8; jos\\x{E9}\\x{2B}1@contoso.test"));
    assert!(text(&composed).contains("\r\n  jos\u{e9}+1@contoso.test\r\n"));
}
