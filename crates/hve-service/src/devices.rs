//! What the directory says of all devices together, and what AUTH offers one of them for it.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
};

use hve_smtp::Mechanism;
use hve_types::{AccountId, CertificateFingerprint};

use crate::directory::DirectoryView;

/// Worked out once for each view of the directory.
#[derive(Debug, Default)]
pub(crate) struct Devices {
    /// Who lists a certificate.
    certificates: HashMap<CertificateFingerprint, Vec<AccountId>>,
    /// Where the devices are that do nothing but LOGIN.
    login_only: HashSet<IpAddr>,
    /// A tenant takes access tokens. Only then they are offered: many a client tries what it likes
    /// best, and gives up.
    tokens: bool,
}

/// What one connection allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connection {
    pub(crate) from: IpAddr,
    /// The client has shown a certificate.
    pub(crate) certificate: bool,
    /// TLS gives something to bind to.
    pub(crate) binds: bool,
}

impl Devices {
    pub(crate) fn of(view: &dyn DirectoryView) -> Self {
        let mut devices = Self {
            tokens: view.tenants().any(|of| !of.sign_in.issuers.is_empty()),
            ..Self::default()
        };
        for account in view.accounts() {
            let rules = &account.sign_in;
            for fingerprint in &rules.certificates.fingerprints {
                let who = devices.certificates.entry(*fingerprint).or_default();
                who.push(account.id);
            }
            if rules.leniency.login_only {
                devices.login_only.extend(rules.single_addresses());
            }
        }
        devices
    }

    /// Whether clients are asked for a certificate: some old device may choke on that, so only
    /// where an account lists one.
    pub(crate) fn show_certificates(&self) -> bool {
        !self.certificates.is_empty()
    }

    /// The accounts that list a certificate.
    pub(crate) fn with_certificate(&self, shown: &CertificateFingerprint) -> &[AccountId] {
        self.certificates.get(shown).map_or(&[], Vec::as_slice)
    }

    /// What AUTH offers, the simplest first: some devices try the first alone, or read no further
    /// than a few words.
    pub(crate) fn mechanisms(&self, connection: Connection) -> Vec<Mechanism> {
        let from = connection.from.to_canonical();
        if self.login_only.contains(&from) {
            return vec![Mechanism::Login];
        }
        let mut offered = vec![Mechanism::Login, Mechanism::Plain];
        if connection.certificate {
            offered.push(Mechanism::External);
        }
        if self.tokens {
            offered.extend([Mechanism::XOAuth2, Mechanism::OAuthBearer]);
        }
        // Last: whoever speaks it reads the whole list.
        offered.push(Mechanism::ScramSha256);
        if connection.binds {
            offered.push(Mechanism::ScramSha256Plus);
        }
        offered
    }
}
