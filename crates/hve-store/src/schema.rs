//! Opening the file: connections, their settings, and the schema with its migrations.
//!
//! Set-up takes a turn, so that two processes that start together on no file at all make one store; a migration also needs the server's lock, since a server of the
//! old version must not go on above a new schema.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};

use crate::{
    OpenError, StoreError,
    turn::{Turns, folder_of},
};

/// `HVE1` in ASCII: tells our file from others (PRAGMA application_id).
const APPLICATION_ID: i64 = 0x4856_4531;

const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_store.sql"),
    include_str!("../migrations/0002_sign_in.sql"),
    include_str!("../migrations/0003_secret.sql"),
    include_str!("../migrations/0004_failed_session.sql"),
    include_str!("../migrations/0005_guard.sql"),
    include_str!("../migrations/0006_scram.sql"),
    include_str!("../migrations/0007_last_use.sql"),
    include_str!("../migrations/0008_notices.sql"),
    include_str!("../migrations/0009_operator.sql"),
    include_str!("../migrations/0010_group.sql"),
    include_str!("../migrations/0011_addresses.sql"),
];

/// How long a change waits for another process's. An import of 100,000 recipients holds the lock
/// for less than a second.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// What a connection is for; it decides the settings.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// Directory changes, beside a running server.
    Change,
    /// The server's one writer.
    Commit,
    /// Reading only.
    Read,
}

/// Opens one connection to a store that is set up.
pub(crate) fn connect(path: &Path, use_: Use) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(64);
    // FULL syncs the log at every commit: a 250 is durable. The cache holds a batch of large
    // messages without spilling it early.
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;")?;
    match use_ {
        Use::Change => connection.execute_batch("PRAGMA foreign_keys = ON;")?,
        Use::Commit => {
            connection.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA cache_size = -65536;")?
        }
        Use::Read => connection.execute_batch("PRAGMA query_only = ON;")?,
    }
    Ok(connection)
}

/// Makes the file where there is none and brings its schema up to date. `lock` is given by the
/// writer, which holds it already.
pub(crate) fn set_up(path: &Path, lock: Option<&WriterLock>) -> Result<(), OpenError> {
    create_private(path)?;
    let fail = |source: StoreError| OpenError::Store {
        path: path.display().to_string(),
        source,
    };
    let connection = connect(path, Use::Change).map_err(|error| foreign(path, error))?;
    if version(path, &connection)? == Some(newest()) {
        return Ok(());
    }
    let turns = Turns::of(path).map_err(|source| file_error(&folder_of(path), source))?;
    let _turn = turns.take();
    let Some(found) = version(path, &connection)? else {
        create(&connection).map_err(fail)?;
        // The name of the new file must survive a power cut as well.
        return turns
            .sync_folder()
            .map_err(|source| file_error(path, source));
    };
    if found < newest() {
        let held = match lock {
            Some(_) => None,
            None => Some(WriterLock::take(path)?),
        };
        let migrated = migrate(&connection, found, MIGRATIONS).map_err(fail);
        drop(held);
        migrated?;
    }
    Ok(())
}

/// The schema of the file; `None` is an empty file.
fn version(path: &Path, connection: &Connection) -> Result<Option<i64>, OpenError> {
    let (application, found, objects) =
        read_marks(connection).map_err(|error| foreign(path, error.into()))?;
    if (application, found, objects) == (0, 0, 0) {
        return Ok(None);
    }
    if application != APPLICATION_ID {
        return Err(OpenError::Foreign {
            path: path.display().to_string(),
            why: format!("it is an SQLite database with application id {application:#x}"),
        });
    }
    if found > newest() {
        return Err(OpenError::NewerSchema {
            path: path.display().to_string(),
            found,
            known: newest(),
        });
    }
    Ok(Some(found))
}

/// Application id, schema version and number of tables, of one moment: somebody else may be
/// setting the file up.
fn read_marks(connection: &Connection) -> Result<(i64, i64, i64), rusqlite::Error> {
    let moment = connection.unchecked_transaction()?;
    let read = |sql| moment.query_row(sql, (), |row| row.get(0));
    // The first statement takes the lock that the others read under.
    let objects = read("SELECT count(*) FROM sqlite_schema")?;
    Ok((
        read("PRAGMA application_id")?,
        read("PRAGMA user_version")?,
        objects,
    ))
}

fn create(connection: &Connection) -> Result<(), StoreError> {
    connection.execute_batch("PRAGMA page_size = 16384")?;
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", (), |row| row.get(0))?;
    if mode != "wal" {
        // Somebody looked at the empty file at this very moment.
        return Err(StoreError::Busy);
    }
    migrate(connection, 0, MIGRATIONS)
}

