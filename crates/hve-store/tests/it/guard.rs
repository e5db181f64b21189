//! What the guard keeps: clients that are known, suspicions, and what was forgiven.

use std::net::{IpAddr, Ipv4Addr};

use hve_store::{Batch, Block, GuardNotes, GuardReset, KnownClient, Suspect, Suspicion, Writer};
use hve_types::AccountId;
use time::{Duration, UtcDateTime};

use crate::site::{NOON, Site, act, later};

fn keep(writer: &mut Writer, known: Vec<KnownClient>, suspicions: Vec<Suspicion>) {
    let batch = Batch {
        guard: GuardNotes { known, suspicions },
        ..Batch::default()
    };
    assert!(writer.commit(&batch, NOON).unwrap().is_empty());
}

fn network(number: u32) -> IpAddr {
    Ipv4Addr::from_bits(0x0a00_0000 + number).into()
}

fn known(account: i64, number: u32, seen_at: UtcDateTime) -> KnownClient {
    KnownClient {
        account: AccountId(account),
        network: network(number),
        seen_at,
    }
}

fn account(user: &str) -> Suspect {
    Suspect::Account(user.parse().unwrap())
}

fn suspicion(suspect: Suspect, tried_at: UtcDateTime) -> Suspicion {
    Suspicion {
        suspect,
        guesses: 3,
        tried_at,
        other: Some("10.0.0.1".into()),
        block: None,
    }
}

/// Enough of each to fill some pages.
pub(crate) fn crowd() -> GuardNotes {
    GuardNotes {
        known: (0..400)
            .map(|number| known(number.into(), number, NOON))
            .collect(),
        suspicions: (0..400)
            .map(|number| suspicion(Suspect::Network(network(number)), NOON))
            .collect(),
    }
}

#[test]
fn known_clients_are_read_as_they_were_kept_and_change_no_directory() {
    let site = Site::new();
    let mut writer = site.writer();
    let changes = site.store.change_counter().unwrap();
    let wide = KnownClient {
        network: "2001:db8:0:1::".parse().unwrap(),
        ..known(1, 0, NOON)
    };
    keep(&mut writer, vec![known(2, 7, NOON), wide], vec![]);
    keep(&mut writer, vec![known(2, 7, later(60))], vec![]);
    // What comes late does not make it older.
    keep(&mut writer, vec![known(2, 7, later(30))], vec![]);
    let all = site.store.known_clients(UtcDateTime::MIN, 1000).unwrap();
    assert_eq!(all, [known(2, 7, later(60)), wide]);
    for newest in [
        site.store.known_clients(later(1), 1000),
        site.store.known_clients(UtcDateTime::MIN, 1),
    ] {
        assert_eq!(newest.unwrap(), all[..1]);
    }
    assert_eq!(site.store.change_counter().unwrap(), changes);
}

#[test]
fn of_an_account_the_newest_are_kept_for_so_long() {
    let site = Site::new();
    let mut writer = site.writer();
    let old = NOON - KnownClient::KEPT - Duration::SECOND;
    keep(
        &mut writer,
        vec![known(1, 0, old), known(2, 0, NOON)],
        vec![],
    );
    let many = (1..100).map(|number| known(1, number, later(i64::from(number))));
    keep(&mut writer, many.collect(), vec![]);
    let all = site.store.known_clients(UtcDateTime::MIN, 1000).unwrap();
    let of_one: Vec<_> = all.iter().filter(|one| one.account.0 == 1).collect();
    let most = usize::try_from(KnownClient::MOST_OF_ACCOUNT).unwrap();
    assert_eq!(of_one.len(), most);
    assert_eq!(of_one[0].network, network(99));
    assert_eq!(all.len(), most + 1, "others are not touched");
}

