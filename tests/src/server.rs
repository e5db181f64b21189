//! The real `hve-server`, started for a test and ended with it.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};

use crate::{binaries::binary, wait::within};

/// A running server. Dropping it ends the process, by its id.
pub struct Server {
    child: Child,
    output: Output,
    addresses: Vec<SocketAddr>,
}

/// The lines of standard output and standard error, as they came.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<String>>>);

impl Server {
    /// `hve-server run --config FILE`, waiting until it listens.
    ///
    /// # Panics
    /// If it does not come up; the message holds what it said.
    #[must_use]
    pub fn run(config: &Path) -> Self {
        Self::try_run(config).unwrap_or_else(|(status, said)| panic!("{status}: {said}"))
    }

    /// [`Server::run`] of a server that may refuse to start.
    ///
    /// # Errors
    /// Its exit status and all it said.
    pub fn try_run(config: &Path) -> Result<Self, (ExitStatus, String)> {
        let mut command = Command::new(binary("hve-server"));
        command.arg("run").arg("--config").arg(config);
        Self::spawn(command)
    }

    /// Any command that ends up as a server, waiting until it listens.
    ///
    /// # Errors
    /// Its exit status and all it said.
    ///
    /// # Panics
    /// If it neither listens nor ends.
    pub fn spawn(mut command: Command) -> Result<Self, (ExitStatus, String)> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let output = Output::default();
        let followers = [
            output.follow(child.stdout.take().expect("a pipe")),
            output.follow(child.stderr.take().expect("a pipe")),
        ];
        let mut server = Self {
            child,
            output,
            addresses: Vec::new(),
        };
        let limit = Duration::from_secs(60);
        let ended = within(limit, "a server that is ready", || {
            if server.output.any(is_ready) {
                return Some(None);
            }
            server.child.try_wait().unwrap().map(Some)
        });
        match ended {
            Some(status) => {
                // Its last words may still be in the pipes.
                for follower in followers {
                    follower.join().expect("the pipe was read");
                }
                Err((status, server.log()))
            }
            None => {
                server.addresses = server
                    .output
                    .lines()
                    .iter()
                    .filter_map(|l| listens(l))
                    .collect();
                Ok(server)
            }
        }
    }

    /// Where the first listener listens.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// Where each listener listens, in the order of the configuration.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The process.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// The most memory it ever had, in KiB.
    ///
    /// # Panics
    /// If the process is gone.
    #[must_use]
    pub fn peak_memory(&self) -> u64 {
        let status = format!("/proc/{}/status", self.pid().as_raw_nonzero());
        let status = fs::read_to_string(status).expect("a live process");
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        let kibibytes = line.and_then(|line| line.split_whitespace().nth(1));
        kibibytes.and_then(|count| count.parse().ok()).unwrap()
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// If the process is gone.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("a live process");
    }

    /// SIGKILL, and waits for the end.
    ///
    /// # Panics
    /// If the system refuses.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the end.
    ///
    /// # Panics
    /// If it does not come within `limit`.
    pub fn ended(&mut self, limit: Duration) -> ExitStatus {
        let child = &mut self.child;
        within(limit, "the end of the server", || child.try_wait().unwrap())
    }

    /// True while the process lives.
    ///
    /// # Panics
    /// If the system does not tell.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Everything it said so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.output.lines().join("\n")
    }

    /// Waits for a line that `wanted` likes, and returns it.
    ///
    /// # Panics
    /// If it does not come; the message holds the log.
    pub fn wait_for(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let limit = Duration::from_secs(30);
        let begin = crate::now();
        within(limit * 2, what, || {
            let lines = self.output.lines();
            let found = lines.iter().find(|line| wanted(line)).cloned();
            let over = found.is_none() && begin.elapsed() > limit;
            assert!(!over, "{what} is not in the log:\n{}", lines.join("\n"));
            found
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- the server said:\n{}\n---", self.log());
        }
    }
}

impl Output {
    fn follow(&self, pipe: impl Read + Send + 'static) -> thread::JoinHandle<()> {
        let lines = Arc::clone(&self.0);
        thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                lines
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(line);
            }
        })
    }

    fn lines(&self) -> Vec<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn any(&self, wanted: impl Fn(&str) -> bool) -> bool {
        self.lines().iter().any(|line| wanted(line))
    }
}

/// Lets this process, and servers it starts, have as many files open as it may: hundreds of
/// sessions need more than the usual 1,024.
///
/// # Panics
/// If the system refuses what it allows.
pub fn raise_open_files() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, raised).unwrap();
}

/// The line that says that every listener is open.
fn is_ready(line: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric())
        .any(|word| word == "ready")
}

/// The address in a line that says that one listener is open.
fn listens(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("127.0.0.1:")?;
    let end = rest.find(|c: char| !c.is_ascii_digit());
    let port = rest.get(..end.unwrap_or(rest.len()))?;
    line.contains("listening")
        .then(|| format!("127.0.0.1:{port}").parse().ok())?
}
