//! Messages that are not taken, and sessions that are not ended.

use std::time::Duration;

use super::Case;
use crate::support::{ACCOUNT, Client, PASSWORD, Site};

async fn signed_in(case: &Case) -> Client {
    let mut client = case.client().await;
    client.sign_in(ACCOUNT, PASSWORD).await;
    client.expect("235 ").await;
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_that_are_refused() {
    let to = |address: &str| format!("RCPT TO:<{address}>");
    let (elsewhere, unlike) = (to("anna@example.org"), to("anna@@contoso.test"));
    let mail = format!("MAIL FROM:<{ACCOUNT}>");
    let large = format!("{mail} SIZE=999999999");
    let odd = format!("{mail} CANARY");
    let other = "MAIL FROM:<other@contoso.test>".to_owned();
    for (commands, key, words) in [
        (vec![&other], "other-sender", "another address"),
        (vec![&mail, &elsewhere], "external-recipient", "outside"),
        (vec![&mail, &unlike], "bad-address", "not well-formed"),
        (vec![&large], "message-too-large", "larger"),
        (vec![&odd], "unsupported-parameter", "parameter"),
    ] {
        let case = Case::new().await;
        let mut client = signed_in(&case).await;
        for command in commands {
            client.say(command).await;
            client.reply().await;
        }
        client.ask("QUIT", "221 ").await;
        let failed = case.diagnosed(key, words).await;
        assert_eq!(failed.account, Some(ACCOUNT.parse().unwrap()));
        assert!(!format!("{failed:?}").contains("CANARY"), "{failed:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_2_line_feeds_alone() {
    let case = Case::new().await;
    let mut client = case.greeted().await;
    client.send(b"EHLO printer\nQUIT\n\r\n").await;
    client.expect("500 ").await;
    drop(client);
    case.diagnosed("bare-lf", "line feed alone").await;

    let case = Case::new().await;
    let mut client = signed_in(&case).await;
    let text = format!("From: {ACCOUNT}\r\nSubject: x\r\n\r\na\nb");
    let reply = client.submit(&["anna@contoso.test"], &text).await;
    assert!(reply.starts_with("550 5.6.11 "), "{reply}");
    drop(client);
    case.diagnosed("bare-line-end", "not CR LF").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_8_a_client_that_says_nothing() {
    let mut site = Site::new();
    site.config.limits.sign_in_timeout = Duration::from_millis(100);
    let case = Case::on(site).await;
    let mut client = case.greeted().await;
    client.expect("421 ").await;
    case.diagnosed("timed-out", "did nothing more").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_of_which_only_a_part_comes() {
    let mut site = Site::new();
    site.config.limits.data_timeout = Duration::from_millis(100);
    let case = Case::on(site).await;
    let mut client = signed_in(&case).await;
    client.ask(&format!("MAIL FROM:<{ACCOUNT}>"), "250 ").await;
    client.ask("RCPT TO:<anna@contoso.test>", "250 ").await;
    client.ask("DATA", "354 ").await;
    client.send(b"Subject: half\r\n").await;
    client.expect("421 ").await;
    case.diagnosed("message-too-slow", "too slowly").await;
}
