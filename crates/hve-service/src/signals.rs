//! What the system asks of the process.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals of this process: listens from the moment it is made.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    reload: Signal,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ask {
    /// SIGHUP.
    Reload,
    /// SIGTERM, or Ctrl-C.
    Stop,
}

impl Signals {
    /// Begins to listen.
    ///
    /// # Errors
    /// The system refuses.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            reload: signal(SignalKind::hangup())?,
        })
    }

    /// The next one.
    pub async fn next(&mut self) -> Ask {
        tokio::select! {
            _ = self.interrupt.recv() => Ask::Stop,
            _ = self.terminate.recv() => Ask::Stop,
            _ = self.reload.recv() => Ask::Reload,
        }
    }
}
