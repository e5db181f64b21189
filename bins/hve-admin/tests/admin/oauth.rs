//! Issuers of a tenant and applications of an account.

use serde_json::json;

use crate::site::{ACCOUNT, Site};

const ISSUER: &str = "https://login.microsoftonline.com/72f988bf/v2.0";
const AUDIENCE: &str = "https://outlook.office365.com";
const OBJECT: &str = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";

#[test]
fn an_issuer_is_added_once_shown_and_removed() {
    let site = Site::new();
    let add = [
        "sign-in",
        "issuer",
        "add",
        ISSUER,
        "--audience",
        AUDIENCE,
        "--audience",
        "smtp",
        "--directory",
        "72f988bf",
    ];
    let added = site.json(&add);
    let issuers =
        json!([{"url": ISSUER, "audiences": [AUDIENCE, "smtp"], "directory": "72f988bf"}]);
    assert_eq!(added["issuers"], issuers);
    assert_eq!(site.run(&add).code, 4, "twice");
    assert_eq!(site.json(&["sign-in", "show"])["issuers"], issuers);
    let told = site.run(&["sign-in", "issuer", "list"]);
    assert!(told.out.contains(ISSUER), "{}", told.out);
    let remove = ["sign-in", "issuer", "remove", ISSUER, "--yes"];
    assert_eq!(site.json(&remove)["issuers"], json!([]));
    assert_eq!(site.run(&remove).code, 3);
}

#[test]
fn an_issuer_must_be_one() {
    let site = Site::new();
    for url in [
        "http://id.contoso.test",
        "id.contoso.test",
        "https://id.test/?a",
        "ftp://id.test",
    ] {
        let words = ["sign-in", "issuer", "add", url, "--audience", "smtp"];
        assert_eq!(site.run(&words).code, 2, "{url}");
    }
    assert_eq!(site.run(&["sign-in", "issuer", "add", ISSUER]).code, 2);
    let spaced = ["sign-in", "issuer", "add", ISSUER, "--audience", "a b"];
    assert_eq!(site.run(&spaced).code, 4);
    let here = "http://127.0.0.1:8080";
    let words = ["sign-in", "issuer", "add", here, "--audience", "smtp"];
    assert_eq!(site.run(&words).code, 0);
}

#[test]
fn ten_applications_are_let_in_each_once() {
    let site = Site::new();
    let add = |id: &str| site.run(&["sign-in", "app", "add", ACCOUNT, id]);
    let named = [
        "sign-in", "app", "add", ACCOUNT, OBJECT, "--label", "payroll",
    ];
    let added = site.run(&named);
    assert_eq!(added.code, 0, "{added:?}");
    assert!(added.out.contains("sign-in issuer add"), "{}", added.out);
    assert_eq!(add(&OBJECT.to_uppercase()).code, 4, "twice");
    for number in 1..10 {
        assert_eq!(add(&number.to_string()).code, 0);
    }
    let eleventh = add("10");
    assert_eq!(eleventh.code, 4);
    assert!(eleventh.err.contains("remove one first"), "{eleventh:?}");
    let listed = site.json(&["sign-in", "app", "list", ACCOUNT]);
    assert_eq!(
        listed["apps"][0],
        json!({"object_id": OBJECT, "label": "payroll"})
    );
    let told = site.run(&["sign-in", "show"]);
    assert!(told.out.contains("(payroll)"), "{}", told.out);
    let upper = OBJECT.to_uppercase();
    let remove = ["sign-in", "app", "remove", ACCOUNT, &upper, "--yes"];
    assert_eq!(site.json(&remove)["apps"].as_array().unwrap().len(), 9);
    assert_eq!(site.run(&remove).code, 3);
}

#[test]
fn what_lacks_for_a_mechanism_is_named_and_lifted() {
    let site = Site::new();
    let blocking = |mechanism: &str| {
        let ran = site.run(&[
            "account",
            "test",
            ACCOUNT,
            "--mechanism",
            mechanism,
            "--json",
        ]);
        let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        let rules = told["rules"].as_array().unwrap().clone();
        let blocks = rules.iter().filter(|rule| rule["verdict"] == "blocks");
        let names: Vec<String> = blocks
            .inspect(|rule| assert!(rule["lift"].as_str().unwrap().contains("hve-admin ")))
            .map(|rule| rule["rule"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(ran.code, if names.is_empty() { 0 } else { 5 });
        names
    };
    site.json(&["sign-in", "set", "--security-defaults", "on"]);
    assert_eq!(blocking("plain"), ["security-defaults"]);
    assert_eq!(blocking("scram-sha-256"), ["security-defaults"]);
    assert_eq!(blocking("external"), ["certificate-list"]);
    assert_eq!(blocking("oauth"), ["issuer", "application"]);
    site.json(&["sign-in", "issuer", "add", ISSUER, "--audience", AUDIENCE]);
    assert_eq!(blocking("xoauth2"), ["application"]);
    site.json(&["sign-in", "app", "add", ACCOUNT, OBJECT]);
    assert!(blocking("oauthbearer").is_empty());
    let told = site.run(&["account", "test", ACCOUNT, "--mechanism", "oauth"]);
    assert!(
        told.out.contains(OBJECT) && told.out.contains(ISSUER),
        "{}",
        told.out
    );

    site.json(&["sign-in", "set", "--security-defaults", "off"]);
    site.run(&["secret", "revoke", ACCOUNT, "password", "--yes"]);
    assert_eq!(blocking("login"), ["secret"]);
    assert!(blocking("oauth").is_empty(), "a token needs no secret");
}

#[test]
fn an_old_device_that_is_offered_login_alone_cannot_use_a_token() {
    let site = Site::new();
    site.json(&["sign-in", "issuer", "add", ISSUER, "--audience", AUDIENCE]);
    site.json(&["sign-in", "app", "add", ACCOUNT, OBJECT]);
    let only = ["--from", "192.0.2.7", "--lenient-login-only", "on"];
    site.json(&[&["sign-in", "account", ACCOUNT][..], &only].concat());
    let test = |mechanism: &str| {
        let words = ["account", "test", ACCOUNT, "--from-address", "192.0.2.7"];
        site.run(&[&words[..], &["--mechanism", mechanism]].concat())
    };
    assert_eq!(test("login").code, 0);
    let told = test("oauth");
    assert_eq!(told.code, 5);
    assert!(
        told.out.contains("--lenient-login-only off"),
        "{}",
        told.out
    );
}
