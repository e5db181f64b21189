//! Foreign mail clients: used where they are installed, and named where they are not.

use std::{
    env,
    io::{self, Write},
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::binaries::target_folder;

/// A program of somebody else.
pub struct Tool {
    path: PathBuf,
}

impl Tool {
    /// A command that runs it, without standard input.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.stdin(Stdio::null());
        command
    }
}

/// Finds `name` in the search path, or says on standard error that the running test goes without.
#[must_use]
pub fn tool(name: &str) -> Option<Tool> {
    let folders = env::var_os("PATH").unwrap_or_default();
    let path = env::split_paths(&folders)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    if path.is_none() {
        skipped(&format!("{name} is not installed (tests/run can do it)"));
    }
    path.map(|path| Tool { path })
}

/// Finds an npm package that `tests/run` installed, or says that the running test goes without.
#[must_use]
pub fn node_module(name: &str) -> Option<PathBuf> {
    let path = target_folder().join(name).join("node_modules").join(name);
    if !path.is_dir() {
        skipped(&format!("{name} is not installed (tests/run can do it)"));
        return None;
    }
    Some(path)
}

/// Says on standard error what the running test goes without: past the capturing of the test
/// harness, which would swallow it when the test passes.
pub fn skipped(what: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    let notice = format!("\nSKIPPED {test}: {what}\n");
    let _ = io::stderr().write_all(notice.as_bytes());
}
