//! Listeners, TLS, session driver, committer and shutdown: the whole service in one call.

#![expect(dead_code, reason = "the listener, which uses the rest, comes next")]

mod clock;
pub mod config;
pub mod log;
mod proxy;
pub mod tls;
