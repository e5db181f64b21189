//! A person at a terminal: passwords without echo, questions before something is removed.

use std::{
    fs::File,
    io::{Read, Write},
    process::{Child, Stdio},
};

use rustix::{
    pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt},
    termios::{LocalModes, tcgetattr},
};

use crate::site::{ACCOUNT, CANARY, Site, TENANT};

/// The person's side of a terminal at which the program runs.
struct Terminal {
    side: File,
    child: Child,
    /// All that was shown.
    seen: String,
}

impl Terminal {
    fn run(site: &Site, arguments: &[&str]) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let theirs = || {
            Stdio::from(ioctl_tiocgptpeer(&ours, OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap())
        };
        let child = site
            .command()
            .args(arguments)
            .stdin(theirs())
            .stdout(theirs())
            .stderr(theirs())
            .spawn()
            .unwrap();
        Self {
            side: ours.into(),
            child,
            seen: String::new(),
        }
    }

    /// Waits until `text` is shown after what was waited for before, then types `keys`.
    fn answer(&mut self, text: &str, keys: &str) {
        let from = self.seen.len();
        while !self.seen[from..].contains(text) {
            assert!(self.more(), "ended before {text:?}: {}", self.seen);
        }
        self.side.write_all(keys.as_bytes()).unwrap();
    }

    /// As [`Terminal::answer`], once the terminal shows no longer what is typed.
    fn answer_unseen(&mut self, text: &str, keys: &str) {
        self.answer(text, "");
        while tcgetattr(&self.side)
            .unwrap()
            .local_modes
            .contains(LocalModes::ECHO)
        {
            std::thread::yield_now();
        }
        self.side.write_all(keys.as_bytes()).unwrap();
    }

    /// The exit code, and all that was shown.
    fn end(mut self) -> (i32, String) {
        while self.more() {}
        (self.child.wait().unwrap().code().unwrap(), self.seen)
    }

    fn more(&mut self) -> bool {
        let mut octets = [0; 4096];
        // A terminal that nobody holds any longer is an error, not an end.
        let count = self.side.read(&mut octets).unwrap_or(0);
        self.seen
            .push_str(&String::from_utf8_lossy(&octets[..count]));
        count > 0
    }
}

#[test]
fn a_password_is_asked_for_twice_and_not_shown() {
    let site = Site::empty();
    site.ok(&["tenant", "add", TENANT]);
    let mut terminal = Terminal::run(&site, &["account", "add", ACCOUNT]);
    let line = format!("{CANARY}\n");
    // Too short; then two that differ; then the same twice.
    terminal.answer_unseen("Password: ", "short\n");
    terminal.answer_unseen("Password: ", &line);
    terminal.answer_unseen("The same again: ", "canary-Pa55-another\n");
    terminal.answer_unseen("Password: ", &line);
    terminal.answer_unseen("The same again: ", &line);
    let (code, seen) = terminal.end();
    assert_eq!(code, 0, "{seen}");
    assert!(seen.contains("Settings for the device"), "{seen}");
    assert!(
        !seen.contains("canary-Pa55") && !seen.contains("short\r"),
        "{seen}"
    );
}

#[test]
fn a_password_is_not_read_from_a_terminal_that_shows_it() {
    let site = Site::new();
    let arguments = ["account", "set", ACCOUNT, "--password-stdin"];
    let (code, seen) = Terminal::run(&site, &arguments).end();
    assert_eq!(code, 2, "{seen}");
    assert!(seen.contains("pipe it in"), "{seen}");
}

#[test]
fn a_person_may_say_no() {
    let site = Site::new();
    for (key, code, left) in [("n", 1, 1), ("y", 0, 0)] {
        let mut terminal = Terminal::run(&site, &["account", "remove", ACCOUNT]);
        terminal.answer("Remove account hve01@contoso.test", key);
        let (ended, seen) = terminal.end();
        assert_eq!(ended, code, "{seen}");
        let list = site.json(&["account", "list"]);
        assert_eq!(list.as_array().unwrap().len(), left);
    }
}
