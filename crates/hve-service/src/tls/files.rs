//! Reads a certificate chain and its key from PEM files.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use hve_types::CertificateFingerprint;
use rustls::{
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use thiserror::Error;

use super::{client::fingerprint, provider};
use crate::config::TlsFiles;

/// Why a certificate and its key cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsFileError {
    /// The file with the chain cannot be read.
    #[error("the certificate {path} cannot be read: {source}")]
    CertificateUnreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The certificate is for another key.
    #[error("the certificate {certificate} does not belong to the key {key}")]
    Mismatch {
        /// The file with the chain.
        certificate: PathBuf,
        /// The file with the key.
        key: PathBuf,
    },
    /// The key is of a kind that TLS cannot sign with.
    #[error("the key {path} cannot sign: {source}")]
    KeyUnfit {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// The file with the key cannot be read.
    #[error("the key {path} cannot be read: {source}")]
    KeyUnreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No usable `BEGIN CERTIFICATE` in the file.
    #[error("the certificate {path} holds no PEM certificate that can be read")]
    NoCertificate {
        /// Which file.
        path: PathBuf,
    },
    /// No `BEGIN PRIVATE KEY` in the file; an encrypted key is none either.
    #[error("the key {path} holds no PEM private key without a passphrase")]
    NoKey {
        /// Which file.
        path: PathBuf,
    },
}

impl TlsFileError {
    /// Whether the certificate is at fault, and not the key. A mismatch is the certificate's.
    #[must_use]
    pub const fn concerns_certificate(&self) -> bool {
        matches!(
            self,
            Self::CertificateUnreadable { .. } | Self::NoCertificate { .. } | Self::Mismatch { .. }
        )
    }
}

/// The fingerprint of the first certificate in a PEM file: what an account lists for its device.
///
/// # Errors
/// The file cannot be read, or holds no certificate.
pub fn read_fingerprint(path: &Path) -> Result<CertificateFingerprint, TlsFileError> {
    let chain = read_chain(path)?;
    let first = chain.first().map(fingerprint);
    first.ok_or_else(|| TlsFileError::NoCertificate {
        path: path.to_owned(),
    })
}

/// Everything that is wrong with the pair; empty where it can be used.
pub(crate) fn inspect(files: &TlsFiles) -> Vec<TlsFileError> {
    match (read_chain(&files.certificate), read_key(&files.key)) {
        (Ok(chain), Ok(key)) => pair(files, chain, key).err().into_iter().collect(),
        (chain, key) => chain.err().into_iter().chain(key.err()).collect(),
    }
}

/// Everything that is wrong with what is known of the pair.
pub(crate) fn inspect_known(certificate: Option<&Path>, key: Option<&Path>) -> Vec<TlsFileError> {
    match (certificate, key) {
        (Some(certificate), Some(key)) => inspect(&TlsFiles::new(certificate, key)),
        (Some(certificate), None) => read_chain(certificate).err().into_iter().collect(),
        (None, Some(key)) => read_key(key).err().into_iter().collect(),
        (None, None) => Vec::new(),
    }
}

/// Reads the pair and checks that its halves belong together.
pub(super) fn load(files: &TlsFiles) -> Result<CertifiedKey, TlsFileError> {
    pair(
        files,
        read_chain(&files.certificate)?,
        read_key(&files.key)?,
    )
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let pem = fs::read(path).map_err(|source| TlsFileError::CertificateUnreadable {
        path: path.to_owned(),
        source,
    })?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        _ => Err(TlsFileError::NoCertificate {
            path: path.to_owned(),
        }),
    }
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsFileError> {
    let pem = fs::read(path).map_err(|source| TlsFileError::KeyUnreadable {
        path: path.to_owned(),
        source,
    })?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|_| TlsFileError::NoKey {
        path: path.to_owned(),
    })
}

fn pair(
    files: &TlsFiles,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<CertifiedKey, TlsFileError> {
    let key = provider()
        .key_provider
        .load_private_key(key)
        .map_err(|source| TlsFileError::KeyUnfit {
            path: files.key.clone(),
            source,
        })?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) => Ok(certified),
        Err(rustls::Error::InconsistentKeys(_)) => Err(TlsFileError::Mismatch {
            certificate: files.certificate.clone(),
            key: files.key.clone(),
        }),
        Err(_) => Err(TlsFileError::NoCertificate {
            path: files.certificate.clone(),
        }),
    }
}

/// What tells one state of the two files from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp([Option<(SystemTime, u64)>; 2]);

impl Stamp {
    pub(super) fn of(files: &TlsFiles) -> Self {
        Self([&files.certificate, &files.key].map(|path| {
            let facts = fs::metadata(path).ok()?;
            Some((facts.modified().ok()?, facts.len()))
        }))
    }
}
