//! Quota, queue, audit and policy: what the books say.

use hve_store::Outcome;
use hve_types::QueueId;
use serde_json::{Value, json};
use time::{Duration, UtcDateTime, format_description::well_known::Rfc3339};

use crate::{
    site::{ACCOUNT, Site, TENANT},
    writer::Books,
};

#[test]
fn the_quota_shows_used_room_and_when_it_frees() {
    let site = Site::new();
    site.add_account("hve02@contoso.test");
    site.ok(&[
        "account",
        "set",
        "hve02@contoso.test",
        "--recipients-per-day",
        "5",
    ]);
    let mut books = Books::open(&site);
    let earlier = books.now - Duration::HOUR;
    books.accept(ACCOUNT, 7, earlier);
    books.accept("hve02@contoso.test", 5, books.now);

    let quota = site.json(&["quota", "show"]);
    let frees = |at: UtcDateTime| (at + Duration::seconds(86_401)).format(&Rfc3339).unwrap();
    assert_eq!(
        quota,
        json!({
            "tenant": TENANT, "limit": 100_000, "used": 12, "room": 99_988,
            "frees": [{"at": frees(earlier), "recipients": 7},
                      {"at": frees(books.now), "recipients": 5}],
            "accounts": [
                {"address": ACCOUNT, "limit": null, "used": 7, "room": null},
                {"address": "hve02@contoso.test", "limit": 5, "used": 5, "room": 0},
            ],
        })
    );
    let text = site.ok(&["quota", "show", "--tenant", TENANT]);
    assert!(
        text.contains("99988") && text.contains("room comes back by"),
        "{text}"
    );

    // A lower limit forgets nothing, and less than nothing is not left.
    site.ok(&["tenant", "set", TENANT, "--recipients-per-day", "10"]);
    let quota = site.json(&["quota", "show"]);
    assert_eq!((&quota["used"], &quota["room"]), (&json!(12), &json!(0)));
    site.ok(&["tenant", "set", TENANT, "--recipients-per-day", "unlimited"]);
    let quota = site.json(&["quota", "show"]);
    assert_eq!(
        (&quota["limit"], &quota["room"]),
        (&json!(null), &json!(null))
    );
}

#[test]
fn the_queue_shows_what_waits() {
    let site = Site::new();
    assert_eq!(site.json(&["queue", "list"]), json!([]));
    let mut books = Books::open(&site);
    let first = books.accept(ACCOUNT, 2, books.now);
    let second = books.accept(ACCOUNT, 1, books.now);
    let deferred = Outcome::Deferred {
        reason: "no room".into(),
    };
    books.settle(first, vec![(0, Outcome::Delivered), (1, deferred)]);

    let list = site.json(&["queue", "list", "--limit", "1"]);
    assert_eq!(list.as_array().unwrap().len(), 1);
    let message = &list[0];
    assert_eq!(message["id"], first.to_string());
    assert_eq!(
        (&message["tenant"], &message["account"]),
        (&json!(TENANT), &json!(ACCOUNT))
    );
    assert_eq!(message["sender"], ACCOUNT);
    assert_eq!(message["state"], "waiting");
    assert_eq!(message["client"], "192.0.2.7");
    assert_eq!(
        message["recipients"],
        json!([{"address": "user0@contoso.test", "state": "delivered", "reason": null},
               {"address": "user1@contoso.test", "state": "waiting", "reason": "no room"}])
    );
    assert!(message["next_attempt"].as_str().unwrap().ends_with('Z'));
    let rest = ["queue", "list", "--after", &first.to_string()];
    assert_eq!(site.json(&rest)[0]["id"], second.to_string());
    let of_account = ["queue", "list", "--account", ACCOUNT, "--tenant", TENANT];
    assert_eq!(site.json(&of_account).as_array().unwrap().len(), 2);
    assert_eq!(
        site.json(&["queue", "list", "--state", "parked"]),
        json!([])
    );

    let text = site.ok(&["queue", "list"]);
    assert!(text.contains("no room"), "says why it waits: {text}");
    assert_eq!(site.json(&["queue", "show", &first.to_string()]), *message);
    // Row 33: what a client wrote does not command the terminal.
    let text = site.ok(&["queue", "show", &first.to_string()]);
    assert!(
        text.contains("no room") && !text.contains('\u{1b}'),
        "{text}"
    );
    assert!(site.ok(&["queue", "list"]).contains(&second.to_string()));
    let page = site.ok(&["queue", "list", "--limit", "1"]);
    assert!(page.contains(&format!("--after {first}")), "{page}");
    site.fails(&["queue", "show", &QueueId::new(99, 9).to_string()], 3);
    site.fails(&["queue", "show", "nonsense"], 2);
}

