//! Is it for lack of room that the disk failed?

use std::{
    fs::{File, OpenOptions},
    io::{ErrorKind, Write},
    path::Path,
};

use rustix::process::{Resource, getrlimit};

/// True where the file system, a quota on it or a limit on the size of files leaves no room to go
/// on. SQLite tells only the first from other trouble.
pub(crate) fn is_lacking(store: &Path) -> bool {
    limit_reached(store) || !can_write(store)
}

/// A limit on the size of one file (RLIMIT_FSIZE) that the store or its log has come near to.
fn limit_reached(store: &Path) -> bool {
    let Some(limit) = getrlimit(Resource::Fsize).current else {
        return false;
    };
    let near = |name: &Path| {
        std::fs::metadata(name).is_ok_and(|file| file.len().saturating_add(NEED) > limit)
    };
    near(store) || near(&beside(store, "-wal"))
}

/// Writes as much as a small commit needs into a file beside the store.
fn can_write(store: &Path) -> bool {
    let path = beside(store, "-room");
    let attempt = || -> std::io::Result<()> {
        let mut file: File = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)?;
        file.write_all(&vec![0; usize::try_from(NEED).unwrap_or(0)])?;
        file.sync_all()
    };
    let done = attempt();
    std::fs::remove_file(&path).ok();
    !done.is_err_and(|error| {
        matches!(
            error.kind(),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
        )
    })
}

fn beside(store: &Path, ending: &str) -> std::path::PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Octets without which no commit succeeds: some pages of 16 KiB.
const NEED: u64 = 256 * 1024;
