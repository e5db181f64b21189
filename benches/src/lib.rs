//! The load generator: the whole server under load, from outside.
//!
//! It starts the real `hve-server` on 127.0.0.1 with a store on a real disk, submits over TLS with
//! sign-in as clients do, and reads what the process costs. `hve-load` is the program, the
//! `end_to_end` bench a short run of the same. A [`sink`] that keeps nothing shows what the
//! generator itself can do: a figure near that ceiling says nothing about the server.

pub mod client;
pub mod flood;
pub mod guess;
pub mod idle;
pub mod load;
pub mod machine;
pub mod message;
pub mod process;
pub mod report;
pub mod run;
pub mod sink;
pub mod site;
pub mod tls;

use thiserror::Error;

/// Why a run failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The other side closed in the middle.
    #[error("the server closed the connection")]
    Closed,
    /// Sockets, files, processes.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The server did not answer as the workload needs.
    #[error("{0}")]
    Reply(String),
    /// The run could not be prepared.
    #[error("{0}")]
    SetUp(String),
    /// It took too long.
    #[error("no answer in time")]
    Timeout,
    /// TLS could not be set up.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

impl LoadError {
    pub(crate) fn set_up(error: impl std::fmt::Display) -> Self {
        Self::SetUp(error.to_string())
    }
}
