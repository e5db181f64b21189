//! The file as a crash leaves it: copied between commits, with its log, and opened elsewhere.

use std::{collections::BTreeSet, fs, path::Path};

use hve_store::{Accepted, Batch, Outcome, QueueFilter, Settlement, Store, UsageFilter, Writer};

use crate::site::{NOON, Site, id, later, submit};

/// What lies on the disk at this moment, whether or not anybody has closed it.
fn copy(from: &Path, to: &Path) -> std::path::PathBuf {
    let copied = to.join("hve.db");
    for ending in ["", "-wal"] {
        let name = |path: &Path| format!("{}{ending}", path.display());
        fs::copy(name(from), name(&copied)).unwrap();
    }
    copied
}

/// (messages in the queue, recipients that count)
fn books(store: &Store, site: &Site) -> (usize, u64) {
    let all = QueueFilter {
        limit: 10_000,
        ..QueueFilter::default()
    };
    let mut used = 0;
    let window = UsageFilter {
        tenant: Some(site.tenant.id),
        account: None,
        from: later(-1),
        to: later(1000),
    };
    store
        .usage(&window, |event| {
            if event.kind == hve_types::UsageKind::Accepted {
                used += u64::from(event.recipients);
            }
        })
        .unwrap();
    let mut quota = store.quota(site.tenant.id, NOON).unwrap();
    assert_eq!(quota.tenant.used(NOON.unix_timestamp()), used);
    (store.queue(&all).unwrap().len(), used)
}

#[test]
fn row_40_after_every_commit_a_copy_holds_exactly_what_was_acknowledged() {
    let site = Site::new();
    let mut writer = site.writer();
    let (mut queued, mut used) = (0, 0);
    for step in 0..40_u64 {
        let batch = Batch {
            submissions: (0..5).map(|n| site.message(step * 5 + n, 2)).collect(),
            settlements: (step % 3 == 2)
                .then(|| Settlement {
                    id: id(step),
                    outcomes: vec![(0, Outcome::Delivered), (1, Outcome::Delivered)],
                    next_attempt: None,
                })
                .into_iter()
                .collect(),
            refusals: vec![],
        };
        let verdicts = writer.commit(&batch, NOON).unwrap();
        assert_eq!(verdicts, [const { Accepted::Durable }; 5]);
        queued += 5 - batch.settlements.len();
        used += 10;
        let elsewhere = tempfile::tempdir().unwrap();
        let copied = copy(&site.path(), elsewhere.path());
        let store = Writer::open(&copied).unwrap().store();
        assert_eq!(books(&store, &site), (queued, used), "step {step}");
    }
}

/// A store's file and its log of some commits of two messages each, as bytes to be damaged.
struct Remains {
    site: Site,
    folder: tempfile::TempDir,
    path: std::path::PathBuf,
    database: Vec<u8>,
    log: Vec<u8>,
}

impl Remains {
    fn new() -> Self {
        let site = Site::new();
        let mut writer = site.writer();
        for n in 0..6 {
            let pair = vec![site.message(2 * n, 1), site.message(2 * n + 1, 1)];
            submit(&mut writer, pair, NOON).unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let path = copy(&site.path(), folder.path());
        let log = fs::read(format!("{}-wal", path.display())).unwrap();
        Self {
            database: fs::read(&path).unwrap(),
            site,
            folder,
            path,
            log,
        }
    }

    /// Opens the store with another log; the number of messages in its queue, where it opens and
    /// has a directory at all.
    fn messages_with(&self, log: &[u8]) -> Option<usize> {
        for left in fs::read_dir(self.folder.path()).unwrap() {
            fs::remove_file(left.unwrap().path()).unwrap();
        }
        fs::write(&self.path, &self.database).unwrap();
        fs::write(format!("{}-wal", self.path.display()), log).unwrap();
        let store = Writer::open(&self.path).ok()?.store();
        if store.tenants().unwrap().is_empty() {
            return None;
        }
        let (queued, used) = books(&store, &self.site);
        assert_eq!(u64::try_from(queued).unwrap(), used, "each with its debit");
        assert_eq!(queued % 2, 0, "whole commits only");
        Some(queued)
    }
}

#[test]
fn row_50_a_log_cut_at_any_place_gives_whole_commits_only() {
    let remains = Remains::new();
    let cuts = (0..remains.log.len()).step_by(7001);
    let seen: BTreeSet<_> = cuts
        .filter_map(|cut| remains.messages_with(&remains.log[..cut]))
        .collect();
    assert!(
        seen.len() > 3,
        "cuts between the commits were tried: {seen:?}"
    );
}

#[test]
fn row_50_a_bit_flipped_in_the_log_takes_whole_commits_only() {
    let remains = Remains::new();
    assert_eq!(remains.messages_with(&remains.log), Some(12));
    let places = (0..remains.log.len()).step_by(9001);
    let seen: BTreeSet<_> = places
        .filter_map(|place| {
            let mut log = remains.log.clone();
            log[place] ^= 0x10;
            remains.messages_with(&log)
        })
        .collect();
    assert!(
        seen.len() > 3,
        "flips in several commits were tried: {seen:?}"
    );
}
