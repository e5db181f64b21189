//! What arrives on the wire and should not: floods, slow ones, strangers, early ends.

use std::{io::Write, net::Shutdown, thread, time::Duration};

use hve_tests::{ACCOUNT, Client, PASSWORD, Server, Site, until};
use rustix::net::sockopt::set_socket_linger;

const TO: &str = "anna@contoso.test";

/// Sends `line` 10,000 times in clear text and returns the codes of all replies.
fn flood(site: &Site, server: &Server, line: &str) -> Vec<u16> {
    let mut client = site.connect(server);
    let mut socket = client.socket().try_clone().unwrap();
    let lines = format!("{line}\r\n").repeat(100);
    let writer = thread::spawn(move || {
        // The server may close in the middle, as it should.
        let sent = (0..100).try_for_each(|_| socket.write_all(lines.as_bytes()));
        if sent.is_ok() {
            let _ = socket.shutdown(Shutdown::Write);
        }
    });
    let mut codes = Vec::new();
    while let Ok(reply) = client.reply() {
        codes.push(reply.code);
    }
    drop(client);
    writer.join().unwrap();
    codes
}

#[test]
fn row_07_ten_thousand_commands_end_in_421() {
    let site = Site::new();
    let server = site.start();
    for line in ["", "XYZZY", "MAIL FROM:<", "NOOP", "RSET", "EHLO a.test"] {
        let codes = flood(&site, &server, line);
        assert_eq!(
            codes.last(),
            Some(&421),
            "{line:?}: {} replies",
            codes.len()
        );
        assert!(codes.len() < 10_000, "{line:?}: no budget");
    }
    submit_one(&site, &server);
}

/// One octet, and another, and another: in each phase of a session.
#[test]
fn row_08_slow_clients_meet_the_deadline_of_their_phase() {
    let site = Site::new()
        .limit("handshake-timeout = \"2s\"")
        .limit("sign-in-timeout = \"6s\"")
        .limit("command-timeout = \"3s\"")
        .limit("message-timeout = \"3s\"")
        .listener("tls = \"starttls\"")
        .listener("tls = \"implicit\"");
    let server = site.start();
    let forever = || "slow".bytes().cycle();
    thread::scope(|scope| {
        scope.spawn(|| {
            let said = site.connect(&server).drip(forever());
            assert!(said.starts_with("421 "), "before TLS: {said:?}");
        });
        scope.spawn(|| {
            let mut client = site.connect(&server);
            client.expect(250, "EHLO slow.test");
            client.expect(220, "STARTTLS");
            client.send([0x16, 0x03, 0x01, 0x10, 0x00]).unwrap();
            assert_eq!(client.drip(forever()), "", "in the handshake");
        });
        scope.spawn(|| {
            let mut client = Client::connect(server.addresses()[1]).unwrap();
            assert_eq!(client.rest(), "", "silent where TLS is implicit");
        });
        scope.spawn(|| {
            let mut client = site.connect_tls(&server);
            client.expect(334, "AUTH LOGIN");
            let said = client.drip(forever());
            assert!(said.starts_with("421 "), "in AUTH: {said:?}");
        });
        scope.spawn(|| {
            // Busy, and yet it never signs in.
            let said = site.connect_tls(&server).drip("NOOP\r\n".bytes().cycle());
            assert!(said.contains("\n421 "), "without signing in: {said:?}");
        });
        scope.spawn(|| {
            let mut client = site.signed_in(&server);
            begin_body(&mut client);
            let said = client.drip(forever());
            assert!(said.starts_with("421 "), "in DATA: {said:?}");
        });
        // Nobody else is held up meanwhile.
        for _ in 0..5 {
            submit_one(&site, &server);
        }
    });
    assert!(
        site.mails(TO)
            .iter()
            .all(|mail| !mail.text().contains("slow"))
    );
    assert_eq!(site.admin().quota_used(), 5);
}

#[test]
fn row_09_everything_in_one_packet() {
    let site = Site::new();
    let server = site.start();
    let mut client = site.signed_in(&server);
    client
        .send(format!(
            "MAIL FROM:<{ACCOUNT}>\r\nRCPT TO:<{TO}>\r\nDATA\r\nFrom: {ACCOUNT}\r\n\
             Subject: at once\r\n\r\nbody\r\n.\r\nQUIT\r\n"
        ))
        .unwrap();
    for code in [250, 250, 354, 250, 221] {
        client.expect_reply(code);
    }
    assert_eq!(client.rest(), "");
    let mails = site.waiting_mails(TO, 1);
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].body(), "body\r\n");
}

