//! The session: what came, where it stands, what goes out. One file for each phase.

mod auth;
mod clock;
mod command;
mod data;
mod output;
mod redact;
mod transaction;
mod transcript;

use std::{collections::VecDeque, sync::Arc};

use hve_types::Address;

use crate::{
    Answer, Leniency, Mechanism, Now, Opening, Question, Refusal, Report, SessionConfig, Step,
    TlsFacts,
    body::DotDecoder,
    ehlo,
    lines::{Inbox, LineSplitter},
    refusals,
    sasl::{Ahead, Exchange},
};
use clock::Clock;
use data::Chunk;
use output::Counts;
use transaction::{Asked, Transaction};
use transcript::Transcript;

/// One SMTP submission session, server side, without any I/O.
///
/// Methods are of four kinds. *Input from the world*: [`receive`](Self::receive),
/// [`tls_started`](Self::tls_started), [`timed_out`](Self::timed_out),
/// [`peer_closed`](Self::peer_closed). *Input from the host*: [`answer`](Self::answer),
/// [`offer`](Self::offer), [`drain`](Self::drain), [`overload`](Self::overload). *Output*: [`poll`](Self::poll) and
/// [`deadline`](Self::deadline). *Getters*. After any input, poll until [`Step::NeedInput`],
/// [`Step::Ask`], [`Step::StartTls`] or [`Step::Close`]; the crate's documentation has the whole
/// loop. Nothing here ever panics, blocks or reads a clock.
#[derive(Debug)]
pub struct Session {
    config: Arc<SessionConfig>,
    opening: Opening,
    /// What AUTH offers this client, where that is not what the configuration says.
    offered: Option<Box<[Mechanism]>>,
    inbox: Inbox,
    lines: LineSplitter,
    out: Vec<u8>,
    reports: VecDeque<Report>,
    phase: Phase,
    /// A question that [`Session::poll`] has not handed out yet.
    question: Option<Question>,
    /// What the answer will be about.
    asked: Option<Asked>,
    hello: Option<Hello>,
    user: Option<Address>,
    leniency: Leniency,
    transaction: Option<Box<Transaction>>,
    /// A transaction was refused, and the rest of it may still come from a client that sends
    /// ahead (RFC 2920 §3.1): those commands are refused, and are no errors of their own.
    aftermath: bool,
    counts: Counts,
    transcript: Transcript,
    clock: Clock,
    draining: bool,
    /// The client sends no more; what it sent is still served.
    half_closed: bool,
}

/// What comes next from the client.
#[derive(Debug)]
enum Phase {
    /// Nothing was said yet; with a refusal there will be no session.
    Greeting(Option<Refusal>),
    /// A command.
    Command,
    /// A SASL response.
    Sasl(Exchange),
    /// The text of a message.
    Data(DotDecoder),
    /// The text is complete.
    DataComplete,
    /// Octets of a chunk.
    Chunk(Chunk),
    /// 220 was said to STARTTLS.
    StartTls,
    /// The host is in the handshake.
    Handshake,
    /// The last words are being sent.
    Ending(&'static str),
    /// Nothing.
    Closed,
}

/// How the client introduced itself.
#[derive(Debug)]
struct Hello {
    name: Box<str>,
    /// EHLO, not HELO.
    extended: bool,
}

impl Session {
    /// A session on a fresh connection. The first poll sends the greeting.
    #[must_use]
    pub fn new(config: Arc<SessionConfig>, opening: Opening, now: Now) -> Self {
        Self {
            config,
            opening,
            offered: None,
            inbox: Inbox::default(),
            lines: LineSplitter::default(),
            out: Vec::new(),
            reports: VecDeque::new(),
            phase: Phase::Greeting(None),
            question: None,
            asked: None,
            hello: None,
            user: None,
            leniency: Leniency::default(),
            transaction: None,
            aftermath: false,
            counts: Counts::default(),
            transcript: Transcript::default(),
            clock: Clock::new(now),
            draining: false,
            half_closed: false,
        }
    }

    /// Takes octets from the client. Read only after [`Step::NeedInput`]: then a session holds at
    /// most one read and one line, or one message within its limit.
    pub fn receive(&mut self, bytes: &[u8], now: Now) {
        match self.phase {
            // In a handshake nothing comes in clear text; after the end nobody listens.
            Phase::StartTls | Phase::Handshake | Phase::Ending(_) | Phase::Closed => {}
            _ => {
                self.clock.input(now);
                // A message goes straight to its place.
                let used = if self.inbox.pending().is_empty() {
                    self.take_body(bytes)
                } else {
                    0
                };
                self.inbox.push(bytes.get(used..).unwrap_or_default());
            }
        }
    }

