//! The contract between a session and its host: order of steps, deadlines, reports, misuse.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

#[cfg(test)]
mod host;

use std::{sync::Arc, time::Duration};

use hve_smtp::{
    Answer, Enhanced, Leniency, Mechanism, Now, Question, Refusal, Reply, Report, Session,
    SessionConfig, Step,
};
use hve_types::{Address, QueueId};

use host::{CLOCK, Host, opening, tls};

fn session() -> Session {
    Session::new(Arc::new(SessionConfig::new("mx.test")), opening(), CLOCK)
}

fn later(seconds: u64) -> Now {
    Now {
        monotonic: CLOCK.monotonic + Duration::from_secs(seconds),
        ..CLOCK
    }
}

/// One step as a word, and what is sent as its text.
fn step(session: &mut Session) -> String {
    match session.poll(CLOCK) {
        Step::Ask(Question::Authenticate(_)) => "ask authenticate".into(),
        Step::Ask(Question::Mail(_)) => "ask mail".into(),
        Step::Ask(Question::Rcpt(_)) => "ask rcpt".into(),
        Step::Ask(Question::Data(_)) => "ask data".into(),
        Step::Ask(Question::Submit(_)) => "ask submit".into(),
        Step::Close => "close".into(),
        Step::NeedInput => "need input".into(),
        Step::Report(Report::Refused { reason, .. }) => format!("report {reason}"),
        Step::Report(Report::Ended { reason, .. }) => format!("ended {reason}"),
        Step::Report(Report::ClearTextDropped { octets }) => format!("dropped {octets}"),
        Step::Send(octets) => String::from_utf8(octets).unwrap(),
        Step::StartTls => "start tls".into(),
        other => panic!("unknown step {other:?}"),
    }
}

/// A session that has signed in and said nothing else.
fn signed_in() -> Session {
    let mut session = session();
    session.receive(b"EHLO x\r\nSTARTTLS\r\n", CLOCK);
    while step(&mut session) != "start tls" {}
    session.tls_started(tls(), CLOCK);
    session.receive(b"EHLO x\r\nAUTH PLAIN AGEAYg==\r\n", CLOCK);
    while step(&mut session) != "ask authenticate" {}
    session.answer(
        Answer::Authenticated {
            user: Address::parse("hve01@contoso.test").unwrap(),
            leniency: Leniency::default(),
        },
        CLOCK,
    );
    while step(&mut session) != "need input" {}
    session
}

const ENVELOPE: &[u8] = b"MAIL FROM:<hve01@contoso.test>\r\nRCPT TO:<a@contoso.test>\r\nDATA\r\n";

fn proceed() -> Answer {
    Answer::Proceed {
        queue_id: QueueId::from_bytes([0; 16]),
        message_octets: 1_000,
        reply_to: None,
    }
}

/// Up to the question about the whole message.
fn submitting() -> Session {
    let mut session = signed_in();
    session.receive(ENVELOPE, CLOCK);
    for (asked, answer) in [
        ("ask mail", Answer::Accepted),
        ("ask rcpt", Answer::Accepted),
        ("ask data", proceed()),
    ] {
        assert_eq!(step(&mut session), asked);
        session.answer(answer, CLOCK);
    }
    session.receive(b"hi\r\n.\r\nNOOP\r\n", CLOCK);
    assert!(step(&mut session).ends_with("354 Go on, end with a dot on a line of its own\r\n"));
    assert_eq!(step(&mut session), "ask submit");
    session
}

#[test]
fn quick_questions_let_replies_gather_and_slow_ones_do_not() {
    // `submitting` has seen MAIL, RCPT and DATA asked with no Send between them, and one Send
    // with three replies before Submit.
    let mut session = submitting();
    assert_eq!(step(&mut session), "need input");
    session.answer(Answer::Queued, CLOCK);
    assert_eq!(
        step(&mut session),
        "250 2.0.0 Queued as 00000000000000000000000000\r\n250 2.0.0 Ok\r\n"
    );
    assert_eq!(step(&mut session), "need input");
}

#[test]
fn nothing_is_parsed_while_a_question_is_open() {
    let mut session = signed_in();
    session.receive(b"MAIL FROM:<hve01@contoso.test>\r\n", CLOCK);
    assert_eq!(step(&mut session), "ask mail");
    session.receive(b"QUIT\r\n", CLOCK);
    assert_eq!(step(&mut session), "need input");
    session.answer(Answer::Accepted, CLOCK);
    assert_eq!(
        step(&mut session),
        "250 2.1.0 Sender ok\r\n221 2.0.0 Bye\r\n"
    );
    assert_eq!(step(&mut session), "ended quit");
    assert_eq!(step(&mut session), "close");
    assert_eq!(step(&mut session), "close");
}

