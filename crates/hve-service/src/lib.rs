//! Listeners, TLS, session driver, committer and shutdown: the whole service in one call.
//!
//! [`run`] starts everything that a [`Config`](config::Config) asks for and drains it when told
//! to; [`Service`] is the same in steps, for whoever embeds it. The crate is the only one that
//! reads clocks, draws random numbers and owns sockets; what is right and what is wrong is decided
//! by the crates below it.

mod answers;
mod budget;
mod clock;
mod committer;
pub mod config;
mod delivery;
pub mod demo;
mod directory;
mod driver;
mod files;
mod hashing;
mod hints;
mod listener;
pub mod log;
mod permits;
mod proxy;
mod refusals;
mod reload;
mod server;
mod service;
mod sign_in;
mod signals;
pub mod tls;
mod transport;

pub use directory::{Directory, DirectoryError, DirectoryView};
pub use files::raise_file_limit;
pub use service::{Parts, Ready, RunError, Service, run};
pub use signals::{Ask, Signals};
