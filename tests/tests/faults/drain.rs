//! Shutdown with uploads in flight, and a second server on the same store.

use std::time::Duration;

use hve_tests::{ACCOUNT, Client, Server, Site};
use rustix::process::Signal;

const TO: &str = "anna@contoso.test";

fn begin_upload(site: &Site, server: &Server) -> Client {
    let mut client = site.signed_in(server);
    client.expect(250, &format!("MAIL FROM:<{ACCOUNT}>"));
    client.expect(250, &format!("RCPT TO:<{TO}>"));
    client.expect(354, "DATA");
    let half = format!(
        "From: {ACCOUNT}\r\nSubject: upload\r\n\r\n{}",
        "line\r\n".repeat(500)
    );
    client.send(half).unwrap();
    client
}

#[test]
fn row_52_sigterm_lets_uploads_finish_and_takes_no_new_ones() {
    hve_tests::raise_open_files();
    for (signal, count) in [(Signal::TERM, 500), (Signal::INT, 20)] {
        let site = Site::new();
        site.set_tenant(&["--sessions-per-account", "600"]);
        let mut server = site.start();
        let mut uploads: Vec<_> = (0..count).map(|_| begin_upload(&site, &server)).collect();
        let mut idle = site.signed_in(&server);
        server.signal(signal);
        assert_eq!(idle.reply().unwrap().code, 421, "an idle session is told");
        assert_eq!(idle.rest(), "");
        let refused = Client::connect(server.address()).and_then(|mut client| client.reply());
        if let Ok(reply) = refused {
            assert_eq!(reply.code, 421, "no new session");
        }
        assert!(server.is_alive(), "uploads are in flight");
        for upload in &mut uploads {
            upload.send("the end\r\n.\r\n").unwrap();
            upload.expect_reply(250);
            upload.expect_reply(421);
        }
        let status = server.ended(Duration::from_secs(30));
        assert!(status.success(), "{status}: {}", server.log());
        drop(server);
        let server = site.start();
        assert_eq!(site.waiting_mails(TO, count).len(), count);
        assert_eq!(site.admin().quota_used(), count as u64);
        drop(server);
    }
}

#[test]
fn row_52_an_upload_that_never_ends_is_cut_off_after_the_grace() {
    let site = Site::new().limit("shutdown-grace = \"1s\"");
    let mut server = site.start();
    let mut upload = begin_upload(&site, &server);
    server.signal(Signal::TERM);
    let status = server.ended(Duration::from_secs(30));
    assert!(status.success(), "{status}: {}", server.log());
    assert!(!upload.rest().contains("250"));
    assert_eq!(site.admin().quota_used(), 0);
}

#[test]
fn row_52_a_second_instance_is_refused() {
    let site = Site::new();
    let mut first = site.start();
    let refused = Server::try_run(&site.config());
    let Err((status, said)) = refused else {
        unreachable!("two servers on one store");
    };
    assert!(!status.success());
    assert!(said.contains("store.db"), "names the store: {said}");
    let pid = first.pid().as_raw_nonzero().to_string();
    assert!(said.contains(&pid), "names the process {pid}: {said}");
    begin_upload(&site, &first).send(".\r\n").unwrap();
    // A killed server leaves no lock behind.
    first.kill();
    drop(site.start());
}
