//! TLS as the client of a next hop: which certificate is good.

use std::{fs, path::Path, sync::Arc};

use hve_smtp::TlsPolicy;
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
    version,
};
use rustls_platform_verifier::Verifier;
use sha2::{Digest, Sha256};
use tokio_rustls::TlsConnector;

use super::setup::SetupError;
use crate::{Endpoint, Relay, RelayHost, Trust};

/// How to begin TLS with the hosts of one route.
pub(crate) struct Tls {
    pub(crate) connector: TlsConnector,
    /// The name in the certificate, where it is not the host's.
    name: Option<ServerName<'static>>,
}

impl Tls {
    /// `None` where TLS is off.
    pub(crate) fn new(relay: &Relay) -> Result<Option<Self>, SetupError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = match (relay.tls, &relay.trust) {
            (TlsPolicy::Off, _) => return Ok(None),
            // Whoever can read the line could also have struck STARTTLS from the offer: a check
            // would protect nobody and keep mail back.
            (TlsPolicy::Opportunistic, _) => Arc::new(Listed {
                provider: Arc::clone(&provider),
                pins: None,
            }),
            (_, Trust::Pinned(pins)) => Arc::new(Listed {
                provider: Arc::clone(&provider),
                pins: Some(pins.clone()),
            }),
            (_, Trust::Authority(path)) => {
                let roots = Arc::new(authorities(path)?);
                let builder =
                    WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider));
                let no_authority = |_| SetupError::NoAuthority { path: path.clone() };
                builder.build().map_err(no_authority)?
            }
            (_, Trust::System) => Arc::new(Verifier::new(Arc::clone(&provider))?),
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        let name = relay.certificate_name.as_ref();
        Ok(Some(Self {
            connector: TlsConnector::from(Arc::new(config)),
            name: name.and_then(|name| ServerName::try_from(name.as_str().to_owned()).ok()),
        }))
    }

    /// The name that the certificate of `endpoint` must carry; `None` where it cannot have one.
    pub(crate) fn name_of(&self, endpoint: &Endpoint) -> Option<ServerName<'static>> {
        if let Some(name) = &self.name {
            return Some(name.clone());
        }
        match endpoint {
            Endpoint::Tcp { host, .. } => match host {
                RelayHost::Address(address) => Some(ServerName::IpAddress((*address).into())),
                RelayHost::Name(name) => ServerName::try_from(name.as_str().to_owned()).ok(),
            },
            Endpoint::Unix(_) => None,
        }
    }
}

fn authorities(path: &Path) -> Result<RootCertStore, SetupError> {
    let pem = fs::read(path).map_err(|source| SetupError::AuthorityUnreadable {
        path: path.to_owned(),
        source,
    })?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem).flatten() {
        // One that is no authority does not spoil the others.
        let _ = roots.add(certificate);
    }
    if roots.is_empty() {
        let path = path.to_owned();
        return Err(SetupError::NoAuthority { path });
    }
    Ok(roots)
}

/// A certificate is good because it is on a list, or because any is. The peer proves that it has
/// the key in either case. The only place where a chain is not followed.
#[derive(Debug)]
struct Listed {
    provider: Arc<CryptoProvider>,
    /// SHA-256 of the DER form; `None` takes any.
    pins: Option<Vec<[u8; 32]>>,
}

impl ServerCertVerifier for Listed {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let found: [u8; 32] = Sha256::digest(certificate).into();
        match &self.pins {
            Some(pins) if !pins.contains(&found) => Err(Error::General(
                "the certificate is none of the pinned ones".into(),
            )),
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}
