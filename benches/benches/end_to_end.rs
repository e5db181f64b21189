//! The whole server under load, in short: each workload for a few seconds.
//!
//! `cargo bench --bench end_to_end` measures; without `--bench` (as under `cargo test --benches`)
//! a handful of messages show that it still works. `hve-load` is the full run.

use std::{env, path::PathBuf, process::ExitCode, time::Duration};

use hve_benches::{
    LoadError, machine, process, report, run,
    site::{Setting, server_binary},
};

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let Some(server) = server_binary() else {
        println!("end_to_end: skipped, hve-server is not built in this profile");
        // Where nobody reads that, it is a failure: `.ci/run` builds it before.
        let in_ci = env::var_os("CI").is_some_and(|ci| ci == "true");
        return ExitCode::from(u8::from(in_ci));
    };
    match work(server, env::args().any(|argument| argument == "--bench")).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("end_to_end: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn work(server: PathBuf, measure: bool) -> Result<(), LoadError> {
    // Beside the binary, which lies on a disk; /tmp may be memory.
    let data = server.parent().map(PathBuf::from).unwrap_or_default();
    let _ = process::raise_open_files();
    println!(
        "{}; synchronous=FULL; generator on the same cores",
        machine::describe(&data)
    );
    println!("{}", report::HEADING);
    for mut workload in run::workloads(Duration::from_secs(5)) {
        for route in ["hold:", "maildir:mail"] {
            let setting = Setting {
                server: server.clone(),
                data: data.clone(),
                route: route.into(),
                log_level: "info".into(),
                limits: Vec::new(),
                resumption: false,
            };
            workload = workload.as_many_as_are_delivered(route);
            if !measure {
                workload.load.messages = 20;
                workload.load.connections = 4;
                workload.load.messages_each = workload.load.messages_each.min(3);
            }
            let outcome = run::against_server(workload, &setting, Duration::from_secs(30)).await?;
            println!("{}", report::row(&outcome));
            let measured = &outcome.measured;
            if !measure && (measured.accepted, measured.refused, measured.broken) != (20, 0, 0) {
                let trouble = measured.trouble.clone().unwrap_or_default();
                return Err(LoadError::Reply(format!(
                    "not all were accepted: {trouble}"
                )));
            }
        }
    }
    Ok(())
}
