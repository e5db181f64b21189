//! Clients that send without end cost no memory.

use std::thread;

use hve_tests::{ACCOUNT, Client, Server, Site};

const TO: &str = "anna@contoso.test";
const MIB: usize = 1 << 20;

/// The most memory the server ever had, in MiB.
fn peak(server: &Server) -> u64 {
    server.peak_memory() / 1024
}

/// Sends `count` MiB without a line end, or as many as the server takes.
fn pour(client: &mut Client, count: usize) {
    let block = vec![b'x'; MIB];
    for _ in 0..count {
        if client.send(&block).is_err() {
            return;
        }
    }
    let _ = client.half_close();
}

#[test]
fn row_03_row_04_what_never_ends_is_not_kept() {
    let site = Site::new();
    site.set_tenant(&["--message-size", "1MiB"]);
    let server = site.start();
    let mut good = site.signed_in(&server);
    let content = format!("From: {ACCOUNT}\r\nSubject: beside it\r\n\r\nbody");
    assert_eq!(good.submit(ACCOUNT, &[TO], &content).unwrap().code, 250);
    let before = peak(&server);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                // A command line before TLS and one inside it.
                let mut client = site.connect(&server);
                pour(&mut client, 24);
                let mut client = site.connect_tls(&server);
                pour(&mut client, 24);
            });
            scope.spawn(|| {
                // A body line, by DATA and by BDAT.
                for begin in ["DATA\r\n", "BDAT 4000000000 LAST\r\n"] {
                    let mut client = site.signed_in(&server);
                    client.expect(250, &format!("MAIL FROM:<{ACCOUNT}>"));
                    client.expect(250, &format!("RCPT TO:<{TO}>"));
                    client.send(begin).unwrap();
                    pour(&mut client, 24);
                    assert!(!client.rest().contains("250 "), "{begin}");
                }
            });
        }
    });
    let grown = peak(&server).saturating_sub(before);
    // Sixteen times 24 MiB came in, eight at a time, into messages of 1 MiB at most.
    assert!(grown < 64, "{before} MiB grew by {grown}");
    assert_eq!(good.submit(ACCOUNT, &[TO], &content).unwrap().code, 250);
    assert_eq!(site.admin().quota_used(), 2);
}
