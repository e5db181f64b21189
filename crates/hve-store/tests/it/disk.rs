//! A disk without room, with a limit on the size of files: the same errors, without needing one.

use std::{env, process::Command};

use hve_store::{Accepted, Batch, CommitError, Outcome, Settlement};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::site::{NOON, Site, id, later, submit};

const CHILD: &str = "HVE_STORE_TEST_CHILD";

/// Runs itself once more in a process of its own, since the limit is the whole process's. The
/// shell is there to ignore the signal that would end the process at the limit.
#[test]
fn row_49_without_room_nothing_is_stored_and_with_room_all_goes_on() {
    if env::var_os(CHILD).is_some() {
        fill_and_recover();
        return;
    }
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(env::current_exe().unwrap())
        .args([
            "--exact",
            "disk::row_49_without_room_nothing_is_stored_and_with_room_all_goes_on",
        ])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

fn limit_files_to(octets: Option<u64>) {
    let maximum = getrlimit(Resource::Fsize).maximum;
    setrlimit(
        Resource::Fsize,
        Rlimit {
            current: octets,
            maximum,
        },
    )
    .unwrap();
}

fn fill_and_recover() {
    let site = Site::new();
    let mut writer = site.writer();
    let large = |n| {
        let mut message = site.message(n, 3);
        message.content = vec![b'x'; 300_000].into();
        vec![message]
    };
    let queued = || u64::try_from(site.store.due(later(9), 1000).unwrap().messages.len()).unwrap();
    limit_files_to(Some(4 << 20));
    let (mut accepted, mut refused) = (0, 0);
    // The first refusal may be the log's, which then starts over; in the end the file is full too.
    while refused < 3 {
        match submit(&mut writer, large(accepted), NOON) {
            Ok(verdicts) => {
                assert_eq!(verdicts, [Accepted::Durable]);
                (accepted, refused) = (accepted + 1, 0);
            }
            Err(CommitError::DiskFull) => refused += 1,
            Err(error) => panic!("{error}"),
        }
        assert_eq!((queued(), site.used(NOON)), (accepted, 3 * accepted));
        assert!(accepted < 100, "4 MiB are full at some time");
    }
    assert!(accepted > 3, "{accepted}");

    // An operator who makes room need not start the server again.
    limit_files_to(None);
    let settle = Batch {
        settlements: (0..accepted)
            .map(|n| Settlement {
                id: id(n),
                outcomes: (0..3).map(|i| (i, Outcome::Delivered)).collect(),
                next_attempt: None,
                notice: None,
            })
            .collect(),
        ..Batch::default()
    };
    writer.commit(&settle, later(1)).unwrap();
    assert_eq!(queued(), 0);
    for n in 0..50 {
        let verdicts = submit(&mut writer, large(accepted + n), later(3)).unwrap();
        assert_eq!(verdicts, [Accepted::Durable]);
    }
    assert_eq!((queued(), site.used(later(3))), (50, 3 * (accepted + 50)));
}
