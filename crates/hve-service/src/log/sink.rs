//! Lines are handed to a thread that writes them, so that a slow reader of the log slows nobody.

use std::{
    io::Write,
    mem,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

/// Octets that may wait; about 40,000 lines.
const WAITING_OCTETS_MAX: usize = 8 * 1024 * 1024;

/// How long a line waits for company: under load, one write for many; for eyes, nothing.
const COMPANY: Duration = Duration::from_millis(5);
/// Octets that wait for no more.
const PIECE_OCTETS: usize = 64 * 1024;

/// Where lines are put.
#[derive(Clone)]
pub(super) struct Sink(Arc<Shared>);

/// Writes what still waits when it is dropped.
#[must_use = "the log ends when this is dropped"]
pub struct LogGuard {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    wake: Condvar,
}

#[derive(Default)]
struct Waiting {
    text: Vec<u8>,
    lost: u64,
    end: bool,
}

pub(super) fn start(to: impl Write + Send + 'static) -> (Sink, LogGuard) {
    let shared = Arc::new(Shared::default());
    let writing = Arc::clone(&shared);
    let thread = std::thread::Builder::new()
        .name("hve-log".into())
        .spawn(move || write_all(&writing, to))
        .ok();
    (Sink(Arc::clone(&shared)), LogGuard { shared, thread })
}

impl Sink {
    /// Adds a line, or counts it as lost where too much waits already.
    pub(super) fn push(&self, line: &str) {
        let mut waiting = lock(&self.0);
        if waiting.text.len() + line.len() > WAITING_OCTETS_MAX {
            waiting.lost += 1;
            return;
        }
        let before = waiting.text.len();
        waiting.text.extend_from_slice(line.as_bytes());
        let after = waiting.text.len();
        drop(waiting);
        // The first line wakes the thread, and the one that makes a good piece of it.
        if before == 0 || (before < PIECE_OCTETS && after >= PIECE_OCTETS) {
            self.0.wake.notify_one();
        }
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        lock(&self.shared).end = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            // Its panic has been printed; there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

fn lock(shared: &Shared) -> std::sync::MutexGuard<'_, Waiting> {
    shared
        .waiting
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

fn write_all(shared: &Shared, mut to: impl Write) {
    let mut writing = Vec::new();
    loop {
        let (lost, end) = {
            let mut waiting = lock(shared);
            while waiting.text.is_empty() && waiting.lost == 0 && !waiting.end {
                waiting = shared
                    .wake
                    .wait(waiting)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            let more = |waiting: &mut Waiting| !waiting.end && waiting.text.len() < PIECE_OCTETS;
            let gathered = shared.wake.wait_timeout_while(waiting, COMPANY, more);
            waiting = gathered.unwrap_or_else(PoisonError::into_inner).0;
            mem::swap(&mut waiting.text, &mut writing);
            (mem::take(&mut waiting.lost), waiting.end)
        };
        // A log that cannot be written must not stop the mail.
        let _ = to.write_all(&writing);
        if lost > 0 {
            let _ = writeln!(to, "{lost} lines were lost: the log is read too slowly");
        }
        if end && writing.is_empty() {
            return;
        }
        writing.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Shelf(Arc<Mutex<Vec<u8>>>);

    impl Write for Shelf {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_waits_is_written_in_order_before_the_guard_is_gone() {
        let shelf = Shelf::default();
        let (sink, guard) = start(shelf.clone());
        let expected: String = (0..1000).map(|n| format!("line {n}\n")).collect();
        for line in expected.split_inclusive('\n') {
            sink.push(line);
        }
        drop(guard);
        assert_eq!(*shelf.0.lock().unwrap(), expected.as_bytes());
    }

    #[test]
    fn a_line_too_many_is_counted_and_not_kept() {
        let shared = Arc::new(Shared::default());
        let sink = Sink(Arc::clone(&shared));
        let long = "x".repeat(WAITING_OCTETS_MAX - 10);
        sink.push(&long);
        sink.push("eleven char");
        sink.push("ten chars\n");
        let waiting = lock(&shared);
        assert_eq!((waiting.text.len(), waiting.lost), (WAITING_OCTETS_MAX, 1));
    }
}
