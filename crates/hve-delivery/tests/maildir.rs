//! Delivery into Maildirs, on a real file system.
#![expect(clippy::unwrap_used, reason = "what a test cannot set up fails it")]

use std::{
    env, fs,
    os::unix::fs::{MetadataExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use hve_delivery::{Maildir, OutgoingCopy};
use hve_types::{Address, QueueId};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const TEXT: &[u8] = b"Subject: x\r\nReturn-Path: <forged@contoso.test>\r\n\r\nbody\r\n";

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn copy<'a>(number: u64, recipient: &'a Address, content: &'a [u8]) -> OutgoingCopy<'a> {
    OutgoingCopy {
        id: QueueId::new(1_764_000_000_000 + number, 7),
        sender: None,
        recipient,
        content,
        again: false,
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
        .unwrap_or_default();
    files.sort();
    files
}

/// Every file below a folder.
fn tree(folder: &Path) -> Vec<PathBuf> {
    let (folders, mut found): (Vec<_>, Vec<_>) =
        files(folder).into_iter().partition(|path| path.is_dir());
    found.extend(folders.iter().flat_map(|folder| tree(folder)));
    found
}

#[test]
fn a_copy_is_whole_private_and_traced() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("not/yet/there");
    let to = address("A.b@Contoso.test");
    let from = address("hve01@contoso.test");
    let mut one = copy(1, &to, TEXT);
    one.sender = Some(&from);
    assert_eq!(Maildir::new(root.clone()).deliver(&[one]), [Ok(())]);

    let mailbox = root.join("contoso.test/a.b");
    let found = tree(&root);
    let name = format!("1764000000.{}.hve", one.id);
    assert_eq!(found, [mailbox.join("new").join(name)]);
    assert_eq!(
        fs::read_to_string(&found[0]).unwrap(),
        "Return-Path: <hve01@contoso.test>\r\nDelivered-To: A.b@contoso.test\r\nSubject: x\r\n\r\nbody\r\n"
    );
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(&found[0]), 0o600);
    for folder in [
        &root,
        &root.join("contoso.test"),
        &mailbox,
        &mailbox.join("cur"),
    ] {
        assert_eq!(mode(folder), 0o700, "{}", folder.display());
    }
}

#[test]
fn many_copies_in_one_call_each_arrive_once() {
    let dir = tempfile::tempdir().unwrap();
    let recipients: Vec<_> = (0..30)
        .map(|n| address(&format!("r{n}@contoso.test")))
        .collect();
    let copies: Vec<_> = (0..8)
        .flat_map(|message| recipients.iter().map(move |to| copy(message, to, TEXT)))
        .collect();
    let answers = Maildir::new(dir.path().into()).deliver(&copies);
    assert!(answers.len() == 240 && answers.iter().all(Result::is_ok));
    for n in 0..30 {
        let mailbox = dir.path().join(format!("contoso.test/r{n}"));
        assert_eq!(files(&mailbox.join("new")).len(), 8);
        assert!(files(&mailbox.join("tmp")).is_empty());
    }
}

#[test]
fn no_address_leaves_the_root() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("mail");
    let maildir = Maildir::new(root.clone());
    let nasty = [
        "a/../../../x",
        "/etc/passwd",
        "~/x",
        "a/b",
        "a-%",
        "{x}",
        "|id",
        "new",
        "tmp",
    ];
    for (number, local) in (0..).zip(nasty) {
        // What `Address` itself refuses cannot get here.
        let Ok(to) = Address::parse(&format!("{local}@contoso.test")) else {
            continue;
        };
        assert_eq!(
            maildir.deliver(&[copy(number, &to, TEXT)]),
            [Ok(())],
            "{local}"
        );
    }
    assert_eq!(files(dir.path()), std::slice::from_ref(&root));
    assert_eq!(files(&root), [root.join("contoso.test")]);
    for file in tree(&root) {
        let below = file.strip_prefix(root.join("contoso.test")).unwrap();
        assert_eq!(below.components().count(), 3, "{}", below.display());
    }
}

#[test]
fn row_50_a_planted_link_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let (root, outside) = (dir.path().join("mail"), dir.path().join("outside"));
    fs::create_dir_all(root.join("contoso.test/b")).unwrap();
    for folder in ["", "tmp", "new", "cur"] {
        fs::create_dir_all(outside.join(folder)).unwrap();
    }
    symlink(&outside, root.join("contoso.test/a")).unwrap();
    symlink(outside.join("new"), root.join("contoso.test/b/new")).unwrap();
    let victim = outside.join("victim");
    fs::write(&victim, "precious").unwrap();
    let (a, b, c) = (
        address("a@contoso.test"),
        address("b@contoso.test"),
        address("c@contoso.test"),
    );
    let maildir = Maildir::new(root.clone());
    assert_eq!(maildir.deliver(&[copy(1, &c, TEXT)]), [Ok(())]);
    let name = files(&root.join("contoso.test/c/new"))[0]
        .file_name()
        .unwrap()
        .to_owned();
    fs::remove_file(root.join("contoso.test/c/new").join(&name)).unwrap();
    symlink(&victim, root.join("contoso.test/c/tmp").join(&name)).unwrap();

    let answers = maildir.deliver(&[copy(1, &a, TEXT), copy(1, &b, TEXT), copy(1, &c, TEXT)]);
    assert!(answers[0].is_err() && answers[1].is_err() && answers[2].is_err());
    assert_eq!(tree(&outside), std::slice::from_ref(&victim));
    assert_eq!(fs::read_to_string(victim).unwrap(), "precious");
    // The link in tmp/ was thrown away, so the next attempt succeeds.
    assert_eq!(maildir.deliver(&[copy(1, &c, TEXT)]), [Ok(())]);
}

