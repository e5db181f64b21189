//! Disks that are full or refuse: never a wrong `250`, and back to work without a restart.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use hve_tests::{ACCOUNT, Client, Server, Site, binary, until};
use rustix::process::{Resource, Rlimit, prlimit};
use tempfile::TempDir;

const TO: &str = "anna@contoso.test";

fn submit(client: &mut Client, octets: usize) -> (u16, String) {
    let line = "full ".repeat(12) + "\r\n";
    let body = line.repeat(octets / line.len());
    let content = format!("From: {ACCOUNT}\r\nSubject: disk\r\n\r\n{body}end");
    let reply = client.submit(ACCOUNT, &[TO], &content).unwrap();
    if reply.code != 250 {
        // The transaction may be open still, when it was refused before the end.
        client.expect(250, "RSET");
    }
    (reply.code, reply.status())
}

/// A small file system in memory, for as long as the test runs.
struct SmallDisk {
    folder: PathBuf,
    _parent: TempDir,
}

impl SmallDisk {
    /// `None`, and a word about it, where mounting is not allowed.
    fn mount(mebibytes: u32) -> Option<Self> {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("disk");
        fs::create_dir(&folder).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs"])
            .arg(&folder)
            .output();
        let trouble = match mounted {
            Ok(output) if output.status.success() => None,
            Ok(output) => Some(String::from_utf8_lossy(&output.stderr).into_owned()),
            Err(error) => Some(error.to_string()),
        };
        if let Some(trouble) = trouble {
            let what = format!("a small tmpfs: {}", trouble.trim());
            let forbidden = [
                "permission denied",
                "not permitted",
                "superuser",
                "only root",
            ];
            if forbidden.iter().any(|word| trouble.contains(word)) {
                hve_tests::excused(&what);
            } else {
                hve_tests::skipped(&what);
            }
            return None;
        }
        Some(Self {
            folder,
            _parent: parent,
        })
    }

    fn remount(&self, how: &str) {
        let options = format!("remount,{how}");
        let mut command = Command::new("mount");
        let status = command.args(["-o", &options]).arg(&self.folder).status();
        assert!(status.unwrap().success(), "remount {how}");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.folder).status();
    }
}

/// Takes all the room that is left.
fn fill(folder: &Path) -> PathBuf {
    use std::io::Write;
    let path = folder.join("filler");
    let mut file = fs::File::create(&path).unwrap();
    for size in [1 << 20, 1 << 12] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
    path
}

#[test]
fn row_49_row_43_a_full_disk_gives_452_and_recovers_without_restart() {
    let Some(disk) = SmallDisk::mount(24) else {
        return;
    };
    let site = Site::in_folder(&disk.folder).holding();
    let server = site.start();
    let mut client = site.signed_in(&server);
    assert_eq!(submit(&mut client, 4_000).0, 250);
    let filler = fill(&disk.folder);
    let mut accepted = 1;
    let refusals: Vec<String> = (0..20)
        .filter_map(|_| {
            let (code, status) = submit(&mut client, 200_000);
            accepted += u64::from(code == 250);
            (code != 250).then_some(status)
        })
        .collect();
    assert!(!refusals.is_empty(), "the disk was not full");
    for status in &refusals {
        assert_eq!(status, "452 4.3.1", "{refusals:?}");
    }
    fs::remove_file(filler).unwrap();
    let (code, status) = submit(&mut client, 200_000);
    assert_eq!(code, 250, "recovered: {status}");
    assert_eq!(
        site.admin().quota_used(),
        accepted + 1,
        "only what got its 250"
    );
    let queued = site.admin().queue().len();
    assert_eq!(u64::try_from(queued).unwrap(), accepted + 1);
}

#[test]
fn row_49_a_read_only_disk_is_refused_at_the_start() {
    let Some(disk) = SmallDisk::mount(24) else {
        return;
    };
    let site = Site::in_folder(&disk.folder).holding();
    drop(site.start());
    disk.remount("ro");
    let Err((status, said)) = Server::try_run(&site.config()) else {
        unreachable!("a server that can store nothing");
    };
    assert!(!status.success());
    assert!(said.contains("store.db"), "names the file: {said}");
    disk.remount("rw");
    let server = site.start();
    assert_eq!(submit(&mut site.signed_in(&server), 4_000).0, 250);
}

#[test]
fn row_43_a_store_that_somebody_locks_gives_451_and_recovers() {
    let site = Site::new().holding();
    let server = site.start();
    let mut client = site.signed_in(&server);
    assert_eq!(submit(&mut client, 4_000).0, 250);
    let intruder = rusqlite::Connection::open(site.path("store.db")).unwrap();
    intruder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (_, status) = submit(&mut client, 4_000);
    assert_eq!(status, "451 4.3.0");
    intruder.execute_batch("ROLLBACK").unwrap();
    let (code, status) = submit(&mut client, 4_000);
    assert_eq!(code, 250, "{status}");
    assert_eq!(site.admin().queue().len(), 2);
    assert_eq!(site.admin().quota_used(), 2);
}

fn limit_file_size(server: &Server, octets: Option<u64>) {
    let limit = Rlimit {
        current: octets,
        maximum: None,
    };
    prlimit(Some(server.pid()), Resource::Fsize, limit).unwrap();
}

#[test]
fn row_49_row_43_files_that_may_not_grow_give_452_and_recover_without_restart() {
    let site = Site::new().holding();
    site.write_config();
    // The signal that comes with the limit is ignored, so that the write itself fails.
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(binary("hve-server"))
        .args(["run", "--config"])
        .arg(site.config());
    let server = Server::spawn(shell).unwrap();
    let mut client = site.signed_in(&server);
    assert_eq!(submit(&mut client, 4_000).0, 250);
    for _ in 0..3 {
        limit_file_size(&server, Some(1));
        for _ in 0..3 {
            // SQLite takes EFBIG for a broken disk; the store finds out that it is room it lacks.
            let (_, status) = submit(&mut client, 4_000);
            assert_eq!(status, "452 4.3.1", "{}", server.log());
        }
        limit_file_size(&server, None);
        until("a 250 again", || {
            (submit(&mut client, 4_000).0 == 250).then_some(())
        });
    }
    assert_eq!(site.admin().queue().len(), 4);
    assert_eq!(site.admin().quota_used(), 4);
}
