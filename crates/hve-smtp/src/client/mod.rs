//! The client: one connection to a next hop, many transactions one after another. One file for
//! each phase.

mod carry;
mod clock;
mod commands;
mod config;
mod content;
mod ending;
mod needs;
mod offer;
mod opening;
mod outcome;
mod replies;
mod step;
mod transaction;

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use secrecy::zeroize::Zeroizing;

pub use config::{ClientConfig, ClientCredentials, ClientLimits, Protocol, TlsPolicy};
pub use outcome::{Cause, Failure, PeerReply, Stage, TransactionOutcome, Verdict};
pub use step::{ClientStep, NotReady};

use crate::Now;
use clock::Clock;
use offer::Offer;
use opening::SignIn;
use replies::{Received, ReplyFault, ReplyReader};
use transaction::Transaction;

/// One connection to a next hop by SMTP or LMTP, client side, without any I/O.
///
/// Methods are of four kinds. *Input from the world*: [`receive`](Self::receive),
/// [`tls_started`](Self::tls_started), [`tls_failed`](Self::tls_failed),
/// [`timed_out`](Self::timed_out), [`peer_closed`](Self::peer_closed). *Input from the host*:
/// [`begin`](Self::begin), [`quit`](Self::quit). *Output*: [`poll`](Self::poll) and
/// [`deadline`](Self::deadline). *Getters*. After any input, poll until
/// [`ClientStep::NeedInput`], [`ClientStep::Ready`], [`ClientStep::StartTls`] or
/// [`ClientStep::Close`], and do each step in the order in which it comes. Every recipient of a
/// transaction that was begun gets exactly one verdict, whatever happens. Nothing here ever
/// panics, blocks or reads a clock.
///
/// ```
/// use std::{sync::Arc, time::Duration};
///
/// use hve_smtp::{Client, ClientConfig, ClientStep, Now, Protocol, Verdict};
/// use hve_types::{BodyKind, Envelope, Recipient};
/// use time::macros::utc_datetime;
///
/// let now = Now { monotonic: Duration::ZERO, utc: utc_datetime!(2026-11-24 05:52:29) };
/// let config = Arc::new(ClientConfig::new("mail.contoso.test", Protocol::Lmtp));
/// let mut client = Client::new(config, now);
///
/// // What the peer says, each time after we have said something.
/// let mut peer = [
///     "220 store\r\n",
///     "250-store\r\n250 PIPELINING\r\n",
///     "250 Ok\r\n250 Ok\r\n550 5.1.1 Nobody\r\n354 Go on\r\n",
///     "250 2.0.0 Stored\r\n",
///     "221 Bye\r\n",
/// ].into_iter();
/// let mut said = Vec::new();
/// let mut mail = Some(Envelope {
///     sender: Some("hve01@contoso.test".parse()?),
///     recipients: vec![
///         Recipient::new("a@contoso.test".parse()?),
///         Recipient::new("nobody@contoso.test".parse()?),
///     ],
///     body: BodyKind::SevenBit,
///     smtputf8: false,
///     ret: None,
///     envid: None,
/// });
/// let mut outcome = None;
/// loop {
///     match client.poll(now) {
///         ClientStep::Send(octets) => said.extend_from_slice(&octets),
///         ClientStep::NeedInput => client.receive(peer.next().unwrap_or("").as_bytes(), now),
///         ClientStep::Ready => match mail.take() {
///             Some(envelope) => client.begin(envelope, "Subject: Hi\r\n\r\n.\r\n".into(), now)?,
///             None => client.quit(now),
///         },
///         ClientStep::Outcome(became) => outcome = Some(became),
///         ClientStep::Close => break,
///         other => unreachable!("no TLS was offered, nothing failed: {other:?}"),
///     }
/// }
/// let verdicts = outcome.ok_or("a transaction has an outcome")?.verdicts;
/// assert!(matches!(&verdicts[0], Verdict::Delivered(reply) if &*reply.text == "Stored"));
/// assert!(matches!(&verdicts[1], Verdict::Permanent(why) if why.enhanced().1 == 1));
/// assert!(String::from_utf8(said)?.ends_with("\r\n..\r\n.\r\nQUIT\r\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Client {
    config: Arc<ClientConfig>,
    replies: ReplyReader,
    offer: Offer,
    out: Vec<u8>,
    /// What is in `out` holds a password.
    secret: bool,
    steps: VecDeque<ClientStep>,
    phase: Phase,
    /// What was said and has no reply yet, oldest first.
    awaited: VecDeque<Awaited>,
    /// To what the last reply was.
    answered: Stage,
    transaction: Option<Box<Transaction>>,
    /// The peer still holds the envelope of an earlier transaction.
    needs_reset: bool,
    /// The connection is protected.
    tls: bool,
    sign_in: SignIn,
    /// The host wants no further transaction.
    quitting: bool,
    /// The peer sends no more; what it sent is still read.
    half_closed: bool,
    transactions: u64,
    clock: Clock,
}

