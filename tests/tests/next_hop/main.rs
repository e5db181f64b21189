//! The real server and real next hops: Dovecot by LMTP, Postfix as smart host.

mod dovecot;
mod kill;
mod postfix;

use hve_tests::{ACCOUNT, Server, Site};

/// Submits one message of `text` to these recipients.
fn submit(site: &Site, server: &Server, recipients: &[&str], text: &str) {
    let mut client = site.signed_in(server);
    client.expect(250, &format!("MAIL FROM:<{ACCOUNT}> BODY=8BITMIME"));
    for to in recipients {
        client.expect(250, &format!("RCPT TO:<{to}>"));
    }
    client.expect(354, "DATA");
    let to = recipients.join(", ");
    let message = format!("From: <{ACCOUNT}>\r\nTo: {to}\r\nSubject: {text}\r\n\r\n{text}\r\n.");
    client.expect(250, &message);
    client.expect(221, "QUIT");
}

/// Waits until the queue is empty.
fn until_queue_is_empty(site: &Site) {
    hve_tests::until("an empty queue", || {
        site.admin().queue().is_empty().then_some(())
    });
}
