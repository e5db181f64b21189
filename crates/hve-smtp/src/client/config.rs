//! What a client is told at its start, and every bound and deadline of it.

use std::{fmt, time::Duration};

use secrecy::SecretString;

/// What all connections of one route share.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// How we introduce ourselves at EHLO or LHLO: a domain name. Written as it stands, less
    /// what is neither printable nor ASCII.
    pub name: Box<str>,
    /// What the next hop speaks.
    pub protocol: Protocol,
    /// Whether the connection is protected.
    pub tls: TlsPolicy,
    /// With what to sign in; only ever said under TLS.
    pub credentials: Option<ClientCredentials>,
    /// Every bound and deadline.
    pub limits: ClientLimits,
}

impl ClientConfig {
    /// A configuration with TLS where it is offered, no sign-in and the default limits.
    #[must_use]
    pub fn new(name: impl Into<Box<str>>, protocol: Protocol) -> Self {
        Self {
            name: name.into(),
            protocol,
            tls: TlsPolicy::Opportunistic,
            credentials: None,
            limits: ClientLimits::default(),
        }
    }
}

/// What the next hop speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// LMTP (RFC 2033): LHLO, and a reply for each recipient.
    Lmtp,
    /// SMTP (RFC 5321).
    Smtp,
}

/// Whether the connection is protected. Which certificate is good is the host's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TlsPolicy {
    /// The host has done the handshake before the first octet (RFC 8314 §3.3).
    Implicit,
    /// Never, even where it is offered.
    Off,
    /// Where it is offered; else in clear text.
    Opportunistic,
    /// By STARTTLS, or no mail is sent.
    Required,
}

/// A name and a password for the next hop.
#[derive(Clone)]
pub struct ClientCredentials {
    /// The user name.
    pub user: Box<str>,
    /// The password.
    pub password: SecretString,
}

/// Without the password.
impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentials")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// Limits of one connection to a next hop. All bounds are inclusive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientLimits {
    /// Octets of one reply with all its lines. Default 4,096, which is also the most there can
    /// be: eight lines of 512 (RFC 5321 §4.5.3.1.5). A longer one ends the connection.
    pub reply_octets: usize,
    /// Lines of one reply. Default 128: several times the longest reply to EHLO in use.
    pub reply_lines: usize,
    /// Commands sent ahead of their replies where the peer offers PIPELINING. Default 100: the
    /// replies to so many fit into any socket's buffer, so that no two ends wait for each other
    /// (RFC 2920 §3.1).
    pub pipelined_commands: usize,
    /// Octets of content in one `Send`. Default 64 KiB.
    pub piece_octets: usize,
    /// Octets of one chunk where the peer offers CHUNKING. Default 1 MiB: most messages are one
    /// chunk, and a large one that is refused is not sent to its end.
    pub chunk_octets: usize,
    /// For the greeting. Default 5 min (RFC 5321 §4.5.3.2.1).
    pub greeting: Duration,
    /// For the reply to EHLO, STARTTLS, each step of AUTH, and RSET. Default 5 min, as for MAIL.
    pub command: Duration,
    /// For the TLS handshake. Default 1 min.
    pub tls_handshake: Duration,
    /// For the reply to MAIL. Default 5 min (RFC 5321 §4.5.3.2.2).
    pub mail: Duration,
    /// For the reply to each RCPT. Default 5 min (RFC 5321 §4.5.3.2.3).
    pub rcpt: Duration,
    /// For the reply to DATA. Default 2 min (RFC 5321 §4.5.3.2.4).
    pub data: Duration,
    /// For one piece of content to be written, and for the reply to a chunk that is not the
    /// last. Default 3 min (RFC 5321 §4.5.3.2.5).
    pub data_block: Duration,
    /// For the reply to the end of the message, with LMTP for each of them. Default 10 min
    /// (RFC 5321 §4.5.3.2.6).
    pub end_of_data: Duration,
    /// For one transaction in all. Default 1 h: a peer that is slow at everything holds no
    /// message for days.
    pub transaction: Duration,
    /// Without a transaction; then QUIT. Default 1 min: well below the 5 min that a server waits
    /// (RFC 5321 §4.5.3.2.7).
    pub idle: Duration,
    /// For the reply to QUIT. Default 5 s: nothing depends on it.
    pub quit: Duration,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            reply_octets: 4_096,
            reply_lines: 128,
            pipelined_commands: 100,
            piece_octets: 64 * 1024,
            chunk_octets: 1024 * 1024,
            greeting: Duration::from_mins(5),
            command: Duration::from_mins(5),
            tls_handshake: Duration::from_mins(1),
            mail: Duration::from_mins(5),
            rcpt: Duration::from_mins(5),
            data: Duration::from_mins(2),
            data_block: Duration::from_mins(3),
            end_of_data: Duration::from_mins(10),
            transaction: Duration::from_hours(1),
            idle: Duration::from_mins(1),
            quit: Duration::from_secs(5),
        }
    }
}
