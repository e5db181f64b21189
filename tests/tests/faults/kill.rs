//! `kill -9` in full load, over and over: what was acknowledged is there, once, and counted.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use hve_tests::{ACCOUNT, Client, PASSWORD, Server, Site, at_once, until};

const CONNECTIONS: usize = 32;
/// A round is cut off when so many messages were acknowledged in it, differently each time. Those
/// of several hundred are of [`LARGE`] messages, and fall into large commits and into checkpoints.
const ACKNOWLEDGED: [usize; 20] = [
    3, 17, 200, 31, 9, 60, 221, 3, 17, 31, 243, 9, 60, 3, 269, 17, 31, 9, 300, 60,
];
/// From so many messages on, a round is of large ones.
const MANY: usize = 200;
/// Lines of [`LINE`]: 2 KiB and 64 KiB.
const SMALL: usize = 30;
const LARGE: usize = 920;
const LINE: &str = "load load load load load load load load load load load load load load \r\n";

/// Message by message: how many recipients it had.
type Acknowledged = Mutex<BTreeMap<String, usize>>;

/// Sends message after message until the server is gone.
fn load(
    client: std::io::Result<Client>,
    name: &str,
    body: &str,
    done: &Acknowledged,
    count: &AtomicUsize,
) {
    let Ok(mut client) = client else {
        return;
    };
    for number in 0.. {
        let id = format!("{name}-{number}");
        let recipients = number % 3 + 1;
        let to: Vec<String> = (0..recipients)
            .map(|r| format!("r{r}@contoso.test"))
            .collect();
        let to: Vec<&str> = to.iter().map(String::as_str).collect();
        let content = format!("From: {ACCOUNT}\r\nSubject: {id}\r\n\r\n{body}end");
        match client.submit(ACCOUNT, &to, &content) {
            Ok(reply) if reply.code == 250 => {
                done.lock().unwrap().insert(id, recipients);
                count.fetch_add(1, Ordering::Relaxed);
            }
            // 421 or silence: the end of this round.
            _ => return,
        }
    }
}

/// As `Site::signed_in`, but the server may be killed at any moment.
fn sign_in(site: &Site, server: &Server) -> std::io::Result<Client> {
    let mut client = Client::connect(server.address())?;
    client.reply()?;
    client.command("EHLO client.test")?;
    client.command("STARTTLS")?;
    client.handshake(&site.trust(), "localhost")?;
    client.command("EHLO client.test")?;
    client.sign_in(ACCOUNT, PASSWORD)?;
    Ok(client)
}

#[test]
fn row_40_every_acknowledged_message_survives_kill_9_twenty_times() {
    let site = &Site::new();
    let acknowledged = Acknowledged::default();
    for (round, wanted) in ACKNOWLEDGED.into_iter().enumerate() {
        let mut server = site.start();
        let count = AtomicUsize::new(0);
        let body = LINE.repeat(if wanted < MANY { SMALL } else { LARGE });
        thread::scope(|scope| {
            for connection in 0..CONNECTIONS {
                let (server, body) = (&server, &body);
                let (done, count) = (&acknowledged, &count);
                let name = format!("load-{round}-{connection}");
                scope.spawn(move || load(sign_in(site, server), &name, body, done, count));
            }
            until("messages acknowledged", || {
                (count.load(Ordering::Relaxed) >= wanted).then_some(())
            });
            if round % 2 == 1 {
                // Between the file of a copy and the note that it was delivered.
                let before = delivered(site, 0);
                at_once("a delivery", || (delivered(site, 0) > before).then_some(()));
            }
            // By its id, while the threads above are in the middle of whatever they do.
            server.signal(rustix::process::Signal::KILL);
        });
        server.kill();
    }
    let acknowledged = acknowledged.into_inner().unwrap();
    let server = site.start();
    let mut before = 0;
    let copies = until("every copy delivered", || {
        // The queue is long, and listed only when no more files came since the last look.
        let files: usize = (0..3).map(|recipient| delivered(site, recipient)).sum();
        let rests = std::mem::replace(&mut before, files) == files;
        (rests && site.admin().queue().is_empty()).then(|| copies(site))
    });
    drop(server);
    let mut lost = Vec::new();
    for (id, recipients) in &acknowledged {
        if copies.get(id).map(BTreeSet::len) != Some(*recipients) {
            lost.push(id);
        }
    }
    assert!(lost.is_empty(), "of {}: {lost:?}", acknowledged.len());
    // What was stored and not acknowledged any more is counted too: the books are of the store.
    let counted: usize = copies.values().map(BTreeSet::len).sum();
    assert_eq!(site.admin().quota_used(), counted as u64);
    let unacknowledged = copies.len() - acknowledged.len();
    println!(
        "{} acknowledged, {unacknowledged} stored without their 250",
        acknowledged.len()
    );
}

/// Files in the Maildir of one recipient.
fn delivered(site: &Site, recipient: usize) -> usize {
    let folder = site.path(&format!("mail/contoso.test/r{recipient}/new"));
    fs::read_dir(folder).into_iter().flatten().count()
}

/// Which Maildirs hold each message.
///
/// A copy that is there twice fails the test.
fn copies(site: &Site) -> BTreeMap<String, BTreeSet<usize>> {
    let mut copies: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for recipient in 0..3 {
        for mail in site.mails(&format!("r{recipient}@contoso.test")) {
            assert!(
                mail.body().ends_with("load \r\nend\r\n"),
                "torn: {:?}",
                mail.path
            );
            let id = mail.header("Subject").unwrap();
            let first = copies.entry(id).or_default().insert(recipient);
            assert!(first, "twice: {:?}", mail.path);
        }
    }
    copies
}
