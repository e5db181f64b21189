//! What people are told of what a next hop said.

use std::sync::Arc;

use hve_types::{Envelope, Notify, QueueId};

use crate::{
    once,
    peer::{Peer, kind},
    routes,
    support::World,
};

/// The text of the notice with the last settlement of the first message.
fn notice(world: &World) -> Option<String> {
    let id = *world.entries().keys().next().unwrap();
    let notice = world.last(id).notice?;
    Some(String::from_utf8(notice.content.to_vec()).unwrap())
}

fn ask_for_success(world: &World, id: QueueId) {
    if let Some(entry) = world.entries().get_mut(&id) {
        let mut envelope: Envelope = (*entry.due.envelope).clone();
        for recipient in &mut envelope.recipients {
            recipient.notify = Some(Notify::On {
                success: true,
                failure: true,
                delay: false,
            });
        }
        entry.due.envelope = Arc::new(envelope);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_54_a_notice_has_the_next_hops_words_and_only_who_failed() {
    let world = World::new();
    world.set_bounce_to("postmaster@contoso.test");
    let peer = Peer::start(|_, command| match command {
        "RCPT TO:<nobody@contoso.test>" => "550 5.1.1 No such user".into(),
        ". full@contoso.test" => "452 4.2.2 Mailbox full".into(),
        other => kind(other),
    })
    .await;
    world.accept(
        0,
        &["a@contoso.test", "nobody@contoso.test", "full@contoso.test"],
    );
    once(&world, &routes(&format!("lmtp://{}", peer.address))).await;
    let text = notice(&world).unwrap();
    assert_eq!(text.matches("\r\nFinal-Recipient:").count(), 1, "{text}");
    for line in [
        "Final-Recipient: rfc822; nobody@contoso.test",
        "Status: 5.1.1",
        "Diagnostic-Code: smtp; 550 5.1.1 No such user",
        &format!("Remote-MTA: dns; {}", peer.address.ip()),
        &format!("    {} said: 550 5.1.1 No such user", peer.address),
    ] {
        assert!(text.contains(&format!("\r\n{line}\r\n")), "{line}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn success_is_told_where_the_next_hop_does_not_tell_it() {
    for (protocol, dsn, action) in [
        ("smtp", false, Some("relayed")),
        ("smtp", true, None),
        ("lmtp", false, Some("delivered")),
    ] {
        let world = World::new();
        world.set_bounce_to("postmaster@contoso.test");
        let peer = Peer::start(move |_, command| {
            let greets = command.starts_with("EHLO") || command.starts_with("LHLO");
            match kind(command) {
                _ if greets && dsn => "250-peer\r\n250 DSN".into(),
                other => other,
            }
        })
        .await;
        let id = world.accept(0, &["a@contoso.test"]).id;
        ask_for_success(&world, id);
        once(&world, &routes(&format!("{protocol}://{}", peer.address))).await;
        let text = notice(&world);
        let told = text.as_deref().and_then(|text| {
            let line = text
                .split("\r\n")
                .find(|line| line.starts_with("Action:"))?;
            line.strip_prefix("Action: ")
        });
        assert_eq!(told, action, "{protocol} {dsn}");
    }
}
