//! The program itself: where the store lies, help, exit codes, broken pipes.

use std::{fs, process::Stdio};

use crate::site::{ACCOUNT, Site, TENANT, bare, run};
use serde_json::Value;

#[test]
fn a_store_is_named_or_nothing_happens() {
    let mut nowhere = bare();
    nowhere.args(["tenant", "list"]);
    let ran = run(nowhere, "");
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(
        ran.err.contains("--config FILE") && ran.err.contains("--dir DIR"),
        "{ran:?}"
    );

    let site = Site::empty();
    let error = site.fails(&["tenant", "list"], 3);
    assert!(
        error["message"].as_str().unwrap().contains("store.db"),
        "{error}"
    );
    assert!(!site.store().exists());

    site.ok(&["tenant", "add", TENANT]);
    let mut by_environment = bare();
    by_environment
        .env("HVE_DIR", site.folder())
        .args(["tenant", "list", "--json"]);
    let ran = run(by_environment, "");
    assert!(ran.code == 0 && ran.out.contains(TENANT), "{ran:?}");

    let mut missing = bare();
    missing.args(["--dir", "/nowhere/at/all", "tenant", "add", TENANT]);
    assert_eq!(run(missing, "").code, 3);
}

#[test]
fn a_configuration_names_store_and_server() {
    let site = Site::empty();
    let config = site.folder().join("other.toml");
    fs::write(
        &config,
        "hostname = \"mail.contoso.test\"\n\
         [tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n\
         [store]\npath = \"elsewhere.db\"\n\
         [delivery]\nroute = \"hold:\"\n\
         [[listeners]]\naddress = \"127.0.0.1:465\"\ntls = \"implicit\"\n\
         [[listeners]]\naddress = \"127.0.0.1:587\"\n",
    )
    .unwrap();
    let with_config = |arguments: &[&str]| {
        let mut command = bare();
        command.arg("--config").arg(&config).args(arguments);
        run(command, "")
    };
    assert_eq!(with_config(&["tenant", "add", TENANT]).code, 0);
    assert!(site.folder().join("elsewhere.db").exists());
    let ran = with_config(&["account", "add", ACCOUNT, "--generate-password", "--json"]);
    let added: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(added["device"]["server"], "mail.contoso.test");
    assert_eq!(added["device"]["port"], 587);

    // Wherever the two are said, they name two stores.
    let folder = site.folder().to_str().unwrap();
    let ran = with_config(&["tenant", "list", "--dir", folder]);
    assert_eq!(ran.code, 2, "{ran:?}");

    fs::write(&config, "hostname = 3\n").unwrap();
    let ran = with_config(&["tenant", "list"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("other.toml:1:"), "{ran:?}");
    fs::remove_file(&config).unwrap();
    assert_eq!(with_config(&["tenant", "list"]).code, 3);
}

#[test]
fn a_file_that_is_no_store_is_left_alone() {
    let site = Site::empty();
    fs::write(site.store(), "a diary, and no database at all".repeat(100)).unwrap();
    let error = site.fails(&["tenant", "add", TENANT], 1);
    assert!(
        error["message"].as_str().unwrap().contains("not a store"),
        "{error}"
    );
    assert!(
        fs::read_to_string(site.store())
            .unwrap()
            .starts_with("a diary")
    );
}

#[test]
fn every_verb_explains_itself() {
    let nouns: &[(&str, &[&str])] = &[
        (
            "tenant",
            &["add", "list", "show", "set", "suspend", "resume", "remove"],
        ),
        ("domain", &["add", "list", "remove"]),
        ("recipient", &["import", "list", "group", "remove"]),
        (
            "account",
            &["add", "list", "show", "set", "suspend", "resume", "remove"],
        ),
        ("quota", &["show"]),
        ("usage", &["report"]),
        ("policy", &["explain"]),
        (
            "queue",
            &[
                "list", "show", "stats", "retry", "hold", "release", "cancel",
            ],
        ),
        ("audit", &["list"]),
    ];
    let help = |words: &[&str]| {
        let mut command = bare();
        command.args(words).arg("--help");
        let ran = run(command, "");
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{words:?}");
        ran.out
    };
    assert!(help(&[]).contains("Exit codes:"));
    for (noun, verbs) in nouns {
        let of_noun = help(&[noun]);
        for verb in *verbs {
            assert!(of_noun.contains(verb), "{noun} {verb}");
            let text = help(&[noun, verb]);
            for option in ["--json", "--config", "--dir", "--actor"] {
                assert!(text.contains(option), "{noun} {verb} {option}");
            }
        }
    }
    let mut nothing = bare();
    nothing.arg("tenant");
    assert_eq!(run(nothing, "").code, 2);
}

#[test]
fn shells_can_complete() {
    for (shell, word) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef"),
        ("fish", "complete -c hve-admin"),
    ] {
        let mut command = bare();
        command.args(["completions", shell]);
        let ran = run(command, "");
        assert!(ran.code == 0 && ran.out.contains(word), "{shell}");
    }
}

#[test]
fn usage_errors_are_json_too() {
    let site = Site::empty();
    let error = site.fails(&["tenant", "add"], 2);
    assert_eq!(error["kind"], "usage");
    assert!(
        error["message"].as_str().unwrap().contains("<DOMAIN>"),
        "{error}"
    );
    for size in ["10 furlongs", "0"] {
        let error = site.fails(&["tenant", "set", TENANT, "--message-size", size], 2);
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("10MiB"), "says what to give: {message}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let site = Site::new();
    for arguments in [
        &["completions", "bash"][..],
        &["audit", "list", "--json"],
        &["--help"],
    ] {
        let mut command = site.command();
        let mut child = command
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // Nobody reads.
        drop(child.stdout.take());
        drop(child.stdin.take());
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            (output.status.code(), err.as_str()),
            (Some(0), ""),
            "{arguments:?}"
        );
    }
}
