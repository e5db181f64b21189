//! Password hashes and new passwords: what is taken, what is refused, what leaks.

use hve_auth::{
    HashCost, HashError, PasswordHash, WeakPassword, check_new_password, generate_password,
};
use proptest::prelude::*;
use secrecy::{ExposeSecret, SecretString};

/// The least that Argon2 allows: tests need no protection.
const CHEAP: HashCost = HashCost {
    memory_kib: 8,
    passes: 1,
    lanes: 1,
};
const SALT: [u8; 16] = *b"sixteen octets!!";

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

#[test]
fn a_hash_survives_its_text_and_knows_its_password_only() {
    let derived = PasswordHash::derive(&secret("correct horse"), SALT, CHEAP).unwrap();
    let read = PasswordHash::parse(derived.as_phc()).unwrap();
    assert_eq!(read.as_phc(), derived.as_phc());
    assert_eq!(read.cost(), CHEAP);
    assert!(read.as_phc().starts_with("$argon2id$v=19$m=8,t=1,p=1$"));
    assert!(read.verify(&secret("correct horse")));
    for wrong in [
        "",
        "correct hors",
        "correct horse ",
        "Correct horse",
        "correct horse\0",
    ] {
        assert!(!read.verify(&secret(wrong)), "{wrong:?}");
    }
    let salted = PasswordHash::derive(&secret("correct horse"), [7; 16], CHEAP).unwrap();
    assert_ne!(salted.as_phc(), derived.as_phc());
}

#[test]
fn the_reference_implementation_makes_the_same_hash() {
    // From test.c of github.com/P-H-C/phc-winner-argon2: 64 MiB, two passes, "somesalt".
    let hash = PasswordHash::parse(
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
    )
    .unwrap();
    assert!(hash.verify(&secret("password")));
    assert!(!hash.verify(&secret("differentpassword")));
}

#[test]
fn row_16_empty_short_and_huge_passwords_are_only_wrong() {
    let hash = PasswordHash::derive(&secret("a proper password"), SALT, CHEAP).unwrap();
    for password in ["", "x", "a\0b", "\u{fffd}", &"y".repeat(1 << 20)] {
        assert!(!hash.verify(&secret(password)));
    }
    let empty = PasswordHash::derive(&secret(""), SALT, CHEAP).unwrap();
    assert!(empty.verify(&secret("")) && !empty.verify(&secret("\0")));
}

#[test]
fn row_17_passwords_are_compared_octet_by_octet() {
    let composed = PasswordHash::derive(&secret("caf\u{e9} au lait"), SALT, CHEAP).unwrap();
    assert!(composed.verify(&secret("caf\u{e9} au lait")));
    assert!(!composed.verify(&secret("cafe\u{301} au lait")));
}

#[test]
fn a_row_that_would_take_the_machine_is_refused_before_any_work() {
    let row = |figures: &str| {
        let text = format!(
            "$argon2id$v=19${figures}$c29tZXNhbHRzb21lc2FsdA$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
        );
        PasswordHash::parse(&text).map(|hash| hash.cost())
    };
    let cost = |memory_kib, passes, lanes| HashCost {
        memory_kib,
        passes,
        lanes,
    };
    assert_eq!(row("m=262144,t=4,p=4"), Ok(cost(262_144, 4, 4)));
    assert_eq!(row("m=65536,t=16,p=16"), Ok(cost(65_536, 16, 16)));
    for figures in [
        "m=262145,t=1,p=1",
        "m=262144,t=5,p=1",
        "m=4294967295,t=1,p=1",
        "m=19456,t=4294967295,p=1",
        "m=19456,t=54,p=1",
        "m=19456,t=2,p=17",
        "m=262144,t=1,p=16777215",
    ] {
        assert_eq!(row(figures), Err(HashError::TooCostly), "{figures}");
    }
    for figures in [
        "m=7,t=1,p=1",
        "m=0,t=1,p=1",
        "m=64,t=0,p=1",
        "m=64,t=1,p=0",
        "m=64,t=1,p=9",
    ] {
        assert_eq!(row(figures), Err(HashError::TooCheap), "{figures}");
    }
    for figures in [
        "",
        "m=64",
        "m=64,t=1",
        "t=1,p=1",
        "m=64,t=1,p=1,x=1",
        "m=64,t=1,p=1,keyid=AAAA",
        "m=64,m=64,t=1,p=1",
        "m=-1,t=1,p=1",
        "m=4294967296,t=1,p=1",
        "m=1e9,t=1,p=1",
        "m= 64,t=1,p=1",
    ] {
        assert_eq!(row(figures), Err(HashError::Malformed), "{figures}");
    }
    assert_eq!(
        PasswordHash::derive(&secret("x"), SALT, cost(1 << 30, 1, 1)).unwrap_err(),
        HashError::TooCostly
    );
}

