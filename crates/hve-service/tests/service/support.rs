//! A service in this process, with a store in a folder of its own, and a client that speaks
//! whole lines over real TLS.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a broken precondition fails the test that has it"
)]

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use hve_auth::{HashCost, PasswordHash, ScramKeys, StoredPassword};
use hve_delivery::Route;
use hve_service::{
    RunError, Service,
    config::{Config, Listener, TlsFiles, TlsStart},
    tls::write_self_signed,
};
use hve_store::{Act, FailedSession, NewAccount, NewTenant, Store};
use hve_types::{Account, DomainKind, Tenant};
use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore,
    client::WantsClientCert,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use tempfile::TempDir;
use time::macros::utc_datetime;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

pub(crate) const ACCOUNT: &str = "hve01@contoso.test";
pub(crate) const PASSWORD: &str = "a-long-enough-test-password";

/// A folder with certificate and store, one tenant and one account.
pub(crate) struct Site {
    pub(crate) folder: TempDir,
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) tenant: Tenant,
    pub(crate) account: Account,
}

pub(crate) fn act() -> Act {
    Act {
        actor: "test".into(),
        at: utc_datetime!(2026-11-24 0:00),
    }
}

/// The cheapest hash that is taken: these tests are not about its cost.
pub(crate) fn hash(password: &str) -> StoredPassword {
    let password = password.into();
    StoredPassword {
        hash: PasswordHash::derive(&password, [7; 16], HashCost::default()).unwrap(),
        scram: ScramKeys::derive(&password, [8; 16], ScramKeys::ITERATIONS_MIN).ok(),
    }
}

impl Site {
    /// One STARTTLS and one implicit TLS listener, delivering into `mail`.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let tls = TlsFiles::new(path("cert.pem"), path("key.pem"));
        write_self_signed(&tls, &["localhost", "127.0.0.1"]).unwrap();
        let route = Route::Maildir(path("mail"));
        let mut config = Config::new("localhost", tls, path("store.db"), route);
        let any = "127.0.0.1:0".parse().unwrap();
        config.listeners = vec![
            Listener::new(any, TlsStart::StartTls),
            Listener::new(any, TlsStart::Implicit),
        ];
        let store = Store::open(&config.store).unwrap();
        let new = NewTenant {
            name: "contoso.test".parse().unwrap(),
            kind: DomainKind::Relay,
            limits: hve_types::TenantLimits::default(),
        };
        let tenant = store.add_tenant(&new, &act()).unwrap();
        let new = NewAccount {
            tenant: tenant.id,
            address: ACCOUNT.parse().unwrap(),
            display_name: "Scanner".into(),
            alias: None,
            limits: hve_types::AccountLimits::default(),
            password: hash(PASSWORD),
        };
        let account = store.add_account(&new, &act()).unwrap();
        Self {
            folder,
            config,
            store,
            tenant,
            account,
        }
    }

    pub(crate) async fn start(&self) -> Service {
        self.try_start().await.unwrap()
    }

    pub(crate) async fn try_start(&self) -> Result<Service, RunError> {
        Service::start(self.config.clone(), None).await
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn trust(&self) -> Arc<ClientConfig> {
        Arc::new(self.trusting().with_no_client_auth())
    }

    /// A client that trusts the server and shows a certificate of its own.
    pub(crate) fn trust_and_show(&self, own: &OwnCertificate) -> Arc<ClientConfig> {
        let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
        let chain = vec![own.der.clone()];
        Arc::new(self.trusting().with_client_auth_cert(chain, key).unwrap())
    }

    fn trusting(&self) -> ConfigBuilder<ClientConfig, WantsClientCert> {
        let mut roots = RootCertStore::empty();
        let pem = CertificateDer::from_pem_file(&self.config.tls.certificate).unwrap();
        roots.add(pem).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
    }

    /// A client under TLS that has said EHLO.
    pub(crate) async fn client(&self, service: &Service) -> Client {
        let mut client = Client::connect(service.addresses()[0]).await;
        client.expect("220 ").await;
        client.start_tls(self.trust()).await
    }

    /// The same from another address of this machine.
    pub(crate) async fn client_from(&self, service: &Service, from: &str) -> Client {
        let socket = TcpSocket::new_v4().unwrap();
        let from = SocketAddr::new(from.parse().unwrap(), 0);
        socket.bind(from).unwrap();
        let stream = socket.connect(service.addresses()[0]).await.unwrap();
        let mut client = Client::over(stream);
        client.expect("220 ").await;
        client.start_tls(self.trust()).await
    }

    /// A client that has signed in.
    pub(crate) async fn signed_in(&self, service: &Service) -> Client {
        let mut client = self.client(service).await;
        client.sign_in(ACCOUNT, PASSWORD).await;
        client.expect("235 ").await;
        client
    }

    /// How often something was refused for that reason, as far as it is committed.
    pub(crate) fn refusals(&self, reason: &str) -> u64 {
        let all = hve_store::UsageFilter {
            tenant: None,
            account: None,
            from: time::UtcDateTime::UNIX_EPOCH,
            to: time::UtcDateTime::MAX,
        };
        let counts = self.store.refusals(&all).unwrap();
        let of_reason = counts.iter().filter(|count| count.reason == reason);
        of_reason.map(|count| count.count).sum()
    }

    /// Sessions that came to nothing, newest first, as far as they are committed.
    pub(crate) fn failed_sessions(&self) -> Vec<FailedSession> {
        let all = hve_store::FailedSessionFilter {
            account: None,
            client: None,
            since: time::UtcDateTime::UNIX_EPOCH,
            limit: usize::MAX,
        };
        self.store.failed_sessions(&all).unwrap()
    }

    /// The mails that wait in the Maildir of an address.
    pub(crate) fn mails(&self, domain: &str, local: &str) -> Vec<String> {
        let folder = self.path("mail").join(domain).join(local).join("new");
        let Ok(entries) = std::fs::read_dir(folder) else {
            return Vec::new();
        };
        entries
            .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
            .collect()
    }
}

pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A client that waits for what it expects, with a limit.
pub(crate) struct Client {
    stream: BufReader<Box<dyn Stream>>,
    /// What TLS gives to bind to.
    pub(crate) exported: Option<[u8; 32]>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).await.unwrap();
        Self::over(socket)
    }

    pub(crate) fn over(stream: impl Stream + 'static) -> Self {
        Self {
            stream: BufReader::new(Box::new(stream)),
            exported: None,
        }
    }

    fn over_tls(stream: TlsStream<impl Stream + 'static>) -> Self {
        let tls = stream.get_ref().1;
        let exported = tls.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b""));
        Self {
            exported: exported.ok(),
            ..Self::over(stream)
        }
    }

    pub(crate) async fn connect_implicit(address: SocketAddr, trust: Arc<ClientConfig>) -> Self {
        let socket = TcpStream::connect(address).await.unwrap();
        Self::over_tls(handshake(socket, trust).await)
    }

    pub(crate) async fn start_tls(mut self, trust: Arc<ClientConfig>) -> Self {
        self.say("EHLO client.test").await;
        assert!(self.reply().await.contains("STARTTLS"));
        self.say("STARTTLS").await;
        self.expect("220 ").await;
        let mut client = self.under_tls(trust).await;
        client.say("EHLO client.test").await;
        client.expect("250").await;
        client
    }

    /// The handshake, once the server has agreed to it.
    pub(crate) async fn under_tls(self, trust: Arc<ClientConfig>) -> Self {
        Self::over_tls(handshake(self.stream.into_inner(), trust).await)
    }

    /// Sends close_notify; what the server still says can be read.
    pub(crate) async fn end_tls(&mut self) {
        self.stream.get_mut().shutdown().await.unwrap();
    }

    pub(crate) async fn sign_in(&mut self, user: &str, password: &str) {
        self.sign_in_as("", user, password).await;
    }

    pub(crate) async fn sign_in_as(&mut self, authzid: &str, user: &str, password: &str) {
        let plain = base64(format!("{authzid}\0{user}\0{password}").as_bytes());
        self.say(&format!("AUTH PLAIN {plain}")).await;
    }

    /// Sends octets as they are.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let stream = self.stream.get_mut();
        stream.write_all(bytes).await.unwrap();
        stream.flush().await.unwrap();
    }

    pub(crate) async fn say(&mut self, line: &str) {
        self.send(format!("{line}\r\n").as_bytes()).await;
    }

    /// One whole reply; empty at the end of the connection.
    pub(crate) async fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let mut line = String::new();
            let read = timeout(Duration::from_secs(20), self.stream.read_line(&mut line));
            match read.await.expect("a reply in time") {
                Ok(0) | Err(_) => return reply,
                Ok(_) => reply.push_str(&line),
            }
            if line.as_bytes().get(3) != Some(&b'-') {
                return reply;
            }
        }
    }

    /// Reads a reply, which must begin so.
    pub(crate) async fn expect(&mut self, start: &str) -> String {
        let reply = self.reply().await;
        assert!(
            reply.starts_with(start),
            "{start} is expected, not {reply:?}"
        );
        reply
    }

    /// Says a line and reads its reply.
    pub(crate) async fn ask(&mut self, line: &str, start: &str) -> String {
        self.say(line).await;
        self.expect(start).await
    }

    /// Sends one message in three steps.
    pub(crate) async fn submit(&mut self, to: &[&str], text: &str) -> String {
        self.ask(&format!("MAIL FROM:<{ACCOUNT}>"), "250 ").await;
        for to in to {
            self.ask(&format!("RCPT TO:<{to}>"), "250 ").await;
        }
        self.ask("DATA", "354 ").await;
        self.send(text.as_bytes()).await;
        self.send(b"\r\n.\r\n").await;
        self.reply().await
    }

    /// Asserts that the server ends the connection.
    pub(crate) async fn expect_end(&mut self) {
        assert_eq!(self.reply().await, "");
    }
}

/// A client's certificate, which it made itself.
pub(crate) struct OwnCertificate {
    der: CertificateDer<'static>,
    key: String,
    pub(crate) pem: String,
}

impl OwnCertificate {
    pub(crate) fn generate() -> Self {
        let made = rcgen::generate_simple_self_signed(["scanner".to_owned()]).unwrap();
        Self {
            der: made.cert.der().clone(),
            key: made.signing_key.serialize_pem(),
            pem: made.cert.pem(),
        }
    }
}

pub(crate) async fn handshake(
    stream: impl Stream + 'static,
    trust: Arc<ClientConfig>,
) -> TlsStream<impl Stream> {
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(trust)
        .connect(name, stream)
        .await
        .unwrap()
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let octet = |i: usize| u32::from(group.get(i).copied().unwrap_or(0));
        let bits = octet(0) << 16 | octet(1) << 8 | octet(2);
        for i in 0..4 {
            let digit = usize::try_from(bits >> (18 - 6 * i) & 63).unwrap();
            let shown = if i <= group.len() {
                DIGITS[digit]
            } else {
                b'='
            };
            text.push(char::from(shown));
        }
    }
    text
}

/// Waits until `condition` holds, with a limit.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let mut timer = tokio::time::interval(Duration::from_millis(10));
    for _ in 0..2000 {
        if condition() {
            return;
        }
        timer.tick().await;
    }
    panic!("{what} did not come");
}
