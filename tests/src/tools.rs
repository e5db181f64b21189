//! Foreign mail clients: used where they are installed, and named where they are not. In CI they
//! must be there, but for Node, which `tests/run` does not install.

use std::{
    env,
    ffi::OsStr,
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
///
/// # Panics
/// As [`skipped`], but for Node.
#[must_use]
pub fn tool(name: &str) -> Option<Tool> {
    let path = find(name);
    match &path {
        Some(_) => {}
        None if name == "node" => excused("node is not installed"),
        None => skipped(&format!("{name} is not installed (tests/run can do it)")),
    }
    path.map(|path| Tool { path })
}

/// Finds an npm package that `tests/run` installed, or says that the running test goes without.
///
/// # Panics
/// As [`skipped`], where node and npm are there to install it.
#[must_use]
pub fn node_module(name: &str) -> Option<PathBuf> {
    let path = target_folder().join(name).join("node_modules").join(name);
    if path.is_dir() {
        return Some(path);
    }
    let what = format!("{name} is not installed (tests/run can do it)");
    if find("node").is_some() && find("npm").is_some() {
        skipped(&what);
    } else {
        excused(&what);
    }
    None
}

/// Finds the folder of Python packages that `tests/run` installed under that name, or says that the
/// running test goes without.
///
/// # Panics
/// As [`skipped`], where Python is there with the pip to install them.
#[must_use]
pub fn python_packages(name: &str) -> Option<PathBuf> {
    let path = target_folder().join(name);
    if path.is_dir() {
        return Some(path);
    }
    let what = format!("{name} is not installed (tests/run can do it)");
    let pip = tool("python3").is_some_and(|python| {
        let asked = python.command().args(["-m", "pip", "--version"]).output();
        asked.is_ok_and(|pip| pip.status.success())
    });
    if pip {
        skipped(&what);
    } else {
        excused(&what);
    }
    None
}

fn find(name: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&folders)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// [`excused`], but a failure with `CI=true`, as `.ci/run` sets it: there a test that tests nothing
/// would never be noticed.
///
/// # Panics
/// With `CI=true`.
pub fn skipped(what: &str) {
    let needed = needs_all(env::var_os("CI").as_deref());
    assert!(!needed, "{what}, and with CI=true no test is skipped");
    excused(what);
}

fn needs_all(ci: Option<&OsStr>) -> bool {
    ci.is_some_and(|ci| ci == "true")
}

/// Says on standard error what the running test goes without, in CI too, where the machine cannot
/// have it: past the capturing of the test harness, which would swallow it when the test passes.
pub fn excused(what: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    let notice = format!("\nSKIPPED {test}: {what}\n");
    let _ = io::stderr().write_all(notice.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ci_needs_every_tool() {
        assert!(needs_all(Some(OsStr::new("true"))));
        assert!(!needs_all(Some(OsStr::new("false"))));
        assert!(!needs_all(None));
    }
}