#[test]
fn a_second_attempt_makes_no_second_copy() {
    let dir = tempfile::tempdir().unwrap();
    let to = address("a@contoso.test");
    let mailbox = dir.path().join("contoso.test/a");
    let first = copy(1, &to, TEXT);
    let again = OutgoingCopy {
        again: true,
        ..first
    };
    // Another process each time, as after a crash between the rename and the settlement.
    let deliver = |copy| Maildir::new(dir.path().into()).deliver(&[copy]);
    assert_eq!(deliver(first), [Ok(())]);
    assert_eq!(deliver(first), [Ok(())]);
    assert_eq!(deliver(again), [Ok(())]);
    let found = files(&mailbox.join("new"));
    assert_eq!(found.len(), 1);

    // A reader has seen it.
    let name = found[0].file_name().unwrap().to_str().unwrap();
    fs::rename(&found[0], mailbox.join("cur").join(format!("{name}:2,S"))).unwrap();
    assert_eq!(deliver(again), [Ok(())]);
    assert_eq!(tree(&mailbox).len(), 1);

    // Another message is another copy.
    let other = OutgoingCopy {
        again: true,
        ..copy(2, &to, TEXT)
    };
    assert_eq!(deliver(other), [Ok(())]);
    assert_eq!(tree(&mailbox).len(), 2);
}

#[test]
fn a_crash_while_writing_leaves_nothing_half_in_new() {
    let dir = tempfile::tempdir().unwrap();
    let to = address("a@contoso.test");
    let one = copy(1, &to, TEXT);
    let mailbox = dir.path().join("contoso.test/a");
    fs::create_dir_all(mailbox.join("tmp")).unwrap();
    let name = format!("1764000000.{}.hve", one.id);
    // Longer than the copy: what is left of it must not show.
    fs::write(mailbox.join("tmp").join(&name), vec![b'x'; 10_000]).unwrap();
    assert_eq!(Maildir::new(dir.path().into()).deliver(&[one]), [Ok(())]);
    let text = fs::read_to_string(mailbox.join("new").join(&name)).unwrap();
    assert!(text.starts_with("Return-Path: <>\r\n") && text.ends_with("\r\n\r\nbody\r\n"));
    assert!(files(&mailbox.join("tmp")).is_empty());
}

#[test]
fn row_49_one_broken_mailbox_harms_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (address("a@contoso.test"), address("b@contoso.test"));
    let maildir = Maildir::new(dir.path().into());
    fs::create_dir(dir.path().join("contoso.test")).unwrap();
    fs::write(
        dir.path().join("contoso.test/a"),
        "a file where a folder should be",
    )
    .unwrap();
    let copies = [copy(1, &a, TEXT), copy(1, &b, TEXT)];
    let answers = maildir.deliver(&copies);
    let error = answers[0].unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotADirectory);
    assert!(
        error
            .to_string()
            .starts_with("maildir: cannot open the mailbox: "),
        "{error}"
    );
    assert_eq!(answers[1], Ok(()));
    // Mended.
    fs::remove_file(dir.path().join("contoso.test/a")).unwrap();
    assert_eq!(maildir.deliver(&copies), [Ok(()), Ok(())]);
    assert_eq!(tree(dir.path()).len(), 2);

    // A mailbox that was removed while we run is made anew.
    fs::remove_dir_all(dir.path().join("contoso.test")).unwrap();
    assert_eq!(maildir.deliver(&copies), [Ok(()), Ok(())]);
    assert_eq!(tree(dir.path()).len(), 2);
}

/// A limit on the size of files stands for a full disk: the write stops in the middle.
#[test]
fn row_49_a_write_that_stops_in_the_middle_leaves_nothing() {
    if env::var_os("HVE_SMALL_FILES").is_none() {
        // A limit is the whole process's, and its signal would end the other tests. What it says
        // goes through a pipe: our own standard output may be a file, which the limit would hit.
        let output = Command::new("sh")
            .arg("-c")
            .arg(r#"trap "" XFSZ; ulimit -S -f 8; exec "$0" --exact "$1""#)
            .arg(env::current_exe().unwrap())
            .arg("row_49_a_write_that_stops_in_the_middle_leaves_nothing")
            .env("HVE_SMALL_FILES", "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let to = address("a@contoso.test");
    let large = vec![b'x'; 1024 * 1024];
    let maildir = Maildir::new(dir.path().into());
    let copies = [copy(1, &to, &large), copy(2, &to, TEXT)];
    let answers = maildir.deliver(&copies);
    let error = answers[0].unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::FileTooLarge);
    assert_eq!(answers[1], Ok(()));
    let mailbox = dir.path().join("contoso.test/a");
    assert!(files(&mailbox.join("tmp")).is_empty());
    assert_eq!(files(&mailbox.join("new")).len(), 1);
    // Room again.
    let limit = getrlimit(Resource::Fsize);
    let all = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Fsize, all).unwrap();
    assert_eq!(maildir.deliver(&copies), [Ok(()), Ok(())]);
    assert_eq!(files(&mailbox.join("new")).len(), 2);
}
