//! The server's writer: one transaction and one sync for a whole batch.

mod accept;
mod batch;
mod books;
mod cancelled;
mod notices;
mod settle;
#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering},
    },
    time::Duration,
};

use rusqlite::Connection;
use time::UtcDateTime;

pub use batch::{Accepted, Batch, NewMessage, Notice, Outcome, Reason, Settlement};

use self::books::Books;
pub(crate) use self::settle::Row as SettledRow;
use crate::{
    CommitError, OpenError, Store, StoreError, failed_session, guard, last_use,
    queue::forget,
    room,
    schema::{self, Use, WriterLock},
    store::change_counter,
    turn::Turns,
};

/// The one writer of messages, of which a store has at most one: the server's.
///
/// It keeps every tenant's rolling quota in memory, and the file is the truth: what it holds is
/// read back from the usage events when it starts, and again whenever a commit failed in a way
/// that leaves a doubt.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    _lock: WriterLock,
    /// `None` after trouble with the disk: the next commit opens the file anew.
    open: Option<Open>,
    books: Books,
    /// Messages of a commit of which the disk did not say whether it kept them.
    doubtful: Vec<books::Entry>,
}

#[derive(Debug)]
struct Open {
    connection: Connection,
    turns: Option<Turns>,
    /// Pages in the write-ahead log after the last commit.
    log_pages: Arc<AtomicI32>,
    /// Pages in it when it was last moved into the file; 0 once it has started over.
    checkpointed_at: i32,
    /// The row number of the next body. Numbers are not given twice while we run.
    next_body: i64,
}

impl Writer {
    /// Opens the store in the file `path` for the server, making it where there is none.
    ///
    /// # Errors
    /// [`OpenError::InUse`] while another server has it; otherwise as [`Store::open`].
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let lock = WriterLock::take(path)?;
        schema::set_up(path, Some(&lock))?;
        let mut writer = Self {
            path: path.to_owned(),
            _lock: lock,
            open: None,
            books: Books::default(),
            doubtful: Vec::new(),
        };
        writer.begin().map_err(|source| OpenError::Store {
            path: path.display().to_string(),
            source,
        })?;
        Ok(writer)
    }

    /// No attempt of a server that has ended is settled any more.
    fn begin(&mut self) -> Result<(), StoreError> {
        self.reopen()?;
        match self.open.as_ref().map(|it| forget(&it.connection, None)) {
            // It only takes room.
            None | Some(Ok(()) | Err(StoreError::Busy | StoreError::DiskFull)) => Ok(()),
            Some(Err(error)) => Err(error),
        }
    }

    /// A handle for reading and for changes of directory and queue.
    #[must_use]
    pub fn store(&self) -> Store {
        Store::attach(&self.path)
    }

    /// Makes a batch durable, all of it or nothing, and says of each submission, in order,
    /// whether it was let in. The quota is decided here, in order, at `now`.
    ///
    /// Settlements of messages that are no longer queued are passed over: they were settled
    /// before.
    ///
    /// # Errors
    /// Nothing of the batch is stored or counted. The writer stays usable: each call tries anew,
    /// and succeeds once the trouble is over.
    pub fn commit(
        &mut self,
        batch: &Batch,
        now: UtcDateTime,
    ) -> Result<Vec<Accepted>, CommitError> {
        self.reopen().map_err(|error| self.told(error))?;
        self.tend()?;
        self.reopen().map_err(|error| self.told(error))?;
        let Some(open) = &mut self.open else {
            return Err(StoreError::Busy);
        };
        match transact(open, &mut self.books, batch, now) {
            Ok(verdicts) => {
                self.books.keep();
                Ok(verdicts)
            }
            Err(error) => Err(self.fall_back(error)),
        }
    }

    /// Moves the write-ahead log into the file when it has grown enough. [`Writer::commit`] does
    /// it by itself before it begins; a host that calls this when it has sent its answers takes
    /// the wait out of the next ones.
    ///
    /// # Errors
    /// The disk failed; the next commit opens the file anew.
    pub fn tend(&mut self) -> Result<(), CommitError> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        let pages = open.log_pages.load(Ordering::Relaxed);
        if pages < open.checkpointed_at {
            // The log has started over.
            open.checkpointed_at = 0;
        }
        if pages.saturating_sub(open.checkpointed_at) < CHECKPOINT_PAGES {
            return Ok(());
        }
        open.checkpointed_at = pages;
        match checkpoint(&open.connection, pages) {
            // Without room for the file to grow the log can still take what fits into it.
            Ok(()) | Err(StoreError::Busy | StoreError::DiskFull) => Ok(()),
            Err(error) => match self.fall_back(error) {
                CommitError::DiskFull => Ok(()),
                error => Err(error),
            },
        }
    }

    /// Opens the file where it is not open, and takes out what an unsure commit may have left.
    fn reopen(&mut self) -> Result<(), StoreError> {
        if self.open.is_some() {
            return Ok(());
        }
        let mut connection = schema::connect(&self.path, Use::Commit)?;
        let log_pages = Arc::new(AtomicI32::new(CHECKPOINT_PAGES));
        let counter = Arc::clone(&log_pages);
        connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
            counter.store(pages, Ordering::Relaxed);
            Ok(())
        }))?;
        let next_body =
            connection.query_row("SELECT coalesce(max(seq), 0) + 1 FROM body", (), |row| {
                row.get(0)
            })?;
        self.books.forget();
        take_out(&connection, &self.doubtful)?;
        self.doubtful.clear();
        self.open = Some(Open {
            connection,
            turns: Turns::of(&self.path).ok(),
            log_pages,
            checkpointed_at: 0,
            next_body,
        });
        Ok(())
    }

    /// After a failure: nothing of the batch stays, in the file or in the books.
    fn fall_back(&mut self, error: StoreError) -> CommitError {
        let Some(mut open) = self.open.take() else {
            return self.told(error);
        };
        let rolled_back =
            open.connection.is_autocommit() || open.connection.execute_batch("ROLLBACK").is_ok();
        // What the library itself reported decides, not what is told: a sync that failed is in
        // doubt however full the disk is.
        if rolled_back && matches!(error, StoreError::Busy | StoreError::DiskFull) {
            self.books.undo();
            // A log that starts over needs no room.
            open.checkpointed_at = 0;
            open.log_pages.store(CHECKPOINT_PAGES, Ordering::Relaxed);
            self.open = Some(open);
        } else {
            // What the disk holds now is unknown, and so is what the library believes of it
            // (a sync that failed once may claim success the next time): start from the file.
            self.doubtful.extend(self.books.take_journal());
        }
        self.told(error)
    }

    /// The error as the caller hears it: SQLite calls it trouble with the disk when a quota or a
    /// limit on the size of files leaves no room.
    fn told(&self, error: StoreError) -> CommitError {
        match error {
            StoreError::Io(_) if room::is_lacking(&self.path) => StoreError::DiskFull,
            other => other,
        }
    }
}

