//! Which connections are protected, which certificates are good, and who is signed in.

use std::{fs, path::Path};

use hve_delivery::{Outcome, RelaySettings, Routes};
use hve_smtp::ClientCredentials;

use crate::{
    RELAYED, once_with,
    peer::{Peer, kind},
    reason, routes,
    support::World,
};

/// A peer that offers TLS and sign-in.
async fn protected() -> Peer {
    Peer::start(|_, command| match command {
        offer if offer.starts_with("EHLO") => "250-peer\r\n250-STARTTLS\r\n250 AUTH PLAIN".into(),
        other => kind(other),
    })
    .await
}

fn settings() -> RelaySettings {
    let mut settings = RelaySettings::new("hve.contoso.test");
    let credentials = ClientCredentials {
        user: "hve".into(),
        password: "se-cret".into(),
    };
    settings.credentials.insert("relay".into(), credentials);
    settings
}

async fn attempt(routes: &Routes) -> Outcome {
    let world = World::new();
    world.accept(0, &["a@contoso.test"]);
    let outcomes = once_with(&world, routes, &settings()).await;
    outcomes.into_iter().next().unwrap().1
}

fn authority(folder: &Path, peer: &Peer) -> String {
    let file = folder.join("ca.pem");
    fs::write(&file, &peer.certificate.pem).unwrap();
    file.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_certificate_lets_mail_and_password_through() {
    let (peer, folder) = (protected().await, tempfile::tempdir().unwrap());
    let (port, ca) = (peer.address.port(), authority(folder.path(), &peer));
    let pin = &peer.certificate.sha256;
    for route in [
        format!("smtp://localhost:{port}?ca={ca}&auth=relay"),
        format!("smtp://127.0.0.1:{port}?ca={ca}&name=localhost&auth=relay"),
        format!("smtp://127.0.0.1:{port}?pin=sha256:{pin}&auth=relay"),
    ] {
        assert_eq!(attempt(&routes(&route)).await, RELAYED, "{route}");
    }
    let messages = peer.messages();
    assert!(messages.len() == 3 && messages.iter().all(|message| message.tls));
    let said = peer.commands();
    let response = "AUTH PLAIN AGh2ZQBzZS1jcmV0";
    assert_eq!(said.iter().filter(|line| *line == response).count(), 3);
    assert_eq!(said[..2], ["EHLO hve.contoso.test", "STARTTLS"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn row_55_a_wrong_certificate_keeps_mail_and_password_back() {
    let (peer, folder) = (protected().await, tempfile::tempdir().unwrap());
    let (port, ca) = (peer.address.port(), authority(folder.path(), &peer));
    let other = "00".repeat(32);
    for (route, why) in [
        (
            format!("smtp://localhost:{port}?tls=required&auth=relay"),
            "certificate",
        ),
        (
            format!("smtp://127.0.0.1:{port}?ca={ca}"),
            "not valid for name",
        ),
        (
            format!("smtp://localhost:{port}?ca={ca}&name=mx.test"),
            "not valid for name",
        ),
        (
            format!("smtp://localhost:{port}?pin=sha256:{other}"),
            "none of the pinned",
        ),
    ] {
        let outcome = attempt(&routes(&route)).await;
        assert!(matches!(outcome, Outcome::Deferred { .. }), "{route}");
        assert!(reason(&outcome).contains(why), "{route}: {outcome:?}");
    }
    assert!(peer.messages().is_empty());
    assert!(!peer.commands().join("\n").contains("AUTH"));
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_from_the_first_octet() {
    let peer = Peer::start(|_, command| match command {
        "CONNECT" => "TLS".into(),
        other => kind(other),
    })
    .await;
    let pin = &peer.certificate.sha256;
    let route = format!("smtps://{}?pin=sha256:{pin}", peer.address);
    assert_eq!(attempt(&routes(&route)).await, RELAYED);
    assert!(peer.messages()[0].tls);
    // A peer that does not begin with TLS.
    let plain = Peer::start(|_, command| kind(command)).await;
    let outcome = attempt(&routes(&format!("smtps://{}", plain.address))).await;
    assert!(
        reason(&outcome).contains("TLS with the next hop failed"),
        "{outcome:?}"
    );
    assert!(plain.messages().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn row_55_opportunistic_tls_takes_what_there_is() {
    let peer = protected().await;
    let route = format!("smtp://{}", peer.address);
    assert_eq!(attempt(&routes(&route)).await, RELAYED);
    assert!(peer.messages()[0].tls);
    let off = format!("smtp://{}?tls=off", peer.address);
    assert_eq!(attempt(&routes(&off)).await, RELAYED);
    assert!(!peer.messages()[1].tls);
    let plain = Peer::start(|_, command| kind(command)).await;
    let outcome = attempt(&routes(&format!("smtp://{}", plain.address))).await;
    assert_eq!(outcome, RELAYED);
    // Where TLS is required and has vanished, nothing is sent.
    let required = format!("smtp://{}?tls=required", plain.address);
    let outcome = attempt(&routes(&required)).await;
    assert!(
        reason(&outcome).contains("does not offer it"),
        "{outcome:?}"
    );
    assert_eq!(plain.messages().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn row_55_a_password_that_is_refused_keeps_the_mail() {
    let peer = Peer::start(|_, command| match command.split(' ').next().unwrap() {
        "EHLO" => "250-peer\r\n250-STARTTLS\r\n250 AUTH PLAIN".into(),
        "AUTH" => "535 5.7.8 Wrong".into(),
        _ => kind(command),
    })
    .await;
    let pin = &peer.certificate.sha256;
    let route = format!("smtp://{}?pin=sha256:{pin}&auth=relay", peer.address);
    let outcome = attempt(&routes(&route)).await;
    assert!(matches!(outcome, Outcome::Deferred { .. }));
    let said = reason(&outcome);
    assert!(
        said.contains("auth: the next hop refused: 535 5.7.8 Wrong"),
        "{said}"
    );
}

#[tokio::test]
async fn a_route_that_lacks_what_it_names_is_no_route() {
    let world = World::new();
    let refused = |route: &str| {
        let made = world.try_engine(&routes(route), &settings());
        made.err().unwrap().to_string()
    };
    assert!(
        refused("smtp://a.test?auth=nobody").contains("no credentials with the name \"nobody\"")
    );
    assert!(refused("smtp://a.test?ca=/nowhere/ca.pem").contains("cannot be read"));
    let empty = tempfile::NamedTempFile::new().unwrap();
    let route = format!("smtp://a.test?ca={}", empty.path().display());
    assert!(refused(&route).contains("holds no PEM certificate"));
    let said = format!("{:?}", settings());
    assert!(
        !said.contains("se-cret") && !said.contains("user"),
        "{said}"
    );
}
