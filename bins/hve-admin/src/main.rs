//! The administration program: reads a command, does it on the store, says what came of it.

mod account;
mod audit;
mod bounces;
mod cli;
mod confirm;
mod desk;
mod domain;
mod failure;
mod guard;
mod host;
mod means;
mod oauth;
mod output;
mod password;
mod policy;
mod preflight;
mod queue;
mod quota;
mod recipient;
mod secret;
mod sessions;
mod shapes;
mod sign_in;
mod size;
mod tenant;
mod usage;
mod when;

use std::{ffi::OsString, process::ExitCode};

use clap::{CommandFactory, Parser};

use crate::{
    cli::{Cli, Format, Noun, TenantVerb},
    desk::Desk,
    failure::{Failure, Result},
    output::Answer,
};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let code = match Cli::try_parse_from(&arguments) {
        Ok(cli) => {
            let json = cli.global.json;
            match answer(cli) {
                Ok(answer) => output::write(&answer, json),
                Err(failure) => output::complain(&failure, json),
            }
        }
        Err(error) => not_understood(&error, arguments.iter().any(|word| word == "--json")),
    };
    ExitCode::from(code)
}

fn answer(cli: Cli) -> Result<Answer> {
    if let Noun::Completions { shell } = cli.noun {
        return Ok(completions(shell));
    }
    if let Noun::Usage(cli::UsageVerb::Report(report)) = &cli.noun
        && cli.global.json
        && matches!(report.format, Some(Format::Csv | Format::Table))
    {
        return Err(Failure::usage("--json and --format name two formats").hint("leave one out"));
    }
    let may_create = matches!(cli.noun, Noun::Tenant(TenantVerb::Add { .. }));
    let desk = Desk::open(&cli.global, may_create)?;
    match cli.noun {
        Noun::Tenant(verb) => tenant::run(verb, &desk),
        Noun::Domain(verb) => domain::run(verb, &desk),
        Noun::Recipient(verb) => recipient::run(verb, &desk),
        Noun::Account(verb) => account::run(verb, &desk),
        Noun::Secret(verb) => secret::run(verb, &desk),
        Noun::SignIn(verb) => sign_in::run(verb, &desk),
        Noun::Guard(verb) => guard::run(verb, &desk),
        Noun::Quota(cli::QuotaVerb::Show { tenant }) => quota::show(&tenant, &desk),
        Noun::Usage(cli::UsageVerb::Report(report)) => usage::report(&report, &desk),
        Noun::Policy(cli::PolicyVerb::Explain(case)) => policy::explain(&case, &desk),
        Noun::Queue(verb) => queue::run(verb, &desk),
        Noun::Sessions(verb) => sessions::run(verb, &desk),
        Noun::Bounces(args) => bounces::list(&args, &desk),
        Noun::Audit(cli::AuditVerb::List { limit, before }) => audit::list(limit, before, &desk),
        Noun::Completions { shell } => Ok(completions(shell)),
    }
}

/// Into memory first: the generator panics where its reader has gone away.
fn completions(shell: clap_complete::Shell) -> Answer {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "hve-admin", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    let json = serde_json::json!({"shell": shell.to_string(), "script": script});
    Answer::new(script, json)
}

/// Help and version are answers; the rest is a usage error, in JSON where that was asked for.
fn not_understood(error: &clap::Error, json: bool) -> u8 {
    if json && error.use_stderr() {
        let text = error.render().to_string();
        let text = text.trim().trim_start_matches("error: ");
        return output::complain(&Failure::usage(text), true);
    }
    // What cannot be printed has no reader.
    error.print().ok();
    u8::from(error.use_stderr()) * 2
}
