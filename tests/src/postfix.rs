//! A Postfix of its own: private configuration and queue, one port on 127.0.0.1, ended with the
//! test.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::chown,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{
    tools::{excused, tool},
    wait::until,
};

/// A running Postfix, which takes mail from this host and throws it away unless told otherwise.
pub struct Postfix {
    address: SocketAddr,
    folder: TempDir,
    command: Child,
}

/// What `master` runs; the rest of Debian's list is for other machines and other jobs.
const MASTER: &str = "\
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
";

impl Postfix {
    /// Starts one with these further lines of `main.cf`; `None`, and said why, where Postfix is
    /// not installed or the tests do not run as root.
    ///
    /// # Panics
    /// If it does not answer.
    #[must_use]
    pub fn start(settings: &str) -> Option<Self> {
        tool("postfix")?;
        if !rustix::process::geteuid().is_root() {
            excused("postfix needs root");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let address = free_port();
        let path = |name: &str| folder.path().join(name);
        let owner =
            fs::metadata("/var/lib/postfix").map(|of| std::os::unix::fs::MetadataExt::uid(&of));
        for name in ["etc", "queue", "data", "mail"] {
            fs::create_dir(path(name)).unwrap();
        }
        chown(path("data"), owner.ok(), None).unwrap();
        // Debian's user for mail.
        chown(path("mail"), Some(8), Some(8)).unwrap();
        let main = format!(
            "compatibility_level = 3.6\n\
             myhostname = relay.test\nmydestination =\nmynetworks = 127.0.0.0/8\n\
             inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\n\
             queue_directory = {queue}\ndata_directory = {data}\n\
             maillog_file = {log}\nmaillog_file_prefixes = {folder}\n\
             alias_maps =\nalias_database =\nlocal_recipient_maps =\n\
             default_transport = discard\nrelay_transport = discard\n\
             smtputf8_enable = yes\nbiff = no\n{settings}\n",
            queue = path("queue").display(),
            data = path("data").display(),
            log = path("log").display(),
            folder = folder.path().display(),
        );
        fs::write(path("etc/main.cf"), main).unwrap();
        let smtpd = format!("{address} inet n - n - - smtpd\n");
        fs::write(path("etc/master.cf"), smtpd + MASTER).unwrap();
        // Postfix's own processes have to get through.
        let open = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
        fs::set_permissions(folder.path(), open).unwrap();
        let command = Command::new("postfix")
            .arg("-c")
            .arg(path("etc"))
            .arg("start-fg")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let postfix = Self {
            address,
            folder,
            command,
        };
        until("Postfix's greeting", || {
            TcpStream::connect(postfix.address).ok().map(drop)
        });
        Some(postfix)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A folder that is there for mail, such as `virtual_mailbox_base`.
    #[must_use]
    pub fn mail(&self) -> PathBuf {
        self.folder.path().join("mail")
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

/// Ends the server, which ends all that it started.
impl Drop for Postfix {
    fn drop(&mut self) {
        // The command is a script; the server itself writes down who it is.
        let pid = fs::read_to_string(self.folder.path().join("queue/pid/master.pid"));
        let pid = pid.ok().and_then(|pid| pid.trim().parse().ok());
        if let Some(pid) = pid.and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.command.wait();
    }
}

/// A port that was free a moment ago.
fn free_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}
