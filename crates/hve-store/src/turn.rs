//! Turns: who may begin the next transaction.
//!
//! SQLite lets whoever asks at the right moment begin, so that a busy server, which asks again as
//! soon as it has ended, can keep an administrator's command out for seconds, and a script that
//! adds accounts can do the same to the server. Everybody who writes therefore takes a turn, and
//! gives it back as soon as the transaction has begun: whoever holds it is next.
//!
//! It is a courtesy and no safeguard, so trouble with it stops nobody.

use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// The turn, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a>(&'a File);

/// Where turns are taken: the folder of the store, by its lock.
#[derive(Debug)]
pub(crate) struct Turns(File);

impl Turns {
    pub(crate) fn of(store: &Path) -> io::Result<Self> {
        File::open(folder_of(store)).map(Self)
    }

    /// Waits for the turn for as long as it takes: for commands, which somebody can interrupt.
    pub(crate) fn take(&self) -> Option<Turn<'_>> {
        self.0.lock().ok().map(|()| Turn(&self.0))
    }

    /// Waits for the turn a little, and then goes without: a command that was stopped in the very
    /// moment of its turn must not stop the server.
    pub(crate) fn take_soon(&self) -> Option<Turn<'_>> {
        for _ in 0..PATIENCE_MS {
            match self.0.try_lock() {
                Ok(()) => return Some(Turn(&self.0)),
                Err(TryLockError::WouldBlock) => thread::park_timeout(Duration::from_millis(1)),
                Err(TryLockError::Error(_)) => return None,
            }
        }
        None
    }

    /// Makes what was done in the folder durable.
    pub(crate) fn sync_folder(&self) -> io::Result<()> {
        self.0.sync_all()
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.unlock().ok();
    }
}

pub(crate) fn folder_of(store: &Path) -> PathBuf {
    match store.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => ".".into(),
    }
}

/// Several commands in a row get through; a stopped one costs each commit no more than this.
const PATIENCE_MS: u32 = 100;
