//! Two secrets an account, and rotation.

use crate::site::{ACCOUNT, CANARY, Site, contains};
use hve_store::Store;
use secrecy::SecretString;

/// Which secret of the account, by its place, this password is.
fn place(site: &Site, password: &str) -> Option<usize> {
    let store = Store::open(&site.store()).unwrap();
    let found = store
        .credential(&ACCOUNT.parse().unwrap())
        .unwrap()
        .unwrap();
    let hashes: Vec<_> = found
        .secrets
        .into_iter()
        .map(|secret| secret.hash)
        .collect();
    hve_auth::PasswordHash::matching(&hashes, &SecretString::from(password))
}

#[test]
fn a_secret_is_rotated_without_a_gap() {
    let site = Site::new();
    let first = "a password of the first days";
    let set = ["account", "set", ACCOUNT, "--password-stdin"];
    assert_eq!(site.run_with(&set, first).code, 0);
    let add = [
        "secret",
        "add",
        ACCOUNT,
        "winter",
        "--password-stdin",
        "--json",
    ];
    let added = site.run_with(&add, CANARY);
    assert_eq!(added.code, 0, "{added:?}");
    assert_eq!(
        (place(&site, first), place(&site, CANARY)),
        (Some(0), Some(1))
    );
    let again = ["secret", "add", ACCOUNT, "third", "--password-stdin"];
    assert_eq!(site.run_with(&again, CANARY).code, 4, "two are the most");

    let revoke = ["secret", "revoke", ACCOUNT, "PASSWORD", "--yes"];
    assert_eq!(site.run(&revoke).code, 0);
    assert_eq!(site.run(&revoke).code, 3, "it is gone");
    assert_eq!((place(&site, first), place(&site, CANARY)), (None, Some(0)));
    let list = site.json(&["secret", "list", ACCOUNT]);
    assert_eq!(list["secrets"][0]["label"], "winter");
    assert_eq!(list["secrets"].as_array().unwrap().len(), 1);
    assert!(
        !contains(&site.everything(), CANARY),
        "a stolen store gives no password"
    );
}

#[test]
fn a_made_secret_is_shown_once_and_a_past_end_is_refused() {
    let site = Site::new();
    let words = ["secret", "add", ACCOUNT, "made", "--generate-password"];
    let made = site.json(&[&words[..], &["--expires", "2099-01-01T00:00:00Z"]].concat());
    let password = made["password"].as_str().unwrap();
    assert_eq!(place(&site, password), Some(1));
    assert_eq!(made["secrets"][1]["expires_at"], "2099-01-01T00:00:00Z");
    let past = [&words[..], &["--expires", "2020-01-01T00:00:00Z"]].concat();
    assert_eq!(site.run(&past).code, 2);
    assert!(
        site.json(&["secret", "list", ACCOUNT])
            .get("password")
            .is_none()
    );
}
