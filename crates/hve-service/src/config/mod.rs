//! The configuration: typed, with units, and every mistake named with its place.
//!
//! `bins/hve-server/hve.example.toml` documents every key; a test keeps it true.

mod check;
mod delivery;
mod limits;
mod mistake;
mod read;
mod shown;
mod units;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use hve_delivery::Route;
use toml::de::{DeTable, DeValue};

pub use delivery::{Delivery, PasswordFileError, RelayCredentials};
pub use limits::Limits;
pub use mistake::{Mistake, Mistakes};
pub use units::Network;

use read::{Reader, Section, Setting, expected};

/// What one server is told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The name in the greeting, in `Received` lines and in every correlation id.
    pub hostname: String,
    /// Where clients connect.
    pub listeners: Vec<Listener>,
    /// The certificate and its key.
    pub tls: TlsFiles,
    /// The store's file.
    pub store: PathBuf,
    /// Where accepted messages go.
    pub delivery: Delivery,
    /// Every bound on what clients may use.
    pub limits: Limits,
    /// What is logged and how.
    pub log: Log,
}

/// One address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listener {
    /// Address and port; port 0 lets the system choose, for tests.
    pub address: SocketAddr,
    /// When TLS begins.
    pub tls: TlsStart,
    /// Load balancers in front of this listener. A connection from one of them must begin with a
    /// PROXY header (v1 or v2); from anyone else such a header is an unknown command.
    pub proxy_protocol_from: Vec<Network>,
}

impl Listener {
    /// A listener without load balancers.
    #[must_use]
    pub const fn new(address: SocketAddr, tls: TlsStart) -> Self {
        Self {
            address,
            tls,
            proxy_protocol_from: Vec::new(),
        }
    }
}

/// When TLS begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsStart {
    /// With the first octet (RFC 8314 §3.3), port 465.
    Implicit,
    /// After the STARTTLS command (RFC 3207), port 587. Nothing else is possible before it.
    #[default]
    StartTls,
}

impl TlsStart {
    /// `starttls` or `implicit`, as in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Implicit => "implicit",
            Self::StartTls => "starttls",
        }
    }
}

/// The certificate chain and the private key, both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsFiles {
    /// The chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// The key: PKCS #8, SEC 1 or PKCS #1.
    pub key: PathBuf,
}

impl TlsFiles {
    /// Names the two files.
    #[must_use]
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self {
            certificate: certificate.into(),
            key: key.into(),
        }
    }
}

/// What is logged and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Log {
    /// For eyes or for programs.
    pub format: LogFormat,
    /// The least important events that are still written.
    pub level: LogLevel,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// One line of words.
    #[default]
    Text,
}

/// The least important events that are still written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogLevel {
    /// Everything, with recipient addresses and each connection.
    Debug,
    /// Only what needs an operator.
    Error,
    /// One line for each message, refusal and sign-in.
    #[default]
    Info,
    /// What an operator should look at.
    Warn,
}

impl Config {
    /// A configuration with every default, and no listener.
    #[must_use]
    pub fn new(hostname: &str, tls: TlsFiles, store: impl Into<PathBuf>, route: Route) -> Self {
        Self {
            hostname: hostname.to_owned(),
            listeners: Vec::new(),
            tls,
            store: store.into(),
            delivery: Delivery::new(route),
            limits: Limits::default(),
            log: Log::default(),
        }
    }

    /// Reads a file. Relative paths in it are relative to the folder of the file.
    ///
    /// # Errors
    /// All mistakes in it, each with its place.
    pub fn load(file: &Path) -> Result<Self, Mistakes> {
        load(file, Look::Inside)
    }

    /// Reads a file and looks also at what it names: certificate and key, store and route.
    ///
    /// # Errors
    /// All mistakes in it, each with its place.
    pub fn check(file: &Path) -> Result<Self, Mistakes> {
        load(file, Look::Outside)
    }

    /// Reads a text; `file` gives its name and the folder of relative paths.
    ///
    /// # Errors
    /// All mistakes in it, each with its place.
    pub fn parse(text: &str, file: &Path) -> Result<Self, Mistakes> {
        parse(text, file, Look::Inside)
    }
}

/// How far mistakes are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// In the text.
    Inside,
    /// Also in the files that it names.
    Outside,
}