    /// The next step.
    pub fn poll(&mut self, now: Now) -> Step {
        loop {
            if let Some(report) = self.reports.pop_front() {
                return Step::Report(report);
            }
            // A question that takes long must not keep earlier replies from the client.
            let slow = matches!(
                self.question,
                Some(
                    Question::Authenticate(_)
                        | Question::Bearer(_)
                        | Question::Sasl(_)
                        | Question::External { .. }
                        | Question::Submit(_)
                )
            );
            let full = self.out.len() >= self.config.limits.output_octets;
            if !self.out.is_empty() && (slow || full) {
                return self.flush();
            }
            if let Some(question) = self.question.take() {
                return Step::Ask(question);
            }
            if self.asked.is_none() && self.advance(now) {
                continue;
            }
            if !self.out.is_empty() {
                return self.flush();
            }
            match self.phase {
                Phase::Closed => return Step::Close,
                Phase::Ending(reason) => self.close(reason),
                Phase::StartTls => {
                    self.phase = Phase::Handshake;
                    self.clock.wait(now);
                    return Step::StartTls;
                }
                _ if self.half_closed && self.asked.is_none() => self.close("peer-closed"),
                _ => {
                    self.inbox.rest();
                    return Step::NeedInput;
                }
            }
        }
    }

    /// Does one thing with what has come; false if there is nothing to do.
    fn advance(&mut self, now: Now) -> bool {
        if self.draining && self.is_idle() {
            self.refuse(refusals::SHUTTING_DOWN, "connection", now);
            return true;
        }
        match &mut self.phase {
            Phase::Greeting(overload) => {
                match overload.take() {
                    Some(refusal) => self.refuse(refusal.closing(), "connection", now),
                    None => {
                        ehlo::greeting(&mut self.out, &self.config);
                        self.phase = Phase::Command;
                        self.clock.wait(now);
                    }
                }
                true
            }
            Phase::Command | Phase::Sasl(_) => self.read_line(now),
            Phase::Data(_) | Phase::DataComplete => self.read_data(now),
            Phase::Chunk(_) => self.read_chunk(now),
            Phase::StartTls | Phase::Handshake | Phase::Ending(_) | Phase::Closed => false,
        }
    }

    /// Takes the answer to the question that was asked. Without one it does nothing: the client
    /// may have been given up meanwhile.
    pub fn answer(&mut self, answer: Answer, now: Now) {
        if self.question.is_some() {
            return;
        }
        let Some(asked) = self.asked.take() else {
            return;
        };
        self.clock.wait(now);
        match (asked, answer) {
            (Asked::SignIn(_), Answer::Authenticated { user, leniency }) => {
                self.signed_in(user, leniency);
            }
            (Asked::SignIn(Ahead::Relay(relay)), Answer::Challenge(octets)) => {
                self.pass_on(relay, &octets, now);
            }
            (Asked::Mail, Answer::Accepted) => self.sender_accepted(),
            (Asked::Rcpt { recipient, key }, Answer::Accepted) => {
                self.recipient_accepted(recipient, key);
            }
            (
                Asked::Data(chunk),
                Answer::Proceed {
                    queue_id,
                    message_octets,
                    reply_to,
                },
            ) => self.begin_body(chunk, queue_id, message_octets, reply_to, now),
            (Asked::Submit(queue_id), Answer::Queued) => self.queued(queue_id),
            (asked, Answer::Refused(refusal)) => self.host_refused(asked, refusal, now),
            (asked, _) => self.host_refused(asked, refusals::HOST_BUG, now),
        }
    }

    /// TLS is up after [`Step::StartTls`]. All that the client said before is forgotten
    /// (RFC 3207 §4.2).
    pub fn tls_started(&mut self, tls: TlsFacts, now: Now) {
        if matches!(self.phase, Phase::Handshake) {
            self.opening.tls = Some(tls);
            self.hello = None;
            self.transaction = None;
            self.phase = Phase::Command;
            self.clock.wait(now);
        }
    }

    /// Ends the session as soon as may be: at once between transactions, else after the one in
    /// flight. The client hears 421.
    pub fn drain(&mut self, _now: Now) {
        self.draining = true;
        if matches!(self.phase, Phase::Handshake) {
            self.phase = Phase::Ending("shutting-down");
        }
    }

    /// The client sends nothing more. What it has sent is still served, then the session ends;
    /// a message without its end is dropped.
    pub fn peer_closed(&mut self, _now: Now) {
        self.half_closed = true;
    }

    /// Greets with a refusal, such as 421 for too many connections, and ends. Only before the
    /// first poll; later it does nothing.
    pub fn overload(&mut self, refusal: Refusal) {
        if matches!(self.phase, Phase::Greeting(_)) {
            self.phase = Phase::Greeting(Some(refusal));
        }
    }

    /// The account that has signed in.
    #[must_use]
    pub const fn user(&self) -> Option<&Address> {
        self.user.as_ref()
    }

    /// True from MAIL to the end of its transaction.
    #[must_use]
    pub const fn in_transaction(&self) -> bool {
        self.transaction.is_some() || matches!(self.asked, Some(Asked::Submit(_)))
    }

    /// The facts the session was opened with; TLS as it is now.
    #[must_use]
    pub const fn opening(&self) -> &Opening {
        &self.opening
    }

    /// Messages queued so far.
    #[must_use]
    pub const fn messages(&self) -> u32 {
        self.counts.messages
    }

    const fn is_idle(&self) -> bool {
        matches!(
            self.phase,
            Phase::Greeting(_) | Phase::Command | Phase::Sasl(_)
        ) && self.transaction.is_none()
    }

    fn close(&mut self, reason: &'static str) {
        self.phase = Phase::Closed;
        self.transaction = None;
        self.inbox.clear();
        self.reports.push_back(Report::Ended {
            reason,
            commands: self.counts.commands,
            messages: self.counts.messages,
        });
    }
}
