//! The guard against guessing.

#![expect(
    clippy::unwrap_used,
    reason = "what is not let in fails the test that needs it"
)]

mod guessing;
mod known;
mod support;
