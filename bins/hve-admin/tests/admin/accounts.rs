//! Accounts and their passwords.

use crate::site::{ACCOUNT, CANARY, Site, TENANT, contains};
use hve_auth::PasswordHash;
use hve_store::Store;
use hve_types::Address;
use secrecy::SecretString;
use serde_json::json;

/// What the server would say to this password.
fn signs_in(site: &Site, address: &str, password: &str) -> bool {
    let store = Store::open(&site.store()).unwrap();
    let address = Address::parse(address).unwrap();
    let found = store.credential(&address).unwrap().unwrap();
    let hash: &PasswordHash = &found.secrets[0].hash;
    hash.verify(&SecretString::from(password))
}

#[test]
fn the_forms_of_the_contract_work() {
    let site = Site::new();
    let ran = site.run_with(
        &[
            "account",
            "add",
            "hve02@contoso.test",
            "--display-name",
            "Scanner 2",
            "--alias",
            "scan2",
            "--password-stdin",
            "--json",
        ],
        CANARY,
    );
    assert_eq!(ran.code, 0, "{ran:?}");
    let added: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(added["address"], "hve02@contoso.test");
    assert_eq!(added["tenant"], TENANT);
    assert_eq!(added["display_name"], "Scanner 2");
    assert_eq!(added["alias"], "scan2");
    assert_eq!(added["state"], "active");
    let unlimited = json!({"recipients_per_day": null, "messages_per_minute": null});
    assert_eq!(added["limits"], unlimited);
    assert_eq!(
        added["device"],
        json!({"server": "localhost", "port": 5870, "security": "STARTTLS",
               "user": "hve02@contoso.test"})
    );
    assert_eq!(added.get("password"), None);
    assert!(signs_in(&site, "HVE02@contoso.test", CANARY));

    let set = site.json(&[
        "account",
        "set",
        "hve02@contoso.test",
        "--display-name",
        "Scanner two",
        "--recipients-per-day",
        "5000",
        "--messages-per-minute",
        "30",
    ]);
    assert_eq!(set["display_name"], "Scanner two");
    assert_eq!(set["alias"], "scan2");
    let limits = json!({"recipients_per_day": 5000, "messages_per_minute": 30});
    assert_eq!(set["limits"], limits);
    let back = [
        "account",
        "set",
        "hve02@contoso.test",
        "--messages-per-minute",
        "unlimited",
        "--alias",
        "",
    ];
    let back = site.json(&back);
    assert_eq!(back["limits"]["recipients_per_day"], 5000);
    assert_eq!(
        (&back["limits"]["messages_per_minute"], &back["alias"]),
        (&json!(null), &json!(null))
    );
    assert!(signs_in(&site, "hve02@contoso.test", CANARY));

    let list = site.json(&["account", "list"]);
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert_eq!(list[0]["address"], ACCOUNT);
    assert_eq!(list[1]["address"], "hve02@contoso.test");

    let removed = site.json(&["account", "remove", "hve02@contoso.test", "--yes"]);
    assert_eq!(
        removed,
        json!({"removed": {"address": "hve02@contoso.test", "tenant": TENANT}})
    );
    site.fails(&["account", "show", "hve02@contoso.test"], 3);
}

