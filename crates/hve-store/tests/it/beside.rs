//! An administrator's process, and many readers, beside a server that is busy.

use std::{
    env,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use hve_store::{Accepted, Store};

use crate::site::{NOON, Site, act, address, new_account, submit};

const CHILD: &str = "HVE_STORE_TEST_ADMIN";

/// Runs itself once more as the administrator's process: locks between processes are others than
/// those between threads.
#[test]
fn a_busy_server_readers_and_another_process_get_on_with_one_another() {
    if let Some(path) = env::var_os(CHILD) {
        administer(path.as_ref());
        return;
    }
    let site = Site::new();
    let mut writer = site.writer();
    let mut admin = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "beside::a_busy_server_readers_and_another_process_get_on_with_one_another",
        ])
        .env(CHILD, site.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let done = AtomicBool::new(false);
    let accepted = thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut last = 0;
                while !done.load(Ordering::Relaxed) {
                    let counter = site.store.change_counter().unwrap();
                    assert!(counter >= last);
                    last = counter;
                    assert!(site.store.snapshot().unwrap().version() >= counter);
                    let due = site.store.due(NOON, 5).unwrap();
                    for message in due.messages {
                        assert!(site.store.content(message.id).unwrap().is_some());
                    }
                }
            });
        }
        let mut accepted = 0;
        let mut n = 0;
        while admin.try_wait().unwrap().is_none() {
            let batch = (0..8).map(|i| site.message(8 * n + i, 1)).collect();
            for verdict in submit(&mut writer, batch, NOON).unwrap() {
                match verdict {
                    Accepted::Durable => accepted += 1,
                    Accepted::AccountSuspended(_) => {}
                    other => panic!("{other:?}"),
                }
            }
            writer.tend().unwrap();
            n += 1;
        }
        done.store(true, Ordering::Relaxed);
        accepted
    });
    assert!(admin.wait().unwrap().success());
    assert_eq!(site.used(NOON), accepted);
    assert_eq!(site.store.accounts(site.tenant.id).unwrap().len(), 11);
    assert!(site.store.verify(10).unwrap().is_empty());
}

fn administer(path: &std::path::Path) {
    let store = Store::open(path).unwrap();
    let tenant = store.tenants().unwrap().remove(0);
    let account = store.account(&address("hve01@contoso.test")).unwrap();
    let account = account.unwrap().id;
    for n in 0..10 {
        let new = new_account(&tenant, &format!("new{n}@contoso.test"));
        store.add_account(&new, &act()).unwrap();
        store
            .suspend_account(account, "test", None, &act())
            .unwrap();
        let many: Vec<_> = (0..500)
            .map(|i| address(&format!("r{n}-{i}@contoso.test")))
            .collect();
        store.import_recipients(tenant.id, &many, &act()).unwrap();
        store.resume_account(account, &act()).unwrap();
    }
}
