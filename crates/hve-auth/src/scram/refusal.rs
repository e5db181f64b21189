//! What is wrong with a message of a SCRAM exchange.

use thiserror::Error;

/// Why an exchange cannot go on. Each depends on what the client sent alone, so it may be told to
/// anybody; a wrong proof is none of them. None has cost a guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ScramRefusal {
    /// The client can bind to the TLS connection and was not offered it, although it is offered:
    /// whoever sits between them may have struck it out (RFC 5802 §6).
    #[error(
        "the client can bind to its TLS connection and did not see that this server offers it; \
         sign in with SCRAM-SHA-256-PLUS, and look for who is between the two"
    )]
    BindingDowngrade,
    /// `c=` is not of this TLS connection, or not of the first message (RFC 5802 §6).
    #[error(
        "the client is bound to another TLS connection than this; look for a proxy or an intruder \
         that ends TLS between the two"
    )]
    BindingMismatch,
    /// Another kind of binding than `tls-exporter`, none with -PLUS, or one without it.
    #[error(
        "SCRAM-SHA-256-PLUS binds with p=tls-exporter and SCRAM-SHA-256 not at all; use the other \
         mechanism, or PLAIN"
    )]
    BindingUnsupported,
    /// A mandatory extension, `m=` (RFC 5802 §5.1): there is none that could be meant.
    #[error("the client asks for an extension of SCRAM that is not known here; switch it off")]
    ExtensionUnsupported,
    /// Not the message that has to come (RFC 5802 §7).
    #[error("this is not a message of SCRAM (RFC 5802 §7); correct the client, or use PLAIN")]
    Malformed,
    /// The second message does not carry the nonce that the server gave (RFC 5802 §5.1).
    #[error("the nonce is not that of this exchange; sign in from the start")]
    NonceMismatch,
}
