//! Accounts that change under a session, and floods of sign-ins.

use std::{fs, sync::Barrier, thread};

use hve_tests::{ACCOUNT, PASSWORD, Reply, Server, Site};

const TO: &str = "anna@contoso.test";
const CONTENT: &str = "From: hve01@contoso.test\r\nSubject: still here\r\n\r\nbody";

#[test]
fn row_22_a_suspended_account_is_refused_at_the_next_command() {
    let site = Site::new();
    let server = site.start();
    let mut client = site.signed_in(&server);
    assert_eq!(client.submit(ACCOUNT, &[TO], CONTENT).unwrap().code, 250);
    let suspend = [
        "account",
        "suspend",
        ACCOUNT,
        "--reason",
        "printer gone wild",
    ];
    site.admin().run(&suspend);
    let reply = client.command(&format!("MAIL FROM:<{ACCOUNT}>")).unwrap();
    assert!(reply.code >= 500, "{reply:?}");
    assert!(reply.text().contains("printer gone wild"), "{reply:?}");
    site.admin().run(&["account", "resume", ACCOUNT]);
    let mut client = site.signed_in(&server);
    assert_eq!(client.submit(ACCOUNT, &[TO], CONTENT).unwrap().code, 250);
    let audit = site.admin().json(&["audit", "list"]).to_string();
    assert!(audit.contains("printer gone wild"), "{audit}");
}

#[test]
fn row_22_a_changed_password_ends_what_was_signed_in_with_the_old_one() {
    let site = Site::new();
    let server = site.start();
    let mut client = site.signed_in(&server);
    client.expect(250, "NOOP");
    let set = ["account", "set", ACCOUNT, "--password-stdin"];
    site.admin().run_with(&set, "another-long-password");
    let reply = client.command(&format!("MAIL FROM:<{ACCOUNT}>")).unwrap();
    assert!(reply.code >= 400, "{reply:?}");
    // The old password is worth nothing, though it was verified a moment ago.
    let mut client = site.connect_tls(&server);
    let reply = client.sign_in(ACCOUNT, PASSWORD).unwrap();
    assert_eq!(reply.status(), "535 5.7.3");
    let reply = client.sign_in(ACCOUNT, "another-long-password").unwrap();
    assert_eq!(reply.code, 235, "{reply:?}");
}

#[test]
fn row_22_a_removed_account_is_refused_between_recipients_and_data() {
    let site = Site::new();
    let server = site.start();
    let mut client = site.signed_in(&server);
    client.expect(250, &format!("MAIL FROM:<{ACCOUNT}>"));
    client.expect(250, &format!("RCPT TO:<{TO}>"));
    site.admin().run(&["account", "remove", ACCOUNT, "--yes"]);
    let reply = client.command("DATA").unwrap();
    assert!(reply.code >= 400, "{reply:?}");
    assert!(site.mails(TO).is_empty());
}

#[test]
fn row_22_a_removed_domain_takes_no_more_recipients() {
    let site = Site::new();
    site.admin().run(&["domain", "add", "fabrikam.test"]);
    let server = site.start();
    let mut client = site.signed_in(&server);
    client.expect(250, &format!("MAIL FROM:<{ACCOUNT}>"));
    client.expect(250, "RCPT TO:<bert@fabrikam.test>");
    site.admin()
        .run(&["domain", "remove", "fabrikam.test", "--yes"]);
    let reply = client.command("RCPT TO:<carl@fabrikam.test>").unwrap();
    assert_eq!(reply.status(), "550 5.5.105");
}

#[test]
fn row_22_limits_change_at_the_next_command() {
    let site = Site::new();
    let server = site.start();
    let mut client = site.signed_in(&server);
    let mail = format!("MAIL FROM:<{ACCOUNT}>");
    client.expect(250, &mail);
    client.expect(250, "RCPT TO:<a1@contoso.test>");
    site.set_tenant(&["--recipients-per-message", "2"]);
    client.expect(250, "RCPT TO:<a2@contoso.test>");
    let reply = client.command("RCPT TO:<a3@contoso.test>").unwrap();
    assert_eq!(reply.status(), "452 4.5.3");
    client.expect(250, "RSET");
    site.set_tenant(&["--message-size", "1KiB"]);
    let reply = client.command(&format!("{mail} SIZE=2000")).unwrap();
    assert_eq!(reply.status(), "552 5.3.4");
}

