//! What an operator does to the queue.

use hve_store::Outcome;
use hve_types::QueueId;
use serde_json::json;
use time::Duration;

use crate::{
    site::{ACCOUNT, Site},
    writer::Books,
};

const OTHER: &str = "hve02@contoso.test";

/// Three messages of one account, the second of which waits for a full mailbox, and an older one
/// of another account.
fn filled() -> (Site, Books, [String; 4]) {
    let site = Site::new();
    site.add_account(OTHER);
    let mut books = Books::open(&site);
    let early = books.now - Duration::HOUR;
    let ids = [
        books.accept(ACCOUNT, 1, books.now),
        books.accept(ACCOUNT, 2, books.now),
        books.accept(ACCOUNT, 1, books.now),
        books.accept(OTHER, 1, early),
    ];
    let reason = "452 4.2.2 mailbox full".into();
    let outcomes = vec![(0, Outcome::Delivered), (1, Outcome::Deferred { reason })];
    books.settle(ids[1], outcomes);
    (site, books, ids.map(|id: QueueId| id.to_string()))
}

fn done(ids: &[&String]) -> serde_json::Value {
    json!(ids)
}

#[test]
fn single_messages_are_held_released_retried_and_cancelled() {
    let (site, mut books, [one, two, three, _]) = filled();
    let held = site.json(&["queue", "hold", &one, &two]);
    assert_eq!(
        held,
        json!({"change": "hold", "done": [one, two], "as_they_were": [], "gone": []})
    );
    let again = site.ok(&["queue", "hold", &one, &three]);
    assert!(
        again.contains("held 1 message") && again.contains("left 1 message"),
        "{again}"
    );
    let message = site.json(&["queue", "show", &one]);
    assert_eq!(message["state"], "held");
    assert_eq!(message["held"]["by"], "olga");
    assert!(site.ok(&["queue", "show", &one]).contains("held by olga"));
    assert!(site.ok(&["queue", "list"]).contains("held by olga"));

    // What is held stays so, until it is released.
    let retried = site.json(&["queue", "retry", &two]);
    assert_eq!(retried["as_they_were"], done(&[&two]));
    let released = site.json(&["queue", "release", &two]);
    assert_eq!(released["done"], done(&[&two]));
    let reason = "again".into();
    let id: QueueId = two.parse().unwrap();
    books.settle(id, vec![(1, Outcome::Deferred { reason })]);
    let retried = site.json(&["queue", "retry", &two]);
    assert_eq!(retried["done"], done(&[&two]));

    // Cancelling asks.
    let error = site.fails(&["queue", "cancel", &two], 2);
    assert!(error["hint"].as_str().unwrap().contains("--yes"));
    let text = site.ok(&["queue", "cancel", &two, "--yes"]);
    assert!(text.contains("cancelled 1 message"), "{text}");
    site.fails(&["queue", "show", &two], 3);
    site.fails(&["queue", "cancel", &two, "--yes"], 3);
    // The delivery was under way.
    books.settle(id, vec![(1, Outcome::Delivered)]);

    let log = site.json(&["audit", "list"]);
    let of_two: Vec<_> = log
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["subject"] == two)
        .map(|entry| (entry["action"].as_str().unwrap(), entry["actor"].clone()))
        .collect();
    assert_eq!(
        of_two,
        [
            ("queue-cancel-late", json!("delivery")),
            ("queue-cancel", json!("olga")),
            ("queue-retry", json!("olga")),
            ("queue-release", json!("olga")),
            ("queue-hold", json!("olga")),
        ]
    );
    let text = site.ok(&["audit", "list"]);
    assert!(
        text.contains("state: waiting → cancelled") && text.contains("user1@contoso.test"),
        "{text}"
    );
}

