//! Opening: what is made, what is refused, and in which words.

use std::{fs, os::unix::fs::PermissionsExt, thread};

use hve_store::{OpenError, Store, Writer};

use crate::site::{NOON, Site, raw, submit};

#[test]
fn row_52_a_second_server_is_refused_and_told_who_has_it() {
    let site = Site::new();
    let first = site.writer();
    let refused = Writer::open(&site.path()).unwrap_err();
    assert!(matches!(refused, OpenError::InUse { by: Some(pid), .. } if pid == std::process::id()));
    let text = refused.to_string();
    assert!(
        text.contains("is in use by another server (process "),
        "{text}"
    );
    Store::open(&site.path()).unwrap().tenants().unwrap();
    drop(first);
    Writer::open(&site.path()).unwrap();
}

#[test]
fn row_51_a_newer_schema_is_refused() {
    let site = Site::new();
    raw(&site.path())
        .pragma_update(None, "user_version", 99)
        .unwrap();
    for error in [
        Store::open(&site.path()).unwrap_err(),
        Writer::open(&site.path()).unwrap_err(),
    ] {
        assert!(matches!(
            error,
            OpenError::NewerSchema {
                found: 99,
                known: 1..99,
                ..
            }
        ));
        assert!(
            error.to_string().contains("use the newer program"),
            "{error}"
        );
    }
}

#[test]
fn row_51_an_older_schema_is_not_changed_under_a_running_server() {
    let site = Site::new();
    let writer = site.writer();
    raw(&site.path())
        .pragma_update(None, "user_version", 0)
        .unwrap();
    let refused = Store::open(&site.path()).unwrap_err();
    assert!(matches!(refused, OpenError::InUse { .. }), "{refused}");
    drop(writer);
}

#[test]
fn row_50_a_foreign_file_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    fs::write(
        &text,
        "no database at all, but long enough to be looked at by somebody ".repeat(30),
    )
    .unwrap();
    let before = fs::read(&text).unwrap();
    let refused = Store::open(&text).unwrap_err();
    assert!(matches!(refused, OpenError::Foreign { .. }), "{refused}");
    assert!(
        refused
            .to_string()
            .contains("notes.txt is not a store of this program"),
        "{refused}"
    );
    assert_eq!(fs::read(&text).unwrap(), before);

    let other = folder.path().join("other.db");
    raw(&other).execute_batch("CREATE TABLE t (a)").unwrap();
    assert!(matches!(
        Store::open(&other).unwrap_err(),
        OpenError::Foreign { .. }
    ));
    raw(&other)
        .pragma_update(None, "application_id", 7)
        .unwrap();
    let refused = Writer::open(&other).unwrap_err().to_string();
    assert!(refused.contains("application id 0x7"), "{refused}");
}

#[test]
fn an_empty_file_becomes_a_store_that_only_its_owner_reads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hve.db");
    fs::write(&path, "").unwrap();
    assert!(Store::open(&path).unwrap().tenants().unwrap().is_empty());
    fs::remove_file(&path).unwrap();
    let store = Store::open(&path).unwrap();
    assert_eq!(store.change_counter().unwrap(), 0);
    for name in ["hve.db", "hve.db-wal"] {
        let mode = fs::metadata(folder.path().join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let page_size: i64 = raw(&path)
        .query_row("PRAGMA page_size", (), |row| row.get(0))
        .unwrap();
    let journal: String = raw(&path)
        .query_row("PRAGMA journal_mode", (), |row| row.get(0))
        .unwrap();
    assert_eq!((page_size, journal.as_str()), (16384, "wal"));
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing").join("hve.db");
    for refused in [
        Store::open(&path).unwrap_err(),
        Writer::open(&path).unwrap_err(),
    ] {
        assert!(matches!(refused, OpenError::File { .. }));
        assert!(refused.to_string().contains("missing"), "{refused}");
    }
}

#[test]
fn many_that_open_no_file_at_once_make_one_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hve.db");
    thread::scope(|scope| {
        for n in 0..8 {
            let path = &path;
            scope.spawn(move || {
                if n == 0 {
                    Writer::open(path).unwrap().store()
                } else {
                    Store::open(path).unwrap()
                }
                .tenants()
                .unwrap()
            });
        }
    });
    assert_eq!(Store::open(&path).unwrap().change_counter().unwrap(), 0);
}

#[test]
fn what_was_written_is_there_after_a_restart() {
    let site = Site::new();
    let mut writer = site.writer();
    submit(&mut writer, vec![site.message(1, 5)], NOON).unwrap();
    let counter = site.store.change_counter().unwrap();
    drop(writer);
    let path = site.path();
    let Site {
        folder: _folder,
        store,
        tenant,
        account,
    } = site;
    drop(store);
    let store = Writer::open(&path).unwrap().store();
    assert_eq!(store.change_counter().unwrap(), counter);
    assert_eq!(store.tenants().unwrap(), [tenant]);
    assert_eq!(store.accounts(account.tenant).unwrap(), [account]);
    assert_eq!(store.due(NOON, 9).unwrap().messages.len(), 1);
}
