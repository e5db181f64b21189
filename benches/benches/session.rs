//! The CPU that one whole dialogue costs the protocol engine, without sockets, TLS and store.
//!
//! Who would feel it: an application that opens a connection for each message. Every command is
//! handed over alone, as a client without pipelining sends it, and the message in pieces of
//! 16 KiB, as TLS records bring it. The host here says yes to everything at once.
//!
//! What is measured is the time of the processor, not of the clock on the wall, so that the
//! figures hold on a busy machine too.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a bench has nobody to report to"
)]

use std::{fmt::Write as _, hint::black_box, sync::Arc, time::Duration};

use criterion::{
    Criterion, Throughput, criterion_group, criterion_main,
    measurement::{Measurement, ValueFormatter, WallTime},
};
use hve_smtp::{
    Answer, Leniency, Now, Opening, Question, Report, Session, SessionConfig, Step, Submission,
    TlsFacts,
};
use hve_types::{Address, QueueId};
use rustix::time::{ClockId, clock_gettime};
use time::macros::utc_datetime;

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(ProcessorTime);
    targets = dialogue, kept_connection
}
criterion_main!(benches);

const NOW: Now = Now {
    monotonic: Duration::from_secs(1),
    utc: utc_datetime!(2026-11-24 05:52:29),
};

const PIECE_OCTETS: usize = 16 * 1024;

/// From the greeting to QUIT, STARTTLS and sign-in included.
fn dialogue(c: &mut Criterion<ProcessorTime>) {
    let mut group = c.benchmark_group("session, whole dialogue");
    for (octets, label) in [
        (4 << 10, "4 KiB"),
        (256 << 10, "256 KiB"),
        (10 << 20, "10 MiB"),
    ] {
        let text = message(octets);
        for recipients in [1, 10, 50] {
            let script = [opening_commands(), transaction(recipients, octets)].concat();
            let client = Client::new(script, text.clone());
            group.throughput(Throughput::Bytes(u64::try_from(octets).unwrap()));
            group.bench_function(format!("{recipients} recipient(s), {label}"), |b| {
                b.iter(|| {
                    let mut host = Host::new();
                    client.play(&mut host);
                    host.finish()
                });
            });
        }
    }
    group.finish();
}

/// One more message on a connection that is signed in.
fn kept_connection(c: &mut Criterion<ProcessorTime>) {
    let mut group = c.benchmark_group("session, one message on a kept connection");
    for recipients in [1, 10, 50] {
        let mut host = Host::new();
        Client::new(opening_commands(), Vec::new()).play(&mut host);
        let client = Client::new(transaction(recipients, 4 << 10), message(4 << 10));
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("{recipients} recipient(s), 4 KiB"), |b| {
            b.iter(|| {
                client.play(&mut host);
                host.submission.take()
            });
        });
    }
    group.finish();
}

fn opening_commands() -> Vec<String> {
    [
        "EHLO printer.contoso.test",
        "STARTTLS",
        "EHLO printer.contoso.test",
        "AUTH PLAIN AGh2ZTAxQGNvbnRvc28udGVzdABzZWNyZXQ=",
    ]
    .map(|line| format!("{line}\r\n"))
    .to_vec()
}

fn transaction(recipients: usize, octets: usize) -> Vec<String> {
    let mut commands = vec![format!("MAIL FROM:<hve01@contoso.test> SIZE={octets}\r\n")];
    commands
        .extend((0..recipients).map(|n| format!("RCPT TO:<colleague.{n:02}@contoso.test>\r\n")));
    commands.push("DATA\r\n".into());
    commands
}

