//! What operators do beside a running server.

use std::{fs, process::Command};

use hve_tests::{ACCOUNT, DOMAIN, Site, binary};
use rustix::process::Signal;

const TO: &str = "anna@contoso.test";
const CONTENT: &str = "From: hve01@contoso.test\r\nSubject: counted\r\n\r\nbody";
const PERIOD: [&str; 4] = ["--from", "2020-01-01", "--to", "2099-12-31"];

fn report(site: &Site, by: &str) -> serde_json::Value {
    let mut arguments = vec!["usage", "report", "--by", by, "--format", "json"];
    arguments.extend(PERIOD);
    let out = site.admin().run(&arguments);
    serde_json::from_str(&out).unwrap()
}

#[test]
fn row_62_a_report_over_nothing_and_one_over_a_removed_account() {
    let site = Site::new();
    for by in ["day", "account"] {
        let empty = report(&site, by).to_string();
        assert!(!empty.contains(ACCOUNT), "{empty}");
    }
    let mut arguments = vec!["usage", "report", "--format", "csv"];
    arguments.extend(PERIOD);
    let header_only = site.admin().run(&arguments);
    assert!(header_only.lines().count() <= 2, "{header_only}");

    let server = site.start();
    let mut client = site.signed_in(&server);
    assert_eq!(client.submit(ACCOUNT, &[TO], CONTENT).unwrap().code, 250);
    site.admin().run(&["account", "remove", ACCOUNT, "--yes"]);
    let removed = report(&site, "account").to_string();
    assert!(
        removed.contains(ACCOUNT),
        "its mail stays counted: {removed}"
    );
    // Added again, it goes on counting where it stopped.
    site.add_account(ACCOUNT, hve_tests::PASSWORD);
    assert_eq!(site.admin().quota_used(), 1);
    let mut client = site.signed_in(&server);
    assert_eq!(client.submit(ACCOUNT, &[TO], CONTENT).unwrap().code, 250);
    assert_eq!(site.admin().quota_used(), 2);
}

#[test]
fn row_65_a_broken_configuration_leaves_the_old_one_in_use() {
    let site = Site::new();
    let server = site.start();
    let good = site.config_text();
    let broken = [
        good.replace("[limits]", "[limits"),
        good.replace("[limits]", "[limits]\nno-such-key = 1"),
        good.replace("[limits]", "[limits]\nsessions = \"many\""),
        good.replace("hostname", "# hostname"),
        String::new(),
    ];
    for (number, text) in broken.iter().enumerate() {
        fs::write(site.config(), text).unwrap();
        let check = Command::new(binary("hve-server"))
            .args(["check", "--config"])
            .arg(site.config())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&check.stderr).into_owned()
            + &String::from_utf8_lossy(&check.stdout);
        assert!(!check.status.success(), "{text}");
        assert!(said.contains("hve.toml"), "names the place: {said}");
        let alarms = |log: &str| {
            log.lines()
                .filter(|line| line.contains("\"level\":\"error\""))
                .count()
        };
        server.signal(Signal::HUP);
        hve_tests::until("an alarm", || {
            (alarms(&server.log()) > number).then_some(())
        });
        let mut client = site.signed_in(&server);
        assert_eq!(client.submit(ACCOUNT, &[TO], CONTENT).unwrap().code, 250);
    }
    // What is taken over is told, with what it was.
    let name = |text: &str| text.replace("hostname = \"", "hostname = \"new.");
    let renamed = name(&good);
    assert_ne!(renamed, good);
    fs::write(site.config(), renamed).unwrap();
    server.signal(Signal::HUP);
    server.wait_for("a word about the host name", |line| {
        let said = ["hostname", "\"old\":\"", "\"new\":\"new."];
        said.iter().all(|word| line.contains(word))
    });
    // A changed listener needs a restart, and the log says so instead of doing half of it.
    let moved = good.replace("tls = \"starttls\"", "tls = \"implicit\"");
    fs::write(site.config(), moved).unwrap();
    server.signal(Signal::HUP);
    server.wait_for("a word about the listener", |line| {
        line.contains("listeners") && line.contains("next start")
    });
    let mut client = site.signed_in(&server);
    assert_eq!(client.submit(ACCOUNT, &[TO], CONTENT).unwrap().code, 250);
}

#[test]
fn row_28_nothing_at_delivery_leads_out_of_the_house() {
    let site = Site::new();
    // Files by which other systems redirect mail mean nothing here.
    let mailbox = site.path("mail/contoso.test/anna");
    fs::create_dir_all(&mailbox).unwrap();
    for name in [".forward", ".courier", ".qmail", "dovecot.sieve"] {
        fs::write(mailbox.join(name), "thief@external.example\n").unwrap();
    }
    let server = site.start();
    let mut client = site.signed_in(&server);
    assert_eq!(client.submit(ACCOUNT, &[TO], CONTENT).unwrap().code, 250);
    assert_eq!(site.waiting_mails(TO, 1).len(), 1);
    // And no configuration opens a way out.
    let good = site.config_text();
    for route in [
        "smtp:mx.external.example",
        "lmtp:192.0.2.1:24",
        "pipe:/usr/sbin/sendmail",
    ] {
        fs::write(site.config(), good.replace("maildir:mail", route)).unwrap();
        let check = Command::new(binary("hve-server"))
            .args(["check", "--config"])
            .arg(site.config())
            .output()
            .unwrap();
        assert!(!check.status.success(), "{route}");
    }
}

#[test]
fn row_44_the_account_after_the_last_is_refused() {
    let site = Site::new();
    site.set_tenant(&["--accounts", "4"]);
    let outcomes: Vec<i32> = std::thread::scope(|scope| {
        let adders: Vec<_> = (2..10)
            .map(|number| {
                let site = &site;
                scope.spawn(move || {
                    let address = format!("hve{number:02}@{DOMAIN}");
                    let arguments = ["account", "add", &address, "--password-stdin"];
                    site.admin()
                        .try_run(&arguments, "a-long-enough-password")
                        .code
                })
            })
            .collect();
        adders
            .into_iter()
            .map(|adder| adder.join().unwrap())
            .collect()
    });
    let added = outcomes.iter().filter(|code| **code == 0).count();
    assert_eq!(added, 3, "three places were left: {outcomes:?}");
    let listed = site.admin().json(&["account", "list"]);
    assert_eq!(listed.as_array().map(Vec::len), Some(4), "{listed}");
}
