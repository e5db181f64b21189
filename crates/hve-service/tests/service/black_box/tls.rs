//! TLS that does not come about, and ports that are not what the device takes them for.

use std::{sync::Arc, time::Duration};

use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::Case;
use crate::support::{Site, until};

/// A ClientHello of one CBC suite and no extensions, as an old printer sends it, naming a version
/// as its newest.
fn hello(minor: u8) -> Vec<u8> {
    let mut hello = b"\x16\x03\x00\x00\x2d\x01\x00\x00\x29\x03\x00\
        0123456789abcdef0123456789abcdef\x00\x00\x02\x00\x2f\x01\x00"
        .to_vec();
    for octet in [2, 10] {
        hello[octet] = minor;
    }
    hello
}

/// Says something at once on the port for TLS from the start, and reads to the end.
async fn says(case: &Case, octets: &[u8]) {
    let mut socket = TcpStream::connect(case.service.addresses()[1])
        .await
        .unwrap();
    socket.write_all(octets).await.unwrap();
    let mut answer = Vec::new();
    // A reset is an end, too.
    let _ = socket.read_to_end(&mut answer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_13_a_device_that_offers_old_versions_only() {
    for (minor, words) in [(0, "SSL 3.0"), (1, "TLS 1.0 at most"), (2, "TLS 1.1")] {
        let case = Case::new().await;
        says(&case, &hello(minor)).await;
        let failed = case.diagnosed("tls-old", words).await;
        assert_eq!(failed.tls, "implicit");
        assert!(failed.lines.iter().any(|line| line.starts_with("TLS: ")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_13_a_device_that_offers_tls_1_0_only_behind_starttls() {
    let case = Case::new().await;
    let mut client = case.greeted().await;
    client.ask("EHLO printer", "250").await;
    client.ask("STARTTLS", "220 ").await;
    client.send(&hello(1)).await;
    let _ = client.reply().await;
    let failed = case.diagnosed("tls-old", "TLS 1.0 at most").await;
    assert!(failed.lines.contains(&"C: STARTTLS".to_owned()));
    assert_eq!(failed.tls, "starttls");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hello_from_before_tls() {
    let case = Case::new().await;
    let mut hello = b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10".to_vec();
    hello.resize(48, 0);
    says(&case, &hello).await;
    case.diagnosed("tls-old", "SSL").await;
}

/// A client that knows no issuer.
fn distrust() -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    Arc::new(config)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_does_not_trust_the_certificate() {
    let case = Case::new().await;
    let socket = TcpStream::connect(case.service.addresses()[1])
        .await
        .unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let shaken = TlsConnector::from(distrust()).connect(name, socket).await;
    assert!(shaken.is_err());
    case.diagnosed("tls-untrusted", "does not trust").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_13_a_device_that_goes_away_in_the_handshake() {
    let case = Case::new().await;
    let mut socket = TcpStream::connect(case.service.addresses()[1])
        .await
        .unwrap();
    socket.write_all(&hello(3)[..20]).await.unwrap();
    drop(socket);
    // It may be gone before it was accepted.
    until("the session", || !case.site.failed_sessions().is_empty()).await;
    case.diagnosed("tls-gone", "went away").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_does_not_end_the_handshake() {
    let mut site = Site::new();
    site.config.limits.handshake_timeout = Duration::from_millis(100);
    let case = Case::on(site).await;
    says(&case, &hello(3)[..20]).await;
    case.diagnosed("tls-slow", "did not end it").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_12_a_device_that_never_sends_starttls() {
    for command in ["AUTH LOGIN", "MAIL FROM:<hve01@contoso.test>"] {
        let case = Case::new().await;
        let mut client = case.greeted().await;
        client.ask("EHLO printer", "250").await;
        let reply = client.ask(command, "530 ").await;
        client.ask("QUIT", "221 ").await;
        let failed = case.diagnosed("no-starttls", "never sent STARTTLS").await;
        let id = format!(" {}-1]", failed.session);
        assert!(reply.contains(&id), "the id the device shows: {reply}");
        assert_eq!(failed.client.to_string(), "127.0.0.1");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_10_tls_at_once_where_it_begins_with_starttls() {
    let case = Case::new().await;
    let port = case.service.addresses()[0].port();
    let mut client = case.greeted().await;
    client.send(&hello(3)).await;
    client.expect("421 ").await;
    let words = format!("on port {port} it begins with STARTTLS");
    let failed = case.diagnosed("tls-on-starttls-port", &words).await;
    assert_eq!(failed.listener.port(), port);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clear_text_where_tls_begins_at_once() {
    let case = Case::new().await;
    says(&case, b"EHLO printer\r\n").await;
    case.diagnosed("clear-text-on-tls-port", "speaks clear text")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_waits_for_a_greeting_where_tls_begins_at_once() {
    let mut site = Site::new();
    site.config.limits.handshake_timeout = Duration::from_millis(100);
    let case = Case::on(site).await;
    says(&case, b"").await;
    case.diagnosed("waits-for-greeting", "waited for a greeting")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_10_http_on_either_port() {
    let case = Case::new().await;
    says(&case, b"GET / HTTP/1.1\r\n\r\n").await;
    case.diagnosed("http", "speaks HTTP").await;

    let case = Case::new().await;
    let mut client = case.greeted().await;
    client.ask("GET / HTTP/1.1", "421 ").await;
    case.diagnosed("not-smtp", "is not SMTP").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starttls_and_on_in_clear_text() {
    let case = Case::new().await;
    let mut client = case.greeted().await;
    client.ask("EHLO printer", "250").await;
    client.ask("STARTTLS", "220 ").await;
    client.say("EHLO printer").await;
    let _ = client.reply().await;
    case.diagnosed("no-handshake", "went on in clear text")
        .await;
}
