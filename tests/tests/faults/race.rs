//! Many connections, one quota.

use std::{sync::Barrier, thread};

use hve_tests::{ACCOUNT, PASSWORD, Reply, Site};

const CONNECTIONS: usize = 100;
const LEFT: usize = 50;

#[test]
fn row_38_a_hundred_connections_race_for_the_last_fifty_recipients() {
    let site = Site::new();
    let limit = (LEFT + 3).to_string();
    site.set_tenant(&["--recipients-per-day", &limit]);
    site.set_tenant(&["--sessions-per-account", "200"]);
    let server = site.start();
    let content = format!("From: {ACCOUNT}\r\nSubject: race\r\n\r\nbody");
    let mut first = site.signed_in(&server);
    let three = ["a@contoso.test", "b@contoso.test", "c@contoso.test"];
    assert_eq!(first.submit(ACCOUNT, &three, &content).unwrap().code, 250);

    let ready = Barrier::new(CONNECTIONS);
    let replies: Vec<Reply> = thread::scope(|scope| {
        let racers: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                let (site, server, ready, content) = (&site, &server, &ready, &content);
                scope.spawn(move || {
                    let mut client = site.connect_tls(server);
                    let reply = client.sign_in(ACCOUNT, PASSWORD).unwrap();
                    assert_eq!(reply.code, 235, "{reply:?}");
                    client.expect(250, &format!("MAIL FROM:<{ACCOUNT}>"));
                    let reply = client.command("RCPT TO:<last@contoso.test>").unwrap();
                    let open = reply.code == 250;
                    let open = open && client.command("DATA").unwrap().code == 354;
                    // Everybody stands before the dot, or was told before.
                    ready.wait();
                    if !open {
                        return reply;
                    }
                    client.send(format!("{content}\r\n.\r\n")).unwrap();
                    client.reply().unwrap()
                })
            })
            .collect();
        racers
            .into_iter()
            .map(|racer| racer.join().unwrap())
            .collect()
    });
    let accepted = replies.iter().filter(|reply| reply.code == 250).count();
    let refused = replies.iter().filter(|reply| reply.code == 452).count();
    assert_eq!(
        (accepted, refused),
        (LEFT, CONNECTIONS - LEFT),
        "{replies:?}"
    );
    let quota = site.admin().json(&["quota", "show"]);
    assert_eq!(quota["used"], LEFT + 3, "{quota}");
    assert_eq!(quota["room"], 0, "{quota}");
    assert_eq!(site.waiting_mails("last@contoso.test", LEFT).len(), LEFT);
    // The refusal says when there is room again.
    let refusal = replies.iter().find(|reply| reply.code == 452).unwrap();
    assert!(refusal.text().contains('Z'), "{refusal:?}");
}
