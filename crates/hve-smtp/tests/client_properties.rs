//! Properties that hold for any replies: no panic, one verdict for each recipient, and nothing
//! is delivered but what the server took.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

#[cfg(test)]
mod peer;

use hve_smtp::{ClientConfig, Protocol, TlsPolicy, Verdict};
use hve_types::Envelope;
use peer::{Host, State, envelope, server::Server};
use proptest::{prelude::*, sample::select};

/// How client and server are set up.
#[derive(Clone, Debug)]
struct Scene {
    lmtp: bool,
    pipelining: bool,
    chunking: bool,
    window: usize,
    chunk: usize,
    piece: usize,
}

impl Scene {
    fn host(&self) -> Host {
        let protocol = match self.lmtp {
            true => Protocol::Lmtp,
            false => Protocol::Smtp,
        };
        let mut config = ClientConfig::new("mail.contoso.test", protocol);
        config.tls = TlsPolicy::Off;
        config.limits.pipelined_commands = self.window;
        config.limits.chunk_octets = self.chunk;
        config.limits.piece_octets = self.piece;
        let mut host = Host::new(config);
        host.run();
        host.feed(b"220 mx.test\r\n", usize::MAX);
        let pipelining = if self.pipelining {
            "250-PIPELINING\r\n"
        } else {
            ""
        };
        let chunking = if self.chunking {
            "250-CHUNKING\r\n"
        } else {
            ""
        };
        let offer = format!("250-mx.test\r\n{pipelining}{chunking}250 8BITMIME\r\n");
        host.feed(offer.as_bytes(), usize::MAX);
        host.said.clear();
        assert_eq!(host.state, State::Ready);
        host
    }
}

fn scene() -> impl Strategy<Value = Scene> {
    (
        any::<[bool; 3]>(),
        1_usize..8,
        prop_oneof![1_usize..20, Just(1_000)],
        prop_oneof![1_usize..20, Just(1_000)],
    )
        .prop_map(
            |([lmtp, pipelining, chunking], window, chunk, piece)| Scene {
                lmtp,
                pipelining,
                chunking,
                window,
                chunk,
                piece,
            },
        )
}

/// Recipients carry the number of their transaction and their own, so that what the server took
/// is known of each.
fn numbered(transaction: usize, recipients: usize) -> Envelope {
    let names = (0..recipients).map(|n| format!(" u{}@contoso.test", transaction * 100 + n));
    envelope(&format!("hve01@contoso.test{}", names.collect::<String>()))
}

fn content() -> impl Strategy<Value = String> {
    "([.a]{0,5}\r\n){0,6}"
}

/// Lets both sides talk until both are silent. `sizes` cut what the server says.
fn talk(host: &mut Host, server: &mut Server, sizes: &mut impl Iterator<Item = usize>) {
    for _ in 0..10_000 {
        let said = std::mem::take(&mut host.said);
        let replies = server.hear(&said);
        let mut rest = replies.as_slice();
        while !rest.is_empty() {
            let (piece, tail) = rest.split_at(sizes.next().unwrap().clamp(1, rest.len()));
            host.feed(piece, usize::MAX);
            rest = tail;
        }
        if server.closed {
            host.client.peer_closed(host.now);
            host.run();
            return;
        }
        if host.said.is_empty() {
            return;
        }
    }
    panic!("they never stop talking");
}