#[test]
fn what_is_no_argon2id_hash_is_refused() {
    let refused = |text: &str, expected| {
        assert_eq!(PasswordHash::parse(text).unwrap_err(), expected, "{text}");
    };
    const SALT_AND_HASH: &str =
        "c29tZXNhbHRzb21lc2FsdA$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    for start in [
        "$argon2i$v=19$m=64,t=1,p=1",
        "$argon2d$v=19$m=64,t=1,p=1",
        "$scrypt$ln=1",
    ] {
        refused(
            &format!("{start}${SALT_AND_HASH}"),
            HashError::OtherAlgorithm,
        );
    }
    refused(
        &format!("$argon2id$v=16$m=64,t=1,p=1${SALT_AND_HASH}"),
        HashError::OtherAlgorithm,
    );
    refused(
        &format!("$argon2id$m=64,t=1,p=1${SALT_AND_HASH}"),
        HashError::OtherAlgorithm,
    );
    for text in [
        "",
        "$",
        "argon2id",
        "plain text password",
        "$argon2id$v=19$m=64,t=1,p=1",
        "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA",
        "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$CTFhFdXPJO1aFaMaO6Mm5Q",
        "$argon2id$v=19$m=64,t=1,p=1$c29t$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$not base64!",
        "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc$more",
        &"$".repeat(100_000),
        &format!("$argon2id$v=19$m=64,t=1,p=1${}", "A".repeat(100_000)),
    ] {
        refused(text, HashError::Malformed);
    }
}

#[test]
fn row_23_a_decoy_is_real_work_for_no_password() {
    let decoy = PasswordHash::decoy(CHEAP).unwrap();
    assert_eq!(decoy.cost(), CHEAP);
    assert_eq!(
        decoy.as_phc().len(),
        PasswordHash::derive(&secret("x"), SALT, CHEAP)
            .unwrap()
            .as_phc()
            .len()
    );
    for password in ["", "decoy", "\0", "password"] {
        assert!(!decoy.verify(&secret(password)));
    }
    assert_eq!(
        PasswordHash::parse(decoy.as_phc()).unwrap().as_phc(),
        decoy.as_phc()
    );
    let too_much = HashCost {
        memory_kib: u32::MAX,
        ..CHEAP
    };
    assert_eq!(
        PasswordHash::decoy(too_much).unwrap_err(),
        HashError::TooCostly
    );
}

#[test]
fn nothing_secret_is_shown() {
    let canary = secret("canary-canary-canary");
    let hash = PasswordHash::derive(&canary, SALT, CHEAP).unwrap();
    let shown = format!("{hash:?}");
    assert_eq!(
        shown,
        "PasswordHash { cost: HashCost { memory_kib: 8, passes: 1, lanes: 1 }, .. }"
    );
    assert!(!format!("{canary:?}").contains("canary-"));
}

