//! The real binaries, built once with the profile and the target folder of the running test.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The path of `hve-server` or `hve-admin`, freshly built.
///
/// # Panics
/// If they do not build.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = profile_folder();
        build(&folder);
        folder
    });
    let path = folder.join(format!("{name}{}", env::consts::EXE_SUFFIX));
    assert!(path.is_file(), "{} was not built", path.display());
    path
}

/// Cargo's target folder.
///
/// # Panics
/// If the test was moved out of it.
#[must_use]
pub fn target_folder() -> PathBuf {
    profile_folder().parent().unwrap().to_owned()
}

/// `target/debug`: a test lies in its `deps` folder.
fn profile_folder() -> PathBuf {
    let test = env::current_exe().unwrap();
    let deps = test.parent().unwrap();
    assert_eq!(deps.file_name().unwrap(), "deps", "{}", test.display());
    deps.parent().unwrap().to_owned()
}

fn build(folder: &Path) {
    // Under nextest each test is a process of its own, and one build a run is enough.
    let run = env::var("NEXTEST_RUN_ID").ok();
    let stamp = run.map(|run| folder.join(format!(".hve-tests-built-{run}")));
    if stamp.as_ref().is_some_and(|stamp| stamp.exists()) {
        return;
    }
    let profile = match folder.file_name().unwrap().to_str().unwrap() {
        "debug" => "dev",
        other => other,
    };
    // The whole workspace, so that features unify as they did for the tests.
    let output = Command::new(env!("CARGO"))
        .args(["build", "--workspace", "--bins", "--locked", "--quiet"])
        .args(["--profile", profile])
        .arg("--target-dir")
        .arg(folder.parent().unwrap())
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "the binaries do not build:\n{errors}"
    );
    if let Some(stamp) = stamp {
        fs::write(stamp, "").unwrap();
    }
}
