//! What a transcript does not show of the client: deadlines, pieces, secrets, misuse, size.

#[cfg(test)]
mod peer;

use std::time::Duration;

use bytes::Bytes;
use hve_smtp::{
    Cause, ClientConfig, ClientCredentials, ClientStep, NotReady, Protocol, Stage, TlsPolicy,
    Verdict,
};
use peer::{Host, State, envelope};

fn config(tls: TlsPolicy) -> ClientConfig {
    let mut config = ClientConfig::new("mail.contoso.test", Protocol::Smtp);
    config.tls = tls;
    config
}

/// A host whose client has read these lines, each after it was its turn.
fn host(config: ClientConfig, lines: &[&str]) -> Host {
    let mut host = Host::new(config);
    host.run();
    for line in lines {
        host.feed(line.as_bytes(), usize::MAX);
    }
    host
}

fn in_clear(lines: &[&str]) -> Host {
    host(config(TlsPolicy::Off), lines)
}

#[test]
fn every_stage_has_its_deadline() {
    const PIPELINED: &[&str] = &["220 mx\r\n", "250-mx\r\n250 PIPELINING\r\n"];
    let one = || envelope("a@b.test c@d.test");
    let check = |host: &Host, seconds: u64| {
        let wait = host.client.deadline() - host.now.monotonic;
        assert_eq!(wait, Duration::from_secs(seconds));
    };
    check(&in_clear(&[]), 300);
    check(&in_clear(&["220 mx\r\n"]), 300);
    let mut host = in_clear(PIPELINED);
    check(&host, 60);
    host.begin(one(), b"x\r\n");
    check(&host, 300);
    host.feed(b"250 Ok\r\n", 99);
    check(&host, 300);
    host.feed(b"250 Ok\r\n", 99);
    check(&host, 120);
    host.feed(b"354 Go on\r\n", 99);
    check(&host, 600);
    host.client.quit(host.now);
    host.feed(b"250 Ok\r\n", 99);
    check(&host, 5);

    // While the content is on its way, and the peer takes it slowly.
    let mut host = in_clear(PIPELINED);
    let content = Bytes::from(vec![b'x'; 200_000]);
    host.client.begin(one(), content, host.now).unwrap();
    host.run();
    host.client
        .receive(b"250 Ok\r\n250 Ok\r\n354 Go on\r\n", host.now);
    assert!(matches!(host.client.poll(host.now), ClientStep::Send(_)));
    check(&host, 180);
}

#[test]
fn a_peer_that_trickles_gains_no_time() {
    let mut host = in_clear(&[]);
    for _ in 0..9 {
        host.now.monotonic += Duration::from_secs(30);
        host.feed(b"2", 1);
        if host.state == State::Closed {
            break;
        }
    }
    // "222.." is no reply once there is a line; until then only the deadline helps.
    host.pass(30);
    assert_eq!(host.failures[0].cause, Cause::TimedOut);
}

/// RFC 3207 §4.2: octets behind the 220 may be somebody's between us and the peer.
#[test]
fn clear_text_behind_the_220_is_never_read() {
    let lines = [
        "220 mx\r\n",
        "250-mx\r\n250 STARTTLS\r\n",
        "220 Go on\r\n250-mx\r\n250 AUTH PLAIN\r\n",
    ];
    let host = host(config(TlsPolicy::Opportunistic), &lines);
    assert_eq!(host.state, State::Closed);
    assert_eq!(host.failures[0].stage, Stage::StartTls);
    assert_eq!(host.failures[0].cause, Cause::UnsolicitedReply);
}

#[test]
fn clear_text_that_comes_in_the_handshake_is_dropped() {
    let lines = ["220 mx\r\n", "250-mx\r\n250 STARTTLS\r\n", "220 Go on\r\n"];
    let mut host = host(config(TlsPolicy::Required), &lines);
    host.feed(b"250-mx\r\n250 AUTH PLAIN\r\n", 7);
    assert!(!host.client.is_tls());
    host.client.tls_started(host.now);
    host.run();
    assert!(host.client.is_tls());
    assert!(
        host.said
            .ends_with(b"STARTTLS\r\nEHLO mail.contoso.test\r\n")
    );
    host.state = State::Waits;
    host.run();
    assert_eq!(
        host.state,
        State::Waits,
        "the reply to EHLO is still to come"
    );
}

#[test]
fn replies_before_their_commands_are_an_end() {
    let host = in_clear(&["220 mx\r\n250 mx\r\n"]);
    assert!(host.said.is_empty());
    assert_eq!(host.failures[0].cause, Cause::UnsolicitedReply);

    // The end of the message is not accepted before it was sent.
    let mut host = in_clear(&["220 mx\r\n", "250 mx\r\n"]);
    host.begin(envelope("a@b.test c@d.test"), b"x\r\n");
    host.feed(b"250 Ok\r\n", 99);
    host.feed(b"250 Ok\r\n", 99);
    host.feed(b"354 Go on\r\n250 Queued\r\n", 99);
    let [Verdict::Temporary(why)] = &*host.outcomes[0].verdicts else {
        panic!("{:?}", host.outcomes);
    };
    assert_eq!((why.cause, why.uncertain), (Cause::UnsolicitedReply, false));
}

