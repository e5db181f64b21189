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
                    notice: None,
                })
                .into_iter()
                .collect(),
            ..Batch::default()
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
        let guard = Batch {
            guard: crate::guard::crowd(),
            ..Batch::default()
        };
        writer.commit(&guard, NOON).unwrap();
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

/// Everything there is to read; the errors are of no interest, only that nothing else happens.
fn read_all(store: &Store, site: &Site) -> Result<(), hve_store::StoreError> {
    store.tenants()?;
    store.snapshot()?;
    store.names()?;
    store.credential(&site.account.address)?;
    store.audit(None, 1000)?;
    store.recipients(site.tenant.id, None, 1000)?;
    store.quota(site.tenant.id, NOON)?;
    let all = UsageFilter {
        tenant: None,
        account: None,
        from: later(-1000),
        to: later(1000),
    };
    store.usage(&all, drop)?;
    store.refusals(&all)?;
    let page = QueueFilter {
        limit: 1000,
        ..QueueFilter::default()
    };
    for message in store.queue(&page)? {
        store.content(message.id)?;
    }
    store.due(NOON, 1000)?;
    store.known_clients(later(-1000), 1000)?;
    store.suspicions()?;
    store.guard_resets(0)?;
    Ok(())
}

#[test]
fn row_50_damage_anywhere_in_the_file_is_an_error_or_parked_and_never_worse() {
    let remains = Remains::new();
    assert!(remains.site.store.verify(10).unwrap().is_empty());
    // The log moves into the file when the last handle goes.
    fs::write(format!("{}-wal", remains.path.display()), &remains.log).unwrap();
    drop(Writer::open(&remains.path).unwrap());
    let whole = fs::read(&remains.path).unwrap();
    let (mut refused, mut noticed, mut damage) = (0, 0, 0);
    for place in (0..whole.len()).step_by(4093) {
        let mut file = whole.clone();
        let end = whole.len().min(place + 40);
        file[place..end].fill(0xa5);
        for left in fs::read_dir(remains.folder.path()).unwrap() {
            fs::remove_file(left.unwrap().path()).unwrap();
        }
        fs::write(&remains.path, file).unwrap();
        damage += 1;
        match Store::open(&remains.path) {
            Err(error) => {
                assert!(!error.to_string().is_empty());
                refused += 1;
            }
            Ok(store) => {
                let read = read_all(&store, &remains.site);
                let verified = store.verify(10);
                if read.is_err() || verified.is_err() || !verified.unwrap_or_default().is_empty() {
                    noticed += 1;
                }
            }
        }
    }
    assert!(
        refused > 0 && noticed > damage / 10,
        "{refused} and {noticed} of {damage}"
    );
}
