//! A complete small installation in one folder, made on the first start and reused ever after.
//!
//! Tenant `contoso.test`, account `hve01@contoso.test` with a random password, a self-signed
//! certificate, mail into Maildirs. It is a plain installation: `hve-server run` and `hve-admin`
//! work on the same folder.

use std::{
    fmt::Write as _,
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use hve_auth::{HashCost, HashError, PasswordHash, StoredPassword, generate_password};
use hve_store::{Act, ChangeError, NewAccount, NewTenant, OpenError, Store, StoreError};
use hve_types::{AccountLimits, Address, AddressError, Domain, DomainKind, TenantLimits};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use crate::{
    clock,
    config::{Config, Mistakes, TlsFiles},
    tls::{SelfSignedError, write_self_signed},
};

/// The tenant of the demonstration, and its only domain.
const DOMAIN: &str = "contoso.test";
/// Its account.
const ACCOUNT: &str = "hve01@contoso.test";
/// Somebody to send to.
const RECIPIENT: &str = "you@contoso.test";

/// An installation for a demonstration.
#[derive(Debug)]
#[non_exhaustive]
pub struct Demo {
    /// What to run.
    pub config: Config,
    folder: PathBuf,
    /// The address in the file, by which `hve-server run` and `hve-admin` go.
    in_file: Option<SocketAddr>,
    /// Known on the first start only: the store has a hash of it.
    password: Option<SecretString>,
}

/// Why there is no demonstration.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DemoError {
    /// An address of ours is none.
    #[error("bug: {0}")]
    Address(#[from] AddressError),
    /// The certificate.
    #[error(transparent)]
    Certificate(#[from] SelfSignedError),
    /// Tenant or account could not be added.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The configuration file in the folder has mistakes.
    #[error("{0}")]
    Config(#[from] Mistakes),
    /// A file or folder cannot be made.
    #[error("{path} cannot be made: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The password could not be hashed.
    #[error("the password cannot be hashed: {0}")]
    Hash(#[from] HashError),
    /// No randomness for the password.
    #[error("the system gives no random numbers: {0}")]
    Randomness(#[from] getrandom::Error),
    /// The store cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Demo {
    /// Makes in `folder` whatever file is missing there, but no account yet: see
    /// [`Demo::add_account`]. `listen` is where it will listen; `None`
    /// leaves what the folder's configuration says, at first `127.0.0.1:5870`.
    ///
    /// # Errors
    /// See [`DemoError`]; what was made until then is used by the next call.
    pub fn prepare(folder: &Path, listen: Option<SocketAddr>) -> Result<Self, DemoError> {
        let made = |path: &Path, result: io::Result<()>| {
            result.map_err(|source| DemoError::File {
                path: path.to_owned(),
                source,
            })
        };
        let mail = folder.join("mail");
        made(&mail, fs::create_dir_all(&mail))?;
        // Commands are printed for a reader who may be in another folder.
        let folder = fs::canonicalize(folder).map_err(|source| DemoError::File {
            path: folder.to_owned(),
            source,
        })?;
        let tls = TlsFiles::new(folder.join("tls/cert.pem"), folder.join("tls/key.pem"));
        if !tls.certificate.exists() {
            // A key without its certificate is left over from a start that was broken off.
            if tls.key.exists() {
                made(&tls.key, fs::remove_file(&tls.key))?;
            }
            write_self_signed(&tls, &["localhost", "127.0.0.1", "::1"])?;
        }
        let file = folder.join("hve.toml");
        if !file.exists() {
            let address = listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 5870)));
            made(&file, fs::write(&file, config_text(address)))?;
        }
        // By its full name, as a reload reads it.
        let mut config = Config::load(&file)?;
        let in_file = config.listeners.first().map(|listener| listener.address);
        if let (Some(listen), Some(listener)) = (listen, config.listeners.first_mut()) {
            listener.address = listen;
        }
        Ok(Self {
            config,
            folder,
            in_file,
            password: None,
        })
    }

    /// Adds tenant and account where they are missing. To be called once the service listens: a
    /// start that fails before must not use up the one time that the password can be shown.
    ///
    /// # Errors
    /// See [`DemoError`].
    pub fn add_account(&mut self) -> Result<(), DemoError> {
        self.password = add_what_is_missing(&Store::open(&self.config.store)?)?;
        Ok(())
    }

    /// Writes the address into the configuration file where another was asked for than stands
    /// there, once it is known to be good. A file that somebody has edited stays as it is:
    /// [`Demo::instructions`] then say so.
    ///
    /// # Errors
    /// [`DemoError::File`].
    pub fn write_address(&mut self) -> Result<(), DemoError> {
        let asked = self.config.listeners.first().map(|of| of.address);
        let (Some(asked), Some(in_file)) = (asked, self.in_file) else {
            return Ok(());
        };
        let (file, new) = (self.file(), self.folder.join("hve.toml.new"));
        let rewrite = || {
            if asked == in_file || fs::read_to_string(&file)? != config_text(in_file) {
                return Ok(false);
            }
            // In one step: a file that breaks off would keep the next start from coming up.
            fs::write(&new, config_text(asked))?;
            fs::rename(&new, &file).map(|()| true)
        };
        if rewrite().map_err(|source| DemoError::File {
            path: file.clone(),
            source,
        })? {
            self.in_file = Some(asked);
        }
        Ok(())
    }

    /// The configuration file, to be read again on request.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.join("hve.toml")
    }

    /// What a person needs in order to try it, once it listens on `address`.
    #[must_use]
    pub fn instructions(&self, address: SocketAddr) -> String {
        let shown = self.password.as_ref().map(ExposeSecret::expose_secret);
        let password = shown.unwrap_or("(as shown at the first start)");
        let folder = self.folder.display();
        let (ip, port) = (address.ip(), address.port());
        let mut text = format!(
            "\nHigh Volume Email is ready. Settings for a device or an application:\n\n\
             \x20 Server       {ip}\n\
             \x20 Port         {port}\n\
             \x20 Encryption   STARTTLS (TLS 1.2 or 1.3)\n\
             \x20 User name    {ACCOUNT}\n\
             \x20 Password     {password}\n\
             \x20 Sender       {ACCOUNT}\n\
             \x20 Recipients   anybody@{DOMAIN}\n\n"
        );
        // Writing to a string cannot fail.
        let _ = match shown {
            Some(_) => writeln!(
                text,
                "The password is shown this once: only a hash of it is kept."
            ),
            None => writeln!(
                text,
                "The password was shown at the first start. For a new one:\n\n\
                 \x20 hve-admin --dir {folder} account set {ACCOUNT} --new-password"
            ),
        };
        text.push_str(&self.commands(address, shown.unwrap_or("PASSWORD")));
        let _ = write!(
            text,
            "\nMail will lie in  {folder}/mail/{DOMAIN}/you/new/\n\
             Administer with   hve-admin --dir {folder} quota show\n\
             Stop with         Ctrl-C\n\n"
        );
        if let (Some(listener), Some(in_file)) = (self.config.listeners.first(), self.in_file)
            && listener.address != in_file
        {
            let _ = writeln!(
                text,
                "Note: {folder}/hve.toml was edited, so it stays as it is and names another\n\
                 address, {in_file}. hve-admin and the next start go by that.\n"
            );
        }
        text
    }

    /// One command for each of three clients.
    fn commands(&self, address: SocketAddr, password: &str) -> String {
        let certificate = self.config.tls.certificate.display();
        let (ip, port) = (address.ip(), address.port());
        format!(
            "\nSend a message with one of these (each checks the certificate):\n\n\
             # curl\n\
             printf 'From: {ACCOUNT}\\r\\nTo: {RECIPIENT}\\r\\nSubject: Hello\\r\\n\\r\\nHello from curl.\\r\\n' |\n\
             \x20 curl --ssl-reqd --cacert '{certificate}' --url smtp://{address} \\\n\
             \x20   --user '{ACCOUNT}:{password}' \\\n\
             \x20   --mail-from {ACCOUNT} --mail-rcpt {RECIPIENT} --upload-file -\n\n\
             # swaks\n\
             swaks --server {ip} --port {port} --tls --tls-verify --tls-ca-path '{certificate}' \\\n\
             \x20 --auth PLAIN --auth-user {ACCOUNT} --auth-password '{password}' \\\n\
             \x20 --from {ACCOUNT} --to {RECIPIENT}\n\n\
             # Python\n\
             python3 - <<'END'\n\
             import smtplib, ssl\n\
             with smtplib.SMTP('{ip}', {port}) as smtp:\n\
             \x20   smtp.starttls(context=ssl.create_default_context(cafile='{certificate}'))\n\
             \x20   smtp.login('{ACCOUNT}', '{password}')\n\
             \x20   smtp.sendmail('{ACCOUNT}', ['{RECIPIENT}'],\n\
             \x20                 'From: {ACCOUNT}\\r\\nTo: {RECIPIENT}\\r\\nSubject: Hello\\r\\n\\r\\nHello from Python.\\r\\n')\n\
             END\n"
        )
    }
}

/// The password, where the account had to be added.
fn add_what_is_missing(store: &Store) -> Result<Option<SecretString>, DemoError> {
    let act = Act {
        actor: "hve-server demo".into(),
        at: clock::utc(),
    };
    let address = Address::parse(ACCOUNT)?;
    let domain: Domain = address.domain();
    let tenant = match store.tenant(&domain)? {
        Some(tenant) => tenant,
        None => {
            let new = NewTenant {
                name: domain,
                kind: DomainKind::Relay,
                limits: TenantLimits::default(),
            };
            store.add_tenant(&new, &act)?
        }
    };
    if store.account(&address)?.is_some() {
        return Ok(None);
    }
    let (mut seed, mut salt) = ([0; 32], [0; 16]);
    getrandom::fill(&mut seed)?;
    getrandom::fill(&mut salt)?;
    let password = generate_password(seed);
    let hash = PasswordHash::derive(&password, salt, HashCost::default())?;
    let scram_salt = store.scram_salts()?.of(ACCOUNT);
    let new = NewAccount {
        tenant: tenant.id,
        address,
        display_name: "Demonstration".into(),
        alias: None,
        limits: AccountLimits::default(),
        password: StoredPassword::new(hash, &password, scram_salt),
    };
    store.add_account(&new, &act)?;
    Ok(Some(password))
}

fn config_text(address: SocketAddr) -> String {
    format!(
        "# Made by `hve-server demo`. Every key there is: see hve.example.toml beside the\n\
         # sources of hve-server.\n\
         hostname = \"localhost\"\n\n\
         [tls]\ncertificate = \"tls/cert.pem\"\nkey = \"tls/key.pem\"\n\n\
         [store]\npath = \"store.db\"\n\n\
         [delivery]\nroute = \"maildir:mail\"\n\n\
         [[listeners]]\naddress = \"{address}\"\ntls = \"starttls\"\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RunError, Service};

    #[test]
    fn the_second_start_reuses_all_and_shows_no_password() {
        let folder = tempfile::tempdir().unwrap();
        let listen = "127.0.0.1:0".parse().unwrap();
        let shown = "127.0.0.1:2525".parse().unwrap();
        let mut first = Demo::prepare(folder.path(), Some(listen)).unwrap();
        first.add_account().unwrap();
        let password = first.password.clone().unwrap();
        let text = first.instructions(shown);
        let words = [
            "STARTTLS", "2525", ACCOUNT, "curl", "swaks", "smtplib", "cert.pem",
        ];
        for word in words.into_iter().chain([password.expose_secret()]) {
            assert!(text.contains(word), "{word}");
        }
        let certificate = fs::read(&first.config.tls.certificate).unwrap();

        let mut second = Demo::prepare(folder.path(), None).unwrap();
        second.add_account().unwrap();
        assert!(second.password.is_none());
        assert_eq!(second.config, first.config);
        let text = second.instructions(shown);
        assert!(!text.contains(password.expose_secret()));
        assert!(text.contains("account set hve01@contoso.test --new-password"));
        assert_eq!(
            fs::read(&second.config.tls.certificate).unwrap(),
            certificate
        );
        let checked = Config::check(&second.file()).unwrap();
        assert_eq!(checked, second.config);
    }

    #[tokio::test]
    async fn a_start_on_a_taken_port_uses_up_no_password() {
        let folder = tempfile::tempdir().unwrap();
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let demo = Demo::prepare(folder.path(), taken.local_addr().ok()).unwrap();
        let started = Service::start(demo.config, None).await;
        assert!(matches!(started, Err(RunError::Bind { .. })));

        let any = "127.0.0.1:0".parse().unwrap();
        let mut again = Demo::prepare(folder.path(), Some(any)).unwrap();
        let service = Service::start(again.config.clone(), None).await.unwrap();
        again.add_account().unwrap();
        let password = again.password.clone().unwrap();
        let text = again.instructions(service.addresses()[0]);
        assert!(text.contains(password.expose_secret()));
        service.stop().await.unwrap();
    }

    #[test]
    fn the_file_follows_the_address_unless_it_was_edited() {
        let folder = tempfile::tempdir().unwrap();
        let [one, two, three] =
            [2001, 2002, 2003].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let start = |listen| {
            let mut demo = Demo::prepare(folder.path(), Some(listen)).unwrap();
            demo.write_address().unwrap();
            (
                demo.instructions(listen),
                fs::read_to_string(demo.file()).unwrap(),
            )
        };
        start(one);
        let (said, file) = start(two);
        assert_eq!(file, config_text(two));
        assert!(!said.contains("Note:"), "{said}");
        assert!(!folder.path().join("hve.toml.new").exists());

        let edited = format!("{file}[limits]\nsessions = 5\n");
        fs::write(folder.path().join("hve.toml"), &edited).unwrap();
        let (said, file) = start(three);
        assert_eq!(file, edited);
        assert!(
            said.contains("names another\naddress, 127.0.0.1:2002."),
            "{said}"
        );
        let (said, _) = start(two);
        assert!(!said.contains("Note:"), "{said}");
    }

    #[test]
    fn a_first_start_that_was_broken_off_is_made_good() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("tls")).unwrap();
        fs::write(folder.path().join("tls/key.pem"), "half").unwrap();
        let demo = Demo::prepare(folder.path(), None).unwrap();
        assert!(crate::tls::inspect(&demo.config.tls).is_empty());
        assert_eq!(demo.config.listeners[0].address.port(), 5870);
    }
}
