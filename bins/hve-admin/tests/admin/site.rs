//! The real binary on a store in a folder of its own.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// A password that must never be found anywhere.
pub(crate) const CANARY: &str = "canary-Pa55-word-ünseen";
/// The tenant of [`Site::new`].
pub(crate) const TENANT: &str = "contoso.test";
/// The account of [`Site::new`].
pub(crate) const ACCOUNT: &str = "hve01@contoso.test";

/// A folder with a store.
pub(crate) struct Site {
    folder: TempDir,
}

/// How one run ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Site {
    /// With one tenant and one account.
    pub(crate) fn new() -> Self {
        let site = Self::empty();
        site.ok(&["tenant", "add", TENANT]);
        site.add_account(ACCOUNT);
        site
    }

    /// Without a store.
    pub(crate) fn empty() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.folder().join("store.db")
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = bare();
        command.arg("--dir").arg(self.folder());
        command
    }

    pub(crate) fn run_with(&self, arguments: &[&str], stdin: &str) -> Ran {
        let mut command = self.command();
        command.args(arguments);
        run(command, stdin)
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, "")
    }

    /// Must succeed; its standard output.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {ran:?}");
        assert_eq!(ran.err, "", "{arguments:?}");
        ran.out
    }

    /// Must succeed with `--json`.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let out = self.ok(&[arguments, &["--json"]].concat());
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {out}"))
    }

    /// Must fail with `code`; the `error` member of what it says with `--json`, after the same
    /// words were said to eyes.
    pub(crate) fn fails(&self, arguments: &[&str], code: i32) -> Value {
        let plain = self.run(arguments);
        assert_eq!(plain.code, code, "{arguments:?}: {plain:?}");
        assert_eq!(plain.out, "", "{arguments:?}");
        assert!(plain.err.starts_with("error: "), "{plain:?}");
        let ran = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(ran.code, code, "{arguments:?}: {ran:?}");
        assert_eq!(ran.out, "");
        let value: Value = serde_json::from_str(&ran.err)
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {}", ran.err));
        assert_eq!(value["error"]["code"], code);
        value["error"].clone()
    }

    pub(crate) fn add_account(&self, address: &str) {
        let ran = self.run_with(
            &["account", "add", "--password-stdin", "--", address],
            CANARY,
        );
        assert_eq!(ran.code, 0, "{ran:?}");
    }

    /// Every octet of every file in the folder.
    pub(crate) fn everything(&self) -> Vec<u8> {
        let mut all = Vec::new();
        for entry in fs::read_dir(self.folder()).unwrap() {
            all.extend(fs::read(entry.unwrap().path()).unwrap());
        }
        all
    }
}

/// The binary in a known environment.
pub(crate) fn bare() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hve-admin"));
    command
        .env_remove("HVE_CONFIG")
        .env_remove("HVE_DIR")
        .env("TZ", "Europe/Berlin")
        .env("USER", "olga")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

pub(crate) fn run(mut command: Command, stdin: &str) -> Ran {
    let mut child = command.spawn().unwrap();
    // It may refuse before it reads anything.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
    Ran {
        code: output.status.code().expect("ended by itself"),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

pub(crate) fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle.as_bytes())
}
