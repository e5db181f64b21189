//! A message's way through a service in this process: real TLS, real store, real Maildir.

use std::time::Duration;

use crate::support::{ACCOUNT, Client, Site, act, until};

const TEXT: &str =
    "From: hve01@contoso.test\r\nTo: a@contoso.test\r\nSubject: Hello\r\n\r\nHi.\r\n..dot";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_durable_and_delivered() {
    let site = Site::new();
    let service = site.start().await;
    let mut client = site.signed_in(&service).await;
    let queued = client
        .submit(&["a@contoso.test", "b@contoso.test"], TEXT)
        .await;
    assert!(queued.starts_with("250 2.0.0 "), "{queued}");
    until("both copies", || {
        ["a", "b"]
            .iter()
            .all(|local| site.mails("contoso.test", local).len() == 1)
    })
    .await;
    let mail = site.mails("contoso.test", "a").remove(0);
    assert!(mail.contains("Subject: Hello\r\n"), "{mail}");
    assert!(mail.contains("\r\n.dot"), "{mail}");
    assert!(mail.contains("Received: from client.test"), "{mail}");
    client.ask("QUIT", "221 ").await;
    client.expect_end().await;
    service.stop().await.unwrap();
    let mut accepted = 0;
    let all = hve_store::UsageFilter {
        tenant: None,
        account: None,
        from: time::UtcDateTime::UNIX_EPOCH,
        to: time::UtcDateTime::MAX,
    };
    let count = |event: hve_types::UsageEvent| {
        if event.kind == hve_types::UsageKind::Accepted {
            accepted += event.recipients;
        }
    };
    site.store.usage(&all, count).unwrap();
    assert_eq!(accepted, 2);
    let left = hve_store::QueueFilter {
        limit: 10,
        ..hve_store::QueueFilter::default()
    };
    assert!(
        site.store.queue(&left).unwrap().is_empty(),
        "all is settled"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn implicit_tls_greets_inside_tls() {
    let site = Site::new();
    let service = site.start().await;
    let mut client = Client::connect_implicit(service.addresses()[1], site.trust()).await;
    client.expect("220 ").await;
    let offered = client.ask("EHLO client.test", "250").await;
    assert!(
        offered.contains("AUTH LOGIN PLAIN") || offered.contains("AUTH PLAIN LOGIN"),
        "{offered}"
    );
    assert!(!offered.contains("STARTTLS"), "{offered}");
    assert!(offered.contains("SIZE 10485760"), "{offered}");
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_22_a_change_is_seen_by_the_next_command() {
    let site = Site::new();
    let service = site.start().await;
    let mut client = site.signed_in(&service).await;
    client.ask(&format!("MAIL FROM:<{ACCOUNT}>"), "250 ").await;
    client
        .ask("RCPT TO:<a@fabrikam.test>", "550 5.5.105 ")
        .await;
    let domain = "fabrikam.test".parse().unwrap();
    let kind = hve_types::DomainKind::Authoritative;
    site.store
        .add_domain(site.tenant.id, &domain, kind, &act())
        .unwrap();
    client.ask("RCPT TO:<a@fabrikam.test>", "550 5.1.10 ").await;
    let listed = ["a@fabrikam.test".parse().unwrap()];
    site.store
        .import_recipients(site.tenant.id, &listed, &act())
        .unwrap();
    client.ask("RCPT TO:<a@fabrikam.test>", "250 ").await;
    site.store
        .suspend_account(site.account.id, "abuse reported", None, &act())
        .unwrap();
    let refused = client.ask("DATA", "535 5.7.3 ").await;
    assert!(refused.contains("abuse reported"), "{refused}");
    client.expect_end().await;
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_is_served_and_every_250_is_stored() {
    let site = Site::new();
    let service = site.start().await;
    let mut clients = Vec::new();
    for number in 0..16 {
        let mut client = site.signed_in(&service).await;
        clients.push(tokio::spawn(async move {
            for message in 0..10 {
                let text = format!("Subject: {number} {message}\r\n\r\nx");
                let reply = client.submit(&["crowd@contoso.test"], &text).await;
                assert!(reply.starts_with("250 "), "{reply}");
            }
        }));
    }
    for client in clients {
        client.await.unwrap();
    }
    until("all copies", || {
        site.mails("contoso.test", "crowd").len() == 160
    })
    .await;
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_52_draining_lets_a_transaction_finish() {
    let site = Site::new();
    let service = site.start().await;
    let mut idle = site.signed_in(&service).await;
    let mut busy = site.signed_in(&service).await;
    busy.ask(&format!("MAIL FROM:<{ACCOUNT}>"), "250 ").await;
    busy.ask("RCPT TO:<a@contoso.test>", "250 ").await;
    busy.ask("DATA", "354 ").await;
    let address = service.addresses()[0];
    let stopping = tokio::spawn(service.stop());
    idle.expect("421 4.3.2 ").await;
    idle.expect_end().await;
    until("the end of listening", || {
        std::net::TcpStream::connect(address).is_err()
    })
    .await;
    busy.send(b"Subject: late\r\n\r\nx\r\n.\r\n").await;
    busy.expect("250 2.0.0 ").await;
    busy.expect("421 ").await;
    stopping.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_52_a_transaction_that_does_not_finish_is_cut_off() {
    let mut site = Site::new();
    site.config.limits.shutdown_grace = Duration::from_millis(100);
    let service = site.start().await;
    let mut busy = site.signed_in(&service).await;
    busy.ask(&format!("MAIL FROM:<{ACCOUNT}>"), "250 ").await;
    busy.ask("RCPT TO:<a@contoso.test>", "250 ").await;
    busy.ask("DATA", "354 ").await;
    busy.send(b"Subject: never complete\r\n").await;
    service.stop().await.unwrap();
    busy.expect("421 ").await;
    busy.expect_end().await;
    assert!(site.mails("contoso.test", "a").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_52_a_second_service_on_the_store_is_refused() {
    let site = Site::new();
    let service = site.start().await;
    let second = site.try_start().await;
    let error = second.err().expect("a refusal").to_string();
    assert!(error.contains("in use by another server"), "{error}");
    service.stop().await.unwrap();
}
