//! Certificates for the server under test, and clients that trust exactly one of them.

use std::{fs, path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
    version::{TLS12, TLS13},
};

/// A self-signed certificate for `localhost` and its key, PEM.
pub struct Pair {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

impl Pair {
    /// Makes a new one.
    ///
    /// # Panics
    /// If the crypto library does.
    #[must_use]
    pub fn generate() -> Self {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        Self {
            certificate: made.cert.pem(),
            key: made.signing_key.serialize_pem(),
        }
    }

    /// Writes both files, each replaced in one step, as careful operators do.
    ///
    /// # Panics
    /// If the disk is not there.
    pub fn write(&self, certificate: &Path, key: &Path) {
        for (path, text) in [(certificate, &self.certificate), (key, &self.key)] {
            let new = path.with_extension("new");
            fs::write(&new, text).unwrap();
            fs::rename(&new, path).unwrap();
        }
    }

    /// The certificate as it goes over the wire.
    ///
    /// # Panics
    /// Never with a pair made here.
    #[must_use]
    pub fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap()
    }
}

/// A client that trusts `certificate` (PEM) and nothing else.
pub(crate) fn trusting(certificate: &str) -> Arc<ClientConfig> {
    trusting_with(certificate, &[&TLS13, &TLS12])
}

pub(crate) fn trusting_with(
    certificate: &str,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let anchor = CertificateDer::from_pem_slice(certificate.as_bytes()).expect("a certificate");
    roots.add(anchor).expect("an anchor of trust");
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("known versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}
