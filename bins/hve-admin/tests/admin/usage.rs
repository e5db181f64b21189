//! Usage reports: what the events say, whatever the format.

use hve_store::Outcome;
use serde_json::{Value, json};
use time::Duration;

use crate::{
    site::{ACCOUNT, Site, TENANT},
    writer::Books,
};

/// Days that hold every moment of the test, even around midnight.
const ALWAYS: [&str; 4] = ["--from", "2020-01-01", "--to", "2999-12-31"];

fn report(site: &Site, more: &[&str]) -> Value {
    site.json(&[&["usage", "report"], &ALWAYS[..], more].concat())
}

#[test]
fn the_report_equals_the_quota_and_names_what_was_refused() {
    let site = Site::new();
    site.add_account("hve02@contoso.test");
    let mut books = Books::open(&site);
    let (now, before) = (books.now, books.now - Duration::DAY);
    let first = books.accept(ACCOUNT, 3, before);
    books.accept("hve02@contoso.test", 2, now);
    let failed = Outcome::Failed {
        reason: "no such user".into(),
    };
    books.settle(
        first,
        vec![
            (0, Outcome::Delivered),
            (1, Outcome::Delivered),
            (2, failed),
        ],
    );
    books.refuse("quota-tenant", 4);

    let by_account = report(&site, &["--by", "account"]);
    assert_eq!(by_account["from"], "2020-01-01T00:00:00Z");
    assert_eq!(by_account["to"], "3000-01-01T00:00:00Z");
    assert_eq!(
        by_account["rows"],
        json!([
            {"tenant": TENANT, "account": ACCOUNT, "day": null, "messages": 1, "recipients": 3,
             "octets": 100, "delivered": 2, "failed": 1, "members": 0,
             "refused": {"quota-tenant": 4}},
            {"tenant": TENANT, "account": "hve02@contoso.test", "day": null, "messages": 1,
             "recipients": 2, "octets": 100, "delivered": 0, "failed": 0, "members": 0,
             "refused": {}},
        ])
    );
    for by in ["day", "tenant"] {
        assert_eq!(
            report(&site, &["--by", by])["total"],
            by_account["total"],
            "{by}"
        );
    }
    assert_eq!(
        report(&site, &["--by", "day"])["rows"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let one = report(&site, &["--account", "hve02@contoso.test"]);
    assert_eq!(one["total"]["recipients"], 2);
    assert_eq!(
        report(&site, &["--tenant", TENANT])["total"],
        by_account["total"]
    );

    // The default period holds yesterday and today, in any zone.
    for zone in ["utc", "local", "+05:45", "-08:00", "America/New_York"] {
        let last = site.json(&["usage", "report", "--zone", zone, "--by", "day"]);
        assert_eq!(last["total"]["recipients"], 5, "{zone}");
    }

    // Row 62: an account that is gone keeps its usage.
    site.ok(&["account", "remove", "hve02@contoso.test", "--yes"]);
    assert_eq!(report(&site, &[])["rows"], by_account["rows"]);
}

#[test]
fn a_report_is_a_table_csv_or_json() {
    let site = Site::new();
    let mut books = Books::open(&site);
    books.accept(ACCOUNT, 3, books.now);
    books.refuse("external", 2);
    let run = |more: &[&str]| site.ok(&[&["usage", "report"], &ALWAYS[..], more].concat());
    assert_eq!(
        run(&["--format", "csv"]),
        "account,tenant,messages,recipients,octets,delivered,failed,refused,members,refused_by_reason\r\n\
         hve01@contoso.test,contoso.test,1,3,100,0,0,2,0,external:2\r\n"
    );
    let json: Value = serde_json::from_str(&run(&["--format", "json"])).unwrap();
    assert_eq!(json, report(&site, &[]));
    let table = run(&[]);
    assert!(
        table.contains("hve01@contoso.test") && table.contains("Refused attempts"),
        "{table}"
    );

    // Row 62: nothing happened.
    let empty = [
        "usage",
        "report",
        "--from",
        "2020-01-01",
        "--to",
        "2020-01-31",
    ];
    assert!(site.ok(&empty).contains("Nothing was sent"));
    assert_eq!(site.json(&empty)["rows"], json!([]));
}

#[test]
fn row_33_a_formula_is_text_in_csv() {
    let site = Site::new();
    // An address may begin with what a spreadsheet takes for a formula.
    for local in ["=1+1", "+cmd", "-2"] {
        site.add_account(&format!("{local}@contoso.test"));
    }
    let mut books = Books::open(&site);
    for local in ["=1+1", "+cmd", "-2"] {
        books.accept(&format!("{local}@contoso.test"), 1, books.now);
    }
    let csv = site.ok(&[&["usage", "report", "--format", "csv"], &ALWAYS[..]].concat());
    for line in csv.lines().skip(1) {
        assert!(line.starts_with('\''), "{csv}");
    }
    assert_eq!(csv.lines().count(), 4);
}

#[test]
fn a_report_that_cannot_be_is_a_usage_error() {
    let site = Site::new();
    site.fails(
        &[
            "usage",
            "report",
            "--from",
            "2026-11-30",
            "--to",
            "2026-11-01",
        ],
        2,
    );
    site.fails(&["usage", "report", "--from", "yesterday"], 2);
    site.fails(&["usage", "report", "--zone", "Mars/Olympus"], 2);
    site.fails(&["usage", "report", "--account", "nobody@contoso.test"], 3);
    let both = site.run(&["usage", "report", "--json", "--format", "csv"]);
    assert_eq!(both.code, 2, "{both:?}");
}
