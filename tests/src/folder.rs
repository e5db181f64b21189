//! Folders of a test's own.

use std::path::Path;

use tempfile::TempDir;

/// A folder in memory where there is one, else in the usual place: for tests that open hundreds
/// of stores, and that do not prove what the disk does.
///
/// # Panics
/// If neither takes a folder.
#[must_use]
pub fn memory_folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    tempfile::tempdir_in(memory)
        .or_else(|_| tempfile::tempdir())
        .expect("a folder")
}
