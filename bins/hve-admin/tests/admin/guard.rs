//! Who is blocked is shown, and forgiven.

use hve_store::{Batch, Block, GuardNotes, Suspect, Suspicion, Writer};
use time::Duration;

use crate::{
    site::{ACCOUNT, Site},
    writer::Books,
};

const STRANGER: &str = "nobody@contoso.test";

fn suspicion(suspect: Suspect, at: time::UtcDateTime) -> Suspicion {
    Suspicion {
        suspect,
        guesses: 4,
        tried_at: at,
        other: Some("192.0.2.7".into()),
        block: None,
    }
}

/// A blocked account, an attacked name, a blocked network, and a block that is over.
fn attacked() -> Site {
    let site = Site::new();
    let now = Books::open(&site).now;
    let mut writer = Writer::open(&site.store()).unwrap();
    let user = |name: &str| Suspect::Account(name.parse().unwrap());
    let block = |minutes| {
        Some(Block {
            since: now,
            until: now + Duration::minutes(minutes),
            in_a_row: 2,
        })
    };
    let long_ago = now - Duration::hours(1);
    let batch = Batch {
        guard: GuardNotes {
            known: Vec::new(),
            suspicions: vec![
                Suspicion {
                    guesses: 10,
                    block: block(30),
                    ..suspicion(user(ACCOUNT), now)
                },
                Suspicion {
                    other: Some("2001:db8::".into()),
                    ..suspicion(user(STRANGER), now)
                },
                Suspicion {
                    other: None,
                    block: block(30),
                    ..suspicion(
                        Suspect::Network("2001:db8:0:1::".parse().unwrap()),
                        long_ago,
                    )
                },
                Suspicion {
                    block: block(-30),
                    ..suspicion(user("past@contoso.test"), long_ago)
                },
            ],
        },
        ..Batch::default()
    };
    writer.commit(&batch, now).unwrap();
    site
}

#[test]
fn who_is_blocked_or_under_attack_is_listed() {
    let site = attacked();
    let listed = site.json(&["guard", "list"]);
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), 3, "{listed:?}");
    let of = |who: &str| listed.iter().find(|one| one["who"] == who).unwrap();
    let account = of(ACCOUNT);
    assert_eq!(account["what"], "user-name");
    assert_eq!(account["account_exists"], true);
    assert_eq!(account["state"], "blocked");
    assert_eq!(account["guesses"], 10);
    assert_eq!(account["last_by"], "192.0.2.7");
    assert_eq!(account["blocks_in_a_row"], 2);
    assert!(account["since"].is_string() && account["until"].is_string());
    let stranger = of(STRANGER);
    assert_eq!(stranger["account_exists"], false);
    assert_eq!(stranger["state"], "attacked");
    assert_eq!(stranger["until"], serde_json::Value::Null);
    assert_eq!(stranger["last_by"], "2001:db8::/64");
    assert_eq!(of("2001:db8:0:1::/64")["what"], "address");

    let text = site.ok(&["guard", "list"]);
    for word in ["blocked", "attacked", "no account", "2001:db8:0:1::/64"] {
        assert!(text.contains(word), "{text}");
    }
    assert!(!text.contains("past@"), "{text}");
}

#[test]
fn one_or_all_are_forgiven_and_the_audit_log_tells() {
    let site = attacked();
    let forgiven = |who: &str| site.json(&["guard", "reset", who])["forgiven"].clone();
    assert_eq!(forgiven("HVE01@contoso.test"), 1);
    assert_eq!(forgiven(ACCOUNT), 0);
    // As it is listed, and as any address of it.
    assert_eq!(forgiven("2001:db8:0:1::/64"), 1);
    assert_eq!(forgiven("2001:db8:0:1::7"), 0);
    let slip = site.ok(&["guard", "reset", "hve1@contoso.test"]);
    assert!(slip.contains("There is no account"), "{slip}");
    let all = site.json(&["guard", "reset", "--all"]);
    assert_eq!(all["forgiven"], 2, "the one that is over as well");
    let none = site.ok(&["guard", "list"]);
    assert_eq!(none, "Nobody is blocked, and no account is under attack.\n");
    let audit = site.json(&["audit", "list", "--limit", "1"]);
    assert_eq!(audit[0]["action"], "guard-reset");
    assert_eq!(audit[0]["subject"], "everything");
}

#[test]
fn a_user_name_from_one_address_is_listed_and_forgiven_by_itself() {
    let site = Site::new();
    let now = Books::open(&site).now;
    let user = || ACCOUNT.parse().unwrap();
    let (here, there) = ("192.0.2.7".parse().unwrap(), "192.0.2.8".parse().unwrap());
    let fill = || {
        let mut writer = Writer::open(&site.store()).unwrap();
        let suspects = [
            Suspect::Pair(user(), here),
            Suspect::Tokens(user(), here),
            Suspect::Pair(user(), there),
            Suspect::Pair("hve1@contoso.test".parse().unwrap(), there),
        ];
        let suspicions = suspects.map(|one| suspicion(one, now + Duration::days(1)));
        let batch = Batch {
            guard: GuardNotes {
                known: Vec::new(),
                suspicions: suspicions.to_vec(),
            },
            ..Batch::default()
        };
        writer.commit(&batch, now).unwrap();
    };
    fill();
    let listed = site.json(&["guard", "list"]);
    let of = |what: &str| {
        let mut all = listed.as_array().unwrap().iter();
        all.find(|one| one["what"] == what).unwrap()["who"].clone()
    };
    let pair = format!("{ACCOUNT} from 192.0.2.7");
    assert_eq!(of("forged-tokens"), pair);
    assert!(site.ok(&["guard", "list"]).contains(&pair));
    let forgiven = |words: &[&str]| {
        fill();
        site.json(&[&["guard", "reset"], words].concat())["forgiven"].clone()
    };
    assert_eq!(forgiven(&[ACCOUNT, "--from", "192.0.2.7"]), 2);
    assert_eq!(forgiven(&[ACCOUNT]), 3);
    assert_eq!(forgiven(&["192.0.2.8"]), 2);
    assert_eq!(forgiven(&["192.0.2.9"]), 0);
    let told = site.run(&["guard", "reset", "192.0.2.7", "--from", "192.0.2.7"]);
    assert_eq!(told.code, 2);
}

#[test]
fn a_reset_of_nobody_is_not_understood() {
    let site = Site::new();
    for arguments in [
        &["guard", "reset"][..],
        &["guard", "reset", "192.0.2.0/24"],
        &["guard", "reset", "2001:db8::/48"],
        &["guard", "reset", "somebody"],
        &["guard", "reset", ACCOUNT, "--all"],
    ] {
        assert_eq!(site.run(arguments).code, 2, "{arguments:?}");
    }
}
