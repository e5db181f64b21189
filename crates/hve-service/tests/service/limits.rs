//! Bounds on sessions and memory (bad-inputs rows 8, 24).

use std::{num::NonZeroU32, time::Duration};

use crate::support::{ACCOUNT, Client, PASSWORD, Site, act, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_session_too_many_hears_421() {
    let mut site = Site::new();
    site.config.limits.sessions = NonZeroU32::MIN;
    let service = site.start().await;
    let mut first = Client::connect(service.addresses()[0]).await;
    first.expect("220 ").await;
    let mut second = Client::connect(service.addresses()[0]).await;
    let refused = second.expect("421 4.3.2 ").await;
    assert!(
        refused.trim_end().ends_with(']'),
        "a correlation id: {refused}"
    );
    second.expect_end().await;
    drop(first);
    until("its place", || service.sessions() == 0).await;
    site.client(&service).await;
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_8_a_client_that_says_nothing_is_let_go() {
    let mut site = Site::new();
    site.config.limits.sign_in_timeout = Duration::from_millis(200);
    let service = site.start().await;
    let mut client = Client::connect(service.addresses()[0]).await;
    client.expect("220 ").await;
    client.expect("421 ").await;
    client.expect_end().await;
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_8_a_message_that_does_not_go_on_is_dropped() {
    let mut site = Site::new();
    site.config.limits.data_timeout = Duration::from_millis(200);
    let service = site.start().await;
    let mut client = site.signed_in(&service).await;
    client.ask(&format!("MAIL FROM:<{ACCOUNT}>"), "250 ").await;
    client.ask("RCPT TO:<a@contoso.test>", "250 ").await;
    client.ask("DATA", "354 ").await;
    client.expect("421 ").await;
    client.expect_end().await;
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_that_is_taken_is_told_and_given_back() {
    let mut site = Site::new();
    site.config.limits.message_octets = 128 * 1024;
    site.config.limits.bytes_in_flight = 128 * 1024;
    // The second holder never finishes.
    site.config.limits.shutdown_grace = Duration::from_millis(100);
    let service = site.start().await;
    let mut holders = Vec::new();
    for _ in 0..2 {
        let mut holder = site.signed_in(&service).await;
        holder.ask(&format!("MAIL FROM:<{ACCOUNT}>"), "250 ").await;
        holder.ask("RCPT TO:<a@contoso.test>", "250 ").await;
        holder.ask("DATA", "354 ").await;
        holders.push(holder);
    }
    let mut client = site.signed_in(&service).await;
    client.ask(&format!("MAIL FROM:<{ACCOUNT}>"), "250 ").await;
    client.ask("RCPT TO:<a@contoso.test>", "250 ").await;
    client.ask("DATA", "452 4.3.1 ").await;
    let mut holder = holders.remove(0);
    holder.send(b"Subject: done\r\n\r\nx\r\n.\r\n").await;
    holder.expect("250 ").await;
    client.ask("RSET", "250 ").await;
    let accepted = client
        .submit(&["a@contoso.test"], "Subject: x\r\n\r\nx")
        .await;
    assert!(accepted.starts_with("250 "), "{accepted}");
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_24_a_flood_of_sign_ins_harms_nobody_else() {
    let mut site = Site::new();
    site.config.limits.hashing_threads = 1;
    site.config.limits.hashing_queue = NonZeroU32::MIN;
    let service = site.start().await;
    let mut working = site.signed_in(&service).await;
    let mut flood = Vec::new();
    for number in 0..20 {
        let mut client = site.client(&service).await;
        flood.push(tokio::spawn(async move {
            let user = format!("user{number}@contoso.test");
            client.sign_in(&user, PASSWORD).await;
            client.reply().await
        }));
    }
    let accepted = working
        .submit(&["a@contoso.test"], "Subject: x\r\n\r\nx")
        .await;
    assert!(accepted.starts_with("250 "), "{accepted}");
    // Known passwords need no hashing.
    site.signed_in(&service).await;
    let mut busy = 0;
    for reply in flood {
        let reply = reply.await.unwrap();
        busy += usize::from(reply.starts_with("454 4.7.0 "));
        assert!(
            reply.starts_with("454 4.7.0 ") || reply.starts_with("535 5.7.3 "),
            "{reply}"
        );
    }
    assert!(busy > 0, "the line was never full");
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_session_hears_of_the_limits_of_this_moment() {
    let site = Site::new();
    let service = site.start().await;
    for (octets, recipients) in [(123_456, 7), (65_432, 9)] {
        site.store
            .change_tenant_limits(
                site.tenant.id,
                |of| {
                    of.message_octets = octets;
                    of.recipients_per_message = NonZeroU32::new(recipients).unwrap();
                },
                &act(),
            )
            .unwrap();
        // Nobody signs in: the greeting alone has to look.
        let mut client = site.client(&service).await;
        let said = client.ask("EHLO client.test", "250").await;
        assert!(said.contains(&format!("SIZE {octets}\r\n")), "{said}");
        assert!(said.contains(&format!("RCPTMAX={recipients}")), "{said}");
    }
    service.stop().await.unwrap();
}
