//! Tenants, domains and recipients.

use std::fs;

use crate::site::{Site, TENANT};
use serde_json::json;

#[test]
fn a_tenant_lives_from_add_to_remove() {
    let site = Site::empty();
    let added = site.json(&["tenant", "add", "Contoso.TEST", "--kind", "authoritative"]);
    assert_eq!(added["tenant"], TENANT);
    assert_eq!(
        added["domains"],
        json!([{"domain": TENANT, "kind": "authoritative"}])
    );
    assert_eq!(
        added["limits"],
        json!({"recipients_per_day": 100_000, "recipients_per_message": 50, "accounts": 20,
               "message_size": 10_485_760, "sessions_per_account": 50})
    );
    assert_eq!(added["state"], "active");
    assert!(added["created_at"].as_str().unwrap().ends_with('Z'));

    // The form of the contract.
    let arguments = "tenant set contoso.test --recipients-per-day 200000 \
                     --recipients-per-message 40 --accounts 10 --message-size 500KB";
    site.ok(&arguments.split_whitespace().collect::<Vec<_>>());
    let unlimited = ["tenant", "set", TENANT, "--recipients-per-day", "unlimited"];
    let set = site.json(&unlimited);
    assert_eq!(
        set["limits"],
        json!({"recipients_per_day": null, "recipients_per_message": 40, "accounts": 10,
               "message_size": 500_000, "sessions_per_account": 50})
    );

    assert_eq!(site.json(&["tenant", "show"]), set);
    assert_eq!(site.json(&["tenant", "list"]), json!([set]));
    assert!(site.ok(&["tenant", "list"]).contains("unlimited"));

    let removed = site.json(&["tenant", "remove", TENANT, "--yes"]);
    assert_eq!(removed["removed"]["tenant"], TENANT);
    assert_eq!(site.json(&["tenant", "list"]), json!([]));
}

#[test]
fn a_suspension_has_a_reason_an_actor_and_an_end() {
    let site = Site::new();
    let suspended = site.json(&[
        "tenant",
        "suspend",
        TENANT,
        "--reason",
        "abuse",
        "--until",
        "2999-01-01T01:00:00+01:00",
        "--actor",
        "night shift",
    ]);
    assert_eq!(suspended["state"], "suspended");
    let suspension = &suspended["suspension"];
    assert_eq!(suspension["reason"], "abuse");
    assert_eq!(suspension["actor"], "night shift");
    assert_eq!(suspension["until"], "2999-01-01T00:00:00Z");
    let text = site.ok(&["tenant", "show", TENANT]);
    assert!(
        text.contains("suspended until 2999-01-01 01:00:00 CET by night shift: abuse"),
        "{text}"
    );

    let log = site.json(&["audit", "list"]);
    let log = log.as_array().unwrap();
    let entry = log.iter().find(|entry| entry["action"] == "tenant-suspend");
    let after = &entry.unwrap()["after"]["suspension"];
    assert_eq!(after["until"], "2999-01-01T00:00:00Z");
    assert!(after["since"].as_str().unwrap().ends_with('Z'), "{after}");

    let resumed = site.json(&["tenant", "resume", TENANT]);
    assert_eq!(
        (&resumed["state"], &resumed["suspension"]),
        (&json!("active"), &json!(null))
    );
    let past = [
        "tenant",
        "suspend",
        TENANT,
        "--reason",
        "x",
        "--until",
        "2020-01-01T00:00:00Z",
    ];
    site.fails(&past, 2);
    site.fails(&["tenant", "suspend", TENANT], 2);
    site.fails(&["tenant", "suspend", TENANT, "--reason", " "], 2);
}

#[test]
fn a_tenant_is_named_by_any_of_its_domains_and_only_where_there_are_several() {
    let site = Site::new();
    site.ok(&["domain", "add", "contoso.example"]);
    assert_eq!(
        site.json(&["tenant", "show", "contoso.example"])["tenant"],
        TENANT
    );
    site.ok(&["tenant", "add", "fabrikam.test"]);
    let error = site.fails(&["domain", "list"], 2);
    assert_eq!(error["hint"], "known tenants: contoso.test, fabrikam.test");
    let error = site.fails(&["domain", "list", "--tenant", "fabrikan.test"], 3);
    assert_eq!(error["hint"], "known tenants: contoso.test, fabrikam.test");
    let list = site.json(&["domain", "list", "--tenant", "contoso.example"]);
    assert_eq!(list[0]["tenant"], TENANT);
}

