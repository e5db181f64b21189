//! The store's files, copied as a crash would leave them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::random::Random;

/// Database and write-ahead log as they stand at one moment.
pub(crate) struct Files {
    database: Vec<u8>,
    log: Vec<u8>,
}

impl Files {
    pub(crate) fn copy(store: &Path) -> Self {
        Self {
            database: fs::read(store).unwrap(),
            log: fs::read(log_of(store)).unwrap_or_default(),
        }
    }

    /// Puts them into a folder of their own: nothing else survives a crash.
    pub(crate) fn restore(&self, store: &Path) {
        fs::write(store, &self.database).unwrap();
        fs::write(log_of(store), &self.log).unwrap();
    }

    /// A crash in the middle of the writes that lead from `self` to `after`.
    ///
    /// First a full log moves into the database, is synced and is left as it is; only then the
    /// commit is written into the log, from its start or its end.
    pub(crate) fn torn(&self, after: &Self, random: &mut Random) -> Self {
        if self.database != after.database && random.one_in(2) {
            return Self {
                database: tear(&self.database, &after.database, random),
                log: self.log.clone(),
            };
        }
        Self {
            database: after.database.clone(),
            log: tear(&self.log, &after.log, random),
        }
    }
}

/// `after` up to some octet within what changed, `before` from there on.
fn tear(before: &[u8], after: &[u8], random: &mut Random) -> Vec<u8> {
    let same = before.iter().zip(after).take_while(|(a, b)| a == b).count();
    let cut = same + random.below(after.len() - same + 1);
    let mut torn = after.get(..cut).unwrap().to_vec();
    torn.extend_from_slice(before.get(cut..).unwrap_or_default());
    torn
}

fn log_of(store: &Path) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}
