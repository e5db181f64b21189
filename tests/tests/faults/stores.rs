//! Stores that are not what they should be: the server does not start, and says why.

use std::{
    fs::{self, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    path::Path,
};

use hve_tests::{ACCOUNT, Server, Site};

/// A refusal to start, in words.
fn refusal(site: &Site) -> String {
    match Server::try_run(&site.config()) {
        Ok(server) => unreachable!("it started: {}", server.log()),
        Err((status, said)) => {
            assert!(!status.success(), "{said}");
            assert_ne!(status.code(), Some(101), "a panic: {said}");
            assert!(said.contains("store.db"), "names the file: {said}");
            said
        }
    }
}

fn overwrite(path: &Path, at: u64, octets: &[u8]) {
    let mut file = OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(octets).unwrap();
}

/// A site that has accepted a message and was shut down in order.
fn used_site() -> Site {
    let site = Site::new();
    let server = site.start();
    let mut client = site.signed_in(&server);
    let content = format!("From: {ACCOUNT}\r\nSubject: first\r\n\r\nbody");
    let reply = client
        .submit(ACCOUNT, &["anna@contoso.test"], &content)
        .unwrap();
    assert_eq!(reply.code, 250, "{reply:?}");
    drop(client);
    server.signal(rustix::process::Signal::TERM);
    let mut server = server;
    server.ended(std::time::Duration::from_secs(30));
    site
}

#[test]
fn row_51_a_store_of_a_newer_version_is_refused_with_a_clear_text() {
    let site = used_site();
    // The user version of SQLite's header is where the schema's version is kept.
    let mut header = [0; 64];
    let mut file = fs::File::open(site.path("store.db")).unwrap();
    file.read_exact(&mut header).unwrap();
    assert!(
        header[60..64] != [0; 4],
        "the version moved: mend this test"
    );
    overwrite(&site.path("store.db"), 60, &9_999u32.to_be_bytes());
    let said = refusal(&site);
    assert!(said.contains("newer"), "{said}");
    assert!(said.contains("9999"), "{said}");
    let outcome = site.admin().try_run(&["tenant", "list"], "");
    assert_ne!(outcome.code, 0, "{outcome:?}");
    assert!(outcome.err.contains("newer"), "{outcome:?}");
}

#[test]
fn row_51_row_50_a_store_that_is_no_store_is_refused() {
    for content in [&b"this is somebody's diary\n"[..], &[0xff; 65_536]] {
        let site = Site::new();
        for name in ["store.db-wal", "store.db-shm"] {
            let _ = fs::remove_file(site.path(name));
        }
        fs::write(site.path("store.db"), content).unwrap();
        refusal(&site);
        let kept = fs::read(site.path("store.db")).unwrap();
        assert_eq!(kept, content, "a foreign file is left as it is");
    }
}

#[test]
fn row_51_a_corrupt_store_never_gives_a_wrong_250() {
    let site = used_site();
    let path = site.path("store.db");
    let length = fs::metadata(&path).unwrap().len();
    // Every page but the first is scrambled.
    let page = 16_384;
    for at in (page..length).step_by(usize::try_from(page).unwrap()) {
        overwrite(&path, at, &[0x5a; 512]);
    }
    match Server::try_run(&site.config()) {
        Err((status, said)) => {
            assert!(!status.success());
            assert_ne!(status.code(), Some(101), "a panic: {said}");
        }
        Ok(mut server) => {
            let mut client = site.connect_tls(&server);
            let reply = client.sign_in(ACCOUNT, hve_tests::PASSWORD).unwrap();
            assert!(reply.code >= 400, "{reply:?}");
            assert!(server.is_alive());
        }
    }
}

#[test]
fn row_50_foreign_files_in_the_maildir_disturb_nobody() {
    let site = Site::new();
    let folder = site.path("mail/contoso.test/anna");
    fs::create_dir_all(folder.join("new")).unwrap();
    fs::create_dir_all(folder.join("tmp")).unwrap();
    fs::write(folder.join("new/empty"), "").unwrap();
    fs::write(folder.join("tmp/left-over"), "half a mess").unwrap();
    let outside = site.path("outside");
    std::os::unix::fs::symlink(&outside, folder.join("new/link")).unwrap();
    let server = site.start();
    let mut client = site.signed_in(&server);
    let content = format!("From: {ACCOUNT}\r\nSubject: beside\r\n\r\nbody");
    let reply = client
        .submit(ACCOUNT, &["anna@contoso.test"], &content)
        .unwrap();
    assert_eq!(reply.code, 250, "{reply:?}");
    hve_tests::until("the message beside them", || {
        let names = fs::read_dir(folder.join("new")).unwrap();
        (names.count() == 3).then_some(())
    });
    assert!(!outside.exists());
}