/// Applies the migrations after number `from`, all or none of them.
fn migrate(connection: &Connection, from: i64, migrations: &[&str]) -> Result<(), StoreError> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let apply = || -> Result<(), rusqlite::Error> {
        let mut version = 0;
        for sql in migrations {
            version += 1;
            if version > from {
                connection.execute_batch(sql)?;
            }
        }
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
        connection.pragma_update(None, "user_version", version)?;
        connection.execute_batch("COMMIT")
    };
    let applied = apply();
    if applied.is_err() {
        connection.execute_batch("ROLLBACK").ok();
    }
    Ok(applied?)
}

fn newest() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

fn foreign(path: &Path, error: StoreError) -> OpenError {
    let path = path.display().to_string();
    match error {
        StoreError::Corrupt(why) => OpenError::Foreign { path, why },
        source => OpenError::Store { path, source },
    }
}

/// Nobody but the owner reads mail and password hashes; SQLite gives its side files the same mode.
fn create_private(path: &Path) -> Result<(), OpenError> {
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match made {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(file_error(path, source)),
    }
}

fn file_error(path: &Path, source: std::io::Error) -> OpenError {
    OpenError::File {
        path: path.display().to_string(),
        source,
    }
}

/// Keeps a second server away from the store; the kernel lets go of it when the process ends,
/// however it ends.
#[derive(Debug)]
pub(crate) struct WriterLock {
    _file: File,
}

impl WriterLock {
    /// Takes the lock in `<store>.lock`, which holds our process number for the next one's message.
    pub(crate) fn take(path: &Path) -> Result<Self, OpenError> {
        let lock_path = lock_path(path);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(|source| file_error(&lock_path, source))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                file.read_to_string(&mut pid).ok();
                return Err(OpenError::InUse {
                    path: path.display().to_string(),
                    by: pid.trim().parse().ok(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(file_error(&lock_path, source)),
        }
        // A full disk must not keep the server from starting: the number is for people only.
        file.set_len(0).ok();
        writeln!(file, "{}", std::process::id()).ok();
        Ok(Self { _file: file })
    }
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(connection: &Connection) -> (i64, i64) {
        let (application, found, _) = read_marks(connection).unwrap();
        (application, found)
    }

    #[test]
    fn row_51_an_older_schema_is_brought_up_to_date_or_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hve.db");
        create_private(&path).unwrap();
        let connection = connect(&path, Use::Change).unwrap();
        let first = include_str!("../migrations/0001_store.sql");
        migrate(&connection, 0, &[first]).unwrap();
        let sql = "INSERT INTO tenant (name, limits, created_at) VALUES ('contoso.test', '{}', 0)";
        connection.execute_batch(sql).unwrap();

        let broken = [
            first,
            "ALTER TABLE tenant ADD COLUMN note TEXT",
            "ALTER TABLE nothing ADD COLUMN note TEXT",
        ];
        migrate(&connection, 1, &broken).unwrap_err();
        assert_eq!(marks(&connection), (APPLICATION_ID, 1));
        connection.prepare("SELECT note FROM tenant").unwrap_err();

        let good = [
            first,
            "ALTER TABLE tenant ADD COLUMN note TEXT DEFAULT 'new'",
        ];
        migrate(&connection, 1, &good).unwrap();
        assert_eq!(marks(&connection), (APPLICATION_ID, 2));
        let kept: (String, String) = connection
            .query_row("SELECT name, note FROM tenant", (), |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .unwrap();
        assert_eq!(kept, ("contoso.test".into(), "new".into()));
    }

    #[test]
    fn row_51_a_store_of_the_first_schema_works_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hve.db");
        create_private(&path).unwrap();
        let connection = connect(&path, Use::Change).unwrap();
        connection
            .execute_batch("PRAGMA journal_mode = WAL")
            .unwrap();
        migrate(&connection, 0, &MIGRATIONS[..1]).unwrap();
        let limits = crate::codec::tenant_limits(&hve_types::TenantLimits::default());
        let sql = "INSERT INTO tenant (name, limits, created_at) VALUES ('contoso.test', ?1, 0)";
        connection.execute(sql, [limits]).unwrap();
        drop(connection);

        let store = crate::Store::open(&path).unwrap();
        let tenants = store.tenants().unwrap();
        assert_eq!(tenants.len(), 1);
        assert_eq!(tenants[0].sign_in, hve_types::TenantSignIn::default());
    }
}
