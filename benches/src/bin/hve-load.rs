//! `hve-load`: the server under load, measured from outside. See `hve-load --help`.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::{Parser, ValueEnum};
use hve_benches::{
    LoadError, flood,
    guess::{self, Guessing},
    idle, load, machine, process, report,
    run::{self, Outcome, Workload},
    sink,
    site::{Setting, Site, server_binary},
};
use serde_json::{Value, json};

/// Puts load on a real hve-server on 127.0.0.1: TLS, sign-in, every message durable.
#[derive(Parser)]
struct Options {
    /// What to run; all of it where nothing is named.
    what: Vec<What>,
    /// Where mail goes.
    #[arg(long, default_value = "both")]
    route: Routes,
    /// A route to a server that takes the mail, such as smtp://127.0.0.1:2525 for Postfix's
    /// `smtp-sink`, in place of --route: shows how long it takes until that has all of it.
    #[arg(long)]
    next_hop: Option<String>,
    /// Messages in all, in place of each workload's own number.
    #[arg(long)]
    messages: Option<usize>,
    /// Seconds for each workload at most.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Let clients resume TLS sessions.
    #[arg(long)]
    resumption: bool,
    /// Idle sessions for E. Fewer where the system does not let that many files be open.
    #[arg(long, default_value_t = 10_000)]
    sessions: usize,
    /// The server. Default: the one beside this program, or what HVE_SERVER names.
    #[arg(long)]
    server: Option<PathBuf>,
    /// The folder in which the data folder is made; it should be on a real disk.
    #[arg(long, default_value = "/var/tmp")]
    data: PathBuf,
    /// How much the server logs.
    #[arg(long, default_value = "info")]
    log_level: String,
    /// A line of the server's `[limits]`, such as 'group-size = "4MiB"'.
    #[arg(long)]
    limit: Vec<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// 64 connections, one message each.
    A,
    /// 64 connections, 100 messages each.
    B,
    /// 16 connections, 50 recipients a message.
    C,
    /// 16 connections, 1 MiB messages.
    D,
    /// Idle sessions.
    E,
    /// Floods of bad input.
    F,
    /// Floods of wrong passwords: what they leave to clients whose passwords are remembered.
    G,
    /// The generator's own ceiling, against a sink that keeps nothing.
    Sink,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Routes {
    Both,
    Hold,
    Maildir,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let options = Options::parse();
    match work(&options).await {
        Ok(figures) => {
            if options.json {
                println!("{figures:#}");
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("hve-load: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn work(options: &Options) -> Result<Value, LoadError> {
    let files = process::raise_open_files();
    let machine = machine::describe(&options.data);
    let say = |text: &str| {
        if !options.json {
            println!("{text}");
        }
    };
    say(&format!("{machine}; generator on the same cores"));
    say("every 250 durable: SQLite in WAL mode, synchronous=FULL, one fsync a group");
    say(&format!(
        "TLS resumption {}",
        if options.resumption { "on" } else { "off" }
    ));
    let wanted = |what| options.what.is_empty() || options.what.contains(&what);
    let mut figures = Vec::new();
    say(report::HEADING);
    for workload in chosen(options) {
        if wanted(What::Sink) {
            let outcome = against_sink(workload, options.resumption).await?;
            say(&report::row(&outcome));
            figures.push(outcome.json());
        }
    }
    let routes: &[&str] = match (&options.next_hop, options.route) {
        (Some(route), _) => &[route],
        (None, Routes::Both) => &["hold:", "maildir:mail"],
        (None, Routes::Hold) => &["hold:"],
        (None, Routes::Maildir) => &["maildir:mail"],
    };
    let letters = [What::A, What::B, What::C, What::D];
    for (letter, workload) in letters.into_iter().zip(chosen(options)) {
        for route in routes.iter().filter(|_| wanted(letter)) {
            let setting = setting(options, route)?;
            let workload = workload.as_many_as_are_delivered(route);
            let outcome = run::against_server(workload, &setting, DRAIN_MAX).await?;
            say(&report::row(&outcome));
            figures.push(outcome.json());
        }
    }
    if wanted(What::E) {
        let most = usize::try_from(files.saturating_sub(200)).unwrap_or(usize::MAX);
        let site = Site::start(&setting(options, "hold:")?).await?;
        let idle = idle::run(&site, options.sessions.min(most)).await?;
        say(&report::idle_row(&idle));
        figures.push(idle.json());
    }
    if wanted(What::F) {
        let site = Site::start(&setting(options, "hold:")?).await?;
        for flood in flood::run(&site).await? {
            say(&report::flood_row(&flood));
            figures.push(flood.json());
        }
        site.stop().await?;
    }
    if wanted(What::G) {
        for guessing in [Guessing::OpenConnections, Guessing::NewConnections] {
            for messages_each in [1, 100] {
                let setting = setting(options, "hold:")?;
                let guessed = guess::run(&setting, guessing, messages_each, 5).await?;
                say(&report::guess_row(&guessed));
                figures.push(guessed.json());
            }
        }
    }
    Ok(json!({
        "machine": machine, "fsync": "synchronous=FULL", "resumption": options.resumption,
        "figures": figures,
    }))
}

fn chosen(options: &Options) -> [Workload; 4] {
    let mut workloads = run::workloads(Duration::from_secs(options.seconds));
    for workload in &mut workloads {
        if let Some(messages) = options.messages {
            workload.load.messages = messages;
        }
    }
    workloads
}

fn setting(options: &Options, route: &str) -> Result<Setting, LoadError> {
    let server = options.server.clone().or_else(server_binary);
    let missing = "no hve-server beside this program: build it in the same profile";
    Ok(Setting {
        server: server.ok_or_else(|| LoadError::SetUp(missing.into()))?,
        data: options.data.clone(),
        route: route.to_owned(),
        log_level: options.log_level.clone(),
        limits: options.limit.clone(),
        resumption: options.resumption,
    })
}

async fn against_sink(workload: Workload, resumption: bool) -> Result<Outcome, LoadError> {
    let target = sink::start(resumption).await?;
    let measured = load::run(&target, workload.load).await?;
    Ok(Outcome {
        workload,
        route: "sink".into(),
        measured,
        cpu: None,
        highest_kib: process::memory_kib(std::process::id())?.1,
        drained: None,
    })
}

/// How long delivery may take to catch up before the next workload begins.
const DRAIN_MAX: Duration = Duration::from_secs(60);
