//! The guard: guessing is slowed, everybody else is left in peace.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use hve_auth::{BlockedBy, Guard, GuardLimits, SignInRefusal};
use secrecy::SecretString;

use crate::support::{
    MINUTE, START, USER, admit, attack, besiege, guard, right, secret, v4, wrong,
};

#[test]
fn row_20_a_thousand_guesses_from_one_address_are_ten() {
    let mut guard = guard();
    assert_eq!(attack(&mut guard, USER, v4(1), 1_000, START), 10);
    let blocked = admit(&mut guard, USER, v4(1), START).unwrap_err();
    assert_eq!(
        (blocked.by, blocked.until),
        (BlockedBy::Pair, START + 15 * MINUTE)
    );
    assert_eq!(blocked.seconds(START + Duration::from_millis(1)), 900);
    assert_eq!(
        SignInRefusal::from(blocked),
        SignInRefusal::Blocked {
            until: START + 15 * MINUTE
        }
    );
}

#[test]
fn row_20_one_stranger_locks_nobody_else_out_and_two_do() {
    let mut guard = guard();
    for round in 0..4 {
        let now = START + round * GuardLimits::default().block_longest;
        assert_eq!(attack(&mut guard, USER, v4(1), 1_000, now), 10);
        assert_eq!(admit(&mut guard, USER, v4(2), now), Ok(()));
    }
    let mut guard = self::guard();
    attack(&mut guard, USER, v4(1), 1_000, START);
    assert_eq!(attack(&mut guard, USER, v4(2), 1_000, START), 5);
    let blocked = admit(&mut guard, USER, v4(3), START).unwrap_err();
    assert_eq!(blocked.by, BlockedBy::Account);
}

#[test]
fn row_20_a_thousand_addresses_on_one_account_get_ten_guesses_together() {
    let mut guard = guard();
    let tried: u32 = (0..1_000)
        .map(|address| attack(&mut guard, USER, v4(address), 1, START))
        .sum();
    assert_eq!(tried, 10);
    assert!(admit(&mut guard, "other@contoso.test", v4(1), START).is_ok());
}

#[test]
fn row_20_being_right_does_not_wipe_what_others_got_wrong() {
    let mut guard = guard();
    let mut tried = 0;
    for round in 0..100 {
        let now = START + Duration::from_secs(round);
        right(&mut guard, USER, v4(77), now);
        let from = v4(1);
        if admit(&mut guard, USER, from, now).is_ok() {
            wrong(&mut guard, USER, from, &secret(round), now);
            tried += 1;
        }
    }
    assert_eq!(tried, 10);
}

#[test]
fn row_20_one_password_on_many_names_blocks_the_address() {
    let mut guard = guard();
    let spray = SecretString::from("Winter2026!!");
    let mut tried = 0;
    for user in 0..1_000 {
        let user = format!("user{user}@contoso.test");
        if admit(&mut guard, &user, v4(1), START).is_ok() {
            wrong(&mut guard, &user, v4(1), &spray, START);
            tried += 1;
        }
    }
    assert_eq!(tried, 50);
    assert!(admit(&mut guard, "user1@contoso.test", v4(2), START).is_ok());
}

#[test]
fn row_21_a_printer_with_an_old_password_blocks_neither_account_nor_address() {
    let mut guard = guard();
    let old = SecretString::from("the password of last year");
    for minute in 0..10_000 {
        let now = START + minute * MINUTE;
        assert_eq!(admit(&mut guard, USER, v4(1), now), Ok(()));
        assert_eq!(wrong(&mut guard, USER, v4(1), &old, now), None);
    }
    let now = START + 10_000 * MINUTE;
    assert!(admit(&mut guard, USER, v4(2), now).is_ok());
    assert!(admit(&mut guard, "other@contoso.test", v4(1), now).is_ok());
}

#[test]
fn row_21_an_office_of_old_printers_behind_one_address_is_not_blocked() {
    let mut guard = guard();
    let old = SecretString::from("the password of last year");
    for minute in 0..100 {
        for printer in 0..49 {
            let user = format!("printer{printer}@contoso.test");
            assert_eq!(
                wrong(&mut guard, &user, v4(1), &old, START + minute * MINUTE),
                None
            );
        }
    }
    assert!(admit(&mut guard, "new@contoso.test", v4(1), START + 100 * MINUTE).is_ok());
}

#[test]
fn a_block_ends_and_counting_begins_anew() {
    let mut guard = guard();
    besiege(&mut guard, USER, START);
    let end = START + 15 * MINUTE;
    assert!(admit(&mut guard, USER, v4(2), end - Duration::from_nanos(1)).is_err());
    assert!(admit(&mut guard, USER, v4(2), end).is_ok());
    assert_eq!(attack(&mut guard, USER, v4(2), 1_000, end), 10);
}

