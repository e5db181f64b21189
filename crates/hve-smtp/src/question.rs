//! What passes between a session and its host: steps, questions, answers, reports.

use std::fmt;

use hve_types::{Address, BodyKind, Envelope, HeaderMailbox, QueueId, Recipient, Return};
use secrecy::{SecretString, zeroize::Zeroizing};

use crate::{Enhanced, Mechanism, Refusal};

/// What the host has to do next.
#[derive(Debug)]
#[non_exhaustive]
pub enum Step {
    /// Answer this with [`crate::Session::answer`]; until then nothing further is parsed.
    Ask(Question),
    /// Close the connection. Every further poll says it again.
    Close,
    /// Read from the client, at the longest until [`crate::Session::deadline`].
    NeedInput,
    /// A fact for logs and counters; nothing to do for the protocol.
    Report(Report),
    /// Write this to the client.
    Send(Vec<u8>),
    /// Do the TLS handshake as the server, then call [`crate::Session::tls_started`]. Whatever
    /// came in clear text before is already dropped (RFC 3207 §4.2).
    StartTls,
}

/// A decision that is not the protocol's.
#[derive(Debug)]
#[non_exhaustive]
pub enum Question {
    /// Are these credentials good? [`Answer::Authenticated`] or [`Answer::Refused`].
    Authenticate(Credentials),
    /// Is this access token good, and good for this user? [`Answer::Authenticated`] or
    /// [`Answer::Refused`].
    Bearer(BearerCredentials),
    /// What is said to this response of a mechanism that the host speaks itself?
    /// [`Answer::Challenge`], [`Answer::Authenticated`] or [`Answer::Refused`].
    Sasl(SaslResponse),
    /// Is the client whom its TLS certificate names, and may it act as this identity
    /// (RFC 4422 App. A)? [`Answer::Authenticated`] or [`Answer::Refused`].
    External {
        /// The identity to act as: not empty, no control characters. `None`: the one that
        /// belongs to the certificate.
        authzid: Option<String>,
    },
    /// May this sender send? [`Answer::Accepted`] or [`Answer::Refused`].
    Mail(MailRequest),
    /// May this recipient be sent to? [`Answer::Accepted`] or [`Answer::Refused`].
    Rcpt(RcptRequest),
    /// May the message come? Asked before 354, and at the first BDAT.
    /// [`Answer::Proceed`] or [`Answer::Refused`].
    Data(DataRequest),
    /// The message is complete. [`Answer::Queued`] once it is durable, or [`Answer::Refused`].
    Submit(Box<Submission>),
}

/// What a client signs in with.
#[derive(Debug)]
pub struct Credentials {
    /// How they came.
    pub mechanism: Mechanism,
    /// The identity to act as (RFC 4616 §2), where the client gave one. The session does not
    /// compare it with `user`: a host that knows no acting for others refuses any other.
    pub authzid: Option<String>,
    /// The user name: not empty, valid UTF-8, no control characters. Not normalised.
    pub user: String,
    /// The password: not empty, valid UTF-8, no NUL.
    pub password: SecretString,
}

/// What a client signs in with where it has an access token (RFC 6750 §2.1).
#[derive(Debug)]
pub struct BearerCredentials {
    /// How they came.
    pub mechanism: Mechanism,
    /// The account's name: not empty, valid UTF-8, no control characters. Not normalised. The
    /// token may name another: the host compares.
    pub user: String,
    /// The token: not empty, only the characters of `b64token`. Nothing of it is checked.
    pub token: SecretString,
}

/// One response of a SCRAM exchange (RFC 5802 §5), which passes through the session unread.
///
/// A successful exchange has three: what the server says last goes out as a challenge, since
/// SMTP's 235 carries nothing, and the client's response to it is empty (RFC 4954 §4). A fourth
/// is not asked for. A client may break off between two responses, and the host is not told:
/// whatever it keeps of an exchange it drops where `first` is set, and at the session's end.
pub struct SaslResponse {
    /// Which mechanism.
    pub mechanism: Mechanism,
    /// The first response of an exchange.
    pub first: bool,
    /// The response, out of base64; it may be empty, and need not be UTF-8.
    pub octets: Zeroizing<Vec<u8>>,
}

/// Without the octets: a password could be guessed at from them.
impl fmt::Debug for SaslResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SaslResponse")
            .field("mechanism", &self.mechanism)
            .field("first", &self.first)
            .field("octets", &self.octets.len())
            .finish()
    }
}

