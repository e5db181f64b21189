//! Access tokens: what is taken, and every way to be refused.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod apps;
mod forged;
mod key_cache;
mod shapes;
mod support;
