//! Many clients at once, and what they measured.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until, timeout_at},
};

use crate::{
    LoadError,
    client::{Sent, Target},
    message::{Message, variants},
};

/// How much of what.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Connections at one time.
    pub connections: usize,
    /// Messages on each before it says QUIT and another takes its place.
    pub messages_each: usize,
    /// Recipients of a message.
    pub recipients: usize,
    /// Octets of a message.
    pub octets: usize,
    /// The end: so many messages.
    pub messages: usize,
    /// The end, whichever comes first.
    pub time_max: Duration,
}

/// What was measured.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Messages with a `250`.
    pub accepted: u32,
    /// Messages with another code.
    pub refused: u32,
    /// Connections that broke or could not be made.
    pub broken: u32,
    /// Connections that signed in.
    pub opened: u32,
    /// From the first connection until the last answer.
    pub elapsed: Duration,
    /// From the dot to the `250`, in order of size.
    pub latencies: Vec<Duration>,
    /// The first thing that went wrong.
    pub trouble: Option<String>,
}

impl Measured {
    /// Accepted messages a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        f64::from(self.accepted) / self.elapsed.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// The latency that so many percent of the messages did not exceed.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        let place = (last * percent).div_ceil(100);
        self.latencies.get(place).copied().unwrap_or_default()
    }
}

/// Runs a load against a server.
///
/// # Errors
/// Nothing was accepted at all; the text says what went wrong first.
pub async fn run(target: &Target, load: Load) -> Result<Measured, LoadError> {
    let begun = Instant::now();
    let shared = Arc::new(Shared {
        target: target.clone(),
        load,
        messages: variants(load.recipients, load.octets),
        next: AtomicUsize::new(0),
        until: begun + load.time_max,
        broken: AtomicU32::new(0),
        opened: AtomicU32::new(0),
        trouble: Mutex::default(),
    });
    let mut clients = JoinSet::new();
    for _ in 0..load.connections {
        clients.spawn(work(Arc::clone(&shared)));
    }
    let mut measured = Measured::default();
    while let Some(tally) = clients.join_next().await {
        let tally = tally.map_err(LoadError::set_up)?;
        measured.refused += tally.refused;
        measured.latencies.extend(tally.latencies);
        measured.elapsed = measured.elapsed.max(tally.ended - begun);
    }
    measured.latencies.sort_unstable();
    measured.accepted = u32::try_from(measured.latencies.len()).unwrap_or(u32::MAX);
    measured.broken = shared.broken.load(Ordering::Relaxed);
    measured.opened = shared.opened.load(Ordering::Relaxed);
    measured.trouble = shared.trouble().take();
    if measured.accepted == 0 {
        let trouble = measured
            .trouble
            .unwrap_or_else(|| "no reason was given".into());
        return Err(LoadError::Reply(format!("nothing was accepted: {trouble}")));
    }
    Ok(measured)
}

struct Shared {
    target: Target,
    load: Load,
    messages: Vec<Message>,
    next: AtomicUsize,
    until: Instant,
    broken: AtomicU32,
    opened: AtomicU32,
    trouble: Mutex<Option<String>>,
}

struct Tally {
    refused: u32,
    latencies: Vec<Duration>,
    ended: Instant,
}

impl Shared {
    fn trouble(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, trouble: impl FnOnce() -> String) {
        self.trouble().get_or_insert_with(trouble);
    }

    /// The next message to send, until there are enough or the time is over.
    fn next(&self) -> Option<&Message> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let wanted = number < self.load.messages && Instant::now() < self.until;
        let place = number.checked_rem(self.messages.len())?;
        self.messages.get(place).filter(|_| wanted)
    }
}

async fn work(shared: Arc<Shared>) -> Tally {
    let mut tally = Tally {
        refused: 0,
        latencies: Vec::new(),
        ended: Instant::now(),
    };
    // A client that cannot connect tries again, not at once, and not for ever.
    let mut failures = 0_u32;
    while let Some(first) = shared.next() {
        match connection(&shared, first, &mut tally).await {
            Ok(()) => failures = 0,
            Err(error) => {
                shared.note(|| error.to_string());
                shared.broken.fetch_add(1, Ordering::Relaxed);
                failures += 1;
                let pause = Instant::now() + Duration::from_millis(10) * failures;
                sleep_until(pause.min(shared.until)).await;
                if failures >= 50 {
                    break;
                }
            }
        }
    }
    tally
}

async fn connection(shared: &Shared, first: &Message, tally: &mut Tally) -> Result<(), LoadError> {
    let mut client = shared.target.open().await?;
    shared.opened.fetch_add(1, Ordering::Relaxed);
    let mut message = Some(first);
    for number in 1..=shared.load.messages_each {
        let Some(one) = message.take() else {
            break;
        };
        // The last messages may take a little longer than the time allowed.
        let end = shared.until + shared.target.patience;
        let sent = timeout_at(end, client.submit(one)).await;
        match sent.map_err(|_| LoadError::Timeout)?? {
            Sent::Accepted(latency) => tally.latencies.push(latency),
            Sent::Refused(code) => {
                shared.note(|| format!("refused with {code}"));
                tally.refused += 1;
            }
        }
        tally.ended = Instant::now();
        if number < shared.load.messages_each {
            message = shared.next();
        }
    }
    client.quit().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_measured_values() {
        let measured = Measured {
            latencies: (1..=100).map(Duration::from_millis).collect(),
            ..Measured::default()
        };
        let check = |percent, expected| {
            assert_eq!(
                measured.percentile(percent),
                Duration::from_millis(expected)
            );
        };
        check(0, 1);
        check(50, 51);
        check(99, 100);
        check(100, 100);
        assert_eq!(Measured::default().percentile(99), Duration::ZERO);
    }
}
