//! The real `hve-admin`.

use std::{
    ffi::OsString,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::binaries::binary;

/// `hve-admin` for one store.
pub struct Admin {
    store: [OsString; 2],
}

/// How one run ended.
#[derive(Debug)]
pub struct Outcome {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Admin {
    /// For the store that a configuration names.
    #[must_use]
    pub fn for_config(config: &Path) -> Self {
        Self {
            store: ["--config".into(), config.into()],
        }
    }

    /// For the data folder of a demo.
    #[must_use]
    pub fn for_dir(dir: &Path) -> Self {
        Self {
            store: ["--dir".into(), dir.into()],
        }
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn try_run(&self, arguments: &[&str], stdin: &str) -> Outcome {
        let mut child = Command::new(binary("hve-admin"))
            .args(&self.store)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It may refuse before it reads anything.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
        Outcome {
            code: output.status.code().expect("no signal"),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    /// Runs it, and it must succeed; its standard output.
    ///
    /// # Panics
    /// If it does not succeed.
    pub fn run(&self, arguments: &[&str]) -> String {
        self.run_with(arguments, "")
    }

    /// [`Admin::run`] with standard input.
    ///
    /// # Panics
    /// If it does not succeed.
    pub fn run_with(&self, arguments: &[&str], stdin: &str) -> String {
        let outcome = self.try_run(arguments, stdin);
        assert_eq!(outcome.code, 0, "{arguments:?}: {outcome:?}");
        outcome.out
    }

    /// Runs it with `--json`; it must succeed and print JSON.
    ///
    /// # Panics
    /// If it does not.
    #[must_use]
    pub fn json(&self, arguments: &[&str]) -> Value {
        let mut arguments = arguments.to_vec();
        arguments.push("--json");
        let out = self.run(&arguments);
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {out}"))
    }

    /// The messages in the queue.
    ///
    /// # Panics
    /// If the tool does not tell.
    #[must_use]
    pub fn queue(&self) -> Vec<Value> {
        let queue = self.json(&["queue", "list", "--limit", "100000"]);
        let messages = queue.as_array().cloned();
        messages.unwrap_or_else(|| panic!("{queue}"))
    }

    /// Recipients used in the tenant's window of 24 hours.
    ///
    /// # Panics
    /// If the tool does not tell.
    #[must_use]
    pub fn quota_used(&self) -> u64 {
        let quota = self.json(&["quota", "show"]);
        quota["used"].as_u64().unwrap_or_else(|| panic!("{quota}"))
    }
}