fn transact(
    open: &mut Open,
    books: &mut Books,
    batch: &Batch,
    now: UtcDateTime,
) -> Result<Vec<Accepted>, StoreError> {
    let connection = &open.connection;
    let turn = open.turns.as_ref().and_then(Turns::take_soon);
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute(())?;
    drop(turn);
    books.at_version(change_counter(connection)?);
    let verdicts = accept::accept(
        connection,
        books,
        &mut open.next_body,
        &batch.submissions,
        now,
    )?;
    settle::settle(
        connection,
        books,
        &mut open.next_body,
        &batch.settlements,
        now,
    )?;
    settle::count_refusals(connection, &batch.refusals)?;
    failed_session::keep(connection, &batch.failed_sessions, now)?;
    guard::keep(connection, &batch.guard, now)?;
    last_use::keep(connection, &batch.last_uses)?;
    connection.prepare_cached("COMMIT")?.execute(())?;
    Ok(verdicts)
}

/// Takes out the messages of a commit that failed, should the disk have kept them after all:
/// their clients were told that they were not accepted.
fn take_out(connection: &Connection, doubtful: &[books::Entry]) -> Result<(), StoreError> {
    if doubtful.is_empty() {
        return Ok(());
    }
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let attempt = || -> Result<(), rusqlite::Error> {
        for entry in doubtful {
            let id = entry.id.to_bytes();
            connection
                .prepare_cached("DELETE FROM body WHERE seq = (SELECT body FROM message WHERE id = ?1) AND message = ?1")?
                .execute([&id])?;
            connection
                .prepare_cached("DELETE FROM message WHERE id = ?1")?
                .execute([&id])?;
            connection
                .prepare_cached("DELETE FROM usage WHERE tenant = ?1 AND at = ?2 AND message = ?3")?
                .execute((entry.tenant.0, entry.at, &id))?;
        }
        connection.execute_batch("COMMIT")
    };
    Ok(attempt()?)
}

/// Moves the log into the file. Readers are usually in nobody's way; when one has kept the log
/// from starting over for long, this waits for it a little.
fn checkpoint(connection: &Connection, pages: i32) -> Result<(), StoreError> {
    if pages < CHECKPOINT_PAGES * 16 {
        return Ok(connection
            .prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?
            .query_row((), |_| Ok(()))?);
    }
    connection.busy_timeout(READERS_WAIT)?;
    let done = connection.query_row("PRAGMA wal_checkpoint(RESTART)", (), |_| Ok(()));
    connection.busy_timeout(schema::BUSY_TIMEOUT)?;
    Ok(done?)
}

/// How long commits may wait for a reader that has held up a log of 256 MB.
const READERS_WAIT: Duration = Duration::from_millis(100);

const INSERT_USAGE: &str = "INSERT INTO usage
     (tenant, at, seq, account, kind, recipients, octets, message)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

/// The log is moved into the file when it has so many pages: 16 MB.
const CHECKPOINT_PAGES: i32 = 1000;
