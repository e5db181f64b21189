//! A Dovecot of its own that takes mail by LMTP: private configuration, one port on 127.0.0.1 and
//! one socket, ended with the test.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::{PermissionsExt as _, chown},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{
    maildir::{self, Mail},
    tools::{excused, tool},
    wait::until,
};

/// A running Dovecot.
pub struct Dovecot {
    address: SocketAddr,
    folder: TempDir,
    process: Child,
}

/// Debian's user and group for mail.
const MAIL: u32 = 8;

impl Dovecot {
    /// Starts one that knows these users, and to which these further settings apply; `None`, and
    /// said why, where Dovecot is not installed or the tests do not run as root.
    ///
    /// # Panics
    /// If it does not answer.
    #[must_use]
    pub fn start(users: &[&str], settings: &str) -> Option<Self> {
        tool("dovecot")?;
        if !rustix::process::geteuid().is_root() {
            excused("dovecot needs root");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let path = folder.path().display().to_string();
        for name in ["run", "state", "mail"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        chown(folder.path().join("mail"), Some(MAIL), Some(MAIL)).unwrap();
        // Dovecot's own processes have to get through.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let users = users
            .iter()
            .map(|user| format!("{user}::{MAIL}:{MAIL}::{path}::\n"));
        fs::write(folder.path().join("users"), users.collect::<String>()).unwrap();
        let config = format!(
            "base_dir = {path}/run\nstate_dir = {path}/state\ninstance_name = hve\n\
             log_path = {path}/log\nprotocols = lmtp\nlisten = 127.0.0.1\nssl = no\n\
             mail_location = maildir:{path}/mail/%Ld/%Ln\nmail_uid = {MAIL}\nmail_gid = {MAIL}\n\
             first_valid_uid = 1\npostmaster_address = postmaster@contoso.test\n\
             passdb {{\n driver = static\n args = nopassword=y\n}}\n\
             userdb {{\n driver = passwd-file\n args = username_format=%Lu {path}/users\n}}\n\
             service lmtp {{\n\
             inet_listener lmtp {{\n address = 127.0.0.1\n port = {port}\n}}\n\
             unix_listener {path}/lmtp {{\n mode = 0666\n}}\n\
             }}\n{settings}\n",
            port = address.port(),
        );
        fs::write(folder.path().join("dovecot.conf"), config).unwrap();
        let process = Command::new("dovecot")
            .arg("-F")
            .arg("-c")
            .arg(folder.path().join("dovecot.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let dovecot = Self {
            address,
            folder,
            process,
        };
        until("Dovecot's greeting", || {
            TcpStream::connect(address).ok().map(drop)
        });
        Some(dovecot)
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its socket in the file system.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("lmtp")
    }

    /// Waits until at least `count` messages lie in the mailbox of `address`.
    ///
    /// # Panics
    /// If they do not come.
    #[must_use]
    pub fn waiting_mails(&self, address: &str, count: usize) -> Vec<Mail> {
        maildir::waiting_mails(&self.folder.path().join("mail"), address, count)
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

/// Ends the server, which ends all that it started.
impl Drop for Dovecot {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.process), Signal::TERM);
        let _ = self.process.wait();
    }
}