/// A message of about so many octets, in lines as they are usual, a dot to unstuff in some.
fn message(octets: usize) -> Vec<u8> {
    let mut text = String::with_capacity(octets + 128);
    text.push_str("From: HVE 01 <hve01@contoso.test>\r\nTo: colleagues@contoso.test\r\n");
    text.push_str("Subject: Payslips are ready\r\nDate: Tue, 24 Nov 2026 05:52:29 +0000\r\n");
    text.push_str("Message-ID: <20261124.1@payroll.contoso.test>\r\nMIME-Version: 1.0\r\n");
    text.push_str("Content-Type: text/plain; charset=utf-8\r\n\r\n");
    let mut line = 0;
    while text.len() < octets {
        let dot = if line % 40 == 0 { ".." } else { "" };
        let _ = write!(text, "{dot}{line:08} {}\r\n", "lorem ipsum ".repeat(5));
        line += 1;
    }
    text.push_str(".\r\n");
    text.into_bytes()
}

/// What the client sends, in the pieces in which it arrives.
struct Client {
    commands: Vec<String>,
    text: Vec<u8>,
}

impl Client {
    fn new(commands: Vec<String>, text: Vec<u8>) -> Self {
        Self { commands, text }
    }

    fn play(&self, host: &mut Host) {
        for command in &self.commands {
            host.hand_over(command.as_bytes());
        }
        for piece in self.text.chunks(PIECE_OCTETS) {
            host.hand_over(piece);
        }
    }
}

/// Says yes, and keeps the last message.
struct Host {
    session: Session,
    account: Address,
    messages: u128,
    octets_sent: usize,
    submission: Option<Box<Submission>>,
}

impl Host {
    fn new() -> Self {
        thread_local! {
            static CONFIG: Arc<SessionConfig> = {
                let mut config = SessionConfig::new("mail.contoso.test");
                config.limits.idle_commands = u32::MAX;
                Arc::new(config)
            };
        }
        let opening = Opening {
            id: "4f2a9c".into(),
            peer: ([192, 0, 2, 1], 40_000).into(),
            tls: None,
            message_octets: 20 << 20,
            recipients: 50,
            messages: 0,
        };
        let mut host = Self {
            session: Session::new(CONFIG.with(Arc::clone), opening, NOW),
            account: Address::parse("hve01@contoso.test").unwrap(),
            messages: 0,
            octets_sent: 0,
            submission: None,
        };
        host.hand_over(b"");
        host
    }

    fn hand_over(&mut self, octets: &[u8]) {
        self.session.receive(octets, NOW);
        loop {
            match self.session.poll(NOW) {
                Step::NeedInput | Step::Close => return,
                Step::Send(octets) => self.octets_sent += black_box(octets).len(),
                Step::Ask(question) => {
                    let answer = self.answer(question);
                    self.session.answer(answer, NOW);
                }
                Step::StartTls => {
                    let tls = TlsFacts {
                        version: "TLS1.3",
                        cipher: "TLS_AES_256_GCM_SHA384".into(),
                    };
                    self.session.tls_started(tls, NOW);
                }
                Step::Report(Report::Ended { .. }) => {}
                other => panic!("not in this dialogue: {other:?}"),
            }
        }
    }

    fn answer(&mut self, question: Question) -> Answer {
        match question {
            Question::Authenticate(_) => Answer::Authenticated {
                user: self.account.clone(),
                leniency: Leniency::default(),
            },
            Question::Data(_) => {
                self.messages += 1;
                Answer::Proceed {
                    queue_id: QueueId::new(1_764_000_000_000, self.messages),
                    message_octets: 20 << 20,
                    reply_to: None,
                }
            }
            Question::Submit(submission) => {
                self.submission = Some(submission);
                Answer::Queued
            }
            _ => Answer::Accepted,
        }
    }

    fn finish(mut self) -> (usize, Option<Box<Submission>>) {
        self.hand_over(b"QUIT\r\n");
        assert!(self.submission.is_some());
        (self.octets_sent, self.submission)
    }
}

/// Time that this thread has run.
struct ProcessorTime;

impl Measurement for ProcessorTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(
            now.tv_sec.try_into().unwrap(),
            now.tv_nsec.try_into().unwrap(),
        )
    }

    fn end(&self, start: Duration) -> Duration {
        self.start() - start
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        *one + *other
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        WallTime.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}
