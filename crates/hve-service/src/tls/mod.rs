//! TLS 1.2 and 1.3 by rustls, with a certificate that is replaced while sessions go on.

mod client;
mod fault;
mod files;
mod self_signed;

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier, danger::ClientCertVerifier},
    sign::CertifiedKey,
    version,
};
use thiserror::Error;

use client::AnyCertificate;
pub(crate) use client::fingerprint;
pub(crate) use fault::{Fault, Heard};
#[cfg(test)]
pub(crate) use files::inspect;
pub(crate) use files::inspect_known;
pub use files::{TlsFileError, read_fingerprint};
pub use self_signed::{SelfSignedError, write_self_signed};

use crate::config::TlsFiles;
use files::Stamp;

/// The server's side of TLS: how to begin, and the certificate in use.
#[derive(Debug)]
pub struct ServerTls {
    plain: Arc<ServerConfig>,
    /// Asks the client for a certificate.
    asking: Arc<ServerConfig>,
    current: Arc<Current>,
    files: Mutex<(TlsFiles, Stamp)>,
}

/// Why there is no TLS to offer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The certificate or its key.
    #[error(transparent)]
    Files(#[from] TlsFileError),
    /// The library refuses our settings.
    #[error("TLS cannot be set up: {0}")]
    Library(#[from] rustls::Error),
}

impl ServerTls {
    /// Loads the pair.
    ///
    /// Sessions are resumed by tickets that only this process can read (rotated every few hours,
    /// none kept in memory): a device that connects for each message saves a signature and a key
    /// exchange. There is no 0-RTT: its data could be replayed.
    pub(crate) fn new(files: &TlsFiles) -> Result<Self, TlsError> {
        let stamp = Stamp::of(files);
        let current = Arc::new(Current(ArcSwap::from_pointee(files::load(files)?)));
        let any = Arc::new(AnyCertificate(provider()));
        Ok(Self {
            plain: config(WebPkiClientVerifier::no_client_auth(), current.clone())?,
            asking: config(any, current.clone())?,
            current,
            files: Mutex::new((files.clone(), stamp)),
        })
    }

    /// How to begin: whether the client is asked for a certificate.
    pub(crate) fn config(&self, ask: bool) -> Arc<ServerConfig> {
        Arc::clone(if ask { &self.asking } else { &self.plain })
    }

    /// Loads the pair again, from `files` where they are given. Sessions that are open keep
    /// what they have; new ones get the new pair at once.
    ///
    /// # Errors
    /// The new pair is not fit; the old one stays in use.
    pub(crate) fn reload(&self, files: Option<&TlsFiles>) -> Result<(), TlsFileError> {
        let mut known = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let files = files.unwrap_or(&known.0).clone();
        // Before reading, so that a change during it is seen next time.
        let stamp = Stamp::of(&files);
        let loaded = files::load(&files);
        *known = (files, stamp);
        self.current.0.store(Arc::new(loaded?));
        Ok(())
    }

    /// Loads the pair again if the files are not those of the last time.
    ///
    /// # Errors
    /// As [`ServerTls::reload`], once for each change.
    pub(crate) fn reload_if_changed(&self) -> Result<bool, TlsFileError> {
        {
            let known = self.files.lock().unwrap_or_else(PoisonError::into_inner);
            if Stamp::of(&known.0) == known.1 {
                return Ok(false);
            }
        }
        self.reload(None).map(|()| true)
    }
}

/// Each has a ticketer of its own: a session begun without the question is not resumed with it.
fn config(
    clients: Arc<dyn ClientCertVerifier>,
    current: Arc<Current>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])?
        .with_client_cert_verifier(clients)
        .with_cert_resolver(current);
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    // One is enough for the next connection; each costs an encryption and 250 octets.
    config.send_tls13_tickets = 1;
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// The pair in use. Swapped whole, so that no handshake sees half of each.
#[derive(Debug)]
struct Current(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

#[cfg(test)]
mod tests;
