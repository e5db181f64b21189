//! The store as everybody but the writer sees it: reading, and changing the directory.

use std::{
    ops::DerefMut,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::Connection;

use crate::{
    OpenError, StoreError,
    codec::from_count,
    schema::{self, Use},
    turn::{Turn, Turns},
};

/// A handle to the store: reads, and changes of the directory.
///
/// Clones share their connections. It works beside a running server and beside other processes;
/// each reads what was committed last, and changes wait for one another.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// Connections nobody reads with at the moment.
    idle: Mutex<Vec<Connection>>,
    /// For changes: one at a time in this process, so that they do not wait on the file's lock.
    change: Mutex<Option<Connection>>,
}

impl Store {
    /// Opens the store in the file `path`; makes it where there is none, and brings an older
    /// schema up to date.
    ///
    /// # Errors
    /// A foreign file, a newer schema, an older schema under a running server, or a file that
    /// cannot be used; the text says which.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        schema::set_up(path, None)?;
        Ok(Self::attach(path))
    }

    pub(crate) fn attach(path: &Path) -> Self {
        Self {
            inner: Arc::new(Inner {
                path: path.to_owned(),
                idle: Mutex::default(),
                change: Mutex::default(),
            }),
        }
    }

    /// Counts the changes of the directory, in the same transaction as each of them: while it
    /// stands still, a [`snapshot`](Self::snapshot) is fresh. Costs a few microseconds.
    ///
    /// # Errors
    /// The store failed.
    pub fn change_counter(&self) -> Result<u64, StoreError> {
        self.read(change_counter)
    }

    /// Looks through the whole file for damage; one line for each finding, at most `limit`. It
    /// reads every page, which takes a while.
    ///
    /// # Errors
    /// The store failed, or is so damaged that it cannot be looked through.
    pub fn verify(&self, limit: u32) -> Result<Vec<String>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare(&format!("PRAGMA quick_check({limit})"))?;
            let mut rows = statement.query(())?;
            let mut findings = Vec::new();
            while let Some(row) = rows.next()? {
                findings.push(row.get(0)?);
            }
            findings.retain(|finding: &String| finding != "ok");
            Ok(findings)
        })
    }

    /// Reads with a connection of the pool. Each statement sees a state of its own; use
    /// [`Self::read_at_once`] for several.
    pub(crate) fn read<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        let reader = self.reader()?;
        let result = work(&reader);
        if result.is_ok() {
            self.put_back(reader);
        }
        result
    }

    /// Reads one state of the store, however many statements it takes.
    pub(crate) fn read_at_once<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.read(|connection| {
            let transaction = connection.unchecked_transaction()?;
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        })
    }

    /// Runs a change as one transaction that nobody else's change can come between.
    pub(crate) fn change<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        self.change_in_turn(Turns::take, work)
    }

    /// [`Self::change`] for the server's own needs: nobody whom it waits for can stop it.
    pub(crate) fn change_soon<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        self.change_in_turn(Turns::take_soon, work)
    }

    fn change_in_turn<T, E: From<StoreError>>(
        &self,
        take: impl FnOnce(&Turns) -> Option<Turn<'_>>,
        work: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut slot = self
            .inner
            .change
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let connection = match slot.take() {
            Some(connection) => connection,
            None => schema::connect(&self.inner.path, Use::Change)?,
        };
        let begin = |sql| connection.execute_batch(sql).map_err(StoreError::from);
        let turns = Turns::of(&self.inner.path).ok();
        let turn = turns.as_ref().and_then(take);
        begin("BEGIN IMMEDIATE")?;
        drop(turn);
        let result = work(&connection).and_then(|value| {
            begin("COMMIT")?;
            Ok(value)
        });
        // A connection that cannot even roll back is dropped, which does.
        if result.is_ok() || begin("ROLLBACK").is_ok() || connection.is_autocommit() {
            *slot = Some(connection);
        }
        result
    }

    fn reader(&self) -> Result<Connection, StoreError> {
        let idle = self.idle().pop();
        match idle {
            Some(connection) => Ok(connection),
            None => schema::connect(&self.inner.path, Use::Read),
        }
    }

    /// Keeps a connection for the next reader. One that failed is not kept.
    fn put_back(&self, connection: Connection) {
        let mut idle = self.idle();
        if idle.len() < IDLE_READERS_MAX {
            idle.push(connection);
        }
    }

    fn idle(&self) -> impl DerefMut<Target = Vec<Connection>> + '_ {
        self.inner
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn change_counter(connection: &Connection) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached("SELECT changes FROM change_counter")?;
    from_count(statement.query_row((), |row| row.get(0))?)
}

/// Connections kept open for readers; each has a cache of up to 2 MB.
const IDLE_READERS_MAX: usize = 8;