/// What the connection is used for.
#[derive(Debug, PartialEq, Eq)]
enum Phase {
    /// Something is said or awaited.
    Talking,
    /// 220 came to STARTTLS.
    StartTls,
    /// The host is in the handshake.
    Handshake,
    /// Nothing is going on.
    Ready,
    /// Nothing will be said any more.
    Ended,
}

/// A command, as far as its reply is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaited {
    Greeting,
    Ehlo,
    Helo,
    StartTls,
    Auth,
    Rset,
    Mail,
    /// The recipient's place in the envelope.
    Rcpt(usize),
    Data,
    /// A chunk that is not the last.
    Chunk,
    /// The end of the message, for all recipients that were accepted.
    End,
    /// The same for one of them (RFC 2033 §4.2).
    EndFor(usize),
    /// The end of a message that nobody gets.
    EndForNobody,
    Quit,
}

impl Client {
    /// A client on a fresh connection; with [`TlsPolicy::Implicit`] after the handshake.
    #[must_use]
    pub fn new(config: Arc<ClientConfig>, now: Now) -> Self {
        Self {
            tls: config.tls == TlsPolicy::Implicit,
            config,
            replies: ReplyReader::default(),
            offer: Offer::default(),
            out: Vec::new(),
            secret: false,
            steps: VecDeque::new(),
            phase: Phase::Talking,
            awaited: VecDeque::from([Awaited::Greeting]),
            answered: Stage::Greeting,
            transaction: None,
            needs_reset: false,
            sign_in: SignIn::default(),
            quitting: false,
            half_closed: false,
            transactions: 0,
            clock: Clock::new(now),
        }
    }

    /// Takes octets from the peer.
    pub fn receive(&mut self, bytes: &[u8], _now: Now) {
        // In a handshake nothing comes in clear text; after the end nobody listens.
        if matches!(self.phase, Phase::Talking | Phase::Ready) {
            self.replies.push(bytes);
        }
    }

    /// The next step.
    pub fn poll(&mut self, now: Now) -> ClientStep {
        loop {
            if self.advance(now) {
                continue;
            }
            // Nothing more is said to a peer that is gone.
            if self.half_closed {
                self.gone();
            }
            if !self.out.is_empty() {
                return ClientStep::Send(self.flush(now));
            }
            if let Some(step) = self.steps.pop_front() {
                return step;
            }
            if let Some(piece) = self.next_piece(now) {
                return ClientStep::Send(piece);
            }
            // That may have ended the transaction.
            if !self.out.is_empty() || !self.steps.is_empty() {
                continue;
            }
            match self.phase {
                Phase::Ended => return ClientStep::Close,
                Phase::StartTls => {
                    self.phase = Phase::Handshake;
                    return ClientStep::StartTls;
                }
                Phase::Ready => return ClientStep::Ready,
                Phase::Talking | Phase::Handshake => return ClientStep::NeedInput,
            }
        }
    }

    /// Reads one reply, if one is there.
    fn advance(&mut self, now: Now) -> bool {
        if !matches!(self.phase, Phase::Talking | Phase::Ready) {
            return false;
        }
        let limits = &self.config.limits;
        match self.replies.next(limits.reply_octets, limits.reply_lines) {
            Ok(None) => return false,
            Ok(Some(reply)) => {
                self.clock.wait(now);
                match self.awaited.pop_front() {
                    Some(awaited) => self.replied(awaited, &reply, now),
                    None => self.unasked(&reply),
                }
            }
            Err(ReplyFault::Malformed) => self.lost(Cause::MalformedReply),
            Err(ReplyFault::TooLong) => self.lost(Cause::ReplyTooLong),
        }
        true
    }