#[test]
fn an_answer_that_does_not_fit_is_451() {
    let mut session = signed_in();
    session.receive(b"MAIL FROM:<hve01@contoso.test>\r\n", CLOCK);
    assert_eq!(step(&mut session), "ask mail");
    session.answer(Answer::Queued, CLOCK);
    assert_eq!(step(&mut session), "report bug-host-answer");
    assert!(step(&mut session).starts_with("451 4.3.0 "));
    // The session goes on, and an answer to no question changes nothing.
    session.answer(Answer::Queued, CLOCK);
    session.receive(b"NOOP\r\n", CLOCK);
    assert_eq!(step(&mut session), "250 2.0.0 Ok\r\n");
}

#[test]
fn starttls_is_said_before_it_is_done_and_clear_text_is_reported() {
    let mut session = session();
    session.receive(b"EHLO x\r\nSTARTTLS\r\nMAIL", CLOCK);
    assert_eq!(step(&mut session), "dropped 4");
    assert!(step(&mut session).ends_with("220 2.0.0 Ready for TLS\r\n"));
    assert_eq!(step(&mut session), "start tls");
    // Octets of the handshake are none of the session's.
    session.receive(b"QUIT\r\n", CLOCK);
    assert_eq!(step(&mut session), "need input");
    session.tls_started(tls(), CLOCK);
    assert_eq!(step(&mut session), "need input");
    assert_eq!(session.opening().tls, Some(tls()));
    // Only once, and only when it was asked for.
    session.receive(b"EHLO x\r\n", CLOCK);
    assert!(step(&mut session).ends_with("250 AUTH LOGIN PLAIN\r\n"));
    session.tls_started(tls(), CLOCK);
    session.receive(b"AUTH LOGIN\r\n", CLOCK);
    assert_eq!(step(&mut session), "334 VXNlcm5hbWU6\r\n");
}

#[test]
fn row_13_a_handshake_that_never_ends_ends_in_silence() {
    let mut session = session();
    session.receive(b"EHLO x\r\nSTARTTLS\r\n", CLOCK);
    while step(&mut session) != "start tls" {}
    assert_eq!(
        session.deadline(),
        CLOCK.monotonic + Duration::from_secs(30)
    );
    session.timed_out(later(29));
    assert_eq!(step(&mut session), "need input");
    session.timed_out(later(30));
    assert_eq!(step(&mut session), "ended timeout-handshake");
    assert_eq!(step(&mut session), "close");
}

#[test]
fn a_refusal_and_its_report_share_an_id() {
    let mut host = Host::new(SessionConfig::new("mx.test"), opening());
    host.start("greeted");
    host.feed(b"FOO\r\nEHLO x\r\nMAIL FROM:<a@b.test>\r\n", usize::MAX);
    let sent = String::from_utf8(host.sent).unwrap();
    assert_eq!(host.reports.len(), 2);
    let report = Report::Refused {
        correlation: "s-2".into(),
        reason: "tls-first",
        command: "MAIL",
        code: 530,
        enhanced: Some(Enhanced(5, 7, 0)),
        text: "Issue STARTTLS first".into(),
    };
    assert_eq!(host.reports.last(), Some(&report));
    assert!(
        sent.ends_with("530 5.7.0 Issue STARTTLS first [mx.test 2026-11-24T05:52:29Z s-2]\r\n")
    );
}

