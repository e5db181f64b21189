//! A host around a client: it does what each step asks for, and writes down what happens.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test uses its part, and stops at the first surprise"
)]

pub(crate) mod server;

use std::{sync::Arc, time::Duration};

use hve_smtp::{Client, ClientConfig, ClientStep, Failure, Now, TransactionOutcome, Verdict};
use hve_types::{BodyKind, Envelope, Notify, Recipient, Return};
use time::macros::utc_datetime;

/// A client and its host.
pub(crate) struct Host {
    pub(crate) client: Client,
    pub(crate) now: Now,
    /// What was said and not yet looked at.
    pub(crate) said: Vec<u8>,
    pub(crate) outcomes: Vec<TransactionOutcome>,
    pub(crate) failures: Vec<Failure>,
    /// Where the client stands after the last poll.
    pub(crate) state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Waits,
    Ready,
    Handshake,
    Closed,
}

impl Host {
    pub(crate) fn new(config: ClientConfig) -> Self {
        let now = Now {
            monotonic: Duration::from_secs(1_000),
            utc: utc_datetime!(2026-11-24 05:52:29),
        };
        Self {
            client: Client::new(Arc::new(config), now),
            now,
            said: Vec::new(),
            outcomes: Vec::new(),
            failures: Vec::new(),
            state: State::Waits,
        }
    }

    /// Polls until the client waits for something.
    pub(crate) fn run(&mut self) {
        // A loop without end is a failure, not a hang.
        for _ in 0..100_000 {
            match self.client.poll(self.now) {
                ClientStep::Send(octets) => self.said.extend_from_slice(&octets),
                ClientStep::Outcome(outcome) => self.outcomes.push(outcome),
                ClientStep::Failed(failure) => self.failures.push(failure),
                ClientStep::NeedInput => return self.state_is(State::Waits),
                ClientStep::Ready => return self.state_is(State::Ready),
                ClientStep::Close => return self.state_is(State::Closed),
                ClientStep::StartTls => return self.state_is(State::Handshake),
                other => panic!("unknown step {other:?}"),
            }
        }
        panic!("the client never waits");
    }

    fn state_is(&mut self, state: State) {
        // A handshake goes on until the host says how it went.
        if !(self.state == State::Handshake && state == State::Waits) {
            self.state = state;
        }
    }

    /// Octets of the peer, in pieces.
    pub(crate) fn feed(&mut self, octets: &[u8], size: usize) {
        for piece in octets.chunks(size.max(1)) {
            self.client.receive(piece, self.now);
            self.run();
        }
    }

    pub(crate) fn begin(&mut self, envelope: Envelope, content: &[u8]) {
        let content = content.to_vec().into();
        self.client.begin(envelope, content, self.now).unwrap();
        self.run();
    }

    pub(crate) fn pass(&mut self, seconds: u64) {
        self.now.monotonic += Duration::from_secs(seconds);
        self.client.timed_out(self.now);
        self.run();
    }
}

/// `sender recipient .. [8bit] [binary] [utf8] [ret] [envid=x] [notify]`; `<>` is the null path.
pub(crate) fn envelope(text: &str) -> Envelope {
    let mut words = text.split(' ');
    let sender = words.next().unwrap();
    let mut envelope = Envelope {
        sender: (sender != "<>").then(|| sender.parse().unwrap()),
        recipients: Vec::new(),
        body: BodyKind::SevenBit,
        smtputf8: false,
        ret: None,
        envid: None,
    };
    let mut notify = None;
    for word in words {
        match word.split_once('=').unwrap_or((word, "")) {
            ("8bit", _) => envelope.body = BodyKind::EightBitMime,
            ("binary", _) => envelope.body = BodyKind::BinaryMime,
            ("utf8", _) => envelope.smtputf8 = true,
            ("ret", _) => envelope.ret = Some(Return::Headers),
            ("envid", id) => envelope.envid = Some(id.into()),
            ("notify", _) => {
                notify = Some(Notify::On {
                    success: true,
                    failure: true,
                    delay: false,
                });
            }
            _ => envelope.recipients.push(Recipient {
                notify,
                orcpt: notify.map(|_| format!("rfc822;{word}")),
                ..Recipient::new(word.parse().unwrap())
            }),
        }
    }
    envelope
}

/// `delivered 250 2.0.0 Ok`, `temporary, uncertain: end-of-data: ..`.
pub(crate) fn told(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Delivered(reply) => format!("delivered: {reply}"),
        Verdict::Permanent(failure) => format!("permanent{}", why(failure)),
        Verdict::Temporary(failure) => format!("temporary{}", why(failure)),
        other => panic!("unknown verdict {other:?}"),
    }
}

pub(crate) fn why(failure: &Failure) -> String {
    let uncertain = if failure.uncertain { ", uncertain" } else { "" };
    format!("{uncertain} [{}]: {failure}", failure.enhanced())
}
