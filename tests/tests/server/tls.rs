//! STARTTLS and TLS, bent in every way.

use std::{io::Write, net::Shutdown, process::Stdio, sync::Arc};

use hve_tests::{ACCOUNT, Client, PASSWORD, Pair, Server, Site, tool};
use rustix::process::Signal;
use rustls::version::{TLS12, TLS13};

const TO: &str = "anna@contoso.test";
const CONTENT: &str = "From: hve01@contoso.test\r\nSubject: over TLS\r\n\r\nbody";

#[test]
fn row_11_commands_behind_starttls_are_dropped() {
    let site = Site::new();
    let server = site.start();
    let injected = [
        "EHLO injected.test\r\n",
        "MAIL FROM:<hve01@contoso.test>\r\n",
        "NOOP\r\nNOOP\r\nQUIT\r\n",
        "EHLO",
    ];
    for injected in injected {
        let mut client = site.connect(&server);
        client.expect(250, "EHLO client.test");
        client.send(format!("STARTTLS\r\n{injected}")).unwrap();
        client.expect_reply(220);
        if client.handshake(&site.trust(), "localhost").is_err() {
            continue; // The injected octets broke the handshake: just as good.
        }
        // The first reply inside TLS answers the first command inside TLS, and EHLO is forgotten.
        let reply = client.command(&format!("MAIL FROM:<{ACCOUNT}>")).unwrap();
        assert!(reply.code >= 500, "{injected:?}: {reply:?}");
        client.expect(221, "QUIT");
        assert_eq!(client.rest(), "", "{injected:?}");
    }
}

#[test]
fn row_11_starttls_has_one_place() {
    let site = Site::new();
    let server = site.start();
    let mut client = site.connect(&server);
    client.expect(250, "EHLO client.test");
    let reply = client.command("STARTTLS now").unwrap();
    assert_eq!(reply.code, 501, "{reply:?}");
    client.start_tls(&site.trust()).unwrap();
    client.expect(250, "EHLO client.test");
    let refused = |client: &mut Client, when: &str| {
        let reply = client.command("STARTTLS").unwrap();
        assert!((500..=504).contains(&reply.code), "{when}: {reply:?}");
    };
    refused(&mut client, "twice");
    assert_eq!(client.sign_in(ACCOUNT, PASSWORD).unwrap().code, 235);
    refused(&mut client, "after AUTH");
    client.expect(250, &format!("MAIL FROM:<{ACCOUNT}>"));
    refused(&mut client, "in a transaction");
    client.expect(250, "RSET");
    let reply = client.submit(ACCOUNT, &[TO], CONTENT).unwrap();
    assert_eq!(reply.code, 250, "{reply:?}");
}

#[test]
fn row_12_nothing_from_before_tls_counts() {
    let site = Site::new();
    let server = site.start();
    let mut client = site.connect(&server);
    client.expect(250, "EHLO before.test");
    let mail = format!("MAIL FROM:<{ACCOUNT}>");
    assert_eq!(client.command(&mail).unwrap().status(), "530 5.7.0");
    let reply = client.sign_in(ACCOUNT, PASSWORD).unwrap();
    assert_eq!(reply.status(), "530 5.7.0");
    client.start_tls(&site.trust()).unwrap();
    let reply = client.sign_in(ACCOUNT, PASSWORD).unwrap();
    assert_eq!(reply.code, 503, "AUTH without EHLO inside TLS: {reply:?}");
    client.expect(250, "EHLO after.test");
    assert_eq!(client.command(&mail).unwrap().status(), "530 5.7.57");
    assert_eq!(client.sign_in(ACCOUNT, PASSWORD).unwrap().code, 235);
    let reply = client.submit(ACCOUNT, &[TO], CONTENT).unwrap();
    assert_eq!(reply.code, 250, "{reply:?}");
    let mail = site.waiting_mails(TO, 1).remove(0);
    let received = mail.header("Received").unwrap();
    assert!(received.contains("after.test"), "{received}");
    assert!(!mail.text().contains("before.test"));
}