#[test]
fn many_replies_are_sent_in_parts() {
    let mut config = SessionConfig::new("mx.test");
    config.limits.idle_commands = 100_000;
    let mut session = Session::new(Arc::new(config), opening(), CLOCK);
    session.receive(&b"NOOP\r\n".repeat(10_000), CLOCK);
    let mut largest = 0;
    let mut total = 0;
    loop {
        match session.poll(CLOCK) {
            Step::Send(octets) => {
                largest = largest.max(octets.len());
                total += octets.len();
            }
            Step::NeedInput => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(largest < 17_000, "{largest}");
    assert!(total > 140_000);
}

#[test]
fn every_phase_has_its_deadline() {
    let after = |session: &Session, now: Now| (session.deadline() - now.monotonic).as_secs();
    let mut session = session();
    while step(&mut session) != "need input" {}
    // The sign-in comes before the five minutes of a command.
    assert_eq!(after(&session, CLOCK), 180);
    let mut session = signed_in();
    assert_eq!(after(&session, CLOCK), 300);
    session.receive(b"MAIL FROM:<hve01@contoso.test>\r\n", CLOCK);
    assert_eq!(step(&mut session), "ask mail");
    assert_eq!(after(&session, CLOCK), 600);
    session.answer(Answer::Accepted, later(10));
    assert_eq!(after(&session, later(10)), 300);
}

#[test]
fn row_8_half_a_command_does_not_extend_its_deadline() {
    let mut session = signed_in();
    let deadline = session.deadline();
    for second in 1..10 {
        session.receive(b"N", later(second * 29));
        let _ = session.poll(later(second * 29));
        assert_eq!(session.deadline(), deadline);
    }
}

#[test]
fn a_host_that_does_not_answer_is_said_to_the_client() {
    let mut session = submitting();
    session.timed_out(later(599));
    assert_eq!(step(&mut session), "need input");
    session.timed_out(later(600));
    assert_eq!(step(&mut session), "report timeout-answer");
    assert!(step(&mut session).starts_with("421 4.3.0 "));
    // The late answer finds nobody.
    session.answer(Answer::Queued, later(601));
    assert_eq!(step(&mut session), "ended timeout-answer");
    assert_eq!(step(&mut session), "close");
}

#[test]
fn row_9_the_client_goes_while_its_message_is_stored() {
    let mut session = submitting();
    session.peer_closed(CLOCK);
    assert_eq!(step(&mut session), "need input");
    assert!(session.in_transaction());
    session.answer(Answer::Queued, CLOCK);
    assert!(step(&mut session).starts_with("250 2.0.0 Queued"));
    assert_eq!(step(&mut session), "ended peer-closed");
}

#[test]
fn draining_waits_for_the_answer_to_the_message() {
    let mut session = submitting();
    session.drain(CLOCK);
    assert_eq!(step(&mut session), "need input");
    session.answer(Answer::Queued, CLOCK);
    assert_eq!(step(&mut session), "report shutting-down");
    let sent = step(&mut session);
    assert!(sent.starts_with("250 2.0.0 Queued") && sent.contains("\r\n421 4.3.2 "));
}

#[test]
fn draining_in_a_handshake_and_before_the_greeting() {
    let mut early = session();
    early.drain(CLOCK);
    assert_eq!(step(&mut early), "report shutting-down");
    assert!(step(&mut early).starts_with("421 "));
    let mut session = session();
    session.receive(b"EHLO x\r\nSTARTTLS\r\n", CLOCK);
    while step(&mut session) != "start tls" {}
    session.drain(CLOCK);
    assert_eq!(step(&mut session), "ended shutting-down");
}

#[test]
fn overload_after_the_greeting_is_too_late() {
    let mut session = session();
    assert!(step(&mut session).starts_with("220 "));
    let reply = Reply::new(421, Some(Enhanced(4, 3, 2)), "Too many");
    session.overload(Refusal::new(reply, "too-many"));
    assert_eq!(step(&mut session), "need input");
}

#[test]
fn a_session_is_small_and_may_move_between_threads() {
    fn check<T: Send + Sync + 'static>() -> usize {
        size_of::<T>()
    }
    // Ten thousand idle ones are a few MiB.
    assert!(check::<Session>() < 1_024, "{}", size_of::<Session>());
}

#[test]
fn nothing_secret_is_in_a_debug_text() {
    let mut session = submitting();
    session.answer(Answer::Queued, CLOCK);
    session.receive(b"AUTH PLAIN canary", CLOCK);
    let shown = format!("{session:?}");
    // Neither as text nor as a list of octets.
    assert!(!shown.contains("canary") && !shown.contains("99, 97, 110, 97, 114, 121"));
    let mut host = Host::new(SessionConfig::new("mx.test"), opening());
    host.start("signed-in");
    host.feed(ENVELOPE, usize::MAX);
    host.feed(b"Subject: x\r\n\r\ncanary\r\n.\r\n", usize::MAX);
    let shown = format!("{:?}", host.submissions);
    assert!(shown.contains("content_octets") && !shown.contains("99, 97, 110"));
}

#[test]
fn the_host_says_what_this_client_is_offered() {
    let mut session = session();
    session.receive(b"EHLO x\r\nSTARTTLS\r\n", CLOCK);
    while step(&mut session) != "start tls" {}
    session.offer(vec![Mechanism::Login, Mechanism::External]);
    session.tls_started(tls(), CLOCK);
    session.receive(b"EHLO x\r\n", CLOCK);
    let offered = step(&mut session);
    assert!(
        offered.ends_with("250 AUTH LOGIN EXTERNAL\r\n"),
        "{offered}"
    );
    assert_eq!(step(&mut session), "need input");
    // What is not offered is not taken either.
    session.receive(b"AUTH PLAIN AGEAYg==\r\n", CLOCK);
    let refused = step(&mut session);
    assert!(
        refused.starts_with("report ") || refused.starts_with("504 5.7.4"),
        "{refused}"
    );
}
