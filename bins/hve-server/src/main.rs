//! The server's command line: arguments in, exit code out.

mod arguments;
mod serve;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Check { config } => serve::check(&config),
        Command::Demo { dir, listen } => serve::demo(&dir, listen),
        Command::Run { config } => serve::run(&config),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hve-server: {}", serve::words(&error));
            ExitCode::FAILURE
        }
    }
}
