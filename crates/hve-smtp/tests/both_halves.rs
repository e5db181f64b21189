//! The two halves talk to each other: what is given to the client comes out of the session.

#![expect(clippy::panic, reason = "a test stops at the first surprise")]

#[cfg(test)]
#[expect(dead_code, reason = "sessions begin at the beginning here")]
mod host;
#[cfg(test)]
mod peer;

use hve_smtp::{ClientConfig, ClientCredentials, Protocol, SessionConfig, TlsPolicy, Verdict};
use hve_types::{BodyKind, Notify, Return};
use peer::{State, envelope};
use proptest::prelude::*;

/// Both ends of a connection.
struct Both {
    client: peer::Host,
    server: host::Host,
    /// Octets on the way from and to the server go in pieces of these sizes.
    sizes: Vec<usize>,
    turn: usize,
}

impl Both {
    fn new(sizes: Vec<usize>) -> Self {
        let mut config = ClientConfig::new("relay.contoso.test", Protocol::Smtp);
        config.tls = TlsPolicy::Required;
        config.credentials = Some(ClientCredentials {
            user: "hve01@contoso.test".into(),
            password: "secret".into(),
        });
        let mut both = Self {
            client: peer::Host::new(config),
            server: host::Host::new(SessionConfig::new("mx.test"), host::opening()),
            sizes,
            turn: 0,
        };
        both.server.run();
        both.client.run();
        both.talk();
        both
    }

    /// Until both are silent.
    fn talk(&mut self) {
        for _ in 0..1_000 {
            let said = std::mem::take(&mut self.client.said);
            let size = self.next_size();
            self.server.feed(&said, size);
            let sent = std::mem::take(&mut self.server.sent);
            let size = self.next_size();
            self.client.feed(&sent, size);
            if self.client.state == State::Handshake {
                self.client.state = State::Waits;
                self.client.client.tls_started(self.client.now);
                self.client.run();
            }
            if self.client.said.is_empty() && self.server.sent.is_empty() {
                return;
            }
        }
        panic!("they never stop talking");
    }

    fn next_size(&mut self) -> usize {
        self.turn += 1;
        let at = self.turn % self.sizes.len().max(1);
        self.sizes.get(at).copied().unwrap_or(usize::MAX)
    }
}

/// Has all that a submission needs, so that the session adds its trace line only.
const HEADER: &str = "From: hve01@contoso.test\r\nDate: Tue, 24 Nov 2026 05:52:29 +0000\r\n\
                      Message-ID: <1@contoso.test>\r\nSubject: x\r\n\r\n";

#[test]
fn a_message_passes_with_all_its_wishes() {
    let mut both = Both::new(vec![usize::MAX]);
    assert_eq!(both.client.state, State::Ready);
    assert!(both.client.client.is_tls());
    assert_eq!(both.client.client.recipients_max(), Some(50));
    let sent = envelope(
        "hve01@contoso.test josé@contoso.test ret envid=QQ+2B1 notify a@contoso.test 8bit utf8",
    );
    let content = format!("{HEADER}é\r\n.\r\n");
    both.client.begin(sent.clone(), content.as_bytes());
    both.talk();
    let submission = &both.server.submissions[0];
    assert_eq!(submission.envelope, sent);
    assert_eq!(submission.envelope.ret, Some(Return::Headers));
    assert_eq!(submission.envelope.body, BodyKind::EightBitMime);
    assert!(matches!(
        submission.envelope.recipients[1].notify,
        Some(Notify::On { success: true, .. })
    ));
    assert!(submission.content.ends_with(content.as_bytes()));
    assert!(both.client.outcomes[0].dsn_passed_on);

    both.client.client.quit(both.client.now);
    both.client.run();
    both.talk();
    assert_eq!(both.client.state, State::Closed);
    assert!(both.server.closed && both.client.failures.is_empty());
}

#[test]
fn a_refusal_comes_back_in_the_words_of_the_session() {
    let mut both = Both::new(vec![7]);
    let rule = "rcpt b@contoso.test 550 5.1.10 unknown-recipient No such recipient";
    both.server.rules.push(host::Rule::parse(rule));
    let sent = envelope("hve01@contoso.test a@contoso.test b@contoso.test");
    both.client.begin(sent, HEADER.as_bytes());
    both.talk();
    let verdicts = &both.client.outcomes[0].verdicts;
    assert!(matches!(verdicts[0], Verdict::Delivered(_)));
    let Verdict::Permanent(why) = &verdicts[1] else {
        panic!("{verdicts:?}");
    };
    assert!(why.to_string().contains("550 5.1.10 No such recipient ["));
    assert_eq!(both.server.submissions[0].envelope.recipients.len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases.max(300),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Octet for octet, over one connection, however it is cut.
    #[test]
    fn every_message_comes_out_as_it_went_in(
        bodies in proptest::collection::vec("([.aé]{0,8}\r\n){0,8}", 1..5),
        sizes in proptest::collection::vec(1_usize..200, 1..5),
    ) {
        let mut both = Both::new(sizes);
        for (n, body) in bodies.iter().enumerate() {
            let content = format!("{HEADER}{body}");
            both.client.begin(envelope("hve01@contoso.test a@contoso.test"), content.as_bytes());
            both.talk();
            prop_assert!(both.server.submissions[n].content.ends_with(content.as_bytes()));
            prop_assert!(matches!(both.client.outcomes[n].verdicts[..], [Verdict::Delivered(_)]));
        }
        prop_assert_eq!(both.client.state, State::Ready);
    }
}