proptest! {
    #![proptest_config(ProptestConfig {
        // More with PROPTEST_CASES.
        cases: ProptestConfig::default().cases.max(3_000),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// The verdicts are exactly what the model server knows, whatever it chooses to say.
    #[test]
    fn verdicts_are_what_the_server_did(
        scene in scene(),
        transactions in proptest::collection::vec((0_usize..7, content()), 1..4),
        choices in proptest::collection::vec(any::<u8>(), 0..80),
        sizes in proptest::collection::vec(1_usize..40, 1..6),
    ) {
        let mut host = scene.host();
        let mut server = Server::new(scene.lmtp, choices);
        let mut sizes = sizes.into_iter().cycle();
        for (n, (recipients, content)) in transactions.iter().enumerate() {
            if host.state != State::Ready {
                break;
            }
            host.begin(numbered(n, *recipients), content.as_bytes());
            talk(&mut host, &mut server, &mut sizes);
            prop_assert_eq!(host.outcomes.len(), n + 1, "an outcome for each");
            let verdicts = &host.outcomes[n].verdicts;
            prop_assert_eq!(verdicts.len(), *recipients);
            for (place, verdict) in verdicts.iter().enumerate() {
                let number = n * 100 + place;
                let taken = server.taken.iter().filter(|(who, _)| *who == number).count();
                let delivered = matches!(verdict, Verdict::Delivered(_));
                prop_assert_eq!(taken, usize::from(delivered), "{} {:?}", number, verdict);
            }
        }
        for (_, content) in &server.taken {
            prop_assert!(transactions.iter().any(|(_, sent)| sent.as_bytes() == content));
        }
        prop_assert!(server.unwanted.is_empty(), "{:?}", server.unwanted);
        prop_assert!(server.nonsense.is_empty(), "{:?}", server.nonsense);
        prop_assert!(matches!(host.state, State::Ready | State::Closed));
        prop_assert_eq!(host.state == State::Closed, !host.failures.is_empty());
    }

    /// Octets that nobody would send: still one verdict each, and none is good without a 2xx
    /// behind the content.
    #[test]
    fn no_octets_break_the_client(
        scene in scene(),
        recipients in 0_usize..5,
        octets in proptest::collection::vec(noise(), 0..20),
        ending in 0_u8..4,
    ) {
        let mut host = scene.host();
        host.begin(numbered(0, recipients), b"Subject: x\r\n\r\n.\r\n");
        for piece in &octets {
            host.feed(piece, usize::MAX);
        }
        let good = octets.iter().filter(|o| o.starts_with(b"2")).count();
        match ending {
            0 => host.client.quit(host.now),
            1 => host.client.peer_closed(host.now),
            _ => {}
        }
        host.run();
        // Whatever is open now ends by its deadlines.
        for _ in 0..10 {
            host.pass(3_600);
        }
        prop_assert_eq!(host.state, State::Closed);
        prop_assert_eq!(host.outcomes.len(), 1);
        prop_assert!(host.failures.len() <= 1);
        let verdicts = &host.outcomes[0].verdicts;
        prop_assert_eq!(verdicts.len(), recipients);
        let delivered = verdicts.iter().filter(|v| matches!(v, Verdict::Delivered(_))).count();
        // MAIL, a RCPT and the end of the message each need one of their own.
        prop_assert!(delivered == 0 || good >= 3);
        for verdict in verdicts {
            if let Verdict::Permanent(why) | Verdict::Temporary(why) = verdict {
                prop_assert!(why.to_string().bytes().all(|b| matches!(b, b' '..=b'~')));
            }
        }
    }

    /// What is said, and what becomes of it, does not depend on how the replies were cut.
    #[test]
    fn outcomes_do_not_depend_on_how_replies_are_cut(
        scene in scene(),
        recipients in 1_usize..7,
        choices in proptest::collection::vec(any::<u8>(), 0..40),
        sizes in proptest::collection::vec(1_usize..40, 1..6),
    ) {
        let play = |sizes: Vec<usize>| {
            let (mut host, mut server) = (scene.host(), Server::new(scene.lmtp, choices.clone()));
            host.begin(numbered(0, recipients), b"Subject: x\r\n\r\n.\r\n");
            talk(&mut host, &mut server, &mut sizes.into_iter().cycle());
            (host.outcomes, host.failures, server.taken)
        };
        let whole = play(vec![usize::MAX]);
        prop_assert_eq!(&whole, &play(sizes));
        prop_assert_eq!(&whole, &play(vec![1]));
    }
}

/// Replies, and what breaks them.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let word = select(vec![
        &b"250 Ok\r\n"[..],
        b"250 Ok\r\n",
        b"250 Ok\r\n",
        b"250 Ok\r\n",
        b"250-a\r\n250 b\r\n",
        b"354 Go on\r\n",
        b"354 Go on\r\n",
        b"450 4.2.0 Later\r\n",
        b"550 5.1.1 \x1b[2J\xff\r\n",
        b"421 Bye\r\n",
        b"220 mx\r\n",
        b"250-",
        b"2",
        b"50 x\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b"\0",
        b"999 x\r\n",
    ]);
    let long = (0_usize..5_000).prop_map(|n| vec![b'2'; n]);
    prop_oneof![
        30 => word.prop_map(<[u8]>::to_vec),
        2 => proptest::collection::vec(any::<u8>(), 0..6),
        1 => long,
    ]
}