#[test]
fn row_13_broken_handshakes_leave_a_trace_and_nothing_else() {
    let site = Site::new();
    let server = site.start();
    let starttls = || {
        let mut client = site.connect(&server);
        client.expect(250, "EHLO client.test");
        client.expect(220, "STARTTLS");
        client
    };
    // Abandoned.
    drop(starttls());
    // A ClientHello of TLS 1.0 with one old cipher suite.
    let mut old = starttls();
    old.send(tls_1_0_hello()).unwrap();
    let _ = old.socket().shutdown(Shutdown::Write);
    let answer = old.rest();
    assert!(!answer.contains("250"), "{answer:?}");
    // A name that the certificate does not have: the client turns away.
    assert!(starttls().handshake(&site.trust(), "other.test").is_err());
    // A record of zero length where a handshake should be.
    let mut empty = starttls();
    empty.send([0x16, 0x03, 0x03, 0, 0].repeat(100)).unwrap();
    let _ = empty.socket().shutdown(Shutdown::Write);
    empty.rest();
    server.wait_for("a failed handshake", |line| {
        line.contains("TLS failed") && line.contains("127.0.0.1")
    });
    works(&site, &server);
}

#[test]
fn row_14_close_notify_ends_the_session_for_good() {
    let site = Site::new();
    let server = site.start();
    let openings: [&[&str]; 3] = [
        &[
            "MAIL FROM:<hve01@contoso.test>",
            "RCPT TO:<anna@contoso.test>",
            "DATA",
        ],
        &[
            "MAIL FROM:<hve01@contoso.test>",
            "RCPT TO:<anna@contoso.test>",
        ],
        &[],
    ];
    let unfinished: [&str; 3] = ["half a line", "BDAT 1000 LAST\r\nhalf", "AUTH LOGIN\r\n"];
    for (opening, unfinished) in openings.iter().zip(unfinished) {
        let mut client = if opening.is_empty() {
            site.connect_tls(&server)
        } else {
            site.signed_in(&server)
        };
        for line in *opening {
            assert!(client.command(line).unwrap().code < 400);
        }
        client.send(unfinished).unwrap();
        client.tls().conn.send_close_notify();
        let tls = client.tls();
        tls.conn.complete_io(&mut tls.sock).unwrap();
        // What follows in clear text must never be taken for the rest.
        let _ = client.socket().write_all(b"\r\n.\r\nNOOP\r\n");
        let said = client.rest();
        assert!(!said.contains("250 "), "{unfinished:?}: {said:?}");
    }
    works(&site, &server);
    assert_eq!(site.waiting_mails(TO, 1).len(), 1, "only the finished one");
    assert_eq!(site.admin().quota_used(), 1);
}

#[test]
fn row_14_a_flood_of_key_updates_harms_nobody() {
    let site = Site::new();
    let server = site.start();
    let mut client = site.signed_in(&server);
    works(&site, &server);
    let before = server.peak_memory();
    // A few are everybody's right.
    assert_eq!(update_keys(&mut client, 8), 8);
    client.expect(250, "NOOP");
    let sent = update_keys(&mut client, 2_000);
    assert!(sent >= 32, "only {sent} were sent");
    // Either it still works or it was cut off; the others do not notice.
    if let Ok(reply) = client.command("NOOP") {
        assert!(matches!(reply.code, 250 | 421), "{reply:?}");
    }
    works(&site, &server);
    let grown = server.peak_memory().saturating_sub(before);
    assert!(
        grown < 4096,
        "{before} KiB grew by {grown} for {sent} updates"
    );
}

/// Sends up to `count` key updates, and stops where the server ended the session; how many it sent.
fn update_keys(client: &mut Client, count: usize) -> usize {
    let tls = client.tls();
    (0..count)
        .take_while(|_| tls.conn.refresh_traffic_keys().is_ok() && tls.flush().is_ok())
        .count()
}

