//! What is synced before a `250`, and before and after a copy gets its name: seen from outside, in
//! the system calls of the real server.

use std::{collections::HashMap, fs, process::Command, time::Duration};

use hve_tests::{ACCOUNT, Server, Site, binary, excused, tool, until};
use rustix::process::Signal;

const TO: [&str; 2] = ["anna@contoso.test", "ben@contoso.test"];

/// A system call that succeeded.
#[derive(Debug)]
struct Call {
    name: String,
    /// All of its arguments; descriptors with the names of what is behind them.
    arguments: String,
    result: u64,
    /// The lines of the trace at which it began and ended.
    begun: usize,
    ended: usize,
}

impl Call {
    fn is_sync_of(&self, end_of_path: &str) -> bool {
        matches!(self.name.as_str(), "fsync" | "fdatasync")
            && self.arguments.ends_with(&format!("{end_of_path}>"))
    }

    fn is_on_tcp(&self, names: &[&str]) -> bool {
        names.contains(&self.name.as_str()) && self.arguments.contains("<TCP:")
    }
}

/// The calls of a trace with a process number before each line, in the order of their ends.
fn calls(trace: &str) -> Vec<Call> {
    let mut begun = HashMap::new();
    let mut calls = Vec::new();
    for (line, text) in trace.lines().enumerate() {
        let Some((process, text)) = text.split_once(' ') else {
            continue;
        };
        let text = text.trim_start();
        if let Some(start) = text.strip_suffix(" <unfinished ...>") {
            begun.insert(process, (line, start));
            continue;
        }
        let (start, whole) = match text.split_once(" resumed>") {
            Some((_, rest)) => {
                let (start, head) = begun.remove(process).unwrap();
                (start, format!("{head}{rest}"))
            }
            None => (line, text.to_owned()),
        };
        calls.extend(call(&whole, start, line));
    }
    calls
}

fn call(whole: &str, begun: usize, ended: usize) -> Option<Call> {
    let (call, result) = whole.rsplit_once(" = ")?;
    let (name, arguments) = call.trim_end().strip_suffix(')')?.split_once('(')?;
    Some(Call {
        name: name.to_owned(),
        arguments: arguments.to_owned(),
        result: result.trim().parse().ok()?,
        begun,
        ended,
    })
}

/// The trace of a server that took and delivered one message for [`TO`].
fn trace_of_one_message() -> Option<String> {
    let strace = tool("strace")?;
    let probe = strace
        .command()
        .args(["-f", "-o", "/dev/null", "true"])
        .status();
    if !probe.is_ok_and(|status| status.success()) {
        excused("strace is not allowed to trace here");
        return None;
    }
    let site = Site::new();
    site.write_config();
    let path = site.path("trace");
    let mut command: Command = strace.command();
    // With -D the process that is started is the server, and strace ends with it.
    command
        .args(["-D", "-f", "-yy", "-s", "0", "-o"])
        .arg(&path)
        .arg("-e")
        .arg(
            "trace=fdatasync,fsync,pwrite64,recvfrom,sendto,write,writev,rename,renameat,renameat2",
        )
        .arg(binary("hve-server"))
        .args(["run", "--config"])
        .arg(site.config());
    let mut server = Server::spawn(command).unwrap();
    let mut client = site.signed_in(&server);
    let content = format!("From: {ACCOUNT}\r\nSubject: synced\r\n\r\nbody");
    let reply = client.submit(ACCOUNT, &TO, &content).unwrap();
    assert_eq!(reply.code, 250, "{reply:?}");
    // Nothing follows the final dot on this connection.
    drop(client);
    for to in TO {
        assert_eq!(site.waiting_mails(to, 1).len(), 1);
    }
    server.signal(Signal::TERM);
    assert!(server.ended(Duration::from_secs(60)).success());
    let process = server.pid().as_raw_nonzero().to_string();
    let is_end = |line: &str| {
        line.split_once(' ')
            .is_some_and(|(of, what)| of == process && what.trim_start() == "+++ exited with 0 +++")
    };
    Some(until("the end of the trace", || {
        let trace = fs::read_to_string(&path).unwrap();
        trace.lines().any(is_end).then_some(trace)
    }))
}

#[test]
fn row_40_what_a_250_promises_is_synced_before_it_is_said() {
    let Some(trace) = trace_of_one_message() else {
        return;
    };
    let calls = calls(&trace);
    let dot = calls
        .iter()
        .rfind(|call| call.is_on_tcp(&["recvfrom"]) && call.result > 0);
    let dot = dot.unwrap();
    let answer = calls
        .iter()
        .find(|call| call.begun > dot.ended && call.is_on_tcp(&["sendto", "write", "writev"]));
    assert!(answer.is_some(), "no answer to the final dot:\n{trace}");
    let answer = answer.unwrap();
    // A new log has its head synced in any case: what counts is the sync after the last write.
    let written = calls.iter().rfind(|call| {
        call.name == "pwrite64"
            && call.arguments.contains("/store.db-wal>")
            && call.ended < answer.begun
    });
    let written = written.unwrap();
    assert!(written.begun > dot.ended, "{written:?}\n{trace}");
    let synced = calls.iter().any(|call| {
        call.is_sync_of("/store.db-wal") && call.begun > written.ended && call.ended < answer.begun
    });
    assert!(synced, "{written:?}\n{answer:?}\n{trace}");

    let renames: Vec<_> = calls
        .iter()
        .filter(|call| call.name.starts_with("rename") && call.arguments.contains("/new>"))
        .collect();
    assert_eq!(renames.len(), TO.len(), "{trace}");
    for (rename, to) in renames.iter().zip(TO) {
        let name = rename.arguments.split('"').nth(1).unwrap();
        let local = to.split('@').next().unwrap();
        let copy = format!("/{local}/tmp/{name}");
        let before = calls
            .iter()
            .any(|call| call.is_sync_of(&copy) && call.ended < rename.begun);
        assert!(before, "{copy} before {rename:?}:\n{trace}");
        let folder = format!("/{local}/new");
        let after = calls
            .iter()
            .find(|call| call.is_sync_of(&folder) && call.begun > rename.ended);
        assert!(after.is_some(), "{folder} after {rename:?}:\n{trace}");
        let after = after.unwrap();
        // Only then does the message leave the queue.
        assert!(
            calls
                .iter()
                .any(|call| call.is_sync_of("/store.db-wal") && call.begun > after.ended),
            "{trace}"
        );
    }
}

#[test]
fn calls_in_two_pieces_are_put_together() {
    let trace = "7  fsync(3</a/b> <unfinished ...>\n\
                 8  write(4<TCP:[x]>, \"\"..., 5) = 5\n\
                 7  <... fsync resumed>) = 0\n\
                 8  fsync(3</a/b>) = -1 EIO (Input/output error)\n\
                 7  +++ exited with 0 +++\n";
    let calls = calls(trace);
    let [written, synced] = &calls[..] else {
        unreachable!("two calls that succeeded: {calls:?}");
    };
    assert!(written.is_on_tcp(&["write"]) && written.result == 5);
    assert!(synced.is_sync_of("/a/b"));
    assert_eq!((synced.begun, synced.ended), (0, 2));
}
