//! Failures that only show from inside: the library's own limits, and commits of which the disk
//! did not say whether it kept them.

use std::sync::Arc;

use hve_auth::{HashCost, PasswordHash};
use hve_types::{
    Account, AccountLimits, BodyKind, DomainKind, Envelope, QueueId, Recipient, TenantLimits,
};
use tempfile::TempDir;
use time::macros::utc_datetime;

use super::*;
use crate::{Act, Cause, NewAccount, NewTenant};

const NOON: UtcDateTime = utc_datetime!(2026-11-24 12:00);

struct Site {
    _folder: TempDir,
    writer: Writer,
    account: Account,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let writer = Writer::open(&folder.path().join("hve.db")).unwrap();
        let act = Act {
            actor: "operator".into(),
            at: NOON,
        };
        let new = NewTenant {
            name: "contoso.test".parse().unwrap(),
            kind: DomainKind::Relay,
            limits: TenantLimits::default(),
        };
        let tenant = writer.store().add_tenant(&new, &act).unwrap();
        let cost = HashCost {
            memory_kib: 8,
            passes: 1,
            lanes: 1,
        };
        let new = NewAccount {
            tenant: tenant.id,
            address: "hve01@contoso.test".parse().unwrap(),
            display_name: "A device".into(),
            alias: None,
            limits: AccountLimits::default(),
            password: PasswordHash::derive(&"a long password".to_owned().into(), [7; 16], cost)
                .unwrap()
                .into(),
        };
        let account = writer.store().add_account(&new, &act).unwrap();
        Self {
            _folder: folder,
            writer,
            account,
        }
    }

    fn batch(&self, ids: std::ops::Range<u64>, octets: usize) -> Batch {
        let message = |n| NewMessage {
            id: QueueId::new(n, 0),
            tenant: self.account.tenant,
            account: self.account.id,
            envelope: Arc::new(Envelope {
                sender: Some(self.account.address.clone()),
                recipients: vec![Recipient::new("r@contoso.test".parse().unwrap())],
                body: BodyKind::SevenBit,
                smtputf8: false,
                ret: None,
                envid: None,
            }),
            content: vec![b'x'; octets].into(),
            client: "192.0.2.7".parse().unwrap(),
            message_id: format!("<{n}@contoso.test>"),
        };
        Batch {
            submissions: ids.map(message).collect(),
            ..Batch::default()
        }
    }

    fn commit(&mut self, ids: std::ops::Range<u64>) -> Result<Vec<Accepted>, CommitError> {
        let batch = self.batch(ids, 10);
        self.writer.commit(&batch, NOON)
    }

    /// Messages in the queue; recipients that count, in the file and in the books.
    fn count(&mut self) -> (usize, u64, u64) {
        let store = self.writer.store();
        let mut in_file = store.quota(self.account.tenant, NOON).unwrap();
        let messages = store.due(NOON, 10_000).unwrap().messages.len();
        let in_books = self.writer.books.used(self.account.tenant, NOON);
        (
            messages,
            in_file.tenant.used(NOON.unix_timestamp()),
            in_books,
        )
    }
}

#[test]
fn row_40_the_writer_syncs_the_log_at_every_commit() {
    let mut site = Site::new();
    let check = |site: &Site| {
        let connection = &site.writer.open.as_ref().unwrap().connection;
        let number = |sql| connection.query_row(sql, (), |row| row.get::<_, i64>(0));
        assert_eq!(number("PRAGMA synchronous").unwrap(), 2, "FULL");
        assert_eq!(number("PRAGMA page_size").unwrap(), 16_384);
        let journal: String = connection
            .query_row("PRAGMA journal_mode", (), |row| row.get(0))
            .unwrap();
        assert_eq!(journal, "wal");
    };
    check(&site);
    // The connection after trouble is another one.
    site.writer.fall_back(StoreError::Io(Cause::sync_failed()));
    site.commit(0..1).unwrap();
    check(&site);
}

#[test]
fn row_49_a_full_file_refuses_the_whole_batch_and_counts_nothing() {
    let mut site = Site::new();
    assert_eq!(
        site.commit(0..2).unwrap(),
        [Accepted::Durable, Accepted::Durable]
    );
    let connection = &site.writer.open.as_ref().unwrap().connection;
    let pages: i64 = connection
        .query_row("PRAGMA page_count", (), |row| row.get(0))
        .unwrap();
    let set_most = |pages: i64| {
        move |open: &Open| {
            open.connection
                .query_row(&format!("PRAGMA max_page_count = {pages}"), (), |_| Ok(()))
                .unwrap();
        }
    };
    set_most(pages + 5)(site.writer.open.as_ref().unwrap());
    let large = site.batch(2..10, 50_000);
    for _ in 0..3 {
        assert!(matches!(
            site.writer.commit(&large, NOON),
            Err(CommitError::DiskFull)
        ));
        assert_eq!(site.count(), (2, 2, 2));
    }
    // What fits goes on, and once there is room so does the rest, on the very same connection.
    assert_eq!(site.commit(20..21).unwrap(), [Accepted::Durable]);
    set_most(pages + 1000)(site.writer.open.as_ref().unwrap());
    assert_eq!(
        site.writer.commit(&large, NOON).unwrap(),
        [const { Accepted::Durable }; 8]
    );
    assert_eq!(site.count(), (11, 11, 11));
}

