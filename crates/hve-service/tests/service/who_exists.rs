//! Row 23: the time of an answer does not tell who exists.
//!
//! Known and unknown names are asked about in turn, so that whatever else the machine does falls on
//! both alike; their times are compared by rank, which no outlier disturbs.

#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "time is what is compared; and a broken precondition fails the test that has it"
)]

use std::time::{Duration, Instant};

use hve_service::Service;
use tokio::net::TcpSocket;

use crate::support::{Client, PASSWORD, Site, act, base64, hash};

/// Names of each kind.
const NAMES: usize = 40;
/// Standard deviations: where nothing tells the two apart, one run in 150,000 is beyond.
const SUSPICIOUS: f64 = 4.5;

/// How long each question took, one entry a name.
#[derive(Default)]
struct Times {
    guess: Vec<Duration>,
    same_again: Vec<Duration>,
    scram_hello: Vec<Duration>,
}

impl Times {
    /// Asks about one name, from an address of its own: the guard has nothing to say.
    async fn ask(&mut self, site: &Site, service: &Service, user: &str, from: &str) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
        let stream = socket.connect(service.addresses()[0]).await.unwrap();
        let mut client = Client::over(stream);
        client.expect("220 ").await;
        let mut client = client.start_tls(site.trust()).await;
        let wrong = format!("\0{user}\0a wrong password");
        let plain = format!("AUTH PLAIN {}", base64(wrong.as_bytes()));
        self.guess
            .push(timed(&mut client, &plain, "535 5.7.3 ").await);
        self.same_again
            .push(timed(&mut client, &plain, "535 5.7.3 ").await);
        let hello = base64(format!("n,,n={user},r=nonce").as_bytes());
        let scram = format!("AUTH SCRAM-SHA-256 {hello}");
        self.scram_hello
            .push(timed(&mut client, &scram, "334 ").await);
    }
}

async fn timed(client: &mut Client, line: &str, reply: &str) -> Duration {
    let begin = Instant::now();
    client.ask(line, reply).await;
    begin.elapsed()
}

/// The sum of ranks of `one` among both, in standard deviations from what chance gives
/// (Mann and Whitney).
fn deviation(one: &[Duration], other: &[Duration]) -> f64 {
    let below = |of: &Duration| other.iter().filter(|than| of < *than).count();
    let wins: usize = one.iter().map(below).sum();
    let [wins, one, other] =
        [wins, one.len(), other.len()].map(|n| f64::from(u32::try_from(n).unwrap()));
    (wins - one * other / 2.0) / (one * other * (one + other + 1.0) / 12.0).sqrt()
}

#[test]
fn the_measure_tells_apart_what_differs() {
    let times = |from: u64| {
        (from..from + 40)
            .map(Duration::from_micros)
            .collect::<Vec<_>>()
    };
    assert!(deviation(&times(0), &times(0)).abs() < 1.0);
    assert!(deviation(&times(0), &times(30)) > SUSPICIOUS);
    assert!(deviation(&times(30), &times(0)) < -SUSPICIOUS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_23_the_time_of_an_answer_does_not_tell_who_exists() {
    let mut site = Site::new();
    site.config.limits.guess_delay = Duration::ZERO;
    let widen = |limits: &mut hve_types::TenantLimits| limits.accounts = 100;
    site.store
        .change_tenant_limits(site.tenant.id, widen, &act())
        .unwrap();
    let password = hash(PASSWORD);
    for n in 0..NAMES {
        let new = hve_store::NewAccount {
            tenant: site.tenant.id,
            address: format!("known{n}@contoso.test").parse().unwrap(),
            display_name: "Scanner".into(),
            alias: None,
            limits: hve_types::AccountLimits::default(),
            password: password.clone(),
        };
        site.store.add_account(&new, &act()).unwrap();
    }
    let service = site.start().await;
    let (mut known, mut unknown) = (Times::default(), Times::default());
    for n in 0..NAMES {
        for turn in 0..2 {
            let (times, name) = match (n + turn) % 2 {
                0 => (&mut known, "known"),
                _ => (&mut unknown, "other"),
            };
            let user = format!("{name}{n}@contoso.test");
            let from = format!("127.0.{}.{}", turn + 1, n + 1);
            times.ask(&site, &service, &user, &from).await;
        }
    }
    for (what, known, unknown) in [
        ("a guess", &known.guess, &unknown.guess),
        (
            "the same guess again",
            &known.same_again,
            &unknown.same_again,
        ),
        (
            "SCRAM's first message",
            &known.scram_hello,
            &unknown.scram_hello,
        ),
    ] {
        let deviation = deviation(known, unknown);
        eprintln!("{what}: {deviation:.1} standard deviations");
        assert!(
            deviation.abs() < SUSPICIOUS,
            "{what}: {deviation} of {known:?} and {unknown:?}"
        );
    }
    service.stop().await.unwrap();
}
