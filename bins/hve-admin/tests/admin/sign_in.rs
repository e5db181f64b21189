//! The rules of sign-in, and the test of an account.

use crate::site::{ACCOUNT, Site};

/// The rules that block, as `account test` names them.
fn blocking(site: &Site, more: &[&str]) -> Vec<String> {
    let mut words = vec!["account", "test", ACCOUNT, "--json"];
    words.extend(more);
    let ran = site.run(&words);
    let value: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let rules = value["rules"].as_array().unwrap();
    let blocking: Vec<String> = rules
        .iter()
        .filter(|rule| rule["verdict"] == "blocks")
        .map(|rule| {
            assert!(
                rule["lift"].as_str().unwrap().contains("hve-admin "),
                "{rule}"
            );
            rule["rule"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(ran.code, if blocking.is_empty() { 0 } else { 5 });
    assert_eq!(value["allowed"], blocking.is_empty());
    blocking
}

#[test]
fn each_block_is_named_and_lifted_by_the_command_it_names() {
    let site = Site::new();
    assert!(blocking(&site, &[]).is_empty());
    site.json(&["sign-in", "set", "--security-defaults", "on"]);
    site.json(&["sign-in", "policy", "add", "Block Basic"]);
    site.json(&["sign-in", "set", "--default-policy", "block basic"]);
    assert_eq!(
        blocking(&site, &[]),
        ["security-defaults", "authentication-policy"]
    );

    let exempt = ["sign-in", "account", ACCOUNT, "--exempt", "old scanner"];
    let endless = site.run(&exempt);
    assert_eq!(endless.code, 2, "an end, or the word that there is none");
    assert!(endless.err.contains("--without-end"), "{}", endless.err);
    site.json(&[&exempt[..], &["--without-end"]].concat());
    assert!(blocking(&site, &[]).is_empty());
    site.json(&["sign-in", "account", ACCOUNT, "--not-exempt"]);
    site.json(&["sign-in", "set", "--security-defaults", "off"]);
    assert_eq!(blocking(&site, &[]), ["authentication-policy"]);
    let name = "BLOCK BASIC";
    site.json(&[
        "sign-in",
        "policy",
        "set",
        name,
        "--allow-basic-auth-smtp",
        "on",
    ]);
    assert!(blocking(&site, &[]).is_empty());

    let from = [
        "sign-in",
        "account",
        ACCOUNT,
        "--from",
        "192.0.2.0/24",
        "--from",
        "2001:db8::7",
    ];
    let bound = site.json(&from);
    assert_eq!(
        bound["from"],
        serde_json::json!(["192.0.2.0/24", "2001:db8::7/128"])
    );
    assert!(blocking(&site, &["--from-address", "192.0.2.9"]).is_empty());
    assert_eq!(
        blocking(&site, &["--from-address", "198.51.100.1"]),
        ["address-list"]
    );
    assert!(
        blocking(&site, &[]).is_empty(),
        "not asked without an address"
    );
}

#[test]
fn the_transport_switch_is_kept_and_blocks_nothing() {
    let site = Site::new();
    let set = site.json(&[
        "sign-in",
        "set",
        "--smtp-client-authentication-disabled",
        "on",
    ]);
    assert_eq!(set["smtp_client_authentication_disabled"], true);
    assert!(blocking(&site, &[]).is_empty());
    let told = site.run(&["account", "test", ACCOUNT]);
    assert!(told.out.contains("has no effect"), "{}", told.out);
}

#[test]
fn a_policy_is_added_once_and_goes_when_nobody_names_it() {
    let site = Site::new();
    site.json(&["sign-in", "policy", "add", "Block"]);
    assert_eq!(site.run(&["sign-in", "policy", "add", "BLOCK"]).code, 4);
    let set = [
        "sign-in",
        "policy",
        "set",
        "Other",
        "--allow-basic-auth-smtp",
        "on",
    ];
    assert_eq!(site.run(&set).code, 3);
    site.json(&["sign-in", "account", ACCOUNT, "--policy", "block"]);
    let remove = ["sign-in", "policy", "remove", "block", "--yes"];
    assert_eq!(site.run(&remove).code, 4);
    site.json(&["sign-in", "account", ACCOUNT, "--policy", "none"]);
    assert_eq!(site.run(&remove).code, 0);
}

#[test]
fn an_account_that_cannot_sign_in_yet_says_so_when_it_is_added() {
    let site = Site::new();
    site.json(&["sign-in", "set", "--security-defaults", "on"]);
    let added = site.run(&[
        "account",
        "add",
        "hve09@contoso.test",
        "--generate-password",
    ]);
    assert_eq!(added.code, 0, "{added:?}");
    assert!(added.out.contains("It cannot sign in yet"), "{}", added.out);
    assert!(added.out.contains("--exempt REASON"), "{}", added.out);
}

#[test]
fn nonsense_is_a_usage_error() {
    let site = Site::new();
    for words in [
        &["sign-in", "set"][..],
        &["sign-in", "account", ACCOUNT],
        &["sign-in", "account", ACCOUNT, "--from", "office"],
        &[
            "sign-in",
            "account",
            ACCOUNT,
            "--not-exempt",
            "--exempt",
            "x",
        ],
        &[
            "sign-in",
            "account",
            ACCOUNT,
            "--exempt",
            "x",
            "--until",
            "2020-01-01T00:00:00Z",
        ],
    ] {
        assert_eq!(site.run(words).code, 2, "{words:?}");
    }
}

#[test]
fn a_leniency_is_off_by_default_and_shown_as_a_finding() {
    let site = Site::new();
    let show = || site.json(&["sign-in", "show"]);
    assert_eq!(show()["accounts"], serde_json::json!([]));
    site.json(&["sign-in", "account", ACCOUNT, "--lenient-bare-lf", "on"]);
    let leniency = serde_json::json!({"bare_lf": true, "long_lines": false, "login_only": false});
    assert_eq!(show()["accounts"][0]["leniency"], leniency);
    let told = site.run(&["sign-in", "show"]);
    assert!(
        told.out.contains("bare line feeds are made line ends"),
        "{}",
        told.out
    );
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the program under test reads the same clock"
)]
fn hours_are_set_shown_and_taken_back() {
    let site = Site::new();
    // Three days from now, whatever midnight does meanwhile.
    let day = time::UtcDateTime::now().weekday().nth_next(3).to_string();
    let hours = format!("{} 06:00-20:00", &day[..3]);
    let closed = ["sign-in", "account", ACCOUNT, "--hours", &hours];
    assert_eq!(site.json(&closed)["hours"], format!("UTC {hours}"));
    assert_eq!(blocking(&site, &[]), ["hours"]);
    site.json(&["sign-in", "account", ACCOUNT, "--at-any-time"]);
    assert!(blocking(&site, &[]).is_empty());
    let wrong = site.run(&["sign-in", "account", ACCOUNT, "--hours", "office hours"]);
    assert_eq!(wrong.code, 2);
    assert!(
        wrong.err.contains("no time zone and no day"),
        "{}",
        wrong.err
    );
}

#[test]
fn certificates_are_named_by_file_or_by_fingerprint() {
    let site = Site::new();
    let fingerprint = "ab".repeat(32);
    let listed = site.json(&[
        "sign-in",
        "account",
        ACCOUNT,
        "--certificate",
        &fingerprint.to_uppercase(),
        "--require-certificate",
        "on",
    ]);
    let expected = serde_json::json!({"fingerprints": [fingerprint], "required": true});
    assert_eq!(listed["certificates"], expected);
    assert_eq!(blocking(&site, &[]), ["certificate"]);
    assert!(blocking(&site, &["--certificate", &fingerprint]).is_empty());
    let missing = ["sign-in", "account", ACCOUNT, "--certificate", "no.pem"];
    let missing = site.run(&missing);
    assert_eq!(missing.code, 2);
    assert!(
        missing.err.contains("64 hexadecimal digits"),
        "{}",
        missing.err
    );
    let mut many = vec!["sign-in", "account", ACCOUNT];
    let fingerprints: Vec<String> = (10..21).map(|n| n.to_string().repeat(32)).collect();
    for fingerprint in &fingerprints {
        many.extend(["--certificate", fingerprint.as_str()]);
    }
    assert_eq!(site.run(&many).code, 4);
    let none = ["sign-in", "account", ACCOUNT, "--no-certificate"];
    site.json(&none);
    let off = [
        "sign-in",
        "account",
        ACCOUNT,
        "--require-certificate",
        "off",
    ];
    site.json(&off);
    assert!(blocking(&site, &[]).is_empty());
}

#[test]
fn a_device_that_does_login_only_needs_its_addresses() {
    let site = Site::new();
    let on = ["sign-in", "account", ACCOUNT, "--lenient-login-only", "on"];
    assert_eq!(site.json(&on)["leniency"]["login_only"], true);
    let shown = site.run(&["sign-in", "show"]).out;
    assert!(
        shown.contains("without effect: name its very address"),
        "{shown}"
    );
    site.json(&["sign-in", "account", ACCOUNT, "--from", "192.0.2.7"]);
    let shown = site.run(&["sign-in", "show"]).out;
    assert!(shown.contains("offered AUTH LOGIN only"), "{shown}");
}

#[test]
fn a_block_of_the_guard_is_a_finding() {
    let site = Site::new();
    let store = hve_store::Store::open(&site.store()).unwrap();
    let account = store.account(&ACCOUNT.parse().unwrap()).unwrap().unwrap();
    let day = time::Duration::days(1);
    let suspicion = |suspect| hve_store::Suspicion {
        suspect,
        guesses: 10,
        tried_at: account.created_at,
        other: None,
        block: Some(hve_store::Block {
            since: account.created_at,
            until: account.created_at + day,
            in_a_row: 1,
        }),
    };
    let (stranger, friend) = ("198.51.100.7", "192.0.2.7");
    let batch = hve_store::Batch {
        guard: hve_store::GuardNotes {
            known: vec![hve_store::KnownClient {
                account: account.id,
                network: friend.parse().unwrap(),
                seen_at: account.created_at,
            }],
            suspicions: vec![suspicion(hve_store::Suspect::Account(
                account.address.clone(),
            ))],
        },
        ..hve_store::Batch::default()
    };
    let mut writer = hve_store::Writer::open(&site.store()).unwrap();
    writer.commit(&batch, account.created_at).unwrap();
    drop(writer);
    assert_eq!(blocking(&site, &["--from-address", stranger]), ["guard"]);
    assert!(blocking(&site, &["--from-address", friend]).is_empty());
    let told = site.run(&["account", "test", ACCOUNT]);
    assert!(
        told.out.contains(&format!("guard reset {ACCOUNT}")),
        "{}",
        told.out
    );
    assert!(
        blocking(&site, &["--mechanism", "external"])
            .iter()
            .all(|rule| rule != "guard")
    );
}