    fn replied(&mut self, awaited: Awaited, received: &Received, now: Now) {
        self.answered = awaited.stage();
        let reply = Arc::new(PeerReply::new(
            received.code,
            received.enhanced,
            &received.text,
        ));
        // RFC 5321 §3.8: 421 may answer any command, and is the last word.
        if reply.code == 421 && awaited != Awaited::Quit {
            return self.shut_out(awaited, &reply);
        }
        match awaited {
            Awaited::Greeting => self.greeted(&reply),
            Awaited::Ehlo => self.ehlo_replied(&reply, &received.text),
            Awaited::Helo => self.helo_replied(&reply),
            Awaited::StartTls => self.starttls_replied(&reply, now),
            Awaited::Auth => self.auth_replied(&reply),
            Awaited::Quit => self.phase = Phase::Ended,
            Awaited::Rset
            | Awaited::Mail
            | Awaited::Rcpt(_)
            | Awaited::Data
            | Awaited::Chunk
            | Awaited::End
            | Awaited::EndFor(_)
            | Awaited::EndForNobody => self.transaction_replied(awaited, &reply),
        }
    }

    /// Says a command. Whatever the peer has said before it was asked answers nothing, so it is
    /// an end (RFC 3207 §4.2 has the attack that this stops).
    fn command(&mut self, awaited: Awaited, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        if self.awaited.is_empty() && !self.replies.is_empty() {
            self.lost(Cause::UnsolicitedReply);
            return false;
        }
        write(&mut self.out);
        self.awaited.push_back(awaited);
        true
    }

    /// A transaction may come, or QUIT where the host wants no more.
    fn ready(&mut self) {
        self.phase = Phase::Ready;
        if self.quitting {
            self.say_quit();
        }
    }

    fn flush(&mut self, now: Now) -> Bytes {
        self.clock.wait(now);
        let out = std::mem::take(&mut self.out);
        if std::mem::take(&mut self.secret) {
            Bytes::from_owner(Zeroizing::new(out))
        } else {
            out.into()
        }
    }

    /// TLS is up after [`ClientStep::StartTls`]. All that the peer said before is forgotten
    /// (RFC 3207 §4.2).
    pub fn tls_started(&mut self, now: Now) {
        if self.phase == Phase::Handshake {
            self.tls = true;
            self.offer = Offer::default();
            self.replies.clear();
            self.phase = Phase::Talking;
            self.clock.wait(now);
            self.hello();
        }
    }

    /// The handshake failed, or the certificate is not good. The connection is of no use then,
    /// whatever the policy.
    pub fn tls_failed(&mut self, _now: Now) {
        if matches!(self.phase, Phase::Handshake | Phase::StartTls) {
            self.lost(Cause::TlsFailed);
        }
    }

    /// True where the connection is protected.
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        self.tls
    }

    /// The most recipients the peer takes in one transaction, where it says so (RFC 9422).
    #[must_use]
    pub const fn recipients_max(&self) -> Option<usize> {
        self.offer.recipients_max
    }

    /// How many transactions were begun on this connection.
    #[must_use]
    pub const fn transactions(&self) -> u64 {
        self.transactions
    }
}

impl Awaited {
    const fn stage(self) -> Stage {
        match self {
            Self::Greeting => Stage::Greeting,
            Self::Ehlo | Self::Helo => Stage::Ehlo,
            Self::StartTls => Stage::StartTls,
            Self::Auth => Stage::Auth,
            Self::Rset => Stage::Rset,
            Self::Mail => Stage::Mail,
            Self::Rcpt(_) => Stage::Rcpt,
            Self::Data | Self::Chunk => Stage::Data,
            Self::End | Self::EndFor(_) | Self::EndForNobody => Stage::EndOfData,
            Self::Quit => Stage::Quit,
        }
    }
}
