//! What became of a transaction, and why a connection ended.

use std::{fmt, sync::Arc};

use crate::Enhanced;

/// What became of one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionOutcome {
    /// One verdict for each recipient, in the order of the envelope.
    pub verdicts: Vec<Verdict>,
    /// The peer took the wishes for delivery status over (RFC 3461 §5.2.1). Where it did not,
    /// who asked for a notice of success is owed one that says "relayed" (RFC 3461 §5.2.2).
    pub dsn_passed_on: bool,
}

/// What became of one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The peer has taken responsibility, with this reply.
    Delivered(Arc<PeerReply>),
    /// Trying again is of no use.
    Permanent(Failure),
    /// Trying again may help.
    Temporary(Failure),
}

/// Why a recipient, or a whole connection, failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What was going on.
    pub stage: Stage,
    /// What went wrong.
    pub cause: Cause,
    /// What the peer said, where it said something that matters.
    pub reply: Option<Arc<PeerReply>>,
    /// The whole message was sent and no reply came: the peer may have it. Another attempt may
    /// be a duplicate.
    pub uncertain: bool,
}

impl Failure {
    /// A failure without words of the peer, such as a connection that could not be made.
    #[must_use]
    pub const fn new(stage: Stage, cause: Cause) -> Self {
        Self {
            stage,
            cause,
            reply: None,
            uncertain: false,
        }
    }

    pub(super) fn refused(stage: Stage, reply: &Arc<PeerReply>) -> Self {
        Self {
            reply: Some(Arc::clone(reply)),
            ..Self::new(stage, Cause::Refused)
        }
    }

    /// After a reply on which nothing can follow: a refusal, or one that makes no sense.
    pub(super) fn misunderstood(stage: Stage, reply: &Arc<PeerReply>) -> Self {
        let mut failure = Self::refused(stage, reply);
        if reply.code < 400 {
            failure.cause = Cause::UnexpectedReply;
        }
        failure
    }

    /// The peer's enhanced code where it refused, else the one of the cause (RFC 3463 §2). Later
    /// or never is told by the verdict alone: a few 5xx are tried again.
    #[must_use]
    pub fn enhanced(&self) -> Enhanced {
        match (&self.reply, self.cause) {
            (Some(reply), Cause::Refused) => {
                let said = reply.enhanced;
                said.unwrap_or(Enhanced(reply.code / 100, 0, 0))
            }
            _ => self.cause.enhanced(),
        }
    }
}

/// `rcpt: refused: 550 5.1.1 No such user`, for logs and notices.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.stage.as_str(), self.cause)?;
        if let Some(reply) = &self.reply {
            write!(f, ": {reply}")?;
        }
        Ok(())
    }
}

/// What was going on between client and peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Finding and reaching the peer; the host's.
    Connect,
    /// Its greeting.
    Greeting,
    /// EHLO, LHLO or HELO.
    Ehlo,
    /// STARTTLS and the handshake.
    StartTls,
    /// AUTH.
    Auth,
    /// Between two transactions: a peer may well close then, and no message is concerned.
    Idle,
    /// RSET.
    Rset,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA, and the content itself.
    Data,
    /// After the last octet.
    EndOfData,
    /// QUIT.
    Quit,
}

impl Stage {
    /// A stable key for counters, logs and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Greeting => "greeting",
            Self::Ehlo => "ehlo",
            Self::StartTls => "starttls",
            Self::Auth => "auth",
            Self::Idle => "idle",
            Self::Rset => "rset",
            Self::Mail => "mail",
            Self::Rcpt => "rcpt",
            Self::Data => "data",
            Self::EndOfData => "end-of-data",
            Self::Quit => "quit",
        }
    }
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// We have credentials and the connection is not protected; they were not sent.
    AuthNeedsTls,
    /// The peer does not offer PLAIN or LOGIN.
    AuthNotOffered,
    /// The credentials hold what cannot be said, such as a NUL.
    BadCredentials,
    /// The message holds a CR or LF of its own (RFC 5321 §2.3.8) and is not sent: two readers
    /// could see two messages in it.
    BareLineEnds,
    /// The message is binary and the peer does not offer BINARYMIME and CHUNKING.
    BinaryNotOffered,
    /// The message has octets above 127 and the peer does not offer 8BITMIME (RFC 6152 §3).
    EightBitNotOffered,
    /// What came is no reply.
    MalformedReply,
    /// The message is larger than the peer takes.
    MessageTooLarge,
    /// The peer closed the connection.
    PeerClosed,
    /// The peer refused; the reply says why.
    Refused,
    /// A reply without end.
    ReplyTooLong,
    /// The message or an address needs SMTPUTF8 and the peer does not offer it.
    SmtpUtf8NotOffered,
    /// TLS is required and the peer does not offer STARTTLS.
    StartTlsNotOffered,
    /// The peer did not reply in time.
    TimedOut,
    /// The handshake failed, or the certificate is not good; the host's.
    TlsFailed,
    /// The peer could not be reached; the host's.
    Unreachable,
    /// A reply with a code that answers nothing we said.
    UnexpectedReply,
    /// The peer spoke without being asked.
    UnsolicitedReply,
}

