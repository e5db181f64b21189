//! One change makes one view, and nothing that is cached outlives it.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

/// A directory without anybody, which counts what it is asked.
#[derive(Default)]
struct Counting {
    version: AtomicU64,
    views: AtomicU64,
    look_ups: AtomicU64,
}

struct Nobody(u64);

impl Directory for Counting {
    fn version(&self) -> Result<u64, DirectoryError> {
        match self.version.load(Ordering::Relaxed) {
            u64::MAX => Err(DirectoryError("out of order".into())),
            version => Ok(version),
        }
    }

    fn view(&self) -> Result<Arc<dyn DirectoryView>, DirectoryError> {
        self.views.fetch_add(1, Ordering::Relaxed);
        Ok(Arc::new(Nobody(self.version()?)))
    }

    fn credential(&self, _user: &Address) -> Result<Option<Credential>, DirectoryError> {
        Ok(None)
    }

    fn lists_recipient(&self, _: TenantId, address: &Address) -> Result<bool, DirectoryError> {
        self.look_ups.fetch_add(1, Ordering::Relaxed);
        Ok(address.local() == "known")
    }
}

impl DirectoryView for Nobody {
    fn version(&self) -> u64 {
        self.0
    }

    fn tenants(&self) -> Box<dyn Iterator<Item = &Tenant> + '_> {
        Box::new(std::iter::empty())
    }

    fn accounts(&self) -> Box<dyn Iterator<Item = &Account> + '_> {
        Box::new(std::iter::empty())
    }

    fn tenant(&self, _: TenantId) -> Option<&Tenant> {
        None
    }

    fn account(&self, _: AccountId) -> Option<&Account> {
        None
    }

    fn account_named(&self, _: &Address) -> Option<&Account> {
        None
    }

    fn domain(&self, _: &Domain) -> Option<(TenantId, DomainKind)> {
        None
    }
}

#[test]
fn one_change_makes_one_view() {
    let source = Arc::new(Counting::default());
    let directory = CachedDirectory::new(source.clone());
    assert!(directory.widest().is_none());
    for _ in 0..3 {
        assert_eq!(directory.current().unwrap().version(), 0);
    }
    assert_eq!(source.views.load(Ordering::Relaxed), 1);
    source.version.store(5, Ordering::Relaxed);
    assert_eq!(directory.current().unwrap().version(), 5);
    assert_eq!(directory.current().unwrap().version(), 5);
    assert_eq!(source.views.load(Ordering::Relaxed), 2);
    assert_eq!(directory.widest().unwrap().recipients, 50);
    source.version.store(u64::MAX, Ordering::Relaxed);
    assert!(directory.current().is_err(), "an old view is no answer");
}

#[test]
fn a_recipient_is_looked_up_once_for_each_version() {
    let source = Arc::new(Counting::default());
    let directory = CachedDirectory::new(source.clone());
    let listed = |view: &Arc<dyn DirectoryView>, tenant, address: &str| {
        let address = address.parse().unwrap();
        directory
            .lists_recipient(&**view, TenantId(tenant), &address)
            .unwrap()
    };
    let asked = || source.look_ups.load(Ordering::Relaxed);
    let old = directory.current().unwrap();
    for _ in 0..3 {
        assert!(listed(&old, 1, "known@contoso.test"));
        assert!(!listed(&old, 1, "unknown@contoso.test"));
    }
    assert_eq!(asked(), 2);
    listed(&old, 2, "known@contoso.test");
    assert_eq!(asked(), 3, "another tenant's answer is another");
    source.version.store(1, Ordering::Relaxed);
    let new = directory.current().unwrap();
    listed(&new, 1, "known@contoso.test");
    assert_eq!(asked(), 4);
    listed(&old, 1, "known@contoso.test");
    listed(&old, 1, "known@contoso.test");
    assert_eq!(asked(), 6, "for an old view nothing is kept");
    listed(&new, 1, "known@contoso.test");
    assert_eq!(asked(), 6);
}