/// CPU time of the server in clock ticks, which counts its hashing whatever the machine is doing.
fn cpu_ticks(server: &Server) -> u64 {
    let path = format!("/proc/{}/stat", server.pid().as_raw_nonzero());
    let stat = fs::read_to_string(path).unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    // Fields 14 and 15 of proc(5), the first two of which lie before the parenthesis.
    [11, 12]
        .iter()
        .map(|at| fields[*at].parse::<u64>().unwrap())
        .sum()
}

/// A refusal without its correlation id.
fn words(reply: &Reply) -> String {
    let text = reply.text();
    format!("{} {}", reply.code, text.split(" [").next().unwrap())
}

#[test]
fn row_23_unknown_and_known_users_cost_the_same_and_hear_the_same() {
    // What is compared is work: the wait that grows with each guess has tests of its own.
    let site = Site::new().limit("guess-delay = \"0s\"");
    site.add_account("hve02@contoso.test", PASSWORD);
    let suspend = [
        "account",
        "suspend",
        "hve02@contoso.test",
        "--reason",
        "test",
    ];
    site.admin().run(&suspend);
    let server = site.start();
    let users = [
        ACCOUNT,
        "hve02@contoso.test",
        "nobody@contoso.test",
        "nobody@else.test",
    ];
    let mut heard = Vec::new();
    let work: Vec<u64> = users
        .iter()
        .map(|user| {
            let before = cpu_ticks(&server);
            // Different ones, since a repeated one is not hashed again; few enough for the guard.
            for number in 0..8 {
                let mut client = site.connect_tls(&server);
                let wrong = format!("the-wrong-password-{number}");
                heard.push(words(&client.sign_in(user, &wrong).unwrap()));
            }
            cpu_ticks(&server) - before
        })
        .collect();
    heard.dedup();
    assert_eq!(heard.len(), 1, "all alike: {heard:?}");
    assert!(heard[0].starts_with("535 5.7.3"), "{heard:?}");
    let (least, most) = (work.iter().min().unwrap(), work.iter().max().unwrap());
    // Hashing is nearly all of the work; a user who is not hashed for would cost next to nothing.
    assert!(least * 2 > *most, "CPU ticks for {users:?}: {work:?}");
}

#[test]
fn row_24_a_flood_of_sign_ins_meets_454_and_harms_nobody() {
    let site = Site::new()
        .limit("hashing-threads = 1")
        .limit("hashing-queue = 1");
    let server = site.start();
    let mut good = site.signed_in(&server);
    let count = 24;
    let ready = Barrier::new(count + 1);
    let replies: Vec<Reply> = thread::scope(|scope| {
        let flooders: Vec<_> = (0..count)
            .map(|number| {
                let (site, server, ready) = (&site, &server, &ready);
                scope.spawn(move || {
                    let mut client = site.connect_tls(server);
                    ready.wait();
                    client
                        .sign_in(&format!("user{number}@contoso.test"), "some-password")
                        .unwrap()
                })
            })
            .collect();
        ready.wait();
        let reply = good.submit(ACCOUNT, &[TO], CONTENT).unwrap();
        assert_eq!(reply.code, 250, "{reply:?}");
        flooders
            .into_iter()
            .map(|flooder| flooder.join().unwrap())
            .collect()
    });
    let full = replies
        .iter()
        .filter(|reply| reply.status() == "454 4.7.0")
        .count();
    let judged = replies
        .iter()
        .filter(|reply| reply.status() == "535 5.7.3")
        .count();
    assert!(full > 0 && judged > 0, "{replies:?}");
    assert_eq!(full + judged, count, "{replies:?}");
    // And when it is over, sign-in works.
    let reply = site
        .connect_tls(&server)
        .sign_in(ACCOUNT, PASSWORD)
        .unwrap();
    assert_eq!(reply.code, 235, "{reply:?}");
}