/// MAIL, as far as a host decides on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailRequest {
    /// The return path; `None` is `<>`.
    pub sender: Option<Address>,
    /// SIZE in octets (RFC 1870), where given.
    pub declared_octets: Option<u64>,
    /// BODY.
    pub body: BodyKind,
    /// SMTPUTF8 was asked for.
    pub smtputf8: bool,
    /// RET.
    pub ret: Option<Return>,
    /// ENVID, valid xtext (RFC 3461 §4.4).
    pub envid: Option<String>,
}

/// RCPT, for an address that was not yet accepted in this transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RcptRequest {
    /// The recipient with its wishes.
    pub recipient: Recipient,
    /// How many the transaction has already.
    pub accepted: usize,
}

/// The end of the envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataRequest {
    /// Distinct accepted recipients, at least one.
    pub recipients: usize,
    /// SIZE in octets, where given.
    pub declared_octets: Option<u64>,
}

/// One message, ready to be stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Submission {
    /// The name the host gave it.
    pub queue_id: QueueId,
    /// From whom, to whom. The body kind is raised to 8BITMIME where octets above 127 came
    /// without being declared, so that the next hop is told the truth.
    pub envelope: Envelope,
    /// The message: dots unstuffed, trace line and missing fields added, Bcc removed
    /// (RFC 6409 §8).
    pub content: Vec<u8>,
    /// Who the client says wrote it: From and Resent-From together, before a missing From was
    /// added.
    pub from: HeaderMailbox,
    /// Sender and Resent-Sender together.
    pub sender: HeaderMailbox,
    /// The Message-ID, its own or the one given here: visible characters, at most 255 octets.
    pub message_id: String,
    /// Octets of the message as it came, without dot-stuffing.
    pub received_octets: u64,
}

/// Without the content: it is somebody's mail, and goes into no log.
impl fmt::Debug for Submission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submission")
            .field("queue_id", &self.queue_id)
            .field("envelope", &self.envelope)
            .field("content_octets", &self.content.len())
            .field("from", &self.from)
            .field("sender", &self.sender)
            .field("message_id", &self.message_id)
            .field("received_octets", &self.received_octets)
            .finish()
    }
}

/// What the host says to a [`Question`]. An answer that does not fit is a bug of the host: the
/// client gets 451 and the session stays usable.
#[derive(Debug)]
#[non_exhaustive]
pub enum Answer {
    /// To `Authenticate`, `Bearer`, `Sasl` and `External`: yes, and this is the account's address.
    Authenticated {
        /// The address, for a missing From.
        user: Address,
        /// What this account may send wrong.
        leniency: Leniency,
    },
    /// To `Sasl`: go on. The octets go to the client in base64, in one line.
    Challenge(Vec<u8>),
    /// To `Mail` and `Rcpt`: yes.
    Accepted,
    /// To `Data`: yes.
    Proceed {
        /// The name of the message if all goes well.
        queue_id: QueueId,
        /// The largest body in octets, dots unstuffed; one more is 552.
        message_octets: u64,
        /// Written as Reply-To where the message has none.
        reply_to: Option<Address>,
    },
    /// To `Submit`: it is durable.
    Queued,
    /// To any of them: no.
    Refused(Refusal),
}

/// What an account's messages may have wrong where they come by DATA; all off by default. It is
/// for old devices that nobody can mend. Whatever is allowed, a message ends at CRLF.CRLF and
/// nowhere else (RFC 5321 §4.1.1.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leniency {
    /// Each bare LF becomes CRLF, in place of a refusal. A dot behind one stays as it came.
    pub bare_lf: bool,
    /// Lines of more than 998 octets (RFC 5322 §2.1.1) are wrapped, in place of going on as
    /// they came.
    pub long_lines: bool,
}

/// A fact for logs and counters.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Report {
    /// Octets that came in clear text behind STARTTLS and were dropped: an attack or a broken
    /// client (RFC 3207 §4.2).
    ClearTextDropped {
        /// How many.
        octets: usize,
    },
    /// The session is over; `Close` follows.
    Ended {
        /// A stable key, such as `quit`, `peer-closed` or a refusal's reason.
        reason: &'static str,
        /// Complete lines read as commands.
        commands: u64,
        /// Messages queued.
        messages: u32,
    },
    /// A 4xx or 5xx was sent.
    Refused {
        /// `<session id>-<n>`, also at the end of the reply.
        correlation: String,
        /// A stable key.
        reason: &'static str,
        /// The verb it answers, or `connection`, `line`, `message`, `sasl`.
        command: &'static str,
        /// The three digits.
        code: u16,
        /// The enhanced code.
        enhanced: Option<Enhanced>,
        /// The reply's text. It may quote the client: escape it before showing it.
        text: String,
    },
}
