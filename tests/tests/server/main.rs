//! The real server on loopback: what clients may do to it, and what operators do to it.

#![expect(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a broken precondition fails the test that has it"
)]

mod black_box;
mod canary;
mod logs;
mod memory;
mod operation;
mod proxy;
mod sign_in;
mod tls;
mod wire;
