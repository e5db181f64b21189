//! The SMTP session over any `Read + Write`: a pipe, a serial line, a test double.
//!
//! `cargo run -p hve-examples --example session_over_any_stream`
//!
//! There is no TLS here. The session demands it before it lets anybody sign in, and how the
//! stream is protected is the host's business: this host tells the session that it already is
//! (`Opening::tls`), as a host behind a TLS terminator or on a Unix socket does. Saying so about
//! a bare TCP socket would be a lie that costs somebody a password. Were the stream to start in
//! the clear, `Step::StartTls` would be the place to wrap it.

use std::{
    collections::VecDeque,
    error::Error,
    io::{self, Read, Write},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use hve_smtp::{
    Answer, Enhanced, Leniency, Now, Opening, Question, Refusal, Reply, Report, Session,
    SessionConfig, Step, Submission, TlsFacts,
};
use hve_types::QueueId;
use secrecy::ExposeSecret;
use time::UtcDateTime;

fn main() -> Result<(), Box<dyn Error>> {
    let mut stream = Script::new(
        "EHLO scanner\r\n\
         AUTH PLAIN AGh2ZTAxQGNvbnRvc28udGVzdABzZWNyZXQ=\r\n\
         MAIL FROM:<hve01@contoso.test>\r\n\
         RCPT TO:<bob@contoso.test>\r\n\
         RCPT TO:<eve@elsewhere.example>\r\n\
         DATA\r\n\
         From: Scanner <hve01@contoso.test>\r\n\
         Subject: Page 1\r\n\
         \r\n\
         Hello.\r\n\
         .\r\n\
         QUIT\r\n",
    );
    let messages = serve(&mut stream)?;
    print!("{}", stream.replies());
    for message in &messages {
        println!("--- {} ---", message.queue_id);
        print!("{}", String::from_utf8_lossy(&message.content));
    }
    assert_eq!(messages.len(), 1);
    assert!(stream.replies().contains("550 5.5.105 "));
    assert!(stream.replies().ends_with("221 2.0.0 Bye\r\n"));
    Ok(())
}

/// Serves one session to its end and returns what was submitted.
fn serve(stream: &mut (impl Read + Write)) -> io::Result<Vec<Submission>> {
    let clock = Clock::start();
    let config = Arc::new(SessionConfig::new("mail.contoso.test"));
    let opening = Opening {
        id: "example".into(),
        peer: ([192, 0, 2, 1], 0).into(),
        tls: Some(TlsFacts {
            version: "TLS1.3",
            cipher: "by-the-terminator".into(),
        }),
        message_octets: 10 << 20,
        recipients: 50,
        messages: 0,
    };
    let mut session = Session::new(config, opening, clock.now());
    let mut messages = Vec::new();
    let mut buffer = [0; 4_096];
    loop {
        match session.poll(clock.now()) {
            Step::Send(octets) => stream.write_all(&octets)?,
            // `Read` knows no deadlines; with a socket, `set_read_timeout` until
            // `session.deadline()` and then `session.timed_out(now)`.
            Step::NeedInput => match stream.read(&mut buffer)? {
                0 => session.peer_closed(clock.now()),
                octets => session.receive(buffer.get(..octets).unwrap_or(&[]), clock.now()),
            },
            Step::Ask(question) => {
                let answer = answer(question, &mut messages, clock.now());
                session.answer(answer, clock.now());
            }
            Step::Report(Report::Refused {
                correlation,
                reason,
                ..
            }) => eprintln!("refused: {reason} ({correlation})"),
            Step::Close => return Ok(messages),
            _ => {}
        }
    }
}

/// The whole policy of this example.
fn answer(question: Question, messages: &mut Vec<Submission>, now: Now) -> Answer {
    match question {
        Question::Authenticate(credentials) => {
            let good = credentials.password.expose_secret() == "secret";
            match credentials.user.parse() {
                Ok(user) if good => Answer::Authenticated {
                    user,
                    leniency: Leniency::default(),
                },
                _ => refused(
                    535,
                    Enhanced(5, 7, 3),
                    "wrong-credentials",
                    "Wrong user name or password",
                ),
            }
        }
        Question::Rcpt(rcpt) if rcpt.recipient.address.domain_str() != "contoso.test" => refused(
            550,
            Enhanced(5, 5, 105),
            "external-recipient",
            "Recipients outside the organisation are not served",
        ),
        Question::Data(_) => Answer::Proceed {
            // A server adds 80 random bits.
            queue_id: QueueId::new(milliseconds(now.utc), 1),
            message_octets: 10 << 20,
            reply_to: None,
        },
        Question::Submit(submission) => {
            messages.push(*submission);
            Answer::Queued
        }
        _ => Answer::Accepted,
    }
}

fn refused(code: u16, enhanced: Enhanced, reason: &'static str, text: &'static str) -> Answer {
    Answer::Refused(Refusal::new(Reply::new(code, Some(enhanced), text), reason))
}

/// Both clocks: here is the edge of the world, so here they may be read.
struct Clock(Instant);

#[expect(
    clippy::disallowed_methods,
    reason = "a host reads the clocks, so that the session need not"
)]
impl Clock {
    fn start() -> Self {
        Self(Instant::now())
    }

    fn now(&self) -> Now {
        Now {
            monotonic: self.0.elapsed(),
            utc: SystemTime::now().into(),
        }
    }
}

fn milliseconds(at: UtcDateTime) -> u64 {
    let since = Duration::try_from(at - UtcDateTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A stream in memory: what the client says, a line at a time, and what it hears.
struct Script {
    lines: VecDeque<Vec<u8>>,
    heard: Vec<u8>,
}

impl Script {
    fn new(text: &str) -> Self {
        Self {
            lines: text.split_inclusive('\n').map(Vec::from).collect(),
            heard: Vec::new(),
        }
    }

    fn replies(&self) -> String {
        String::from_utf8_lossy(&self.heard).into_owned()
    }
}

impl Read for Script {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.lines.pop_front() {
            Some(line) => line.as_slice().read(buffer),
            None => Ok(0),
        }
    }
}

impl Write for Script {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.heard.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_example_holds() {
    main().unwrap();
}
