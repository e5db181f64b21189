//! Sessions that failed: the list, one of them, and what eyes are spared.

use hve_store::{Diagnosis, FailedSession};
use serde_json::json;
use time::Duration;

use crate::{
    site::{ACCOUNT, Site},
    writer::Books,
};

fn session(books: &Books, name: &str, client: &str) -> FailedSession {
    FailedSession {
        session: name.into(),
        at: books.now,
        client: client.parse().unwrap(),
        network: client.parse().unwrap(),
        listener: "192.0.2.9:587".parse().unwrap(),
        tls: "starttls".into(),
        account: None,
        diagnoses: vec![Diagnosis {
            key: "no-starttls".into(),
            finding: "It never sent STARTTLS.".into(),
            remedy: "Turn encryption on.".into(),
        }],
        lines: vec!["S: 220 mx".into(), "C: EHLO \u{1b}[2J".into()],
    }
}

#[test]
fn failed_sessions_are_listed_and_shown_with_what_to_do() {
    let site = Site::new();
    assert_eq!(site.json(&["sessions", "failed"]), json!([]));
    assert!(site.ok(&["sessions", "failed"]).contains("7 days"));
    let mut books = Books::open(&site);
    let mut signed_in = session(&books, "5f3a.2", "192.0.2.7");
    signed_in.account = Some(ACCOUNT.parse().unwrap());
    let mut old = session(&books, "5f3a.3", "192.0.2.8");
    old.at = books.now - FailedSession::KEPT - Duration::DAY;
    books.failed(vec![
        session(&books, "5f3a.1", "2001:db8::7"),
        signed_in,
        old,
    ]);

    let names = |more: &[&str]| -> Vec<String> {
        let list = site.json(&[&["sessions", "failed"], more].concat());
        let names = list.as_array().unwrap().iter();
        names
            .map(|one| one["session"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        names(&[]),
        ["5f3a.2", "5f3a.1"],
        "newest first, none too old"
    );
    assert_eq!(names(&["--account", "HVE01@contoso.test"]), ["5f3a.2"]);
    assert_eq!(names(&["--from", "2001:db8::7"]), ["5f3a.1"]);
    assert_eq!(names(&["--from", "::ffff:192.0.2.7"]), ["5f3a.2"]);
    assert_eq!(names(&["--limit", "1"]), ["5f3a.2"]);

    let text = site.ok(&["sessions", "failed", "--limit", "1"]);
    assert!(text.contains("never sent STARTTLS"), "{text}");
    assert!(text.contains("there are more"), "{text}");
    let text = site.ok(&["sessions", "show", "5f3a.2-1]"]);
    for words in [
        ACCOUNT,
        "192.0.2.9:587 (starttls)",
        "never sent STARTTLS",
        "Turn encryption on",
        "S: 220 mx",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains('\u{1b}'), "{text}");
    let shown = site.json(&["sessions", "show", "5f3a.1"]);
    assert_eq!(shown["diagnoses"][0]["key"], "no-starttls");
    assert_eq!(shown["account"], json!(null));
    assert_eq!(shown["lines"].as_array().unwrap().len(), 2);

    let error = site.fails(&["sessions", "show", "5f3a.9"], 3);
    assert!(error["hint"].as_str().unwrap().contains("sessions failed"));
}
