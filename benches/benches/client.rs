//! The CPU that one message costs the client half, without sockets and TLS.
//!
//! Who would feel it: whoever drains a long queue, since delivery shares the processors with
//! accepting. The peer here says yes to everything, all replies of a turn at once.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a bench has nobody to report to"
)]

use std::{hint::black_box, sync::Arc, time::Duration};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hve_smtp::{Client, ClientConfig, ClientStep, Now, Protocol, TlsPolicy, TransactionOutcome};
use hve_types::{BodyKind, Envelope, Recipient};
use time::macros::utc_datetime;

criterion_group!(benches, kept_connection, large_messages);
criterion_main!(benches);

const NOW: Now = Now {
    monotonic: Duration::from_secs(1),
    utc: utc_datetime!(2026-11-24 05:52:29),
};

/// One more message of 4 KiB on a connection that is open, by recipients.
fn kept_connection(c: &mut Criterion) {
    let mut group = c.benchmark_group("client, one message on a kept connection");
    for (protocol, offer, label) in PEERS {
        for recipients in [1, 10, 50] {
            let mut peer = Peer::new(protocol, offer);
            let (envelope, content) = (envelope(recipients), message(4 << 10, true));
            group.throughput(Throughput::Elements(1));
            group.bench_function(format!("{label}, {recipients} recipient(s)"), |b| {
                b.iter(|| peer.take(envelope.clone(), content.clone()));
            });
        }
    }
    group.finish();
}

/// 10 MiB by DATA and by BDAT, with dots to stuff and without.
fn large_messages(c: &mut Criterion) {
    let mut group = c.benchmark_group("client, 10 MiB");
    group.throughput(Throughput::Bytes(10 << 20));
    for (protocol, offer, label) in PEERS {
        for (dots, kind) in [(true, "dots"), (false, "no dots")] {
            let mut peer = Peer::new(protocol, offer);
            let (envelope, content) = (envelope(1), message(10 << 20, dots));
            group.bench_function(format!("{label}, {kind}"), |b| {
                b.iter(|| peer.take(envelope.clone(), content.clone()));
            });
        }
    }
    group.finish();
}

const PEERS: [(Protocol, &str, &str); 3] = [
    (Protocol::Smtp, "PIPELINING", "SMTP by DATA"),
    (Protocol::Lmtp, "PIPELINING", "LMTP by DATA"),
    (Protocol::Lmtp, "PIPELINING\r\n250-CHUNKING", "LMTP by BDAT"),
];

fn envelope(recipients: usize) -> Envelope {
    let recipient = |n| format!("colleague.{n:02}@contoso.test").parse().unwrap();
    Envelope {
        sender: Some("hve01@contoso.test".parse().unwrap()),
        recipients: (0..recipients).map(recipient).map(Recipient::new).collect(),
        body: BodyKind::SevenBit,
        smtputf8: false,
        ret: None,
        envid: None,
    }
}

/// A message of about so many octets, with a dot to stuff in every 40th line.
fn message(octets: usize, dots: bool) -> Bytes {
    let mut text = String::from("From: hve01@contoso.test\r\nSubject: Payslips are ready\r\n\r\n");
    let mut line = 0;
    while text.len() < octets {
        text.push_str(if dots && line % 40 == 0 { "." } else { "" });
        text.push_str("lorem ipsum lorem ipsum lorem ipsum lorem ipsum lorem ipsum\r\n");
        line += 1;
    }
    text.into()
}

/// A client and all that its peer will ever say.
struct Peer {
    client: Client,
    lmtp: bool,
    chunking: bool,
}

impl Peer {
    fn new(protocol: Protocol, offer: &str) -> Self {
        let mut config = ClientConfig::new("mail.contoso.test", protocol);
        config.tls = TlsPolicy::Off;
        let mut client = Client::new(Arc::new(config), NOW);
        for said in [
            "220 mx.test\r\n",
            &format!("250-mx.test\r\n250-{offer}\r\n250 8BITMIME\r\n"),
        ] {
            client.receive(said.as_bytes(), NOW);
            while matches!(client.poll(NOW), ClientStep::Send(_)) {}
        }
        assert!(matches!(client.poll(NOW), ClientStep::Ready));
        Self {
            client,
            lmtp: protocol == Protocol::Lmtp,
            chunking: offer.contains("CHUNKING"),
        }
    }

    fn take(&mut self, envelope: Envelope, content: Bytes) -> TransactionOutcome {
        let recipients = envelope.recipients.len();
        let mut accepted = "250 2.1.0 Ok\r\n".repeat(1 + recipients);
        if !self.chunking {
            accepted.push_str("354 Go on\r\n");
        }
        let chunks = if self.chunking {
            content.len().div_ceil(1 << 20)
        } else {
            1
        };
        let mut turns = vec![accepted];
        turns.extend((1..chunks).map(|_| "250 Ok\r\n".to_owned()));
        turns.push("250 2.0.0 Ok\r\n".repeat(if self.lmtp { recipients } else { 1 }));
        let mut turns = turns.into_iter();
        self.client.begin(envelope, content, NOW).unwrap();
        loop {
            match self.client.poll(NOW) {
                ClientStep::Send(octets) => drop(black_box(octets)),
                ClientStep::NeedInput => {
                    let said = turns.next().unwrap();
                    self.client.receive(said.as_bytes(), NOW);
                }
                ClientStep::Outcome(outcome) => return outcome,
                other => panic!("not in this dialogue: {other:?}"),
            }
        }
    }
}
