//! Secrets of accounts.

use hve_store::{ChangeError, NewSecret, Store};
use time::macros::utc_datetime;

use crate::site::{Site, act};

fn secret(site: &Site, label: &str) -> NewSecret {
    let known = site.store.credential(&site.account.address).unwrap();
    NewSecret {
        label: label.into(),
        password: known.unwrap().secrets[0].hash.clone().into(),
        expires_at: Some(utc_datetime!(2027-01-01 0:00)),
    }
}

#[test]
fn two_secrets_are_the_most_and_labels_are_told_apart_without_case() {
    let site = Site::new();
    let add = |label: &str| {
        let new = secret(&site, label);
        site.store.add_secret(site.account.id, &new, &act())
    };
    assert!(matches!(add("PASSWORD"), Err(ChangeError::SecretTaken(_))));
    assert!(matches!(add("a\nb"), Err(ChangeError::BadText { .. })));
    let added = add("winter").unwrap();
    assert_eq!(added.secrets.len(), 2);
    assert!(added.secrets[0].version < added.secrets[1].version);
    assert!(added.credential_version > site.account.credential_version);
    assert!(matches!(add("third"), Err(ChangeError::SecretCap)));
    let shown = site.store.account(&site.account.address).unwrap().unwrap();
    assert_eq!(shown, added);
}

#[test]
fn a_number_is_never_given_again() {
    let site = Site::new();
    let id = site.account.id;
    let first = site
        .store
        .add_secret(id, &secret(&site, "a"), &act())
        .unwrap();
    site.store.revoke_secret(id, "A", &act()).unwrap();
    let gone = site.store.revoke_secret(id, "a", &act());
    assert!(matches!(gone, Err(ChangeError::UnknownSecret(_))));
    let second = site
        .store
        .add_secret(id, &secret(&site, "a"), &act())
        .unwrap();
    assert!(second.secrets[1].version > first.secrets[1].version);
}

#[test]
fn a_removed_account_leaves_no_hash_behind() {
    let site = Site::new();
    site.store.remove_account(site.account.id, &act()).unwrap();
    let raw = rusqlite::Connection::open(site.path()).unwrap();
    let left: i64 = raw
        .query_row("SELECT count(*) FROM secret", (), |row| row.get(0))
        .unwrap();
    assert_eq!(left, 0);
    let audit = site.store.audit(None, 100).unwrap();
    assert!(audit.iter().all(|entry| {
        let shown = format!("{:?}{:?}", entry.before, entry.after);
        !shown.contains("argon2")
    }));
}

#[test]
fn row_51_the_password_of_an_older_store_becomes_its_first_secret() {
    let site = Site::new();
    let known = site
        .store
        .credential(&site.account.address)
        .unwrap()
        .unwrap();
    let phc = known.secrets[0].hash.as_phc().to_owned();
    // Back to the schema before secrets.
    let raw = rusqlite::Connection::open(site.path()).unwrap();
    raw.execute_batch("ALTER TABLE account ADD COLUMN password TEXT NOT NULL DEFAULT ''")
        .unwrap();
    raw.execute("UPDATE account SET password = ?1", [&phc])
        .unwrap();
    raw.execute_batch(
        "DROP TABLE secret; DROP TABLE failed_session; DROP TABLE known_client;
         DROP TABLE scram_salt; DROP TABLE suspect; DROP TABLE guard_reset;
         DROP TABLE last_use; DROP TABLE failed_recipient;
         DROP TABLE cancelled; DROP TABLE withheld;
         DROP TABLE group_member;
         ALTER TABLE message DROP COLUMN delay_told;
         ALTER TABLE message DROP COLUMN notice_of;
         ALTER TABLE tenant DROP COLUMN postmaster;
         ALTER TABLE account DROP COLUMN bounce_to; ALTER TABLE account DROP COLUMN reply_to;
         ALTER TABLE message DROP COLUMN held; PRAGMA user_version = 2",
    )
    .unwrap();
    drop(raw);
    let store = Store::open(&site.path()).unwrap();
    let now = store.credential(&site.account.address).unwrap().unwrap();
    assert_eq!(now.secrets[0].hash.as_phc(), phc);
    assert_eq!(now.account.secrets[0].label, "password");
}

#[test]
fn a_password_is_kept_for_scram_too() {
    let site = Site::new();
    let kept = |site: &Site| {
        let known = site.store.credential(&site.account.address).unwrap();
        let secrets = known.unwrap().secrets;
        let scram = |secret: &hve_auth::Secret| secret.scram.as_ref().map(|keys| keys.to_text());
        secrets.iter().map(scram).collect::<Vec<_>>()
    };
    let set = crate::site::password("correct horse battery")
        .scram
        .unwrap();
    assert_eq!(kept(&site), [Some(set.to_text())]);
    // A hash alone is a password that SCRAM forbids, or one of an older store.
    let new = secret(&site, "second");
    site.store
        .add_secret(site.account.id, &new, &act())
        .unwrap();
    assert_eq!(kept(&site), [Some(set.to_text()), None]);
    let raw = crate::site::raw(&site.path());
    raw.execute("UPDATE secret SET scram = 'SCRAM-SHA-256$1:'", ())
        .unwrap();
    let broken = site.store.credential(&site.account.address).unwrap_err();
    assert!(broken.to_string().contains("SCRAM keys of"), "{broken}");
}

#[test]
fn row_19_salts_last_as_long_as_the_store() {
    let (one, other) = (Site::new(), Site::new());
    let user = "nobody@contoso.test";
    let salt = one.store.scram_salts().unwrap().of(user);
    let again = Store::open(&one.path()).unwrap();
    assert_eq!(again.scram_salts().unwrap().of(user), salt);
    assert_ne!(other.store.scram_salts().unwrap().of(user), salt);
}
