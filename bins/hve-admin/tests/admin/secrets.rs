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

#[test]
fn the_last_use_of_a_secret_is_shown() {
    let site = Site::new();
    let never = site.json(&["secret", "list", ACCOUNT]);
    assert_eq!(never["secrets"][0]["last_used"], serde_json::Value::Null);
    let store = Store::open(&site.store()).unwrap();
    let account = store.credential(&ACCOUNT.parse().unwrap()).unwrap();
    let account = account.unwrap().account;
    let used = |proof: String, mechanism: &str| hve_store::LastUse {
        account: account.id,
        proof,
        at: account.created_at,
        client: "192.0.2.7".parse().unwrap(),
        mechanism: mechanism.into(),
    };
    let version = account.secrets[0].version;
    let batch = hve_store::Batch {
        last_uses: vec![
            used(hve_types::Proof::Secret { version }.name(), "LOGIN"),
            used("token af1c".into(), "XOAUTH2"),
            used("secret 999".into(), "PLAIN"),
        ],
        ..hve_store::Batch::default()
    };
    let mut writer = hve_store::Writer::open(&site.store()).unwrap();
    writer.commit(&batch, account.created_at).unwrap();
    let listed = site.json(&["secret", "list", ACCOUNT]);
    let last = &listed["secrets"][0]["last_used"];
    assert_eq!(
        (&last["from"], &last["mechanism"]),
        (&"192.0.2.7".into(), &"LOGIN".into())
    );
    assert_eq!(listed["others"].as_array().unwrap().len(), 1);
    assert_eq!(listed["others"][0]["proof"], "token af1c");
    let shown = site.run(&["secret", "list", ACCOUNT]).out;
    assert!(shown.contains("from 192.0.2.7 by LOGIN"), "{shown}");
    assert!(shown.contains("token af1c, last"), "{shown}");
}

#[test]
fn a_password_serves_scram_unless_it_cannot() {
    let site = Site::new();
    let set = ["account", "set", ACCOUNT, "--password-stdin"];
    let test = ["account", "test", ACCOUNT, "--mechanism", "scram"];
    let list = ["secret", "list", ACCOUNT];
    assert_eq!(site.run_with(&set, "an ordinary password").code, 0);
    assert_eq!(site.json(&list)["secrets"][0]["scram"], true);
    assert_eq!(site.run(&test).code, 0);
    let salt = |site: &Site| {
        let store = Store::open(&site.store()).unwrap();
        let known = store.credential(&ACCOUNT.parse().unwrap()).unwrap();
        let keys = known.unwrap().secrets.remove(0).scram.unwrap();
        assert_eq!(keys.iterations(), hve_auth::ScramKeys::ITERATIONS);
        assert_eq!(keys.salt(), store.scram_salts().unwrap().of(ACCOUNT));
        keys.salt()
    };
    let before = salt(&site);
    assert_eq!(site.run_with(&set, "another ordinary password").code, 0);
    assert_eq!(salt(&site), before, "a stranger sees no change");

    // Private use: SASLprep forbids it, and PLAIN does not mind.
    assert_eq!(site.run_with(&set, "a password with \u{e000}").code, 0);
    assert_eq!(site.json(&list)["secrets"][0]["scram"], false);
    assert!(site.ok(&list).contains("serves PLAIN and LOGIN only"));
    let blocked = site.run(&test);
    assert_eq!(blocked.code, 5, "{blocked:?}");
    assert_eq!(site.run(&["account", "test", ACCOUNT]).code, 0);
}