#[test]
fn an_account_shows_its_device_settings() {
    let site = Site::new();
    let text = site.ok(&["account", "show", ACCOUNT]);
    for line in [
        "Server      localhost",
        "Port        5870",
        "Encryption  STARTTLS",
        "Sign-in     LOGIN, PLAIN, SCRAM-SHA-256, SCRAM-SHA-256-PLUS",
        "User name   hve01@contoso.test",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn a_password_that_is_made_is_shown_once() {
    let site = Site::new();
    let added = site.json(&[
        "account",
        "add",
        "hve02@contoso.test",
        "--generate-password",
    ]);
    let first = added["password"].as_str().unwrap();
    assert!(signs_in(&site, "hve02@contoso.test", first));
    let text = site.ok(&["account", "set", "hve02@contoso.test", "--new-password"]);
    let line = text
        .lines()
        .find(|line| line.starts_with("Password "))
        .unwrap();
    let second = line.trim_start_matches("Password").trim();
    assert!(signs_in(&site, "hve02@contoso.test", second), "{text}");
    assert!(!signs_in(&site, "hve02@contoso.test", first));
    let shown = site.ok(&["account", "show", "hve02@contoso.test"]);
    assert!(!shown.contains(second));
    assert!(!contains(&site.everything(), first) && !contains(&site.everything(), second));
}

#[test]
fn a_password_is_nowhere_to_be_found() {
    let site = Site::empty();
    site.ok(&["tenant", "add", TENANT]);
    let mut said = String::new();
    let add = ["account", "add", ACCOUNT, "--password-stdin"];
    let set = ["account", "set", ACCOUNT, "--password-stdin"];
    let other = format!("{CANARY} 2");
    for (arguments, password) in [(&add, CANARY), (&set, CANARY), (&set, other.as_str())] {
        let ran = site.run_with(arguments, password);
        assert_eq!(ran.code, 0, "{ran:?}");
        said.push_str(&ran.out);
    }
    // Refused passwords are repeated nowhere either.
    let bell = format!("{CANARY}\u{7}");
    let long = CANARY.repeat(40);
    for password in [bell.as_str(), long.as_str(), "canary-Pa55"] {
        let ran = site.run_with(&set, password);
        assert_eq!(ran.code, 4, "{ran:?}");
        said.push_str(&ran.err);
    }
    for look in [
        &["audit", "list"][..],
        &["account", "show", ACCOUNT],
        &["account", "list"],
    ] {
        said.push_str(&site.ok(look));
        said.push_str(&site.json(look).to_string());
    }
    assert!(!said.contains("canary-Pa55"), "{said}");
    assert!(!contains(&site.everything(), "canary-Pa55"));
    assert!(signs_in(&site, ACCOUNT, &other));
}

#[test]
fn a_password_is_never_an_argument() {
    let site = Site::new();
    for arguments in [
        &["account", "add", "a@contoso.test", "--password", CANARY][..],
        &["account", "set", ACCOUNT, "--password-stdin", CANARY],
        &["account", "set", ACCOUNT, "--new-password", CANARY],
    ] {
        site.fails(arguments, 2);
    }
    // Neither a terminal nor a word of where it comes from.
    let error = site.fails(&["account", "add", "a@contoso.test"], 2);
    assert!(
        error["hint"].as_str().unwrap().contains("--password-stdin"),
        "{error}"
    );
    site.fails(&["account", "add", "a@contoso.test", "--password-stdin"], 2);
    site.fails(
        &[
            "account",
            "add",
            "a@contoso.test",
            "--password-stdin",
            "--generate-password",
        ],
        2,
    );
    site.fails(&["account", "set", ACCOUNT], 2);
}

#[test]
fn row_44_the_21st_account_is_refused() {
    let site = Site::new();
    for number in 2..=20 {
        let address = format!("hve{number:02}@contoso.test");
        site.ok(&["account", "add", &address, "--generate-password"]);
    }
    let last = [
        "account",
        "add",
        "hve21@contoso.test",
        "--generate-password",
    ];
    let error = site.fails(&last, 4);
    assert_eq!(error["kind"], "refused");
    assert!(error["message"].as_str().unwrap().contains("20"), "{error}");
    assert!(
        error["hint"].as_str().unwrap().contains("tenant set"),
        "{error}"
    );
    site.ok(&["tenant", "set", TENANT, "--accounts", "21"]);
    site.ok(&last);
    assert!(
        site.ok(&["account", "list"])
            .contains("21 of at most 21 accounts")
    );
}

#[test]
fn row_44_many_at_once_get_the_places_there_are() {
    let site = Site::new();
    site.ok(&["tenant", "set", TENANT, "--accounts", "4"]);
    let codes: Vec<i32> = std::thread::scope(|scope| {
        let site = &site;
        let add = |number: usize| {
            scope.spawn(move || {
                let address = format!("hve1{number}@contoso.test");
                site.run(&["account", "add", &address, "--generate-password"])
                    .code
            })
        };
        let adders: Vec<_> = (0..8).map(add).collect();
        adders.into_iter().map(|run| run.join().unwrap()).collect()
    });
    let of = |code| codes.iter().filter(|other| **other == code).count();
    assert_eq!((of(0), of(4)), (3, 5), "{codes:?}");
    let list = site.json(&["account", "list"]);
    assert_eq!(list.as_array().unwrap().len(), 4);
}

#[test]
fn row_45_limits_at_the_ends_of_their_range_come_back_as_they_were() {
    let site = Site::new();
    for limit in [
        "0",
        "2147483647",
        "2147483648",
        "4294967296",
        "9223372036854775807",
    ] {
        let arguments = ["account", "set", ACCOUNT, "--recipients-per-day", limit];
        let set = site.json(&arguments);
        assert_eq!(set["limits"]["recipients_per_day"].to_string(), limit);
        site.ok(&["tenant", "set", TENANT, "--recipients-per-day", limit]);
        let quota = site.json(&["quota", "show"]);
        assert_eq!(quota["room"].to_string(), limit);
    }
    for limit in [
        "-1",
        "9223372036854775808",
        "18446744073709551616",
        "1e3",
        "",
    ] {
        let arguments = format!("--recipients-per-day={limit}");
        site.fails(&["account", "set", ACCOUNT, &arguments], 2);
    }
}

#[test]
fn what_is_taken_or_foreign_or_wrong_is_refused() {
    let site = Site::new();
    site.ok(&["account", "set", ACCOUNT, "--alias", "scan"]);
    let add = |address, alias| {
        site.fails(
            &[
                "account",
                "add",
                address,
                "--alias",
                alias,
                "--generate-password",
            ],
            4,
        )
    };
    add("HVE01@contoso.test", "x");
    add("hve02@contoso.test", "SCAN");
    site.fails(
        &["account", "add", "a@fabrikam.test", "--generate-password"],
        3,
    );
    site.fails(&["account", "add", "no address", "--generate-password"], 2);
    let bell = ["account", "set", ACCOUNT, "--display-name", "\u{1b}[2J"];
    site.fails(&bell, 4);
    let error = site.fails(&["account", "show", "hev01@contoso.test"], 3);
    assert_eq!(error["hint"], "did you mean hve01@contoso.test?");
    site.fails(&["account", "remove", ACCOUNT], 2);
    assert_eq!(site.json(&["account", "list"]).as_array().unwrap().len(), 1);
}

#[test]
fn an_account_is_suspended_and_resumed() {
    let site = Site::new();
    let suspended = site.json(&["account", "suspend", ACCOUNT, "--reason", "lost device"]);
    assert_eq!(suspended["suspension"]["reason"], "lost device");
    assert_eq!(suspended["suspension"]["actor"], "olga");
    assert_eq!(suspended["suspension"]["until"], json!(null));
    assert!(site.ok(&["account", "list"]).contains("suspended"));
    site.ok(&["tenant", "suspend", TENANT, "--reason", "abuse"]);
    let text = site.ok(&["account", "show", ACCOUNT]);
    assert!(text.contains("contoso.test, suspended"), "{text}");
    assert_eq!(
        site.json(&["account", "resume", ACCOUNT])["state"],
        "active"
    );
}