#[test]
fn domains_come_and_go() {
    let site = Site::new();
    let added = site.json(&["domain", "add", "Bücher.test", "--kind", "authoritative"]);
    assert_eq!(
        added,
        json!({"domain": "xn--bcher-kva.test", "kind": "authoritative", "tenant": TENANT})
    );
    let list = site.json(&["domain", "list"]);
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert!(site.ok(&["domain", "list"]).contains("authoritative"));

    // Taken; the tenant's name; with accounts; unknown; without a terminal and without --yes.
    site.fails(&["domain", "add", TENANT], 4);
    site.fails(&["domain", "remove", TENANT, "--yes"], 4);
    site.fails(&["domain", "remove", "nowhere.test", "--yes"], 3);
    let error = site.fails(&["domain", "remove", "bücher.test"], 2);
    assert!(error["hint"].as_str().unwrap().contains("--yes"), "{error}");

    let removed = site.json(&["domain", "remove", "bücher.test", "--yes"]);
    assert_eq!(removed["removed"]["domain"], "xn--bcher-kva.test");
    assert_eq!(site.json(&["domain", "list"]).as_array().unwrap().len(), 1);
}

#[test]
fn recipients_are_imported_all_or_none() {
    let site = Site::new();
    let file = site.folder().join("people.csv");
    let path = file.to_str().unwrap();
    fs::write(&file, "mail;name\n").unwrap();
    assert_eq!(site.json(&["recipient", "import", path])["added"], 0);

    fs::write(
        &file,
        "Mail,Name\r\nann@contoso.test,Ann\r\nBob@contoso.test,Bob\r\n",
    )
    .unwrap();
    let imported = site.json(&["recipient", "import", path]);
    assert_eq!(
        imported,
        json!({"tenant": TENANT, "added": 2, "already_listed": 0})
    );
    let again = site.run_with(
        &["recipient", "import", "-", "--json"],
        "bob@contoso.test\ncid@contoso.test\n",
    );
    assert!(again.out.contains("\"already_listed\": 1"), "{again:?}");

    let page = site.json(&["recipient", "list", "--limit", "2"]);
    let both = json!([{"address": "ann@contoso.test"}, {"address": "Bob@contoso.test"}]);
    assert_eq!(page, both);
    let text = site.ok(&["recipient", "list", "--limit", "2"]);
    assert!(text.contains("--after Bob@contoso.test"), "{text}");
    let rest = site.json(&["recipient", "list", "--after", "bob@contoso.test"]);
    assert_eq!(rest, json!([{"address": "cid@contoso.test"}]));

    fs::write(&file, "new@contoso.test\nnobody\nx@@y\n").unwrap();
    let error = site.fails(&["recipient", "import", path], 4);
    assert!(
        error["hint"].as_str().unwrap().contains("line 2: nobody"),
        "{error}"
    );
    fs::write(&file, "new@contoso.test\nout@example.org\n").unwrap();
    site.fails(&["recipient", "import", path], 4);
    site.fails(&["recipient", "import", "/nowhere.csv"], 3);
    assert_eq!(
        site.json(&["recipient", "list"]).as_array().unwrap().len(),
        3
    );

    site.json(&["recipient", "remove", "ANN@contoso.test", "--yes"]);
    site.fails(&["recipient", "remove", "ann@contoso.test", "--yes"], 3);
    assert_eq!(
        site.json(&["recipient", "list"]).as_array().unwrap().len(),
        2
    );
}

#[test]
fn a_group_has_members_and_says_who_gets_the_mail() {
    let site = Site::new();
    let group = |verb: &str, words: &[&str]| -> Vec<String> {
        let all = [&["recipient", "group", verb], words].concat();
        all.iter().map(|word| (*word).to_owned()).collect()
    };
    let run = |verb: &str, words: &[&str]| {
        let all = group(verb, words);
        site.json(&all.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let fails = |verb: &str, words: &[&str], code| {
        let all = group(verb, words);
        site.fails(&all.iter().map(String::as_str).collect::<Vec<_>>(), code)
    };
    let all = "all@contoso.test";
    let added = run("add", &[all, "a@contoso.test", "it@contoso.test"]);
    assert_eq!(
        added,
        json!({"group": all, "added": 2, "already_listed": 0, "members": 2})
    );
    run(
        "add",
        &["it@contoso.test", "b@contoso.test", "a@contoso.test"],
    );
    let direct = run("members", &[all]);
    assert_eq!(
        direct,
        json!([{"address": "a@contoso.test"}, {"address": "it@contoso.test"}])
    );
    let expanded = run("members", &[all, "--expanded"]);
    assert_eq!(
        expanded,
        json!([{"address": "a@contoso.test"}, {"address": "b@contoso.test"}])
    );
    fails("add", &["it@contoso.test", all], 4);
    fails("add", &[all, "x@fabrikam.test"], 4);
    fails("remove", &[all, "x@contoso.test"], 3);
    fails("members", &["a@contoso.test"], 3);
    let removed = run("remove", &[all, "it@contoso.test", "a@contoso.test"]);
    assert_eq!(removed["members"], 0);
    fails("members", &[all], 3);
    let log = site.ok(&["audit", "list"]);
    assert!(
        log.contains("group-add") && log.contains("group-remove"),
        "{log}"
    );
}