#[test]
fn row_43_a_store_locked_by_another_refuses_and_recovers() {
    let mut site = Site::new();
    site.commit(0..1).unwrap();
    let open = site.writer.open.as_ref().unwrap();
    open.connection
        .busy_timeout(std::time::Duration::ZERO)
        .unwrap();
    let other = Connection::open(&site.writer.path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(matches!(site.commit(1..3), Err(CommitError::Busy)));
    assert_eq!(site.count(), (1, 1, 1));
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(site.commit(1..3).unwrap().len(), 2);
    assert_eq!(site.count(), (3, 3, 3));
}

#[test]
fn row_46_a_commit_that_the_disk_kept_but_did_not_confirm_is_taken_out() {
    let mut site = Site::new();
    site.commit(0..2).unwrap();
    // The transaction reaches the file, and then its sync is reported as failed.
    let doubtful = site.batch(2..5, 10);
    let writer = &mut site.writer;
    let open = writer.open.as_mut().unwrap();
    transact(open, &mut writer.books, &doubtful, NOON).unwrap();
    let failed = writer.fall_back(StoreError::Io(Cause::sync_failed()));
    assert!(matches!(failed, CommitError::Io(_)), "{failed}");
    assert!(writer.open.is_none(), "the connection is not trusted again");

    assert_eq!(site.commit(5..6).unwrap(), [Accepted::Durable]);
    assert_eq!(
        site.count(),
        (3, 3, 3),
        "the clients of the three were told 451"
    );
    assert_eq!(
        site.writer.commit(&doubtful, NOON).unwrap(),
        [const { Accepted::Durable }; 3],
        "and may try again"
    );
    assert_eq!(site.count(), (6, 6, 6));
}

#[test]
fn row_46_a_sync_that_failed_is_doubtful_on_a_full_disk_as_well() {
    let mut site = Site::new();
    site.commit(0..2).unwrap();
    let doubtful = site.batch(2..5, 10);
    let writer = &mut site.writer;
    let open = writer.open.as_mut().unwrap();
    transact(open, &mut writer.books, &doubtful, NOON).unwrap();
    // What looks for room finds none.
    let probe = writer.path.with_file_name("hve.db-room");
    std::os::unix::fs::symlink("/dev/full", &probe).unwrap();
    let failed = writer.fall_back(StoreError::Io(Cause::sync_failed()));
    assert!(matches!(failed, CommitError::DiskFull), "{failed}");
    assert!(writer.open.is_none(), "the connection is not trusted again");

    assert_eq!(site.commit(5..6).unwrap(), [Accepted::Durable]);
    assert_eq!(
        site.count(),
        (3, 3, 3),
        "the clients of the three were told 452"
    );
}

#[test]
fn row_49_after_a_failure_in_the_middle_the_file_is_read_again() {
    let mut site = Site::new();
    site.commit(0..2).unwrap();
    let writer = &mut site.writer;
    let open = writer.open.as_mut().unwrap();
    open.connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    let batch = site.batch(2..5, 10);
    let writer = &mut site.writer;
    let open = writer.open.as_mut().unwrap();
    accept::accept(
        &open.connection,
        &mut writer.books,
        &mut open.next_body,
        &batch.submissions,
        NOON,
    )
    .unwrap();
    writer.fall_back(StoreError::Io(Cause::sync_failed()));
    assert_eq!(site.commit(5..6).unwrap(), [Accepted::Durable]);
    assert_eq!(site.count(), (3, 3, 3));
}

#[test]
fn a_file_that_is_gone_is_an_error_until_it_is_back() {
    let mut site = Site::new();
    site.commit(0..1).unwrap();
    let aside = site.writer.path.with_extension("aside");
    site.writer.fall_back(StoreError::Io(Cause::sync_failed()));
    std::fs::rename(&site.writer.path, &aside).unwrap();
    for _ in 0..2 {
        assert!(matches!(site.commit(1..2), Err(CommitError::ReadOnly(_))));
    }
    std::fs::rename(&aside, &site.writer.path).unwrap();
    assert_eq!(site.commit(1..2).unwrap(), [Accepted::Durable]);
    assert_eq!(site.count(), (2, 2, 2));
}

#[test]
fn the_log_is_moved_into_the_file_and_starts_over() {
    let mut site = Site::new();
    for n in 0..40 {
        let batch = site.batch(n..n + 1, 1 << 20);
        site.writer.commit(&batch, NOON).unwrap();
    }
    site.writer.tend().unwrap();
    let mut log = site.writer.path.as_os_str().to_owned();
    log.push("-wal");
    let octets = std::fs::metadata(log).unwrap().len();
    assert!(
        octets < 24 << 20,
        "{octets} octets of log for 40 MiB of mail"
    );
}