/// A server that sees too much coming may say so before the end, and closes then.
#[test]
fn row_55_a_refusal_in_the_middle_of_the_content_is_believed() {
    let mut host = in_clear(&["220 mx\r\n", "250 mx\r\n"]);
    let content = Bytes::from(b"0123456789abcd\r\n".repeat(20_000));
    let one = envelope("a@b.test c@d.test");
    host.client.begin(one, content, host.now).unwrap();
    host.run();
    host.feed(b"250 Ok\r\n", 99);
    host.feed(b"250 Ok\r\n", 99);
    host.client.receive(b"354 Go on\r\n", host.now);
    let ClientStep::Send(piece) = host.client.poll(host.now) else {
        panic!("the content comes");
    };
    assert_eq!(piece.len(), 64 * 1024);
    host.feed(b"552 5.3.4 Too large\r\n", 99);
    assert_eq!(host.state, State::Closed);
    let [Verdict::Permanent(why)] = &*host.outcomes[0].verdicts else {
        panic!("{:?}", host.outcomes);
    };
    assert_eq!(
        why.to_string(),
        "data: the next hop refused: 552 5.3.4 Too large"
    );
    assert!(!why.uncertain);
}

#[test]
fn a_transaction_begins_when_the_connection_is_ready_only() {
    let one = || envelope("a@b.test c@d.test");
    let mut host = in_clear(&["220 mx\r\n"]);
    let begun = host.client.begin(one(), Bytes::new(), host.now);
    assert_eq!(begun, Err(NotReady));
    host.feed(b"250 mx\r\n", 99);
    host.begin(one(), b"x\r\n");
    assert_eq!(
        host.client.begin(one(), Bytes::new(), host.now),
        Err(NotReady)
    );
    assert_eq!(host.client.transactions(), 1);

    // Closed in the meantime: no attempt is made, so none is counted.
    let mut host = in_clear(&["220 mx\r\n", "250 mx\r\n"]);
    host.client.receive(b"421 Bye\r\n", host.now);
    assert_eq!(
        host.client.begin(one(), Bytes::new(), host.now),
        Err(NotReady)
    );
    let mut host = in_clear(&["220 mx\r\n", "250 mx\r\n"]);
    host.client.peer_closed(host.now);
    assert_eq!(
        host.client.begin(one(), Bytes::new(), host.now),
        Err(NotReady)
    );
}

#[test]
fn no_recipients_is_an_outcome_without_verdicts() {
    let mut host = in_clear(&["220 mx\r\n", "250 mx\r\n"]);
    host.said.clear();
    host.begin(envelope("a@b.test"), b"x\r\n");
    assert!(host.outcomes[0].verdicts.is_empty() && host.said.is_empty());
    assert_eq!(host.state, State::Ready);
}

#[test]
fn the_password_is_shown_nowhere_but_on_the_wire() {
    let mut config = config(TlsPolicy::Implicit);
    config.credentials = Some(ClientCredentials {
        user: "relay".into(),
        password: "hunter2".into(),
    });
    assert!(!format!("{config:?}").contains("hunter2"));
    let mut host = host(config, &["220 mx\r\n"]);
    host.client
        .receive(b"250-mx\r\n250 AUTH LOGIN\r\n", host.now);
    host.run();
    host.feed(b"334 VXNlcm5hbWU6\r\n", 99);
    host.client.receive(b"334 UGFzc3dvcmQ6\r\n", host.now);
    let ClientStep::Send(octets) = host.client.poll(host.now) else {
        panic!("the password comes");
    };
    assert_eq!(&octets[..], b"aHVudGVyMg==\r\n");
    assert!(!format!("{:?}", host.client).contains("aHVudGVyMg"));
}

#[test]
fn twenty_thousand_recipients_never_await_more_than_the_window() {
    let recipients: String = (0..20_000).map(|n| format!(" u{n}@contoso.test")).collect();
    let mut host = in_clear(&["220 mx\r\n", "250-mx\r\n250 PIPELINING\r\n"]);
    host.said.clear();
    host.begin(envelope(&format!("a@b.test{recipients}")), b"x\r\n");
    let mut replied = 0;
    loop {
        let said = std::mem::take(&mut host.said);
        let commands = said.split_inclusive(|b| *b == b'\n').count();
        if said.ends_with(b"DATA\r\n") {
            host.feed(&b"250 Ok\r\n".repeat(commands - 1), usize::MAX);
            break;
        }
        assert!((1..=100).contains(&commands), "{commands} at once");
        host.feed(&b"250 Ok\r\n".repeat(commands), usize::MAX);
        replied += commands;
    }
    assert!(replied > 19_000);
    host.feed(b"354 Go on\r\n", 99);
    host.feed(b"250 Queued\r\n", 99);
    let verdicts = &host.outcomes[0].verdicts;
    assert_eq!(verdicts.len(), 20_000);
    assert!(verdicts.iter().all(|v| matches!(v, Verdict::Delivered(_))));
}

#[test]
fn what_the_peer_says_of_recipients_is_told() {
    let lines = ["220 mx\r\n", "250-mx\r\n250 LIMITS RCPTMAX=50\r\n"];
    assert_eq!(in_clear(&lines).client.recipients_max(), Some(50));
}
