//! The real server, on a data folder of its own.

use std::{
    env,
    fs::{self, File},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use hve_auth::{HashCost, PasswordHash};
use hve_store::{Act, NewAccount, NewTenant, QueueFilter, Store};
use hve_types::{AccountLimits, Ceiling, DomainKind, TenantLimits};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use time::macros::utc_datetime;
use tokio::time::{Instant, sleep};

use crate::{
    LoadError,
    client::Target,
    message::{ACCOUNT, DOMAIN},
    tls,
};

/// How a server is set up.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The binary.
    pub server: PathBuf,
    /// The folder in which the data folder is made.
    pub data: PathBuf,
    /// `hold:` or `maildir:mail`.
    pub route: String,
    /// `info` is what an operator has by default.
    pub log_level: String,
    /// More lines of `[limits]`.
    pub limits: Vec<String>,
    /// Whether clients come back with a TLS ticket.
    pub resumption: bool,
}

/// A running server with one tenant and one account. Dropping it ends the process.
pub struct Site {
    folder: TempDir,
    child: Child,
    target: Target,
    store: Store,
}

impl Site {
    /// Makes a data folder, starts the server on a free port of 127.0.0.1 and waits for it.
    ///
    /// # Errors
    /// Any of it failed; the text holds the server's last words.
    pub async fn start(setting: &Setting) -> Result<Self, LoadError> {
        let folder = tempfile::Builder::new()
            .prefix("hve-load-")
            .tempdir_in(&setting.data)?;
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let store = prepare(folder.path(), setting, port)?;
        let log = File::create(folder.path().join("server.log"))?;
        let child = Command::new(&setting.server)
            .arg("run")
            .arg("--config")
            .arg(folder.path().join("hve.toml"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .map_err(|error| LoadError::SetUp(format!("{}: {error}", setting.server.display())))?;
        let target = Target {
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            tls: tls::client(setting.resumption)?,
            sign_in: (ACCOUNT.into(), PASSWORD.into()),
            patience: Duration::from_secs(60),
        };
        let mut site = Self {
            folder,
            child,
            target,
            store,
        };
        site.wait_until_up().await?;
        Ok(site)
    }

    /// Whom to send to.
    #[must_use]
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// The server's process number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The data folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// True when nothing waits in the queue.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn is_drained(&self) -> Result<bool, LoadError> {
        let one = QueueFilter {
            limit: 1,
            ..QueueFilter::default()
        };
        let page = self.store.queue(&one).map_err(LoadError::set_up)?;
        Ok(page.is_empty())
    }

    /// Waits until delivery has caught up; how long that took, or `None` after `limit`.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn drained_within(&self, limit: Duration) -> Result<Option<Duration>, LoadError> {
        let begun = Instant::now();
        while !self.is_drained()? {
            if begun.elapsed() > limit {
                return Ok(None);
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(Some(begun.elapsed()))
    }

    /// Asks the server to end, and waits.
    ///
    /// # Errors
    /// It did not end well within half a minute.
    pub async fn stop(mut self) -> Result<(), LoadError> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).map_err(LoadError::set_up)?;
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(30) {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(self.last_words(&format!("ended with {status}"))),
                None => sleep(Duration::from_millis(10)).await,
            }
        }
        Err(self.last_words("does not end"))
    }

    async fn wait_until_up(&mut self) -> Result<(), LoadError> {
        let begun = Instant::now();
        loop {
            match self.target.connect().await {
                Ok(client) => return client.quit().await,
                Err(error) if begun.elapsed() > Duration::from_secs(20) => {
                    return Err(self.last_words(&error.to_string()));
                }
                Err(_) => {}
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(self.last_words(&format!("ended with {status}")));
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    fn last_words(&self, what: &str) -> LoadError {
        let log = fs::read_to_string(self.folder().join("server.log")).unwrap_or_default();
        let from = log.char_indices().rev().nth(2000).map_or(0, |(at, _)| at);
        let log = log.get(from..).unwrap_or_default();
        LoadError::SetUp(format!("the server {what}; its last words:\n{log}"))
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server of this build: beside the running program, or one folder up for a bench.
#[must_use]
pub fn server_binary() -> Option<PathBuf> {
    if let Some(path) = env::var_os("HVE_SERVER") {
        return Some(path.into());
    }
    let program = env::current_exe().ok()?;
    program
        .ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join("hve-server"))
        .find(|path| path.is_file())
}

fn prepare(folder: &Path, setting: &Setting, port: u16) -> Result<Store, LoadError> {
    let (certificate, key) = tls::self_signed()?;
    fs::write(folder.join("cert.pem"), certificate)?;
    fs::write(folder.join("key.pem"), key)?;
    fs::create_dir(folder.join("mail"))?;
    let (route, level) = (&setting.route, &setting.log_level);
    let limits = setting.limits.join("\n");
    let config = format!(
        "hostname = \"mail.contoso.test\"\n\
         [tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n\
         [store]\npath = \"hve.db\"\n\
         [delivery]\nroute = \"{route}\"\n\
         [limits]\nsessions = 20000\nsessions-per-address = 20000\n{limits}\n\
         [log]\nlevel = \"{level}\"\n\
         [[listeners]]\naddress = \"127.0.0.1:{port}\"\n"
    );
    fs::write(folder.join("hve.toml"), config)?;
    let store = Store::open(&folder.join("hve.db")).map_err(LoadError::set_up)?;
    add_account(&store)?;
    Ok(store)
}

fn add_account(store: &Store) -> Result<(), LoadError> {
    let act = Act {
        actor: "hve-load".into(),
        at: utc_datetime!(2026-01-01 0:00),
    };
    let many = std::num::NonZeroU32::MIN.saturating_add(100_000);
    let tenant = NewTenant {
        name: DOMAIN.parse().map_err(LoadError::set_up)?,
        kind: DomainKind::Relay,
        limits: TenantLimits {
            // A quota that is counted like any other and does not end the run.
            recipients_per_day: Ceiling::AtMost(1_000_000_000),
            recipients_per_message: many,
            message_octets: 16 * 1024 * 1024,
            sessions_per_account: many,
            ..TenantLimits::default()
        },
    };
    let tenant = store.add_tenant(&tenant, &act).map_err(LoadError::set_up)?;
    let password = PASSWORD.to_owned().into();
    let password = PasswordHash::derive(&password, [7; 16], HashCost::default());
    let account = NewAccount {
        tenant: tenant.id,
        address: ACCOUNT.parse().map_err(LoadError::set_up)?,
        display_name: "Load".into(),
        alias: None,
        limits: AccountLimits::default(),
        password: password.map_err(LoadError::set_up)?.into(),
    };
    store
        .add_account(&account, &act)
        .map_err(LoadError::set_up)?;
    Ok(())
}

const PASSWORD: &str = "a password for load, long enough";
