//! A few threads that hash passwords, with a bounded line before them.
//!
//! Argon2id takes 15 to 25 ms of one core: on the threads that serve clients it would stop
//! everybody else. When the line is full the client hears so at once, instead of waiting for a
//! turn that comes after it has given up.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
};

use hve_auth::PasswordHash;
use secrecy::SecretString;
use tokio::sync::oneshot;

/// The way to the threads. They end when it is gone.
pub(crate) struct HashingPool {
    jobs: SyncSender<Job>,
}

struct Job {
    hashes: Vec<PasswordHash>,
    password: SecretString,
    answer: oneshot::Sender<Option<usize>>,
}

/// The line is full; try again in a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Busy;

impl HashingPool {
    /// Starts `threads` threads, 0 for one a core, with `waiting` places in the line.
    pub(crate) fn start(threads: usize, waiting: usize) -> std::io::Result<Self> {
        let threads = match threads {
            0 => thread::available_parallelism().map_or(1, usize::from),
            some => some,
        };
        let (jobs, line) = sync_channel(waiting);
        let line = Arc::new(Mutex::new(line));
        for number in 0..threads {
            let line = Arc::clone(&line);
            thread::Builder::new()
                .name(format!("hve-hash-{number}"))
                .spawn(move || {
                    step_back();
                    work(&line);
                })?;
        }
        Ok(Self { jobs })
    }

    /// Which of these hashes, if any, is of this password?
    pub(crate) async fn matching(
        &self,
        hashes: Vec<PasswordHash>,
        password: SecretString,
    ) -> Result<Option<usize>, Busy> {
        let (answer, answered) = oneshot::channel();
        let job = Job {
            hashes,
            password,
            answer,
        };
        match self.jobs.try_send(job) {
            Ok(()) => answered.await.map_err(|_| Busy),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(Busy),
        }
    }
}

/// Lowers the priority of this thread (on Linux it is the thread's own): under a flood of sign-ins
/// those who are signed in go first.
fn step_back() {
    // Where it is not allowed the threads only compete as equals.
    let _ = rustix::process::setpriority_process(None, NICE);
}

/// A busy core gives such a thread one part in thirty: a flood of guesses cannot take a tenth of
/// what clients with remembered passwords need, and a sign-in that has to be hashed on a server
/// that is busy all the time still takes less than a second.
const NICE: i32 = 15;

fn work(line: &Mutex<Receiver<Job>>) {
    loop {
        let next = {
            let line = line.lock().unwrap_or_else(PoisonError::into_inner);
            line.recv()
        };
        let Ok(job) = next else { return };
        // Whoever has gone away is not worked for.
        if !job.answer.is_closed() {
            let matching = PasswordHash::matching(&job.hashes, &job.password);
            let _ = job.answer.send(matching);
        }
    }
}

#[cfg(test)]
mod tests {
    use hve_auth::HashCost;

    use super::*;

    fn hash() -> PasswordHash {
        PasswordHash::derive(&"right password".into(), [7; 16], HashCost::default()).unwrap()
    }

    #[tokio::test]
    async fn a_password_is_compared_elsewhere() {
        let pool = HashingPool::start(1, 4).unwrap();
        let hash = hash();
        let right = pool.matching(vec![hash.clone()], "right password".into());
        assert_eq!(right.await, Ok(Some(0)));
        let wrong = pool.matching(vec![hash], "wrong password".into());
        assert_eq!(wrong.await, Ok(None));
    }

    #[tokio::test]
    async fn row_24_a_full_line_says_so_at_once() {
        // Nobody works: the one place stays taken.
        let (jobs, _line) = sync_channel(1);
        let pool = HashingPool { jobs };
        let hash = hash();
        let waiting = pool.matching(vec![hash.clone()], "a".into());
        tokio::pin!(waiting);
        let first = std::future::poll_fn(|cx| std::task::Poll::Ready(waiting.as_mut().poll(cx)));
        assert!(first.await.is_pending());
        assert_eq!(pool.matching(vec![hash], "b".into()).await, Err(Busy));
    }
}
