//! The guard through the whole service: bursts, restarts, and an operator who forgives
//! (bad-inputs rows 20 and 21).

#![expect(
    clippy::unwrap_used,
    reason = "a broken precondition fails the test that has it"
)]

use std::time::Duration;

use hve_service::Service;
use hve_store::{GuardReset, Suspect};
use tokio::task::JoinSet;

use crate::support::{ACCOUNT, PASSWORD, Site, act, until};

const OFFICE: &str = "127.0.0.2";
const ELSEWHERE: &str = "127.0.0.3";

/// How long answers wait is tested where time can be wound.
fn site() -> Site {
    let mut site = Site::new();
    site.config.limits.guess_delay = Duration::ZERO;
    site
}

/// Signs in from an address; the code of the reply.
async fn sign_in(site: &Site, service: &Service, from: &str, password: &str) -> String {
    let mut client = site.client_from(service, from).await;
    client.sign_in(ACCOUNT, password).await;
    client.expect("").await.chars().take(3).collect()
}

async fn attack(site: &Site, service: &Service, round: u8) {
    for guess in 0..10 {
        let guess = format!("canary-guess-{round}{guess}");
        assert_eq!(sign_in(site, service, ELSEWHERE, &guess).await, "535");
    }
    assert_eq!(sign_in(site, service, ELSEWHERE, PASSWORD).await, "454");
}

fn is_blocked(site: &Site) -> bool {
    let suspicions = site.store.suspicions().unwrap();
    suspicions.iter().any(|one| one.block.is_some())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_20_known_clients_and_blocks_survive_a_restart() {
    let site = site();
    let service = site.start().await;
    assert_eq!(sign_in(&site, &service, OFFICE, PASSWORD).await, "235");
    // The right password too, though it was verified a moment ago.
    attack(&site, &service, 0).await;
    service.stop().await.unwrap();

    let known = site.store.known_clients(time::UtcDateTime::MIN, 10);
    let known = known.unwrap();
    assert_eq!(known.len(), 1);
    assert_eq!(known[0].account, site.account.id);
    assert_eq!(known[0].network.to_string(), OFFICE);
    let found = site.store.suspicions().unwrap();
    let (user, network) = (site.account.address.clone(), ELSEWHERE.parse().unwrap());
    let of = |suspect| found.iter().find(|one| one.suspect == suspect).unwrap();
    let one = of(Suspect::Account(user.clone()));
    assert_eq!((one.guesses, one.other.as_deref()), (10, Some(ELSEWHERE)));
    assert_eq!(one.block, None, "one stranger blocks nobody else");
    let one = of(Suspect::Pair(user, network));
    assert_eq!((one.guesses, found.len()), (10, 2));
    let block = one.block.unwrap();
    assert_eq!((block.until - block.since).whole_minutes(), 15);
    for file in std::fs::read_dir(site.folder.path()).unwrap() {
        let octets = std::fs::read(file.unwrap().path()).unwrap_or_default();
        let canary = octets.windows(13).any(|part| part == b"canary-guess-");
        assert!(!canary, "a guess is a password of somebody");
    }

    let service = site.start().await;
    assert_eq!(sign_in(&site, &service, ELSEWHERE, PASSWORD).await, "454");
    assert_eq!(sign_in(&site, &service, OFFICE, PASSWORD).await, "235");
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_who_forgives_is_heard_at_the_next_attempt() {
    let site = site();
    let service = site.start().await;
    let (user, network) = (site.account.address.clone(), ELSEWHERE.parse().unwrap());
    let other = GuardReset::One(Suspect::Network(OFFICE.parse().unwrap()));
    for (round, reset) in (1..).zip([
        GuardReset::One(Suspect::Account(user.clone())),
        GuardReset::One(Suspect::Network(network)),
        GuardReset::One(Suspect::Pair(user, network)),
        GuardReset::All,
    ]) {
        attack(&site, &service, round).await;
        site.store.reset_guard(&other, &act()).unwrap();
        assert_eq!(sign_in(&site, &service, ELSEWHERE, "guess").await, "454");
        until("the block in the store", || is_blocked(&site)).await;
        site.store.reset_guard(&reset, &act()).unwrap();
        assert!(!is_blocked(&site));
        assert_eq!(sign_in(&site, &service, ELSEWHERE, "guess").await, "535");
        site.store.reset_guard(&reset, &act()).unwrap();
    }
    assert_eq!(sign_in(&site, &service, ELSEWHERE, PASSWORD).await, "235");
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_20_a_burst_from_many_addresses_is_ten_guesses() {
    let site = std::sync::Arc::new(site());
    let service = site.start().await;
    assert_eq!(sign_in(&site, &service, OFFICE, PASSWORD).await, "235");
    let mut ready = Vec::new();
    for client in 0..40 {
        let from = format!("127.0.1.{client}");
        ready.push(site.client_from(&service, &from).await);
    }
    let mut burst = JoinSet::new();
    for (guess, mut client) in ready.into_iter().enumerate() {
        burst.spawn(async move {
            client.sign_in(ACCOUNT, &format!("guess {guess}")).await;
            client.expect("").await
        });
    }
    let mut looked_at = 0;
    while let Some(reply) = burst.join_next().await {
        looked_at += u32::from(reply.unwrap().starts_with("535 5.7.3 "));
    }
    assert_eq!(looked_at, 10);
    assert_eq!(sign_in(&site, &service, OFFICE, PASSWORD).await, "235");
    service.stop().await.unwrap();
}