#[test]
fn row_09_half_closed_after_the_dot() {
    let site = Site::new();
    let server = site.start();
    let mut client = site.signed_in(&server);
    begin_body(&mut client);
    client
        .send("From: hve01@contoso.test\r\n\r\nhalf\r\n.\r\n")
        .unwrap();
    client.half_close().unwrap();
    client.expect_reply(250);
    client.rest();
    assert_eq!(site.waiting_mails(TO, 1).len(), 1);
}

#[test]
fn row_09_closed_or_reset_in_the_middle() {
    let site = Site::new();
    let server = site.start();
    // Closed without QUIT and without a dot: there is no message.
    let mut client = site.signed_in(&server);
    begin_body(&mut client);
    client.send("Subject: unfinished\r\n\r\nhalf a li").unwrap();
    drop(client);
    // Reset right after the dot: one message or none, and the books agree.
    for _ in 0..10 {
        let mut client = site.signed_in(&server);
        begin_body(&mut client);
        client
            .send("From: hve01@contoso.test\r\n\r\nreset\r\n.\r\n")
            .unwrap();
        set_socket_linger(client.socket(), Some(Duration::ZERO)).unwrap();
    }
    submit_one(&site, &server);
    let mails = until("books that agree", || {
        let mails = site.mails(TO);
        (mails.len() as u64 == site.admin().quota_used()).then_some(mails)
    });
    assert!((1..=11).contains(&mails.len()), "{}", mails.len());
    assert!(mails.iter().all(|mail| !mail.text().contains("unfinished")));
}

#[test]
fn row_41_a_client_that_missed_its_250_and_retries_is_counted_and_seen() {
    let site = Site::new();
    let server = site.start();
    let content = format!("From: {ACCOUNT}\r\nMessage-ID: <same@client.test>\r\n\r\nonce?");
    let mut client = site.signed_in(&server);
    begin_body(&mut client);
    client.send(format!("{content}\r\n.\r\n")).unwrap();
    client.half_close().unwrap();
    drop(client); // The 250 is never read.
    assert_eq!(site.waiting_mails(TO, 1).len(), 1);
    let mut client = site.signed_in(&server);
    let reply = client.submit(ACCOUNT, &[TO], &content).unwrap();
    assert_eq!(reply.code, 250, "{reply:?}");
    // SMTP has no proof that it is the same message: both are counted, and their id tells.
    let mails = site.waiting_mails(TO, 2);
    let id = |mail: &hve_tests::Mail| mail.header("Message-ID");
    assert!(
        mails
            .iter()
            .all(|mail| id(mail).as_deref() == Some("<same@client.test>"))
    );
    assert_eq!(site.admin().quota_used(), 2);
}

#[test]
fn row_10_strangers_are_sent_away() {
    let site = Site::new();
    let server = site.start();
    let hello = [&[0x16, 0x03, 0x01, 0x00, 0xa5, 0x01, 0x00], &[0u8; 160][..]].concat();
    let strangers: [&[u8]; 4] = [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc",
        &hello,
        b"\xff\xfe\x00\x00\x01garbage\r\n\x00\x00\r\n",
    ];
    for stranger in strangers {
        let mut client = site.connect(&server);
        client.send(stranger).unwrap();
        let _ = client.socket().shutdown(Shutdown::Write);
        let said = client.rest();
        let shown = String::from_utf8_lossy(stranger);
        assert!(
            said.starts_with("421 ") || said.starts_with("50"),
            "{shown:?}: {said}"
        );
        assert!(!said.contains("250"), "{shown:?}: {said}");
    }
    submit_one(&site, &server);
}

fn begin_body(client: &mut Client) {
    client.expect(250, &format!("MAIL FROM:<{ACCOUNT}>"));
    client.expect(250, &format!("RCPT TO:<{TO}>"));
    client.expect(354, "DATA");
}

/// Everyone else is unaffected.
fn submit_one(site: &Site, server: &Server) {
    let mut client = site.connect_tls(server);
    let reply = client.sign_in(ACCOUNT, PASSWORD).unwrap();
    assert_eq!(reply.code, 235, "{reply:?}");
    let content = format!("From: {ACCOUNT}\r\nSubject: fine\r\n\r\nfine");
    let reply = client.submit(ACCOUNT, &[TO], &content).unwrap();
    assert_eq!(reply.code, 250, "{reply:?}");
}
