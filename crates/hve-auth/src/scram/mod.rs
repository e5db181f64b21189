//! SCRAM-SHA-256, with and without channel binding (RFC 5802, RFC 7677): the server's half.
//!
//! The client proves that it knows the password without sending it, the server that it has what
//! was stored of it, and with `tls-exporter` (RFC 9266) that nobody sits between them in TLS.
//! Keys, messages and the order of the exchange are here; nonces are arguments.

mod exchange;
mod keys;
mod message;
mod refusal;
mod salts;
mod seen;

pub use exchange::{ScramBinding, ScramChallenge, ScramHello, ScramProof};
pub use keys::{ScramKeyError, ScramKeys};
pub use refusal::ScramRefusal;
pub use salts::ScramSalts;
pub use seen::SeenKeys;
