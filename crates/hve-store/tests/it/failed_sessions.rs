//! The ring of sessions that came to nothing: what is kept, for how long, and how much of it.

use std::net::IpAddr;

use hve_store::{Batch, Diagnosis, FailedSession, FailedSessionFilter, Writer};
use time::{Duration, UtcDateTime};

use crate::site::{NOON, Site, later};

const ALL: FailedSessionFilter = FailedSessionFilter {
    account: None,
    client: None,
    since: UtcDateTime::UNIX_EPOCH,
    limit: usize::MAX,
};

fn session(number: u32, network: IpAddr) -> FailedSession {
    FailedSession {
        session: format!("s.{number}"),
        at: NOON,
        client: network,
        network,
        listener: "192.0.2.9:587".parse().unwrap(),
        tls: "starttls".into(),
        account: None,
        diagnoses: Vec::new(),
        lines: Vec::new(),
    }
}

fn keep(writer: &mut Writer, sessions: Vec<FailedSession>, now: UtcDateTime) {
    let batch = Batch {
        failed_sessions: sessions,
        ..Batch::default()
    };
    assert!(writer.commit(&batch, now).unwrap().is_empty());
}

/// One network for each number.
fn network(number: u32) -> IpAddr {
    std::net::Ipv4Addr::from_bits(0x0a00_0000 + number).into()
}

#[test]
fn a_session_is_read_as_it_was_kept_and_is_no_change_of_the_directory() {
    let site = Site::new();
    let mut writer = site.writer();
    let changes = site.store.change_counter().unwrap();
    let whole = FailedSession {
        client: "2001:db8::7".parse().unwrap(),
        account: Some("Hve01@contoso.test".parse().unwrap()),
        diagnoses: vec![Diagnosis {
            key: "wrong-password".into(),
            finding: "wrong \"user\"".into(),
            remedy: "a\nb".into(),
        }],
        lines: vec!["S: 220 x".into(), "C: \\x00".into()],
        ..session(1, "2001:db8::".parse().unwrap())
    };
    keep(&mut writer, vec![whole.clone()], NOON);
    assert_eq!(site.store.failed_session("s.1").unwrap(), Some(whole));
    assert_eq!(site.store.failed_session("s.2").unwrap(), None);
    assert_eq!(site.store.change_counter().unwrap(), changes);
}

#[test]
fn they_are_found_by_account_client_and_time() {
    let site = Site::new();
    let mut writer = site.writer();
    let mut one = session(1, network(1));
    one.account = Some("hve01@contoso.test".parse().unwrap());
    let mut two = session(2, network(2));
    two.at = later(60);
    keep(&mut writer, vec![one, two, session(3, network(2))], NOON);
    let names = |filter: FailedSessionFilter| -> Vec<String> {
        let found = site.store.failed_sessions(&filter).unwrap();
        found.into_iter().map(|one| one.session).collect()
    };
    assert_eq!(names(ALL), ["s.3", "s.2", "s.1"], "newest first");
    let account = Some("HVE01@contoso.test".parse().unwrap());
    assert_eq!(names(FailedSessionFilter { account, ..ALL }), ["s.1"]);
    let client = Some(network(2));
    assert_eq!(names(FailedSessionFilter { client, ..ALL }), ["s.3", "s.2"]);
    let since = later(60);
    assert_eq!(names(FailedSessionFilter { since, ..ALL }), ["s.2"]);
    assert_eq!(names(FailedSessionFilter { limit: 1, ..ALL }), ["s.3"]);
}

#[test]
fn the_ring_is_bounded_by_device_network_and_age_and_as_a_whole() {
    let site = Site::new();
    let mut writer = site.writer();
    let count = || site.store.failed_sessions(&ALL).unwrap().len();
    let most = usize::try_from(FailedSession::MOST).unwrap();
    let of_network = usize::try_from(FailedSession::MOST_OF_NETWORK).unwrap();
    let of_device = usize::try_from(FailedSession::MOST_OF_DEVICE).unwrap();

    keep(&mut writer, vec![session(0, network(0))], NOON);
    // A flood of one client leaves the others alone.
    let flood = |from: u32| (from..from + 300).map(|n| session(n, network(1)));
    keep(&mut writer, flood(1).collect(), NOON);
    keep(&mut writer, flood(301).collect(), NOON);
    assert_eq!(count(), 1 + of_device);
    assert!(site.store.failed_session("s.0").unwrap().is_some());
    assert!(site.store.failed_session("s.600").unwrap().is_some());

    // Nor does one device push out the others of its office, nor one office those of another.
    let device = |number: u32, account: &str| FailedSession {
        account: Some(account.parse().unwrap()),
        ..session(number, network(1))
    };
    let spellings = ["scan@contoso.test", "SCAN@contoso.test"].into_iter();
    let loud = (601..).zip(spellings.cycle().take(60));
    keep(&mut writer, loud.map(|(n, a)| device(n, a)).collect(), NOON);
    assert_eq!(count(), 1 + 2 * of_device);
    let names = (0..200).map(|n| format!("scan{n}@contoso.test"));
    let many = (701..).zip(names).map(|(n, name)| device(n, &name));
    keep(&mut writer, many.collect(), NOON);
    assert_eq!(count(), 1 + of_network);
    assert!(site.store.failed_session("s.0").unwrap().is_some());

    let crowd = (1..=FailedSession::MOST).map(|n| session(1000 + n, network(n)));
    keep(&mut writer, crowd.collect(), NOON);
    assert_eq!(count(), most);
    assert!(site.store.failed_session("s.0").unwrap().is_none());

    let late = NOON + FailedSession::KEPT + Duration::SECOND;
    let mut last = session(9999, network(1));
    last.at = late;
    keep(&mut writer, vec![last], late);
    assert_eq!(count(), 1);
}
