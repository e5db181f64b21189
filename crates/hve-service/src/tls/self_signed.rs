//! A self-signed certificate for a demonstration.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use thiserror::Error;

use crate::config::TlsFiles;

/// Why no certificate could be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SelfSignedError {
    /// The names are none, or the key could not be made.
    #[error("no certificate could be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A file could not be written.
    #[error("{path} cannot be written: {source}")]
    Write {
        /// Which file.
        path: String,
        /// Why.
        source: io::Error,
    },
}

/// Makes a certificate for `names` (host names and addresses) with a P-256 key, and writes both
/// files; the key is readable by its owner only. Folders are made.
///
/// # Errors
/// See [`SelfSignedError`]. A file that exists already is one.
pub fn write_self_signed(files: &TlsFiles, names: &[&str]) -> Result<(), SelfSignedError> {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let made = rcgen::generate_simple_self_signed(names)?;
    let written = |path: &Path, result: io::Result<()>| {
        result.map_err(|source| SelfSignedError::Write {
            path: path.display().to_string(),
            source,
        })
    };
    for path in [&files.key, &files.certificate] {
        if let Some(folder) = path.parent() {
            written(folder, fs::create_dir_all(folder))?;
        }
    }
    // The key first: a certificate without its key would look complete at the next start.
    written(
        &files.key,
        write_new(&files.key, &made.signing_key.serialize_pem(), 0o600),
    )?;
    written(
        &files.certificate,
        write_new(&files.certificate, &made.cert.pem(), 0o644),
    )
}

fn write_new(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