/// What could be read of a text; `None` where a required value is missing or wrong. So the mistake
/// in one does not hide those in the others.
struct Draft {
    hostname: Option<String>,
    listeners: Vec<Option<Listener>>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    store: Option<PathBuf>,
    delivery: delivery::Draft,
    limits: Limits,
    log: Log,
}

impl Draft {
    fn complete(self) -> Option<Config> {
        Some(Config {
            hostname: self.hostname?,
            listeners: self.listeners.into_iter().collect::<Option<_>>()?,
            tls: TlsFiles {
                certificate: self.certificate?,
                key: self.key?,
            },
            store: self.store?,
            delivery: self.delivery.complete()?,
            limits: self.limits,
            log: self.log,
        })
    }
}

fn load(file: &Path, look: Look) -> Result<Config, Mistakes> {
    let text = fs::read_to_string(file).map_err(|error| {
        let unreadable = Mistake::new(None, "", format!("cannot be read: {error}"));
        Mistakes::new(file.to_owned(), "", vec![unreadable])
    })?;
    parse(&text, file, look)
}

fn parse(text: &str, file: &Path, look: Look) -> Result<Config, Mistakes> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let reader = Reader::default();
    if !errors.is_empty() {
        // What follows a broken line may be read wrongly: say only what is sure.
        let syntax = errors
            .iter()
            .map(|error| Mistake::new(error.span(), "", error.message()));
        return Err(Mistakes::new(file.to_owned(), text, syntax.collect()));
    }
    let folder = file.parent().unwrap_or_else(|| Path::new(""));
    let draft = read_draft(Section::root(&reader, table.get_ref()), folder);
    let (mut list, places) = reader.into_parts();
    let contradictions = check::inside(&draft, &places, &list);
    list.extend(contradictions);
    if look == Look::Outside {
        list.extend(check::outside(&draft, &places));
    }
    match draft.complete() {
        Some(config) if list.is_empty() => Ok(config),
        _ => Err(Mistakes::new(file.to_owned(), text, list)),
    }
}

/// Where a required key is missing or wrong, the reader then holds the mistake.
fn read_draft(mut root: Section<'_, '_>, folder: &Path) -> Draft {
    let hostname = root.required::<String>("hostname");
    let mut tls = root.section("tls");
    let certificate = tls.required::<PathBuf>("certificate");
    let key = tls.required::<PathBuf>("key");
    tls.finish();
    let mut store = root.section("store");
    let path = store.required::<PathBuf>("path");
    store.finish();
    let delivery = delivery::read(root.section("delivery"), folder);
    let listeners = root
        .sections("listeners")
        .into_iter()
        .map(read_listener)
        .collect();
    let limits = limits::read(root.section("limits"));
    let mut log = root.section("log");
    let log_settings = Log {
        format: log.or("format", LogFormat::default()),
        level: log.or("level", LogLevel::default()),
    };
    log.finish();
    root.finish();
    let joined = |path: PathBuf| folder.join(path);
    Draft {
        hostname,
        listeners,
        certificate: certificate.map(joined),
        key: key.map(joined),
        store: path.map(joined),
        delivery,
        limits,
        log: log_settings,
    }
}

fn read_listener(mut section: Section<'_, '_>) -> Option<Listener> {
    let address = section.required("address");
    let tls = section.or("tls", TlsStart::default());
    let proxy_protocol_from = section.list("proxy-protocol-from");
    section.finish();
    Some(Listener {
        address: address?,
        tls,
        proxy_protocol_from,
    })
}

/// A setting that is one of a few words.
fn word<T: Copy>(value: &DeValue<'_>, words: &[(&str, T)]) -> Result<T, String> {
    words
        .iter()
        .find(|(word, _)| value.as_str() == Some(word))
        .map(|(_, meaning)| *meaning)
        .ok_or_else(|| {
            let all: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
            expected(&all.join(" or "), value)
        })
}

impl Setting for TlsStart {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        let words = [Self::StartTls, Self::Implicit].map(|start| (start.as_str(), start));
        word(value, &words)
    }
}

impl Setting for LogFormat {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        word(value, &[("text", Self::Text), ("json", Self::Json)])
    }
}

impl Setting for LogLevel {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        let words = [
            ("error", Self::Error),
            ("warn", Self::Warn),
            ("info", Self::Info),
            ("debug", Self::Debug),
        ];
        word(value, &words)
    }
}

#[cfg(test)]
mod tests;
