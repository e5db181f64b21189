//! The thread that owns the store's writer.
//!
//! It takes what has come while the last commit was on its way to the disk, never waits for more,
//! and makes it durable with one sync: a lone message is not delayed, and a crowd shares the cost.
//! Settlements of deliveries and notes of all kinds ride along.

mod notes;

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread::{self, JoinHandle},
    time::Duration,
};

use hve_store::{Accepted, Batch, CommitError, NewMessage, Settlement, StoreError, Writer};
use tokio::sync::oneshot;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{error, info};

use self::notes::Notes;
pub(crate) use self::notes::{Note, Refused};
use crate::{clock, config::Limits};

/// The way to the thread. Cheap to clone; the thread ends when all clones are gone.
#[derive(Clone)]
pub(crate) struct CommitQueue {
    jobs: Sender<Job>,
}

enum Job {
    End,
    Note(Note),
    Settle(Vec<Settlement>, oneshot::Sender<Result<(), Trouble>>),
    Submit(Box<NewMessage>, oneshot::Sender<Result<Accepted, Trouble>>),
}

/// Nothing was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    DiskFull,
    /// The thread is gone: the server is stopping.
    Ended,
    /// The store failed.
    Store,
}

/// Starts the thread. `ended` is cancelled when it ends for whatever reason.
pub(crate) fn start(
    writer: Writer,
    limits: &Limits,
    ended: CancellationToken,
) -> std::io::Result<(CommitQueue, JoinHandle<()>)> {
    let (jobs, line) = channel();
    let mut committer = Committer {
        writer,
        line,
        most_messages: usize::try_from(limits.group_messages.get()).unwrap_or(usize::MAX),
        most_octets: usize::try_from(limits.group_octets).unwrap_or(usize::MAX),
        notes: Notes::default(),
        in_trouble: false,
        ending: false,
        _ended: ended.drop_guard(),
    };
    let thread = thread::Builder::new()
        .name("hve-commit".into())
        .spawn(move || committer.work())?;
    Ok((CommitQueue { jobs }, thread))
}

impl CommitQueue {
    /// Makes a message durable, or says why not.
    pub(crate) async fn submit(&self, message: NewMessage) -> Result<Accepted, Trouble> {
        let (answer, answered) = oneshot::channel();
        let job = Job::Submit(Box::new(message), answer);
        self.jobs.send(job).map_err(|_| Trouble::Ended)?;
        answered.await.unwrap_or(Err(Trouble::Ended))
    }

    /// Writes down what came of deliveries.
    pub(crate) async fn settle(&self, settlements: Vec<Settlement>) -> Result<(), Trouble> {
        let (answer, answered) = oneshot::channel();
        let job = Job::Settle(settlements, answer);
        self.jobs.send(job).map_err(|_| Trouble::Ended)?;
        answered.await.unwrap_or(Err(Trouble::Ended))
    }

    /// Ends the thread once everything before is done.
    pub(crate) fn end(&self) {
        let _ = self.jobs.send(Job::End);
    }

    /// Writes something down, in one of the next commits.
    pub(crate) fn note(&self, note: Note) {
        // With the thread gone the server is stopping anyway.
        let _ = self.jobs.send(Job::Note(note));
    }
}

struct Committer {
    writer: Writer,
    line: Receiver<Job>,
    most_messages: usize,
    most_octets: usize,
    notes: Notes,
    in_trouble: bool,
    ending: bool,
    _ended: DropGuard,
}

/// What waits for the next commit.
#[derive(Default)]
struct Group {
    batch: Batch,
    octets: usize,
    /// The notes are in it.
    noted: bool,
    submitters: Vec<oneshot::Sender<Result<Accepted, Trouble>>>,
    settlers: Vec<oneshot::Sender<Result<(), Trouble>>>,
}

/// How long a note may wait for company.
const NOTES_WAIT: Duration = Duration::from_secs(1);
/// Settlements in one commit, of which each changes a row or two.
const SETTLEMENTS_MAX: usize = 1024;
/// Jobs of any kind that are gathered before something is done about them.
const JOBS_MAX: usize = 8192;

