//! One installation in a folder of its own: configuration, certificate, store, tenant, account.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{ClientConfig, SupportedProtocolVersion};
use tempfile::TempDir;

use crate::{
    admin::Admin,
    certificates::{self, Pair},
    client::Client,
    maildir::{self, Mail},
    server::Server,
};

/// The tenant's domain.
pub const DOMAIN: &str = "contoso.test";
/// The account that every site has.
pub const ACCOUNT: &str = "hve01@contoso.test";
/// Its password.
pub const PASSWORD: &str = "a-long-enough-test-password";

/// An installation. Its folder goes when it is dropped.
pub struct Site {
    folder: PathBuf,
    pair: Pair,
    route: String,
    delivery: String,
    listeners: Vec<String>,
    limits: Vec<String>,
    _owned: Option<TempDir>,
}

impl Site {
    /// An installation with tenant and account, and one STARTTLS listener.
    ///
    /// # Panics
    /// If the disk or `hve-admin` does not do its part.
    #[must_use]
    pub fn new() -> Self {
        let owned = tempfile::tempdir().unwrap();
        let mut site = Self::in_folder(owned.path());
        site._owned = Some(owned);
        site
    }

    /// [`Site::new`] in a folder that the test looks after.
    ///
    /// # Panics
    /// As [`Site::new`].
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        let site = Self::empty(folder);
        site.write_config();
        site.admin().run(&["tenant", "add", DOMAIN]);
        site.add_account(ACCOUNT, PASSWORD);
        site
    }

    /// Configuration and certificate only.
    ///
    /// # Panics
    /// If the disk does not do its part.
    #[must_use]
    pub fn empty(folder: &Path) -> Self {
        let pair = Pair::generate();
        pair.write(&folder.join("cert.pem"), &folder.join("key.pem"));
        fs::create_dir_all(folder.join("mail")).unwrap();
        let site = Self {
            folder: folder.to_owned(),
            pair,
            route: "maildir:mail".into(),
            delivery: String::new(),
            listeners: Vec::new(),
            limits: Vec::new(),
            _owned: None,
        };
        site.write_config();
        site
    }

    /// Keeps everything in the queue instead of delivering it.
    #[must_use]
    pub fn holding(mut self) -> Self {
        self.route = "hold:".into();
        self
    }

    /// Delivers elsewhere.
    #[must_use]
    pub fn routed(mut self, route: &str) -> Self {
        self.route = route.to_owned();
        self
    }

    /// Adds tables such as `[[delivery.routes]]`.
    #[must_use]
    pub fn delivery(mut self, tables: &str) -> Self {
        self.delivery = tables.to_owned();
        self
    }

    /// Adds a line of `[limits]`.
    #[must_use]
    pub fn limit(mut self, line: &str) -> Self {
        self.limits.push(line.to_owned());
        self
    }

    /// Adds the keys of one listener; the first one given takes the place of the usual one.
    #[must_use]
    pub fn listener(mut self, keys: &str) -> Self {
        self.listeners.push(keys.to_owned());
        self
    }

    /// Writes the configuration and starts the server.
    #[must_use]
    pub fn start(&self) -> Server {
        self.write_config();
        Server::run(&self.config())
    }

    /// Writes the configuration file as this site stands now.
    ///
    /// # Panics
    /// If the disk is not there.
    pub fn write_config(&self) {
        fs::write(self.config(), self.config_text()).unwrap();
    }

    /// The text of the configuration.
    #[must_use]
    pub fn config_text(&self) -> String {
        let usual = "tls = \"starttls\"".to_owned();
        let listeners = if self.listeners.is_empty() {
            std::slice::from_ref(&usual)
        } else {
            &self.listeners
        };
        let listeners: String = listeners
            .iter()
            .map(|keys| format!("[[listeners]]\naddress = \"127.0.0.1:0\"\n{keys}\n"))
            .collect();
        let limits = self.limits.join("\n");
        let (route, delivery) = (&self.route, &self.delivery);
        format!(
            "hostname = \"localhost\"\n\
             [tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n\
             [store]\npath = \"store.db\"\n\
             [delivery]\nroute = \"{route}\"\n{delivery}\
             [limits]\n{limits}\n\
             [log]\nformat = \"json\"\n\
             {listeners}"
        )
    }

    /// The configuration file.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.path("hve.toml")
    }

    /// A file or folder of this site.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The administration tool for this site.
    #[must_use]
    pub fn admin(&self) -> Admin {
        Admin::for_config(&self.config())
    }

    /// Adds an account.
    ///
    /// # Panics
    /// If the tool refuses.
    pub fn add_account(&self, address: &str, password: &str) {
        let arguments = ["account", "add", address, "--password-stdin"];
        self.admin().run_with(&arguments, password);
    }

    /// Sets limits of the tenant, such as `["--recipients-per-day", "50"]`.
    ///
    /// # Panics
    /// If the tool refuses.
    pub fn set_tenant(&self, flags: &[&str]) {
        let mut arguments = vec!["tenant", "set", DOMAIN];
        arguments.extend(flags);
        self.admin().run(&arguments);
    }

    /// TLS settings of a client that trusts the certificate this site began with.
    #[must_use]
    pub fn trust(&self) -> Arc<ClientConfig> {
        certificates::trusting(&self.pair.certificate)
    }

    /// [`Site::trust`] with these protocol versions only.
    #[must_use]
    pub fn trust_with(&self, versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
        certificates::trusting_with(&self.pair.certificate, versions)
    }

    /// The certificate this site began with.
    #[must_use]
    pub const fn pair(&self) -> &Pair {
        &self.pair
    }

    /// A connection whose greeting has been read.
    ///
    /// # Panics
    /// If the server does not greet.
    #[must_use]
    pub fn connect(&self, server: &Server) -> Client {
        let mut client = Client::connect(server.address()).expect("a connection");
        client.expect_reply(220);
        client
    }

    /// A connection inside TLS that has said EHLO.
    ///
    /// # Panics
    /// If the server does not go along.
    #[must_use]
    pub fn connect_tls(&self, server: &Server) -> Client {
        let mut client = self.connect(server);
        client.start_tls(&self.trust()).expect("a handshake");
        client.expect(250, "EHLO client.test");
        client
    }

    /// A connection that has signed in as [`ACCOUNT`].
    ///
    /// # Panics
    /// If the server does not go along.
    #[must_use]
    pub fn signed_in(&self, server: &Server) -> Client {
        let mut client = self.connect_tls(server);
        let reply = client.sign_in(ACCOUNT, PASSWORD).expect("a reply");
        assert_eq!(reply.code, 235, "{reply:?}");
        client
    }

    /// What lies in the Maildir of `address`.
    #[must_use]
    pub fn mails(&self, address: &str) -> Vec<Mail> {
        maildir::mails(&self.path("mail"), address)
    }

    /// Waits until at least `count` messages lie there.
    #[must_use]
    pub fn waiting_mails(&self, address: &str, count: usize) -> Vec<Mail> {
        maildir::waiting_mails(&self.path("mail"), address, count)
    }
}

impl Default for Site {
    fn default() -> Self {
        Self::new()
    }
}
