//! Many sessions that are signed in and say nothing: what each costs the server in memory.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::{sync::Semaphore, task::JoinSet, time::Instant};

use crate::{LoadError, process, site::Site};

/// What idle sessions cost.
#[derive(Clone, Copy, Debug)]
pub struct Idle {
    /// Sessions open at the end.
    pub sessions: u32,
    /// The server's memory before the first.
    pub before_kib: u64,
    /// And with all of them.
    pub after_kib: u64,
    /// How long it took to open them.
    pub elapsed: Duration,
}

impl Idle {
    /// The figures as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "workload": "idle", "sessions": self.sessions, "rss_before_kib": self.before_kib,
            "rss_after_kib": self.after_kib, "kib_per_session": self.kib_each(),
            "seconds_to_open": self.elapsed.as_secs_f64(),
        })
    }

    /// Memory of one session in KiB.
    #[must_use]
    pub fn kib_each(&self) -> u64 {
        let grown = self.after_kib.saturating_sub(self.before_kib);
        grown / u64::from(self.sessions.max(1))
    }
}

/// Opens sessions, signs each in, and keeps them all; then each must still answer.
///
/// # Errors
/// A session could not be opened or did not answer.
pub async fn run(site: &Site, sessions: usize) -> Result<Idle, LoadError> {
    let (before_kib, _) = process::memory_kib(site.pid())?;
    let begun = Instant::now();
    let openers = Arc::new(Semaphore::new(AT_ONCE));
    let mut opening = JoinSet::new();
    for _ in 0..sessions {
        let (target, openers) = (site.target().clone(), Arc::clone(&openers));
        opening.spawn(async move {
            let _turn = openers.acquire().await.map_err(LoadError::set_up)?;
            target.open().await
        });
    }
    let mut open = Vec::with_capacity(sessions);
    while let Some(client) = opening.join_next().await {
        open.push(client.map_err(LoadError::set_up)??);
    }
    let elapsed = begun.elapsed();
    let (after_kib, _) = process::memory_kib(site.pid())?;
    for client in &mut open {
        client.command(b"NOOP\r\n", 250).await?;
    }
    Ok(Idle {
        sessions: u32::try_from(open.len()).unwrap_or(u32::MAX),
        before_kib,
        after_kib,
        elapsed,
    })
}

/// Handshakes under way at one time.
const AT_ONCE: usize = 64;
