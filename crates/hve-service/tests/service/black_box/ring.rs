//! What is kept: sessions that failed, and of them only so many.

use tokio::net::TcpStream;

use super::Case;
use crate::support::{ACCOUNT, Client, PASSWORD};

/// A session that fails, and has failed when this returns.
async fn fail(client: &mut Client) {
    client.expect("220 ").await;
    client.ask("GET / HTTP/1.1", "421 ").await;
    client.expect_end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_checks_and_sessions_that_went_well_leave_nothing() {
    let case = Case::new().await;
    let [starttls, implicit] = case.service.addresses() else {
        panic!("two listeners")
    };
    for address in [starttls, implicit] {
        drop(TcpStream::connect(address).await.unwrap());
    }
    let mut client = case.greeted().await;
    client.ask("EHLO monitor", "250").await;
    client.ask("QUIT", "221 ").await;
    drop(case.greeted().await);
    let mut client = Client::connect_implicit(*implicit, case.site.trust()).await;
    client.expect("220 ").await;
    client.ask("QUIT", "221 ").await;
    drop(Client::connect_implicit(*implicit, case.site.trust()).await);
    let mut client = case.client().await;
    client.ask("NOOP", "250 ").await;
    client.ask("QUIT", "221 ").await;
    let mut client = case.site.signed_in(&case.service).await;
    client.ask("QUIT", "221 ").await;
    // What went wrong on the way to a message is forgotten with it.
    let mut client = case.client().await;
    client.sign_in(ACCOUNT, "wrong").await;
    client.expect("535 ").await;
    client.sign_in(ACCOUNT, PASSWORD).await;
    client.expect("235 ").await;
    let text = format!("From: {ACCOUNT}\r\nSubject: x\r\n\r\nx");
    let reply = client.submit(&["anna@contoso.test"], &text).await;
    assert!(reply.starts_with("250 "), "{reply}");
    drop(client);
    case.ended().await;

    let mut last = Client::connect(*starttls).await;
    fail(&mut last).await;
    case.diagnosed("not-smtp", "is not SMTP").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_one_client_pushes_no_other_out() {
    let case = Case::new().await;
    let address = case.service.addresses()[0];
    fail(&mut case.client_from(2).await).await;
    case.ended().await;
    let of_device = usize::try_from(hve_store::FailedSession::MOST_OF_DEVICE).unwrap();
    // Few at a time find a place in the line, so it takes a while to fill the ring.
    for _ in 0..5000 {
        for _ in 0..10 {
            fail(&mut Client::connect(address).await).await;
        }
        if case.site.failed_sessions().len() > of_device {
            break;
        }
    }
    fail(&mut Client::connect(address).await).await;
    case.service.stop().await.unwrap();
    let all = case.site.failed_sessions();
    let of = |client: &str| {
        all.iter()
            .filter(|one| one.client.to_string() == client)
            .count()
    };
    assert_eq!((of("127.0.0.1"), of("127.0.0.2")), (of_device, 1));
}
