//! The PROXY protocol, from load balancers that are named and from nobody else.

use hve_tests::{ACCOUNT, Client, PASSWORD, Server, Site};

const TO: &str = "anna@contoso.test";

fn site(balancers: &str) -> Site {
    Site::new().listener(&format!("proxy-protocol-from = [\"{balancers}\"]"))
}

/// Sends `header` first, then a message; the Received line that it got.
fn received(site: &Site, server: &Server, header: &[u8]) -> String {
    let before = site.mails(TO).len();
    let mut client = Client::connect(server.address()).unwrap();
    client.send(header).unwrap();
    client.expect_reply(220);
    client.start_tls(&site.trust()).unwrap();
    client.expect(250, "EHLO client.test");
    assert_eq!(client.sign_in(ACCOUNT, PASSWORD).unwrap().code, 235);
    let content = format!("From: {ACCOUNT}\r\nSubject: proxied\r\n\r\nbody");
    let reply = client.submit(ACCOUNT, &[TO], &content).unwrap();
    assert_eq!(reply.code, 250, "{reply:?}");
    let mails = site.waiting_mails(TO, before + 1);
    mails.last().unwrap().header("Received").unwrap()
}

fn v2(family: u8, addresses: &[u8]) -> Vec<u8> {
    let length = u16::try_from(addresses.len()).unwrap().to_be_bytes();
    let signature = b"\r\n\r\n\0\r\nQUIT\n";
    [&signature[..], &[0x21, family], &length, addresses].concat()
}

#[test]
fn version_1_names_the_client() {
    let site = site("127.0.0.0/8");
    let server = site.start();
    let header = b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 587\r\n";
    let line = received(&site, &server, header);
    assert!(line.contains("203.0.113.9"), "{line}");
    let header = b"PROXY TCP6 2001:db8::9 2001:db8::1 4711 587\r\n";
    let line = received(&site, &server, header);
    assert!(line.contains("2001:db8::9"), "{line}");
}

#[test]
fn version_2_names_the_client() {
    let site = site("127.0.0.1");
    let server = site.start();
    let ports = [0x12, 0x67, 0x02, 0x4b];
    let v4 = [&[203, 0, 113, 10][..], &[192, 0, 2, 1], &ports].concat();
    let line = received(&site, &server, &v2(0x11, &v4));
    assert!(line.contains("203.0.113.10"), "{line}");
    let client = [
        0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0a,
    ];
    let v6 = [&client[..], &client, &ports].concat();
    let line = received(&site, &server, &v2(0x21, &v6));
    assert!(line.contains("2001:db8::a"), "{line}");
}

#[test]
fn a_balancer_without_a_header_is_cut_off() {
    let site = site("127.0.0.1");
    let server = site.start();
    let strangers: [&[u8]; 3] = [
        b"EHLO client.test\r\n",
        b"PROXY TCP4 203.0.113.9\r\n",
        &[b'P'; 4096],
    ];
    for stranger in strangers {
        let mut client = Client::connect(server.address()).unwrap();
        client.send(stranger).unwrap();
        let said = client.rest();
        assert!(!said.contains("250"), "{stranger:?}: {said}");
    }
    let header = b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 587\r\n";
    received(&site, &server, header);
}

#[test]
fn a_header_from_anyone_else_is_an_unknown_command() {
    let site = site("192.0.2.0/24");
    let server = site.start();
    let mut client = site.connect(&server);
    let reply = client
        .command("PROXY TCP4 203.0.113.9 192.0.2.1 4711 587")
        .unwrap();
    assert_eq!(reply.code, 500, "{reply:?}");
    let line = received(&site, &server, b"");
    assert!(line.contains("127.0.0.1"), "{line}");
}