#[test]
fn new_passwords_have_12_to_128_characters_and_no_controls() {
    let check = |text: &str| check_new_password(&secret(text));
    assert_eq!(check(""), Err(WeakPassword::TooShort));
    assert_eq!(
        check("11 chars ..."[..11].as_ref()),
        Err(WeakPassword::TooShort)
    );
    assert_eq!(check("twelve chars"), Ok(()));
    assert_eq!(check(&"ü".repeat(12)), Ok(()), "characters, not octets");
    assert_eq!(check(&"ü".repeat(11)), Err(WeakPassword::TooShort));
    assert_eq!(check(&"x".repeat(128)), Ok(()));
    assert_eq!(check(&"x".repeat(129)), Err(WeakPassword::TooLong));
    for control in ['\0', '\t', '\n', '\r', '\u{7f}', '\u{85}'] {
        let password = format!("twelve chars{control}");
        assert_eq!(check(&password), Err(WeakPassword::ControlCharacter));
    }
}

#[test]
fn generated_passwords_can_be_typed_and_use_each_symbol_alike() {
    let mut counts = std::collections::BTreeMap::new();
    for first in 0..=255 {
        let password = generate_password([first; 32]);
        assert_eq!(check_new_password(&password), Ok(()));
        let password = password.expose_secret();
        assert_eq!(password.len(), 31);
        let groups: Vec<_> = password.split('-').collect();
        assert!(groups.len() == 4 && groups.iter().all(|group| group.len() == 7));
        *counts.entry(password.chars().next()).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), 32);
    assert!(counts.values().all(|count| *count == 8));
    let symbols: String = counts.into_keys().flatten().collect();
    assert_eq!(symbols, "23456789abcdefghijkmnpqrstuvwxyz");
}

#[test]
fn each_octet_chooses_one_symbol() {
    let base = generate_password([0; 32]);
    for changed in 0..28 {
        let mut random = [0; 32];
        random[changed] = 1;
        let other = generate_password(random);
        let pairs = base
            .expose_secret()
            .chars()
            .zip(other.expose_secret().chars());
        assert_eq!(pairs.filter(|(a, b)| a != b).count(), 1);
    }
}

proptest! {
    /// Whatever a row holds: an answer, no panic, and nothing taken that is over the bounds.
    #[test]
    fn any_text_is_read_or_refused(
        text in r"(\$argon2(id|i|d)?)?(\$v=(19|16|[0-9]{1,12}))?(\$(m=[0-9]{1,11})?(,t=[0-9]{1,11})?(,p=[0-9]{1,11})?)?(\$[A-Za-z0-9+/=$]{0,60}){0,3}",
        junk in "\\PC{0,80}",
    ) {
        for text in [&text, &junk] {
            if let Ok(hash) = PasswordHash::parse(text) {
                let cost = hash.cost();
                prop_assert!(cost.memory_kib <= HashCost::MEMORY_KIB_MAX);
                prop_assert!(cost.lanes <= HashCost::LANES_MAX);
                let work = u64::from(cost.memory_kib) * u64::from(cost.passes);
                prop_assert!(work <= HashCost::WORK_KIB_MAX);
                prop_assert_eq!(hash.as_phc(), text);
            }
        }
    }
}

#[test]
fn two_passwords_with_one_salt_are_told_apart() {
    let password = |text: &str| SecretString::from(text);
    let cost = HashCost {
        memory_kib: 8,
        passes: 1,
        lanes: 1,
    };
    let old = PasswordHash::derive(&password("the old one"), [7; 16], cost).unwrap();
    let new = old.derive_beside(&password("the new one")).unwrap();
    let other = PasswordHash::derive(&password("the third"), [8; 16], cost).unwrap();
    assert_ne!(old.as_phc(), new.as_phc());
    assert!(new.verify(&password("the new one")));
    let hashes = [old, new, other];
    for (index, text) in ["the old one", "the new one", "the third"]
        .iter()
        .enumerate()
    {
        assert_eq!(
            PasswordHash::matching(&hashes, &password(text)),
            Some(index)
        );
    }
    assert_eq!(
        PasswordHash::matching(&hashes, &password("none of them")),
        None
    );
    assert_eq!(PasswordHash::matching(&[], &password("the old one")), None);
}
