//! What a route needs before the first connection: certificates and credentials.

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc};

use hve_smtp::{ClientConfig, ClientCredentials, ClientLimits};
use thiserror::Error;

use super::{mark::Mark, tls::Tls};
use crate::Relay;

/// What all routes to other machines share.
#[derive(Clone)]
#[non_exhaustive]
pub struct RelaySettings {
    /// How we introduce ourselves at EHLO: our host name.
    pub name: String,
    /// User and password, by the name that routes know them under.
    pub credentials: BTreeMap<Box<str>, ClientCredentials>,
    /// Fields that messages get, by the name that routes know them under.
    pub marks: BTreeMap<Box<str>, Mark>,
    /// Every deadline and bound of one connection.
    pub limits: ClientLimits,
}

impl RelaySettings {
    /// Settings without credentials.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            credentials: BTreeMap::new(),
            marks: BTreeMap::new(),
            limits: ClientLimits::default(),
        }
    }
}

/// Without the credentials.
impl fmt::Debug for RelaySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelaySettings")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Why a route cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The file of authorities cannot be read.
    #[error("the certificates in {path} cannot be read: {source}")]
    AuthorityUnreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file of authorities holds none.
    #[error("{path} holds no PEM certificate that can be an authority")]
    NoAuthority {
        /// Which file.
        path: PathBuf,
    },
    /// `auth=` names what nobody has configured.
    #[error("there are no credentials with the name {0:?}")]
    NoCredentials(Box<str>),
    /// `mark=` names what nobody has configured.
    #[error("there is no mark with the name {0:?}")]
    NoMark(Box<str>),
    /// The library refuses our settings, or the system has no certificates.
    #[error("TLS to next hops cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

impl Relay {
    /// Looks whether the certificates that this route trusts can be read.
    ///
    /// # Errors
    /// They cannot; see [`SetupError`].
    pub fn check_trust(&self) -> Result<(), SetupError> {
        Tls::new(self).map(|_| ())
    }
}

/// A route, ready for connections.
pub(crate) struct Setup {
    pub(crate) client: Arc<ClientConfig>,
    pub(crate) mark: Option<Mark>,
    /// `None` where TLS is off.
    pub(crate) tls: Option<Tls>,
}

impl Setup {
    pub(crate) fn new(relay: &Relay, settings: &RelaySettings) -> Result<Self, SetupError> {
        let mut client = ClientConfig::new(settings.name.as_str(), relay.protocol);
        client.tls = relay.tls;
        client.limits = settings.limits.clone();
        if let Some(name) = &relay.credentials {
            let known = settings.credentials.get(name).cloned();
            let missing = || SetupError::NoCredentials(name.clone());
            client.credentials = Some(known.ok_or_else(missing)?);
        }
        let mark = relay.mark.as_ref().map(|name| {
            let known = settings.marks.get(name).cloned();
            known.ok_or_else(|| SetupError::NoMark(name.clone()))
        });
        Ok(Self {
            client: Arc::new(client),
            mark: mark.transpose()?,
            tls: Tls::new(relay)?,
        })
    }
}
