//! Clients that do not behave, and load balancers (bad-inputs rows 9, 11, 13, 14).

use std::sync::Arc;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{ACCOUNT, Client, Site, until};

/// A TLS 1.0 ClientHello, as an old printer sends it: one CBC suite, no extensions.
const OLD_HELLO: &[u8] = b"\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x01\
    0123456789abcdef0123456789abcdef\x00\x00\x02\x00\x2f\x01\x00";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_13_an_old_hello_gets_an_alert_and_is_counted() {
    let site = Site::new();
    let service = site.start().await;
    let mut socket = TcpStream::connect(service.addresses()[1]).await.unwrap();
    socket.write_all(OLD_HELLO).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer.first(), Some(&0x15), "an alert: {answer:?}");
    until("the count", || site.refusals("tls-failed") == 1).await;
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_13_a_handshake_that_is_abandoned_ends_alone() {
    let mut site = Site::new();
    site.config.limits.handshake_timeout = std::time::Duration::from_millis(100);
    let service = site.start().await;
    let mut silent = TcpStream::connect(service.addresses()[1]).await.unwrap();
    silent.write_all(&OLD_HELLO[..20]).await.unwrap();
    let mut gone = TcpStream::connect(service.addresses()[1]).await.unwrap();
    gone.write_all(&OLD_HELLO[..20]).await.unwrap();
    drop(gone);
    let mut answer = Vec::new();
    silent.read_to_end(&mut answer).await.unwrap();
    until("both counts", || site.refusals("tls-failed") == 2).await;
    site.signed_in(&service).await;
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_11_clear_text_behind_starttls_is_dropped() {
    let site = Site::new();
    let service = site.start().await;
    let mut client = Client::connect(service.addresses()[0]).await;
    client.expect("220 ").await;
    client.ask("EHLO evil.test", "250").await;
    client
        .send(b"STARTTLS\r\nEHLO injected.test\r\nNOOP\r\n")
        .await;
    client.expect("220 ").await;
    let mut client = client.under_tls(site.trust()).await;
    // Were the injected lines kept, their replies would come first.
    client.ask("MAIL FROM:<hve01@contoso.test>", "503 ").await;
    client.ask("EHLO client.test", "250").await;
    until("the count", || site.refusals("clear-text-dropped") == 1).await;
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_14_close_notify_in_the_middle_of_a_message_is_the_end() {
    let site = Site::new();
    let service = site.start().await;
    for begin in ["DATA", "BDAT 1000"] {
        let mut client = site.signed_in(&service).await;
        client.ask(&format!("MAIL FROM:<{ACCOUNT}>"), "250 ").await;
        client.ask("RCPT TO:<a@contoso.test>", "250 ").await;
        client.say(begin).await;
        if begin == "DATA" {
            client.expect("354 ").await;
        }
        client.send(b"Subject: half\r\n\r\nhalf").await;
        client.end_tls().await;
        // In clear text behind it: must not be looked at.
        client.expect_end().await;
    }
    service.stop().await.unwrap();
    assert!(site.mails("contoso.test", "a").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_9_everything_in_one_packet_with_quit() {
    let site = Site::new();
    let service = site.start().await;
    let mut client = site.client(&service).await;
    client.sign_in(ACCOUNT, crate::support::PASSWORD).await;
    client.expect("235 ").await;
    let all = format!(
        "MAIL FROM:<{ACCOUNT}>\r\nRCPT TO:<a@contoso.test>\r\nDATA\r\n\
         Subject: at once\r\n\r\nx\r\n.\r\nQUIT\r\n"
    );
    client.send(all.as_bytes()).await;
    for expected in ["250 ", "250 ", "354 ", "250 2.0.0 ", "221 "] {
        client.expect(expected).await;
    }
    client.expect_end().await;
    until("the mail", || site.mails("contoso.test", "a").len() == 1).await;
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_balancer_names_the_client_and_must() {
    let mut site = Site::new();
    site.config.listeners[0].proxy_protocol_from = vec!["127.0.0.0/8".parse().unwrap()];
    site.config.limits.sessions_per_address = std::num::NonZeroU32::MIN;
    let service = site.start().await;
    let address = service.addresses()[0];
    let mut one = Client::connect(address).await;
    one.send(b"PROXY TCP4 192.0.2.1 10.0.0.1 1 587\r\n").await;
    one.expect("220 ").await;
    let mut same = Client::connect(address).await;
    same.send(b"PROXY TCP4 192.0.2.1 10.0.0.1 2 587\r\n").await;
    same.expect("421 4.3.2 ").await;
    same.expect_end().await;
    let mut other = Client::connect(address).await;
    other.send(b"PROXY TCP4 192.0.2.2 10.0.0.1 3 587\r\n").await;
    other.expect("220 ").await;
    let mut without = Client::connect(address).await;
    without.send(b"EHLO client.test\r\n").await;
    without.expect_end().await;
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_header_from_anybody_else_is_no_command() {
    let site = Site::new();
    let service = site.start().await;
    let mut client = Client::connect(service.addresses()[0]).await;
    client.expect("220 ").await;
    client
        .ask("PROXY TCP4 192.0.2.1 10.0.0.1 1 587", "500 ")
        .await;
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_comes_back_resumes_its_tls_session() {
    let site = Site::new();
    let service = site.start().await;
    let trust = site.trust();
    for expected in [rustls::HandshakeKind::Full, rustls::HandshakeKind::Resumed] {
        let socket = TcpStream::connect(service.addresses()[1]).await.unwrap();
        let mut stream = crate::support::handshake(socket, Arc::clone(&trust)).await;
        let mut greeting = [0; 4];
        // The ticket comes before the greeting.
        stream.read_exact(&mut greeting).await.unwrap();
        assert_eq!(&greeting, b"220 ");
        assert_eq!(stream.get_ref().1.handshake_kind(), Some(expected));
    }
    service.stop().await.unwrap();
}
