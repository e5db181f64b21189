//! The cache of verified passwords: bound to account and version, short-lived, bounded.

use std::{collections::HashMap, time::Duration};

use hve_auth::CredentialCache;
use hve_types::AccountId;
use proptest::{collection::vec, prelude::*};
use secrecy::SecretString;

const TTL: Duration = Duration::from_secs(300);
const ZERO: Duration = Duration::ZERO;

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

#[test]
fn only_the_same_account_version_and_password_are_known() {
    let mut cache = CredentialCache::new([9; 32], 10, TTL);
    cache.remember(AccountId(1), 5, &secret("right"), ZERO);
    assert!(cache.knows(AccountId(1), 5, &secret("right"), ZERO));
    assert!(!cache.knows(AccountId(2), 5, &secret("right"), ZERO));
    assert!(!cache.knows(AccountId(1), 4, &secret("right"), ZERO));
    assert!(!cache.knows(AccountId(1), 6, &secret("right"), ZERO));
    for wrong in ["", "righ", "right ", "right\0", "Right"] {
        assert!(
            !cache.knows(AccountId(1), 5, &secret(wrong), ZERO),
            "{wrong:?}"
        );
    }
    assert!(
        cache.knows(AccountId(1), 5, &secret("right"), ZERO),
        "asking changes nothing"
    );
}

#[test]
fn row_22_a_changed_or_revoked_credential_is_void_at_once() {
    let mut cache = CredentialCache::new([9; 32], 10, TTL);
    cache.remember(AccountId(1), 1, &secret("old"), ZERO);
    assert!(!cache.knows(AccountId(1), 2, &secret("old"), ZERO));
    cache.remember(AccountId(1), 2, &secret("new"), ZERO);
    assert!(cache.knows(AccountId(1), 2, &secret("new"), ZERO));
    assert!(!cache.knows(AccountId(1), 2, &secret("old"), ZERO));
    assert!(
        cache.knows(AccountId(1), 1, &secret("old"), ZERO),
        "two secrets do not push each other out; nobody asks for a version that is gone"
    );
    assert_eq!(cache.len(), 2);
    cache.forget(AccountId(1));
    assert!(!cache.knows(AccountId(1), 2, &secret("new"), ZERO) && cache.is_empty());
}

#[test]
fn an_entry_lives_so_long_however_often_it_is_used() {
    let mut cache = CredentialCache::new([9; 32], 10, TTL);
    cache.remember(AccountId(1), 1, &secret("right"), ZERO);
    for second in 0..300 {
        assert!(cache.knows(
            AccountId(1),
            1,
            &secret("right"),
            Duration::from_secs(second)
        ));
    }
    assert!(!cache.knows(AccountId(1), 1, &secret("right"), TTL));
    assert!(cache.is_empty(), "what is over is dropped");
}

#[test]
fn the_oldest_goes_when_it_is_full() {
    let mut cache = CredentialCache::new([9; 32], 2, TTL);
    for account in 1..=3 {
        cache.remember(AccountId(account), 1, &secret("right"), ZERO);
    }
    assert!(!cache.knows(AccountId(1), 1, &secret("right"), ZERO));
    assert!(cache.knows(AccountId(2), 1, &secret("right"), ZERO));
    assert!(cache.knows(AccountId(3), 1, &secret("right"), ZERO));
    let mut none = CredentialCache::new([9; 32], 0, TTL);
    none.remember(AccountId(1), 1, &secret("right"), ZERO);
    assert!(!none.knows(AccountId(1), 1, &secret("right"), ZERO));
}

#[test]
fn row_16_a_huge_password_is_neither_kept_nor_hashed() {
    let mut cache = CredentialCache::new([9; 32], 2, TTL);
    let huge = secret(&"x".repeat(1 << 20));
    cache.remember(AccountId(1), 1, &huge, ZERO);
    assert!(cache.is_empty() && !cache.knows(AccountId(1), 1, &huge, ZERO));
}

#[test]
fn nothing_secret_is_shown() {
    let mut cache = CredentialCache::new([42; 32], 2, TTL);
    cache.remember(AccountId(1), 1, &secret("canary"), ZERO);
    assert_eq!(
        format!("{cache:?}"),
        "CredentialCache { capacity: 2, ttl: 300s, entries: 1, .. }"
    );
}

proptest! {
    /// It may forget early, but knows nothing that was not verified, and never holds too many.
    #[test]
    fn what_it_knows_was_verified(
        acts in vec((any::<bool>(), 0_i64..6, 0_u64..3, 0_u8..3, 0_u64..200), 1..300),
    ) {
        const CAPACITY: usize = 4;
        let mut cache = CredentialCache::new([9; 32], CAPACITY, TTL);
        let mut verified = HashMap::new();
        let mut now = ZERO;
        for (remember, account, version, password, seconds) in acts {
            now += Duration::from_secs(seconds);
            let text = secret(&password.to_string());
            let account = AccountId(account);
            if remember {
                cache.remember(account, version, &text, now);
                verified.insert((account, version), (password, now + TTL));
                prop_assert!(cache.knows(account, version, &text, now));
            } else if cache.knows(account, version, &text, now) {
                let (right, until) = verified[&(account, version)];
                prop_assert!(right == password && now < until);
            }
            prop_assert!(cache.len() <= CAPACITY);
        }
    }
}
