//! Who hears of failures, and the list of them.

use hve_store::{Outcome, Reason};
use serde_json::{Value, json};

use crate::{
    site::{ACCOUNT, Site, TENANT},
    writer::Books,
};

fn refused() -> Outcome {
    Outcome::Failed {
        reason: Reason {
            words: "mx1.contoso.test: rcpt: refused: 550 5.1.1 No such user\u{1b}[2J".into(),
            stage: Some("rcpt".into()),
            hop: Some("mx1.contoso.test".into()),
            status: Some([5, 1, 1]),
            reply: Some("550 5.1.1 No such user".into()),
        },
    }
}

#[test]
fn failures_are_listed_by_account_in_the_next_hops_words() {
    let site = Site::new();
    site.add_account("hve02@contoso.test");
    assert_eq!(site.json(&["bounces"]), json!([]));
    let none = site.ok(&["bounces"]);
    assert!(none.contains("no recipient was given up"), "{none}");
    let mut books = Books::open(&site);
    let first = books.accept(ACCOUNT, 2, books.now);
    books.settle(first, vec![(0, Outcome::Delivered), (1, refused())]);
    let second = books.accept("hve02@contoso.test", 1, books.now);
    books.settle(second, vec![(0, refused())]);

    let all = site.json(&["bounces"]);
    assert_eq!(all.as_array().map(Vec::len), Some(2));
    let one = site.json(&["bounces", "--account", ACCOUNT]);
    let [row] = one.as_array().unwrap().as_slice() else {
        panic!("{one}");
    };
    let expected = json!({
        "at": row["at"], "tenant": TENANT, "account": ACCOUNT, "message": first.to_string(),
        "recipient": "user1@contoso.test", "status": "5.1.1", "stage": "rcpt",
        "next_hop": "mx1.contoso.test", "reply": "550 5.1.1 No such user",
        "why": "mx1.contoso.test: rcpt: refused: 550 5.1.1 No such user\u{1b}[2J",
        "told": Value::Null,
    });
    assert_eq!(row, &expected);
    assert_eq!(site.json(&["bounces", "--since", "2999-01-01"]), json!([]));

    let text = site.ok(&["bounces", "--limit", "1"]);
    assert!(
        text.contains("No such user") && !text.contains('\u{1b}'),
        "{text}"
    );
    assert!(text.contains("there are more: --limit"), "{text}");
    assert!(text.contains("account set --bounce-to"), "{text}");
}

#[test]
fn who_hears_of_failures_is_set_within_the_house() {
    let site = Site::new();
    let set = ["account", "set", ACCOUNT];
    let shown = site.json(&[&set[..], &["--bounce-to", "it@contoso.test"]].concat());
    assert_eq!(shown["bounce_to"], "it@contoso.test");
    let shown = site.json(&[&set[..], &["--reply-to", "boss@example.org"]].concat());
    assert_eq!(shown["bounce_to"], "it@contoso.test");
    assert_eq!(shown["reply_to"], "boss@example.org");
    let shown = site.json(&[&set[..], &["--bounce-to", "none"]].concat());
    assert_eq!(shown["bounce_to"], Value::Null);
    site.fails(&[&set[..], &["--bounce-to", "it@example.org"]].concat(), 4);

    let set = ["tenant", "set", TENANT, "--postmaster"];
    let shown = site.json(&[&set[..], &["postmaster@contoso.test"]].concat());
    assert_eq!(shown["postmaster"], "postmaster@contoso.test");
    let text = site.ok(&["account", "show", ACCOUNT]);
    assert!(
        text.contains("postmaster@contoso.test, the tenant's"),
        "{text}"
    );
    let nonsense = site.run(&[&set[..], &["postmaster"]].concat());
    assert_eq!(nonsense.code, 2, "{nonsense:?}");
}