#[test]
fn a_suspicion_grows_and_keeps_its_block() {
    let site = Site::new();
    let mut writer = site.writer();
    let user = account("Hve01@contoso.test");
    keep(&mut writer, vec![], vec![suspicion(user.clone(), NOON)]);
    let block = Block {
        since: later(1),
        until: later(900),
        in_a_row: 1,
    };
    let blocked = Suspicion {
        guesses: 10,
        block: Some(block),
        other: None,
        ..suspicion(account("hve01@CONTOSO.test"), later(1))
    };
    let wide = Suspect::Network("2001:db8:0:1::".parse().unwrap());
    keep(
        &mut writer,
        vec![],
        vec![blocked, suspicion(wide.clone(), NOON)],
    );
    keep(
        &mut writer,
        vec![],
        vec![suspicion(user.clone(), later(1_000))],
    );
    let expected = Suspicion {
        block: Some(block),
        ..suspicion(account("hve01@contoso.test"), later(1_000))
    };
    assert_eq!(
        site.store.suspicions().unwrap(),
        [expected, suspicion(wide, NOON)]
    );
}

#[test]
fn suspicions_are_bounded_in_time_and_number() {
    let site = Site::new();
    let mut writer = site.writer();
    let old = NOON - Suspicion::KEPT - Duration::SECOND;
    keep(
        &mut writer,
        vec![],
        vec![suspicion(account("old@contoso.test"), old)],
    );
    assert_eq!(site.store.suspicions().unwrap(), []);
    let most = i64::from(Suspicion::MOST);
    let many = (0..most + 50).map(|number| {
        let name = format!("u{number}@contoso.test");
        suspicion(account(&name), NOON + Duration::milliseconds(number))
    });
    keep(&mut writer, vec![], many.collect());
    let kept = site.store.suspicions().unwrap();
    assert_eq!(i64::try_from(kept.len()).unwrap(), most);
    assert_eq!(kept.last().unwrap().suspect, account("u50@contoso.test"));
}

#[test]
fn what_is_forgiven_is_gone_told_and_audited() {
    let site = Site::new();
    let mut writer = site.writer();
    let changes = site.store.change_counter().unwrap();
    let user = site.account.address.clone();
    let (user, network) = (Suspect::Account(user), Suspect::Network(network(1)));
    let early = NOON - Duration::SECOND;
    let both = || {
        vec![
            suspicion(user.clone(), early),
            suspicion(network.clone(), early),
        ]
    };
    keep(&mut writer, vec![], both());
    let one = GuardReset::One(user.clone());
    assert_eq!(site.store.reset_guard(&one, &act()).unwrap(), 1);
    assert_eq!(site.store.reset_guard(&one, &act()).unwrap(), 0);
    assert_eq!(site.store.suspicions().unwrap().len(), 1);
    assert_eq!(site.store.reset_guard(&GuardReset::All, &act()).unwrap(), 1);
    let (last, resets) = site.store.guard_resets(0).unwrap();
    assert_eq!(resets, [one.clone(), one, GuardReset::All]);
    assert_eq!(site.store.guard_resets(last).unwrap(), (last, vec![]));
    assert_eq!(site.store.change_counter().unwrap(), changes);

    let told = site.store.audit_newest(None, 3).unwrap();
    assert!(told.iter().all(|entry| entry.action == "guard-reset"));
    let subjects: Vec<&str> = told.iter().map(|entry| entry.subject.as_str()).collect();
    let address = site.account.address.as_str();
    assert_eq!(subjects, ["everything", address, address]);
    assert_eq!(told[2].tenant, Some(site.account.tenant));
    assert!(told[2].before.as_ref().unwrap().contains("\"guesses\":3"));

    // A note of before the reset, which the server wrote a moment later, brings nothing back.
    keep(&mut writer, vec![], both());
    assert_eq!(site.store.suspicions().unwrap(), []);
    keep(&mut writer, vec![], vec![suspicion(user, later(1))]);
    assert_eq!(site.store.suspicions().unwrap().len(), 1);
}
