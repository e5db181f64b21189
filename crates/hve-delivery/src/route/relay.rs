//! A next hop over a connection: which hosts, in which order, how protected.

use std::{
    fmt,
    net::IpAddr,
    path::{Path, PathBuf},
};

use hve_smtp::{Protocol, TlsPolicy};
use hve_types::Domain;

/// A next hop that is spoken to by LMTP or SMTP.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Relay {
    /// What it speaks.
    pub protocol: Protocol,
    /// Where it is: groups in the order of preference, none empty. A later group is tried where
    /// no host of an earlier one can be reached; within a group any will do.
    pub hosts: Vec<Vec<Endpoint>>,
    /// Whether the connection is protected.
    pub tls: TlsPolicy,
    /// Which certificate is good; asked with `Required` and `Implicit` only, since a connection
    /// that may be in clear text proves nothing by its certificate.
    pub trust: Trust,
    /// The name that the certificate must carry, where it is not the host's.
    pub certificate_name: Option<Domain>,
    /// Under which name the configuration keeps user and password for it.
    pub credentials: Option<Box<str>>,
    /// Under which name the configuration keeps the [`Mark`](crate::Mark) of its messages.
    pub mark: Option<Box<str>>,
}

/// One place to connect to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// A TCP port.
    Tcp {
        /// Which machine.
        host: RelayHost,
        /// 1 to 65,535.
        port: u16,
    },
    /// A socket in the file system.
    Unix(PathBuf),
}

/// A machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RelayHost {
    /// By address.
    Address(IpAddr),
    /// By name: its addresses are looked up, its MX records are not.
    Name(Domain),
}

/// Which certificate of a next hop is good.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trust {
    /// One with the right name, signed by an authority in this file.
    Authority(PathBuf),
    /// One of these, by the SHA-256 of its DER form, whatever it says of itself.
    Pinned(Vec<[u8; 32]>),
    /// One with the right name, signed by an authority that the system trusts.
    System,
}

impl Relay {
    /// The places in the order in which they are tried. `random` decides among equals, so that
    /// their load is shared.
    pub fn in_order(&self, random: u64) -> impl Iterator<Item = &Endpoint> {
        self.hosts.iter().flat_map(move |group| {
            let members = u64::try_from(group.len()).unwrap_or(u64::MAX).max(1);
            let first = usize::try_from(random % members).unwrap_or(0);
            let (before, from) = group.split_at(first.min(group.len()));
            from.iter().chain(before)
        })
    }

    /// The same with its paths taken from `base`.
    pub(super) fn relative_to(mut self, base: &Path) -> Self {
        if let Trust::Authority(path) = &mut self.trust {
            *path = base.join(&*path);
        }
        for endpoint in self.hosts.iter_mut().flatten() {
            if let Endpoint::Unix(path) = endpoint {
                *path = base.join(&*path);
            }
        }
        self
    }

    /// The port where none is named.
    pub(super) const fn default_port(protocol: Protocol, tls: TlsPolicy) -> u16 {
        match (protocol, tls) {
            // RFC 2033 §5: never 25. 24 is for private mail systems, and what servers use.
            (Protocol::Lmtp, _) => 24,
            (_, TlsPolicy::Implicit) => 465,
            _ => 25,
        }
    }

    fn is_unix(&self) -> bool {
        let first = self.hosts.first().and_then(|group| group.first());
        matches!(first, Some(Endpoint::Unix(_)))
    }

    /// What is meant where nothing is said of TLS.
    pub(super) fn default_tls(&self) -> TlsPolicy {
        let asks = self.trust != Trust::System
            || self.certificate_name.is_some()
            || self.credentials.is_some();
        if self.is_unix() {
            TlsPolicy::Off
        } else if asks {
            TlsPolicy::Required
        } else {
            TlsPolicy::Opportunistic
        }
    }
}

/// As it is written in a configuration, with every port.
impl fmt::Display for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.protocol, self.tls) {
            (Protocol::Lmtp, _) if self.is_unix() => "lmtp+unix:",
            (Protocol::Lmtp, _) => "lmtp://",
            (_, TlsPolicy::Implicit) => "smtps://",
            _ => "smtp://",
        })?;
        for (n, group) in self.hosts.iter().enumerate() {
            f.write_str(if n > 0 { "," } else { "" })?;
            for (n, endpoint) in group.iter().enumerate() {
                f.write_str(if n > 0 { "|" } else { "" })?;
                endpoint.fmt(f)?;
            }
        }
        let mut separator = '?';
        for (key, value) in self.options() {
            write!(f, "{separator}{key}={value}")?;
            separator = '&';
        }
        Ok(())
    }
}

impl Relay {
    fn options(&self) -> Vec<(&'static str, String)> {
        let mut options = Vec::new();
        if self.tls != self.default_tls() && self.tls != TlsPolicy::Implicit {
            let policy = match self.tls {
                TlsPolicy::Required => "required",
                TlsPolicy::Opportunistic => "opportunistic",
                _ => "off",
            };
            options.push(("tls", policy.to_owned()));
        }
        match &self.trust {
            Trust::Authority(path) => options.push(("ca", path.display().to_string())),
            Trust::Pinned(pins) => {
                let pins: Vec<String> = pins.iter().map(hex).collect();
                options.push(("pin", pins.join(",")));
            }
            Trust::System => {}
        }
        if let Some(name) = &self.certificate_name {
            options.push(("name", name.to_string()));
        }
        if let Some(credentials) = &self.credentials {
            options.push(("auth", credentials.to_string()));
        }
        if let Some(mark) = &self.mark {
            options.push(("mark", mark.to_string()));
        }
        options
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } => match host {
                RelayHost::Address(IpAddr::V6(address)) => write!(f, "[{address}]:{port}"),
                RelayHost::Address(address) => write!(f, "{address}:{port}"),
                RelayHost::Name(name) => write!(f, "{name}:{port}"),
            },
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// `sha256:` and 64 digits.
fn hex(pin: &[u8; 32]) -> String {
    let digits = pin.iter().map(|octet| format!("{octet:02x}"));
    format!("sha256:{}", digits.collect::<String>())
}