#[test]
fn row_20_blocks_grow_and_a_known_pair_works_through_all_of_them() {
    let mut guard = guard();
    let office = v4(77);
    right(&mut guard, USER, office, START);
    let mut now = START;
    for minutes in [15, 30, 60, 120, 240, 240] {
        assert_eq!(besiege(&mut guard, USER, now), 10);
        let blocked = admit(&mut guard, USER, v4(2), now).unwrap_err();
        assert_eq!(blocked.until, now + minutes * MINUTE);
        assert_eq!(admit(&mut guard, USER, office, now), Ok(()));
        now = blocked.until;
    }
    // A day after the last block it is forgotten, not a moment before.
    let day = 24 * 60 * MINUTE;
    now += day - Duration::from_nanos(1);
    besiege(&mut guard, USER, now);
    let blocked = admit(&mut guard, USER, v4(2), now).unwrap_err();
    assert_eq!(blocked.until, now + 240 * MINUTE);
    now = blocked.until + day;
    besiege(&mut guard, USER, now);
    let blocked = admit(&mut guard, USER, v4(2), now).unwrap_err();
    assert_eq!(blocked.until, now + 15 * MINUTE);
}

#[test]
fn wrong_passwords_count_for_the_window_only() {
    let mut guard = guard();
    for guess in 0..9 {
        wrong(&mut guard, USER, v4(1), &secret(guess), START);
    }
    let later = START + 15 * MINUTE;
    for guess in 10..19 {
        assert_eq!(wrong(&mut guard, USER, v4(1), &secret(guess), later), None);
    }
    let blocked = wrong(&mut guard, USER, v4(1), &secret("last"), later).unwrap();
    assert_eq!(blocked.by, BlockedBy::Pair);
}

#[test]
fn ipv6_is_counted_by_its_64_and_mapped_ipv4_as_ipv4() {
    let mut guard = guard();
    let v6 = |network: u16, host: u128| {
        let base = Ipv6Addr::new(0x2001, 0xdb8, 0, network, 0, 0, 0, 0).to_bits();
        IpAddr::V6(Ipv6Addr::from_bits(base + host))
    };
    for guess in 0..50_u32 {
        let user = format!("user{guess}");
        wrong(
            &mut guard,
            &user,
            v6(1, u128::from(guess) << 58),
            &secret(guess),
            START,
        );
    }
    assert!(admit(&mut guard, USER, v6(1, 12_345), START).is_err());
    assert!(admit(&mut guard, USER, v6(2, 0), START).is_ok());
    for guess in 0..50 {
        wrong(
            &mut guard,
            &format!("user{guess}"),
            v4(9),
            &secret(guess),
            START,
        );
    }
    let mapped = IpAddr::V6(Ipv4Addr::from_bits(0x0a00_0009).to_ipv6_mapped());
    assert!(admit(&mut guard, USER, mapped, START).is_err());
}

#[test]
fn row_17_spellings_of_one_user_name_share_their_guesses() {
    let mut guard = guard();
    let spellings = [
        "hve01@bücher.test",
        "HVE01@BÜCHER.test",
        "Hve01@xn--bcher-kva.test",
    ];
    for (guess, user) in (0..10).zip(spellings.iter().cycle()) {
        wrong(&mut guard, user, v4(guess), &secret(guess), START);
    }
    for user in spellings {
        assert!(admit(&mut guard, user, v4(20), START).is_err(), "{user}");
    }
}

#[test]
fn row_48_separators_and_nuls_make_no_two_names_one() {
    let mut guard = guard();
    for (from, user) in (10..).zip(["a:b", "a/b", "a\0b", "a b", "", "\0"]) {
        attack(&mut guard, user, v4(from), 10, START);
        besiege(&mut guard, user, START);
        assert!(admit(&mut guard, user, v4(2), START).is_err());
    }
    for user in [
        "a", "b", "ab", "a\0", "\0b", "a::b", "a:b:", "a:b\0", "a\0b\0", " ", "\0\0", "а:b",
    ] {
        assert!(admit(&mut guard, user, v4(2), START).is_ok(), "{user:?}");
    }
}

#[test]
fn row_20_tables_are_bounded_and_a_flood_does_not_lift_a_block() {
    let limits = GuardLimits {
        entries: 100,
        ..GuardLimits::default()
    };
    let mut guard = Guard::new([5; 32], limits);
    right(&mut guard, USER, v4(7), START);
    besiege(&mut guard, USER, START);
    for number in 0..10_000 {
        let user = format!("made up {number}");
        wrong(
            &mut guard,
            &user,
            v4(100 + number),
            &secret(number),
            START + MINUTE,
        );
    }
    let shown = format!("{guard:?}");
    let held: Vec<usize> = ["accounts: ", "addresses: ", "pairs: ", "known: "]
        .iter()
        .map(|name| {
            let rest = shown.split(name).nth(1).unwrap();
            rest.split(|c: char| !c.is_ascii_digit())
                .next()
                .unwrap()
                .parse()
                .unwrap()
        })
        .collect();
    assert!(held.iter().all(|held| (1..=100).contains(held)), "{shown}");
    assert!(
        admit(&mut guard, USER, v4(2), START + MINUTE).is_err(),
        "still blocked"
    );
    assert!(
        admit(&mut guard, USER, v4(7), START + MINUTE).is_ok(),
        "still known"
    );
}

#[test]
fn nothing_secret_is_shown() {
    let mut guard = guard();
    wrong(
        &mut guard,
        "canary",
        v4(1),
        &SecretString::from("canary"),
        START,
    );
    let shown = format!("{guard:?}");
    assert!(
        !shown.contains("canary") && !shown.contains("10.0"),
        "{shown}"
    );
}