impl Cause {
    /// A stable key for counters, logs and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.facts().0
    }

    /// The enhanced code for a notice (RFC 3463 §2).
    #[must_use]
    pub const fn enhanced(self) -> Enhanced {
        self.facts().1
    }

    const fn facts(self) -> (&'static str, Enhanced, &'static str) {
        match self {
            Self::AuthNeedsTls => (
                "auth-needs-tls",
                Enhanced(4, 7, 11),
                "no password is said in clear text",
            ),
            Self::AuthNotOffered => (
                "auth-not-offered",
                Enhanced(4, 7, 0),
                "the next hop offers neither PLAIN nor LOGIN",
            ),
            Self::BadCredentials => (
                "bad-credentials",
                Enhanced(4, 7, 8),
                "the credentials hold what cannot be said",
            ),
            Self::BareLineEnds => (
                "bare-line-ends",
                Enhanced(5, 6, 0),
                "the message holds a bare CR or LF",
            ),
            Self::BinaryNotOffered => (
                "binary-not-offered",
                Enhanced(5, 6, 3),
                "the message is binary and the next hop takes only text",
            ),
            Self::EightBitNotOffered => (
                "eight-bit-not-offered",
                Enhanced(5, 6, 3),
                "the message has octets above 127 and the next hop takes only ASCII",
            ),
            Self::MalformedReply => (
                "malformed-reply",
                Enhanced(4, 5, 0),
                "what the next hop said is no reply",
            ),
            Self::MessageTooLarge => (
                "message-too-large",
                Enhanced(5, 3, 4),
                "the message is larger than the next hop takes",
            ),
            Self::PeerClosed => (
                "peer-closed",
                Enhanced(4, 4, 2),
                "the next hop closed the connection",
            ),
            Self::Refused => ("refused", Enhanced(5, 0, 0), "the next hop refused"),
            Self::ReplyTooLong => (
                "reply-too-long",
                Enhanced(4, 5, 0),
                "a reply of the next hop has no end",
            ),
            Self::SmtpUtf8NotOffered => (
                "smtputf8-not-offered",
                Enhanced(5, 6, 7),
                "an address or the header is not ASCII and the next hop takes only ASCII",
            ),
            Self::StartTlsNotOffered => (
                "starttls-not-offered",
                Enhanced(4, 7, 10),
                "TLS is required and the next hop does not offer it",
            ),
            Self::TimedOut => (
                "timed-out",
                Enhanced(4, 4, 2),
                "the next hop did not reply in time",
            ),
            Self::TlsFailed => (
                "tls-failed",
                Enhanced(4, 7, 5),
                "TLS with the next hop failed",
            ),
            Self::Unreachable => (
                "unreachable",
                Enhanced(4, 4, 1),
                "the next hop cannot be reached",
            ),
            Self::UnexpectedReply => (
                "unexpected-reply",
                Enhanced(4, 5, 0),
                "the reply of the next hop answers nothing that was said",
            ),
            Self::UnsolicitedReply => (
                "unsolicited-reply",
                Enhanced(4, 5, 0),
                "the next hop spoke without being asked",
            ),
        }
    }
}

/// A sentence without its end.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.facts().2)
    }
}

/// What the peer said, fit for logs and notices: printable ASCII in one line, bounded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerReply {
    /// The three digits, 200 to 599.
    pub code: u16,
    /// The enhanced code, where it came and agrees with the code.
    pub enhanced: Option<Enhanced>,
    /// The text without enhanced codes, at most 1,024 characters; lines are joined by a space,
    /// other characters became `?`.
    pub text: Box<str>,
}

impl PeerReply {
    pub(super) fn new(code: u16, enhanced: Option<Enhanced>, text: &str) -> Self {
        let mut clean: String = text
            .chars()
            .take(TEXT_CHARACTERS_MAX + 1)
            .map(|c| match c {
                ' '..='~' => c,
                '\n' | '\t' => ' ',
                _ => '?',
            })
            .collect();
        if clean.len() > TEXT_CHARACTERS_MAX {
            clean.truncate(TEXT_CHARACTERS_MAX - 3);
            clean.push_str("...");
        }
        Self {
            code,
            enhanced,
            text: clean.trim().into(),
        }
    }
}

/// `550 5.1.1 No such user`.
impl fmt::Display for PeerReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(enhanced) = self.enhanced {
            write!(f, " {enhanced}")?;
        }
        if !self.text.is_empty() {
            write!(f, " {}", self.text)?;
        }
        Ok(())
    }
}

/// Two lines of a reply: enough for every explanation, too little to fill a log.
const TEXT_CHARACTERS_MAX: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_54_the_words_of_a_peer_are_clean_and_bounded() {
        let reply = PeerReply::new(550, Some(Enhanced(5, 1, 1)), " a\n\u{1b}[2Jé\0\tb ");
        assert_eq!(reply.to_string(), "550 5.1.1 a ?[2J?? b");
        let reply = PeerReply::new(450, None, &"é".repeat(5_000));
        assert_eq!(reply.text.len(), TEXT_CHARACTERS_MAX);
        assert!(reply.text.ends_with("?..."));
        assert_eq!(PeerReply::new(250, None, "").to_string(), "250");
    }

    #[test]
    fn a_failure_reads_well() {
        let reply = Arc::new(PeerReply::new(451, None, "Later"));
        let failure = Failure::refused(Stage::Rcpt, &reply);
        assert_eq!(failure.to_string(), "rcpt: the next hop refused: 451 Later");
        let failure = Failure::new(Stage::EndOfData, Cause::PeerClosed);
        assert_eq!(failure.enhanced(), Enhanced(4, 4, 2));
    }
}