impl Committer {
    fn work(&mut self) {
        let clock = clock::Clock::start();
        let mut noted_at = clock.monotonic();
        loop {
            let first = if self.notes.is_empty() {
                self.line.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                let due = noted_at + NOTES_WAIT;
                self.line
                    .recv_timeout(due.saturating_sub(clock.monotonic()))
            };
            let mut group = Group::default();
            match first {
                Ok(job) => self.gather(&mut group, job),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            let now = clock.monotonic();
            if now.saturating_sub(noted_at) >= NOTES_WAIT {
                noted_at = now;
                group.noted = true;
                self.notes.add_to(&mut group.batch);
            }
            self.commit(group);
            if self.ending {
                break;
            }
        }
        let mut last = Group {
            noted: true,
            ..Group::default()
        };
        self.notes.add_to(&mut last.batch);
        self.commit(last);
    }

    /// Takes what waits, up to the bounds of a group.
    fn gather(&mut self, group: &mut Group, first: Job) {
        let mut next = Some(first);
        let mut jobs = 0;
        while let Some(job) = next {
            jobs += 1;
            match job {
                Job::End => {
                    self.ending = true;
                    return;
                }
                Job::Note(note) => self.notes.take(note, clock::utc()),
                Job::Settle(settlements, answer) => {
                    group.batch.settlements.extend(settlements);
                    group.settlers.push(answer);
                }
                Job::Submit(message, answer) => {
                    group.octets += message.content.len();
                    group.batch.submissions.push(*message);
                    group.submitters.push(answer);
                }
            }
            let full = group.batch.submissions.len() >= self.most_messages
                || group.octets >= self.most_octets
                || group.batch.settlements.len() >= SETTLEMENTS_MAX
                || jobs >= JOBS_MAX;
            next = if full {
                None
            } else {
                self.line.try_recv().ok()
            };
        }
    }

    fn commit(&mut self, mut group: Group) {
        let Group { batch, .. } = &group;
        let notes = group.noted && !self.notes.is_empty();
        if batch.submissions.is_empty() && batch.settlements.is_empty() && !notes {
            return;
        }
        match self.writer.commit(&group.batch, clock::utc()) {
            Ok(verdicts) => {
                self.recovered();
                if notes {
                    self.notes = Notes::default();
                }
                let mut verdicts = verdicts.into_iter();
                for submitter in group.submitters {
                    let verdict = verdicts.next().ok_or(Trouble::Store);
                    let _ = submitter.send(verdict);
                }
                answer(group.settlers, Ok(()));
                // After the answers, so that nobody waits for it.
                if let Err(error) = self.writer.tend() {
                    self.failed(&error);
                }
            }
            Err(error) => {
                let trouble = self.failed(&error);
                for submitter in group.submitters.drain(..) {
                    let _ = submitter.send(Err(trouble));
                }
                self.settle_alone(group, trouble);
            }
        }
    }

    /// On a full disk deliveries may still be settled: they are what frees room.
    fn settle_alone(&mut self, group: Group, trouble: Trouble) {
        let only = Batch {
            settlements: group.batch.settlements,
            ..Batch::default()
        };
        let helps = trouble == Trouble::DiskFull && !group.batch.submissions.is_empty();
        let settled = if helps && !only.settlements.is_empty() {
            let again = self.writer.commit(&only, clock::utc());
            again.map(drop).map_err(|error| self.failed(&error))
        } else {
            Err(trouble)
        };
        answer(group.settlers, settled);
    }

    fn failed(&mut self, error: &CommitError) -> Trouble {
        // Once for each trouble, not for each message in it.
        if !self.in_trouble {
            error!(%error, "store in trouble: messages are put off until it is over");
        }
        self.in_trouble = true;
        match error {
            StoreError::DiskFull => Trouble::DiskFull,
            _ => Trouble::Store,
        }
    }

    fn recovered(&mut self) {
        if self.in_trouble {
            info!("store in order again");
        }
        self.in_trouble = false;
    }
}

fn answer(settlers: Vec<oneshot::Sender<Result<(), Trouble>>>, result: Result<(), Trouble>) {
    for settler in settlers {
        let _ = settler.send(result);
    }
}

#[cfg(test)]
mod tests;