#[test]
fn many_messages_are_changed_by_filters_that_combine() {
    let (site, _books, [one, two, three, old]) = filled();
    let list = |filters: &[&str]| -> Vec<String> {
        let all = site.json(&[&["queue", "list"], filters].concat());
        let all = all.as_array().unwrap().iter();
        all.map(|message| message["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(list(&["--older", "30m"]), [&*old]);
    assert_eq!(list(&["--account", ACCOUNT, "--older", "30m"]).len(), 0);
    assert_eq!(list(&["--reason", "Mailbox FULL"]), [&*two]);
    assert_eq!(list(&["--recipient", "user1@contoso.test"]), [&*two]);
    assert_eq!(list(&["--domain", "contoso.test"]).len(), 4);
    assert_eq!(list(&["--domain", "fabrikam.test"]).len(), 0);
    let none = site.ok(&["queue", "list", "--domain", "fabrikam.test"]);
    assert_eq!(none, "no message in the queue is meant\n");

    // Filters without --all could be a slip, and so could --all.
    site.fails(&["queue", "hold", &one, "--account", ACCOUNT], 2);
    site.fails(&["queue", "hold", &one, "--all"], 2);
    site.fails(&["queue", "hold"], 2);
    site.fails(&["queue", "hold", "--all", "--account", OTHER], 2);
    assert_eq!(list(&["--state", "held"]).len(), 0, "nothing was changed");
    let held = site.json(&["queue", "hold", "--all", "--yes", "--account", ACCOUNT]);
    assert_eq!(held["done"], done(&[&one, &two, &three]));
    assert_eq!(list(&["--state", "held"]).len(), 3);
    let text = site.ok(&["queue", "cancel", "--all", "--yes", "--newer", "30m"]);
    assert!(text.starts_with("cancelled 3 messages\n"), "{text}");
    assert_eq!(list(&[]), [old]);
    let text = site.ok(&["queue", "release", "--all", "--state", "held", "--yes"]);
    assert_eq!(text, "no message in the queue is meant\n");
}

#[test]
fn the_queue_in_figures() {
    let (site, _books, _) = filled();
    let stats = site.json(&["queue", "stats"]);
    assert_eq!(
        (&stats["total"]["messages"], &stats["total"]["recipients"]),
        (&json!(4), &json!(4))
    );
    assert_eq!(stats["total"]["octets"], 400);
    assert_eq!(stats["accounts"][0]["account"], ACCOUNT);
    assert_eq!(stats["accounts"][0]["messages"], 3);
    assert_eq!(stats["domains"][0]["domain"], "contoso.test");
    assert_eq!(stats["reasons"][0]["reason"], "not tried yet");
    assert_eq!(stats["reasons"][1]["reason"], "452 4.2.2 mailbox full");
    let text = site.ok(&["queue", "stats"]);
    assert!(
        text.contains("1h 0m") && text.contains("mailbox full"),
        "{text}"
    );
    let of_other = site.json(&["queue", "stats", "--account", OTHER]);
    assert_eq!(of_other["total"]["messages"], 1);
}

#[test]
fn header_fields_are_shown_on_demand_and_the_body_never() {
    let site = Site::new();
    let mut books = Books::open(&site);
    let content = "Subject: pay\u{1b}[2J\r\n\tday\r\n\r\nthe-body-is-private\r\n";
    let id = books.accept_content(ACCOUNT, 1, content).to_string();
    let quiet = site.ok(&["queue", "show", &id]);
    assert!(!quiet.contains("Subject"), "{quiet}");
    assert!(site.json(&["queue", "show", &id]).get("headers").is_none());
    let shown = site.ok(&["queue", "show", &id, "--headers"]);
    assert!(
        shown.contains("Subject: pay") && shown.contains("\n day\n"),
        "{shown}"
    );
    assert!(
        !shown.contains('\u{1b}') && !shown.contains("private"),
        "{shown}"
    );
    let json = site.json(&["queue", "show", &id, "--headers"]);
    assert_eq!(json["headers"], json!(["Subject: pay\u{1b}[2J", " day"]));
}

#[test]
fn a_route_is_a_filter_where_the_configuration_is_known() {
    let (site, _books, _) = filled();
    let count = |words: &str| {
        let list = site.json(&["queue", "list", "--route", words]);
        list.as_array().unwrap().len()
    };
    let error = site.fails(&["queue", "list", "--route", "lmtp"], 2);
    assert!(error["hint"].as_str().unwrap().contains("--config"));
    assert_eq!(
        site.json(&["queue", "stats"])["domains"][0]["route"],
        json!(null)
    );
    let config = "hostname = \"mail.contoso.test\"\n\
         [tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n\
         [store]\npath = \"store.db\"\n\
         [delivery]\nroute = \"hold:\"\n\
         [[delivery.routes]]\ndomain = \"contoso.test\"\nroute = \"lmtp://store.contoso.test\"\n\
         [[listeners]]\naddress = \"127.0.0.1:587\"\n";
    std::fs::write(site.folder().join("hve.toml"), config).unwrap();
    assert_eq!(count("LMTP://store"), 4);
    assert_eq!(count("hold:"), 0);
    let error = site.fails(&["queue", "list", "--route", "smtp://elsewhere"], 3);
    assert!(error["hint"].as_str().unwrap().contains("hold:"));
    let stats = site.json(&["queue", "stats"]);
    let route = stats["domains"][0]["route"].as_str().unwrap();
    assert!(route.starts_with("lmtp://store.contoso.test"), "{route}");
    let text = site.ok(&["queue", "stats"]);
    assert!(text.contains("contoso.test by lmtp://store"), "{text}");
}
