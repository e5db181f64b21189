//! What passes between a client and its host.

use bytes::Bytes;
use thiserror::Error;

use super::{Failure, TransactionOutcome};

/// What the host has to do next.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientStep {
    /// Close the connection. Every further poll says it again.
    Close,
    /// The connection is of no use any more; `Close` follows. It comes after the outcome of a
    /// transaction that was broken off, and is about the route, never about a message. Only a
    /// connection that ended with QUIT closes without it.
    Failed(Failure),
    /// Read from the peer, at the longest until [`crate::Client::deadline`].
    NeedInput,
    /// What became of the transaction.
    Outcome(TransactionOutcome),
    /// Call [`crate::Client::begin`] or [`crate::Client::quit`]. Until then read as with
    /// `NeedInput`: a peer may close an idle connection.
    Ready,
    /// Write this to the peer. The octets of a message come in pieces; nothing of them is kept
    /// here.
    Send(Bytes),
    /// Do the TLS handshake as the client, then call [`crate::Client::tls_started`] or
    /// [`crate::Client::tls_failed`].
    StartTls,
}

/// The connection can carry no transaction now: it is busy, not yet open, or over. Nothing was
/// done; the host tries another connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the connection is not ready for a transaction")]
pub struct NotReady;