#[test]
fn row_14_no_data_before_the_handshake_is_done() {
    let site = Site::new();
    let server = site.start();
    let mut config = Arc::unwrap_or_clone(site.trust_with(&[&TLS13]));
    config.enable_early_data = true;
    let config = Arc::new(config);
    for _ in 0..3 {
        let mut client = site.connect(&server);
        client.start_tls(&config).unwrap();
        client.expect(250, "EHLO client.test");
        let connection = &mut client.tls().conn;
        assert!(connection.early_data().is_none(), "the ticket offers 0-RTT");
        assert!(!connection.is_early_data_accepted());
        client.expect(221, "QUIT");
        client.rest();
    }
}

#[test]
fn row_14_renegotiation_is_refused() {
    let Some(openssl) = tool("openssl") else {
        return;
    };
    let site = Site::new();
    let server = site.start();
    let mut child = openssl
        .command()
        .args(["s_client", "-starttls", "smtp", "-tls1_2", "-connect"])
        .arg(server.address().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A line that begins with R asks s_client to renegotiate. Its input stays open meanwhile.
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"R\n").unwrap();
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("RENEGOTIATING"), "it tried: {said}");
    assert!(said.contains("no renegotiation"), "{said}");
    works(&site, &server);
}

#[test]
fn row_15_certificates_change_under_open_sessions() {
    hve_tests::raise_open_files();
    let site = Site::new();
    let server = site.start();
    let mut open: Vec<Client> = (0..500).map(|_| site.connect_tls(&server)).collect();
    let files = (site.path("cert.pem"), site.path("key.pem"));
    // A key that does not fit: the old pair stays in use, and the log says so.
    let new = Pair::generate();
    Pair {
        certificate: new.certificate.clone(),
        key: Pair::generate().key,
    }
    .write(&files.0, &files.1);
    server.signal(Signal::HUP);
    server.wait_for("an alarm about the pair", |line| {
        line.contains("\"level\":\"error\"") && line.contains("certificate not loaded")
    });
    works(&site, &server);
    // An unreadable key.
    std::fs::write(&files.1, "no key").unwrap();
    server.signal(Signal::HUP);
    works(&site, &server);
    // A good pair: new sessions see it, open ones go on.
    new.write(&files.0, &files.1);
    server.signal(Signal::HUP);
    hve_tests::until("the new certificate", || {
        let mut client = site.connect(&server);
        client.start_tls(&trusting_both(&site, &new)).ok()?;
        let shown = client.tls().conn.peer_certificates()?.first()?.clone();
        (shown == new.der()).then_some(())
    });
    for client in &mut open {
        client.expect(250, "NOOP");
    }
    let last = open.last_mut().unwrap();
    assert_eq!(last.sign_in(ACCOUNT, PASSWORD).unwrap().code, 235);
    let reply = last.submit(ACCOUNT, &[TO], CONTENT).unwrap();
    assert_eq!(reply.code, 250, "{reply:?}");
}

#[test]
fn both_tls_versions_work() {
    let site = Site::new();
    let server = site.start();
    for version in [&TLS12, &TLS13] {
        let mut client = site.connect(&server);
        client.start_tls(&site.trust_with(&[version])).unwrap();
        let spoken = client.tls().conn.protocol_version();
        assert_eq!(spoken, Some(version.version));
        client.expect(250, "EHLO client.test");
    }
}

/// A session from beginning to end.
fn works(site: &Site, server: &Server) {
    let mut client = site.signed_in(server);
    let reply = client.submit(ACCOUNT, &[TO], CONTENT).unwrap();
    assert_eq!(reply.code, 250, "{reply:?}");
}

fn trusting_both(site: &Site, new: &Pair) -> Arc<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(new.der()).unwrap();
    roots.add(site.pair().der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

fn tls_1_0_hello() -> Vec<u8> {
    let body = [
        &[0x03, 0x01][..],   // the client's version: TLS 1.0
        &[7; 32],            // random
        &[0],                // no session
        &[0, 2, 0x00, 0x2f], // TLS_RSA_WITH_AES_128_CBC_SHA
        &[1, 0],             // no compression
    ]
    .concat();
    let length = u8::try_from(body.len()).unwrap();
    [
        &[0x16, 0x03, 0x01, 0, length + 4, 1, 0, 0, length][..],
        &body,
    ]
    .concat()
}
