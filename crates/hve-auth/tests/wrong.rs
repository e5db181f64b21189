//! The memory of wrong passwords: it saves work and changes no answer.

use std::time::Duration;

use hve_auth::WrongPasswords;
use secrecy::SecretString;

const USER: &str = "hve01@contoso.test";
const TTL: Duration = Duration::from_secs(300);
const ZERO: Duration = Duration::ZERO;

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

fn wrong() -> WrongPasswords {
    WrongPasswords::new([3; 32], 100, TTL)
}

#[test]
fn row_21_a_printer_with_an_old_password_costs_one_verification_in_five_minutes() {
    let (mut wrong, old) = (wrong(), secret("the password of last year"));
    let mut verified = 0;
    for minute in 0..60 {
        let now = Duration::from_secs(60 * minute);
        if !wrong.knows(USER, Some(1), &old, now) {
            verified += 1;
            wrong.remember(USER, Some(1), &old, now);
        }
    }
    assert_eq!(verified, 12);
    assert_eq!(wrong.len(), 1);
}

#[test]
fn row_22_a_password_that_was_wrong_and_becomes_right_works_at_once() {
    let mut wrong = wrong();
    wrong.remember(USER, Some(1), &secret("soon right"), ZERO);
    assert!(!wrong.knows(USER, Some(2), &secret("soon right"), ZERO));
    wrong.remember("new@contoso.test", None, &secret("soon right"), ZERO);
    assert!(!wrong.knows("new@contoso.test", Some(0), &secret("soon right"), ZERO));
}

#[test]
fn only_the_very_same_is_known() {
    let mut wrong = wrong();
    wrong.remember(USER, Some(1), &secret("guess"), ZERO);
    assert!(wrong.knows("HVE01@Contoso.test", Some(1), &secret("guess"), ZERO));
    assert!(!wrong.knows("hve02@contoso.test", Some(1), &secret("guess"), ZERO));
    for other in ["", "gues", "guess ", "Guess", "guess\0"] {
        assert!(
            !wrong.knows(USER, Some(1), &secret(other), ZERO),
            "{other:?}"
        );
    }
}

#[test]
fn row_23_unknown_names_are_remembered_like_known_ones() {
    let mut wrong = wrong();
    wrong.remember("nobody@contoso.test", None, &secret("guess"), ZERO);
    assert!(wrong.knows("nobody@contoso.test", None, &secret("guess"), ZERO));
}

#[test]
fn row_48_name_version_and_password_can_not_be_shifted() {
    let mut wrong = wrong();
    wrong.remember("a", Some(0), &secret("b"), ZERO);
    wrong.remember("ab", None, &secret(""), ZERO);
    for (user, version, password) in [
        ("a", None, "b"),
        ("a", None, "\0\0\0\0\0\0\0\0b"),
        ("a\0\0\0\0\0\0\0\0b", None, ""),
        ("ab", Some(0), ""),
        ("", None, "ab"),
        ("a", None, "b\0"),
    ] {
        assert!(
            !wrong.knows(user, version, &secret(password), ZERO),
            "{user:?}"
        );
    }
}

#[test]
fn it_is_bounded_in_number_and_time() {
    let mut wrong = wrong();
    for guess in 0..10_000 {
        wrong.remember(USER, Some(1), &secret(&guess.to_string()), ZERO);
        assert!(wrong.len() <= 100);
    }
    assert!(wrong.knows(USER, Some(1), &secret("9999"), ZERO));
    assert!(!wrong.knows(USER, Some(1), &secret("0"), ZERO));
    assert!(!wrong.knows(USER, Some(1), &secret("9999"), TTL));
    assert!(wrong.is_empty());
    let mut none = WrongPasswords::new([3; 32], 0, TTL);
    none.remember(USER, None, &secret("x"), ZERO);
    assert!(none.is_empty());
}

#[test]
fn nothing_secret_is_shown() {
    let mut wrong = wrong();
    wrong.remember("canary", None, &secret("canary"), ZERO);
    assert_eq!(
        format!("{wrong:?}"),
        "WrongPasswords { capacity: 100, ttl: 300s, entries: 1, .. }"
    );
}
