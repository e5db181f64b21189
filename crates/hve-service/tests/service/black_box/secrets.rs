//! No password is kept, wherever it is said.

use super::Case;
use crate::support::{Client, base64};

/// A password that no rule of names, addresses or numbers takes for one of those.
const CANARY: &str = "c4nary&Secret!";

/// Every form in which it could be recognised.
fn forms() -> Vec<String> {
    let whole = base64(CANARY.as_bytes());
    let plain = base64(format!("\0hve01@contoso.test\0{CANARY}").as_bytes());
    vec![
        CANARY.to_owned(),
        // Without the padding, so that it is found within a longer text.
        whole.trim_end_matches('=').to_owned(),
        plain.trim_end_matches('=').to_owned(),
        // The middle of it at the other two places it may have in base64.
        base64(CANARY.get(1..13).unwrap().as_bytes()),
        base64(CANARY.get(2..14).unwrap().as_bytes()),
    ]
}

/// What clients say who have their password in the wrong place.
fn mistakes() -> Vec<Vec<String>> {
    let encoded = base64(CANARY.as_bytes());
    let user = base64(b"hve01@contoso.test");
    let plain = base64(format!("\0hve01@contoso.test\0{CANARY}").as_bytes());
    let as_user = base64(format!("\0{CANARY}\0{CANARY}").as_bytes());
    let in_one = base64(format!("hve01@contoso.test:{CANARY}").as_bytes());
    let twice = base64(plain.as_bytes());
    let scram = base64(format!("n,,n={CANARY},r=nonce").as_bytes());
    let token = base64(format!("user=a@contoso.test\x01auth=Bearer {CANARY}\x01\x01").as_bytes());
    let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
    vec![
        lines(&["AUTH LOGIN", &user, &encoded]),
        lines(&["AUTH LOGIN", &user, CANARY]),
        lines(&["AUTH LOGIN", &in_one, &encoded]),
        lines(&["AUTH LOGIN", &encoded, &encoded]),
        lines(&["AUTH LOGIN", &plain, &encoded]),
        lines(&[&format!("AUTH LOGIN {user}"), &encoded]),
        lines(&["AUTH PLAIN", &plain]),
        lines(&["AUTH PLAIN", CANARY]),
        lines(&[&format!("AUTH PLAIN {plain}")]),
        lines(&[&format!("AUTH PLAIN {as_user}")]),
        lines(&[&format!("AUTH PLAIN {twice}")]),
        lines(&[&format!("AUTH PLAIN hve01@contoso.test {CANARY}")]),
        lines(&[&format!("AUTH {CANARY}")]),
        lines(&["AUTH CRAM-MD5", &encoded, CANARY]),
        lines(&[&format!("AUTH XOAUTH2 {encoded}"), CANARY]),
        lines(&[&format!("AUTH SCRAM-SHA-256 {encoded}"), CANARY]),
        lines(&[&format!("AUTH SCRAM-SHA-256 {scram}"), &scram]),
        lines(&["AUTH XOAUTH2", &token]),
        lines(&["AUTH EXTERNAL", &encoded]),
        lines(&[&format!("EHLO {CANARY}"), "GET /"]),
        lines(&[&format!("MAIL FROM:<{CANARY}>")]),
        lines(&[&format!("MAIL FROM:<a@contoso.test> AUTH={CANARY}")]),
        lines(&[&format!("RCPT TO:<{CANARY}>"), &format!("RCPT {CANARY}")]),
        lines(&[&format!("VRFY {CANARY}"), "GET /"]),
        lines(&[&format!("NOOP {CANARY}"), "GET /"]),
        lines(&[&format!("STARTTLS {CANARY}")]),
        lines(&[CANARY, &encoded]),
        lines(&[&format!("GET /?password={CANARY}")]),
    ]
}

/// Says all of it, whatever the answers are.
async fn say(mut client: Client, lines: &[String]) {
    for line in lines {
        client.say(line).await;
        if client.reply().await.is_empty() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_16_no_password_is_kept_in_any_form() {
    let case = Case::new().await;
    // Each from an address of its own, so that all are kept.
    let mut hosts = 2..;
    for lines in mistakes() {
        for encrypted in [true, false] {
            let mut client = case.client_from(hosts.next().unwrap()).await;
            client.expect("220 ").await;
            if encrypted {
                client = client.start_tls(case.site.trust()).await;
            } else {
                client.ask("EHLO printer", "250").await;
            }
            say(client, &lines).await;
            case.ended().await;
        }
    }
    case.service.stop().await.unwrap();
    let all = case.site.failed_sessions();
    assert_eq!(all.len(), mistakes().len() * 2);
    for failed in &all {
        assert_is_clean(&format!("{failed:?}"));
        assert!(failed.lines.iter().any(|line| line.starts_with("C: ")));
    }
    // Nor in any other row or corner of the files.
    for entry in std::fs::read_dir(case.site.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            assert_is_clean(&String::from_utf8_lossy(&std::fs::read(&path).unwrap()));
        }
    }
}

fn assert_is_clean(text: &str) {
    for form in forms() {
        let at = text.find(&form);
        let around = at.and_then(|at| text.get(at.saturating_sub(500)..at));
        assert!(at.is_none(), "{form} after {around:?}");
    }
}