#[test]
fn the_audit_says_who_changed_what() {
    let site = Site::new();
    site.ok(&[
        "account",
        "set",
        ACCOUNT,
        "--recipients-per-day",
        "5",
        "--actor",
        "night shift",
    ]);
    let list = site.json(&["audit", "list"]);
    let entries = list.as_array().unwrap();
    let actions: Vec<&str> = entries
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        ["account-set", "account-add", "domain-add", "tenant-add"]
    );
    let newest = &entries[0];
    assert_eq!(newest["actor"], "night shift");
    assert_eq!(newest["subject"], ACCOUNT);
    assert_eq!(newest["tenant"], TENANT);
    assert!(newest["before"].is_object() && newest["after"].is_object());
    assert_eq!(entries[3]["actor"], "olga");
    assert_eq!(entries[3]["before"], json!(null));
    let text = site.ok(&["audit", "list", "--limit", "1"]);
    assert!(
        text.contains("night shift") && text.contains('→') && text.contains("--before"),
        "{text}"
    );
    let before = newest["seq"].to_string();
    let rest = site.json(&["audit", "list", "--before", &before]);
    assert_eq!(rest.as_array().unwrap().len(), 3);
}

#[test]
fn policy_explain_names_the_rule_that_blocks() {
    let site = Site::new();
    site.ok(&["domain", "add", "strict.test", "--kind", "authoritative"]);
    site.run_with(&["recipient", "import", "-"], "ann@strict.test\n");
    let explain = |more: &[&str]| {
        let arguments = [&["policy", "explain", "--account", ACCOUNT], more].concat();
        let plain = site.run(&arguments);
        let ran = site.run(&[&arguments, &["--json"][..]].concat());
        assert_eq!((plain.code, &*plain.err), (ran.code, ""), "{plain:?}");
        let value: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(value["allowed"], ran.code == 0);
        (ran.code, value, plain.out)
    };
    let good = [
        "--from",
        ACCOUNT,
        "--to",
        "user1@contoso.test",
        "ann@strict.test",
        "--size",
        "1MiB",
    ];
    let (code, value, text) = explain(&good);
    assert_eq!(code, 0, "{text}");
    let size = value["rules"]
        .as_array()
        .unwrap()
        .iter()
        .find(|rule| rule["rule"] == "size");
    assert_eq!(size.unwrap()["figures"]["octets"], 1 << 20);
    assert!(text.contains("Nothing blocks"), "{text}");

    let blocks = |more: &[&str], rule: &str| {
        let (code, value, text) = explain(more);
        assert_eq!(code, 5, "{text}");
        let blocking: Vec<&str> = value["rules"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|rule| rule["verdict"] == "blocks")
            .map(|rule| rule["rule"].as_str().unwrap())
            .collect();
        assert_eq!(blocking, [rule], "{text}");
    };
    blocks(&["--to", "x@example.org"], "recipient");
    blocks(&["--to", "bob@strict.test"], "recipient");
    blocks(&["--from", "other@contoso.test"], "sender");
    blocks(&["--from", "<>"], "sender");
    blocks(&["--header-from", "other@contoso.test"], "header");
    blocks(&["--size", "11MiB"], "size");
    site.ok(&["account", "set", ACCOUNT, "--recipients-per-day", "0"]);
    blocks(&["--to", "user1@contoso.test"], "account-quota");
    site.ok(&["account", "suspend", ACCOUNT, "--reason", "lost"]);
    blocks(&["--size", "1"], "account-state");
    site.fails(
        &["policy", "explain", "--account", "nobody@contoso.test"],
        3,
    );
}
