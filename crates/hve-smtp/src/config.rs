//! What a session is told at its start: configuration, facts of the connection, both clocks.
//! The limits have a file of their own.

use std::{net::SocketAddr, time::Duration};

use time::UtcDateTime;

use crate::SessionLimits;

/// Both clocks, read by the host just before it calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Time since any fixed origin, never going back: deadlines are measured with it.
    pub monotonic: Duration,
    /// The time of day, for texts only; it may jump.
    pub utc: UtcDateTime,
}

/// What all sessions of a listener share.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// The server's name in greeting, replies, trace lines and message ids: a domain name. It is
    /// written as it stands.
    pub hostname: Box<str>,
    /// What AUTH offers, in this order. A host names only what it can answer for; those that
    /// need TLS have it, since AUTH comes after TLS only.
    pub mechanisms: Vec<Mechanism>,
    /// Names of header fields that only the server itself may write, such as the one that tells
    /// the next hop to trust a message. Those of a client are taken out.
    pub reserved_fields: Vec<Box<str>>,
    /// Every bound and deadline.
    pub limits: SessionLimits,
}

impl SessionConfig {
    /// A configuration with LOGIN and PLAIN and the default limits.
    #[must_use]
    pub fn new(hostname: impl Into<Box<str>>) -> Self {
        Self {
            hostname: hostname.into(),
            mechanisms: vec![Mechanism::Login, Mechanism::Plain],
            reserved_fields: Vec::new(),
            limits: SessionLimits::default(),
        }
    }
}

/// How a client signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mechanism {
    /// LOGIN: user name and password, each asked for. No RFC; devices know nothing else.
    Login,
    /// PLAIN (RFC 4616).
    Plain,
    /// XOAUTH2: user name and access token. No RFC; what came before OAUTHBEARER.
    XOAuth2,
    /// OAUTHBEARER: user name and access token (RFC 7628).
    OAuthBearer,
    /// SCRAM-SHA-256 (RFC 7677).
    ScramSha256,
    /// SCRAM-SHA-256-PLUS (RFC 7677): bound to the TLS connection, of which the host knows.
    ScramSha256Plus,
    /// EXTERNAL (RFC 4422 App. A): whoever the TLS client certificate names, which the host
    /// knows. It is offered whether or not the client has one.
    External,
}

impl Mechanism {
    const ALL: [Self; 7] = [
        Self::Login,
        Self::Plain,
        Self::XOAuth2,
        Self::OAuthBearer,
        Self::ScramSha256,
        Self::ScramSha256Plus,
        Self::External,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Login => "LOGIN",
            Self::Plain => "PLAIN",
            Self::XOAuth2 => "XOAUTH2",
            Self::OAuthBearer => "OAUTHBEARER",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
            Self::External => "EXTERNAL",
        }
    }

    /// The mechanism of that name, in any case of letters.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|mechanism| mechanism.as_str().eq_ignore_ascii_case(name))
    }

    /// True for those that carry an access token.
    pub(crate) const fn is_bearer(self) -> bool {
        matches!(self, Self::XOAuth2 | Self::OAuthBearer)
    }
}

/// The facts of one connection.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The session's id; refusals are called `<id>-<n>`. Visible ASCII without `[` and `]`.
    pub id: String,
    /// The client's address, as a PROXY header may have told it.
    pub peer: SocketAddr,
    /// `Some` where TLS is already up: implicit TLS (RFC 8314 §3.3).
    pub tls: Option<TlsFacts>,
    /// Octets, advertised as SIZE (RFC 1870) and refused above at MAIL; zero is "no fixed bound".
    pub message_octets: u64,
    /// Advertised as RCPTMAX (RFC 9422); zero says nothing. The host enforces it.
    pub recipients: u32,
    /// Advertised as MAILMAX (RFC 9422) and enforced with 421; zero says nothing.
    pub messages: u32,
}

/// What the trace line says of TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFacts {
    /// Such as `TLS1.3`.
    pub version: &'static str,
    /// Such as `TLS_AES_256_GCM_SHA384`.
    pub cipher: String,
}
