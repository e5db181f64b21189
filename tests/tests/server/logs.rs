//! What a client says never becomes a line, a colour or a secret in the log.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hve_tests::{ACCOUNT, PASSWORD, Site};

const ESCAPE: &str = "\x1b[31mred\x1b[0m";

fn attack(site: &Site, format: &str) -> String {
    let config = site
        .config_text()
        .replace("\"json\"", &format!("{format:?}"));
    std::fs::write(site.config(), config).unwrap();
    let server = hve_tests::Server::run(&site.config());
    let mut client = site.connect(&server);
    client.command(&format!("EHLO {ESCAPE}")).unwrap();
    let mut client = site.connect_tls(&server);
    let user = format!("{ESCAPE}\r\n{{\"level\":\"FORGED\"}}\nFORGED@contoso.test");
    let response = BASE64_STANDARD.encode(format!("\0{user}\0canary-of-a-secret"));
    let reply = client.command(&format!("AUTH PLAIN {response}")).unwrap();
    assert!(reply.code >= 500, "{reply:?}");
    let reply = client.sign_in(ACCOUNT, "canary-of-a-secret").unwrap();
    assert_eq!(reply.code, 535, "{reply:?}");
    assert_eq!(client.sign_in(ACCOUNT, PASSWORD).unwrap().code, 235);
    for line in [
        format!("MAIL FROM:<{ESCAPE}@contoso.test>"),
        format!("MAIL FROM:<{ACCOUNT}> ENVID={ESCAPE}"),
        format!("XYZZY {ESCAPE}"),
    ] {
        let reply = client.command(&line).unwrap();
        assert!(reply.code >= 500, "{line:?}: {reply:?}");
        assert!(!reply.text().contains('\x1b'), "{reply:?}");
    }
    let content = format!("From: {ACCOUNT}\r\nSubject: {ESCAPE}\r\n\r\ncanary-of-a-body");
    let to = format!("{}@contoso.test", "x".repeat(60));
    let reply = client.submit(ACCOUNT, &[&to], &content).unwrap();
    assert!(reply.code == 250 || reply.code >= 500, "{reply:?}");
    // The last thing of the log: an external recipient, refused and logged with its id.
    client.expect(250, &format!("MAIL FROM:<{ACCOUNT}>"));
    let reply = client
        .command("RCPT TO:<someone@external.example>")
        .unwrap();
    let id = reply
        .text()
        .rsplit(['[', ']'])
        .nth(1)
        .unwrap()
        .rsplit(' ')
        .next()
        .unwrap()
        .to_owned();
    server.wait_for("the refusal's own id", |line| line.contains(&id));
    server.log()
}

#[test]
fn row_33_control_octets_stay_out_of_the_log() {
    let site = Site::new();
    for format in ["text", "json"] {
        let log = attack(&site, format);
        assert!(!log.contains('\x1b'), "{format}: {log}");
        assert!(!log.contains('\r'), "{format}: {log}");
        for line in log.lines() {
            let forged = line.starts_with("FORGED") || line.starts_with("{\"level\":\"FORGED\"");
            assert!(!forged, "{format}: {line}");
            if format == "json" {
                let parsed: Result<serde_json::Value, _> = serde_json::from_str(line);
                assert!(parsed.is_ok(), "no JSON: {line}");
            }
        }
        for canary in ["canary-of-a-secret", "canary-of-a-body", PASSWORD] {
            assert!(!log.contains(canary), "{format}: {canary} is in the log");
        }
    }
}
