//! The first five minutes of a newcomer: one command, and then exactly what it prints.

use std::{path::Path, process::Command, time::Duration};

use hve_tests::{Admin, Server, binary, mails, tool, waiting_mails};
use rustix::process::Signal;

use crate::run;

const YOU: &str = "you@contoso.test";

fn demo(folder: &Path) -> Server {
    let mut command = Command::new(binary("hve-server"));
    command.arg("demo").arg("--dir").arg(folder);
    command.args(["--listen", "127.0.0.1:0"]);
    let server = Server::spawn(command).unwrap_or_else(|(_, said)| unreachable!("{said}"));
    server.wait_for("the end of the instructions", |line| {
        line.contains("Stop with")
    });
    server
}

/// The command that stands below `# name` in what the server printed.
fn printed_command(said: &str, name: &str) -> String {
    let below = said
        .lines()
        .skip_while(|line| line.trim() != format!("# {name}"));
    let lines: Vec<&str> = below.skip(1).take_while(|line| !line.is_empty()).collect();
    assert!(!lines.is_empty(), "no command for {name} in {said}");
    lines.join("\n")
}

#[test]
fn the_printed_commands_work_and_the_second_start_reuses_everything() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("a demo");
    let mut server = demo(&folder);
    let said = server.log();
    let mut sent = 0;
    for (name, program) in [("curl", "curl"), ("swaks", "swaks"), ("Python", "python3")] {
        if tool(program).is_none() {
            continue;
        }
        let command = printed_command(&said, name);
        let (good, answer) = run(Command::new("sh").args(["-c", &command]), "");
        assert!(good, "{command}\n{answer}");
        sent += 1;
        let root = folder.join("mail");
        assert_eq!(waiting_mails(&root, YOU, sent).len(), sent);
    }
    let admin = Admin::for_dir(&folder);
    assert_eq!(admin.quota_used(), u64::try_from(sent).unwrap());
    server.signal(Signal::INT);
    assert!(
        server.ended(Duration::from_secs(30)).success(),
        "{}",
        server.log()
    );

    let password = |said: &str| {
        let line = said
            .lines()
            .find(|line| line.trim_start().starts_with("Password"));
        line.unwrap().split_whitespace().nth(1).unwrap().to_owned()
    };
    let secret = password(&said);
    assert!(secret.len() >= 12, "{secret}");
    let mut again = demo(&folder);
    let said = again.log();
    assert!(!said.contains(&secret), "the password is shown once");
    assert_eq!(mails(&folder.join("mail"), YOU).len(), sent);
    let listed = admin.json(&["account", "list"]);
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
    again.signal(Signal::TERM);
    assert!(
        again.ended(Duration::from_secs(30)).success(),
        "{}",
        again.log()
    );
}
