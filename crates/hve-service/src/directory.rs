//! Who there is and what they may do: the boundary that an embedder may fill, and a view of it
//! that is as fresh as the last question about it.

use std::{
    collections::HashMap,
    error::Error,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwapOption;
use hve_auth::Credential;
use hve_store::{DirectorySnapshot, Store, StoreError};
use hve_types::{Account, AccountId, Address, Domain, DomainKind, Tenant, TenantId, TenantLimits};
use thiserror::Error;

use crate::devices::Devices;

/// Tenants, accounts, accepted domains and recipients. The store is one; an embedder that keeps
/// accounts elsewhere brings another, whose numbers of tenants and accounts are those of the store.
///
/// The calls may read a local file or memory, and are made on the threads that serve clients: a
/// directory behind a network keeps a copy of its own, and answers from that.
pub trait Directory: Send + Sync + 'static {
    /// A number that rises with every change, also of recipients. Asked once for each piece of
    /// input of each client, so it should take microseconds.
    ///
    /// # Errors
    /// The directory cannot be read.
    fn version(&self) -> Result<u64, DirectoryError>;

    /// Everything but recipients and passwords, at one moment. Asked once for each version.
    ///
    /// # Errors
    /// The directory cannot be read.
    fn view(&self) -> Result<Arc<dyn DirectoryView>, DirectoryError>;

    /// The account with that user name, and the hashes of its secrets.
    ///
    /// # Errors
    /// The directory cannot be read.
    fn credential(&self, user: &Address) -> Result<Option<Credential>, DirectoryError>;

    /// Is the address in the tenant's recipient directory? Asked for authoritative domains.
    ///
    /// # Errors
    /// The directory cannot be read.
    fn lists_recipient(&self, tenant: TenantId, address: &Address) -> Result<bool, DirectoryError>;
}

/// The directory at one moment.
pub trait DirectoryView: Send + Sync {
    /// Its [`Directory::version`].
    fn version(&self) -> u64;
    /// Every tenant, in no order.
    fn tenants(&self) -> Box<dyn Iterator<Item = &Tenant> + '_>;
    /// Every account, in no order.
    fn accounts(&self) -> Box<dyn Iterator<Item = &Account> + '_>;
    /// The tenant with that number.
    fn tenant(&self, id: TenantId) -> Option<&Tenant>;
    /// The account with that number.
    fn account(&self, id: AccountId) -> Option<&Account>;
    /// The account with that address.
    fn account_named(&self, address: &Address) -> Option<&Account>;
    /// Who accepts a domain, and whether its recipient directory is complete.
    fn domain(&self, name: &Domain) -> Option<(TenantId, DomainKind)>;
}

/// The directory cannot be read now.
#[derive(Debug, Error)]
#[error("the directory cannot be read: {0}")]
pub struct DirectoryError(#[source] pub Box<dyn Error + Send + Sync>);

impl From<StoreError> for DirectoryError {
    fn from(error: StoreError) -> Self {
        Self(Box::new(error))
    }
}

impl Directory for Store {
    fn version(&self) -> Result<u64, DirectoryError> {
        Ok(self.change_counter()?)
    }

    fn view(&self) -> Result<Arc<dyn DirectoryView>, DirectoryError> {
        Ok(Arc::new(self.snapshot()?))
    }

    fn credential(&self, user: &Address) -> Result<Option<Credential>, DirectoryError> {
        Ok(Self::credential(self, user)?)
    }

    fn lists_recipient(&self, tenant: TenantId, address: &Address) -> Result<bool, DirectoryError> {
        Ok(Self::lists_recipient(self, tenant, address)?)
    }
}

impl DirectoryView for DirectorySnapshot {
    fn version(&self) -> u64 {
        Self::version(self)
    }

    fn tenants(&self) -> Box<dyn Iterator<Item = &Tenant> + '_> {
        Box::new(Self::tenants(self))
    }

    fn accounts(&self) -> Box<dyn Iterator<Item = &Account> + '_> {
        Box::new(Self::accounts(self))
    }

    fn tenant(&self, id: TenantId) -> Option<&Tenant> {
        Self::tenant(self, id)
    }

    fn account(&self, id: AccountId) -> Option<&Account> {
        Self::account(self, id)
    }

    fn account_named(&self, address: &Address) -> Option<&Account> {
        Self::account_named(self, address)
    }

    fn domain(&self, name: &Domain) -> Option<(TenantId, DomainKind)> {
        Self::domain(self, name)
    }
}

/// A directory with the view of its last version, and the recipients that were asked for since.
pub(crate) struct CachedDirectory {
    source: Arc<dyn Directory>,
    view: ArcSwapOption<Held>,
    /// Taken while a view is made, so that one change makes one view.
    making: Mutex<()>,
    listed: Mutex<Listed>,
}

struct Held {
    view: Arc<dyn DirectoryView>,
    widest: Widest,
    devices: Arc<Devices>,
}

/// The widest limits of all tenants: what is advertised to a client of whom nothing is known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Widest {
    pub(crate) message_octets: u64,
    pub(crate) recipients: u32,
}

impl Widest {
    fn of(view: &dyn DirectoryView) -> Self {
        let octets = view.tenants().map(|tenant| tenant.limits.message_octets);
        let recipients = view
            .tenants()
            .map(|tenant| tenant.limits.recipients_per_message.get());
        let default = TenantLimits::default();
        Self {
            message_octets: octets.max().unwrap_or(default.message_octets),
            recipients: recipients
                .max()
                .unwrap_or(default.recipients_per_message.get()),
        }
    }
}

#[derive(Default)]
struct Listed {
    version: u64,
    known: HashMap<TenantId, HashMap<Address, bool>>,
    count: usize,
}

/// Recipients remembered; about 10 MB. When there are more, all are forgotten: a look-up again
/// takes some ten microseconds.
const LISTED_MAX: usize = 65_536;

impl CachedDirectory {
    pub(crate) fn new(source: Arc<dyn Directory>) -> Self {
        Self {
            source,
            view: ArcSwapOption::empty(),
            making: Mutex::default(),
            listed: Mutex::default(),
        }
    }

    /// The view of this moment.
    pub(crate) fn current(&self) -> Result<Arc<dyn DirectoryView>, DirectoryError> {
        let version = self.source.version()?;
        if let Some(view) = self.held(version) {
            return Ok(view);
        }
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(view) = self.held(version) {
            return Ok(view);
        }
        let view = self.source.view()?;
        self.view.store(Some(Arc::new(Held {
            view: Arc::clone(&view),
            widest: Widest::of(&*view),
            devices: Arc::new(Devices::of(&*view)),
        })));
        Ok(view)
    }

    /// The widest limits as of the last view.
    pub(crate) fn widest(&self) -> Option<Widest> {
        self.view.load().as_ref().map(|held| held.widest)
    }

    /// What is known of all devices together, as of the last view.
    pub(crate) fn devices(&self) -> Arc<Devices> {
        let held = self.view.load();
        held.as_ref()
            .map_or_else(Arc::default, |held| Arc::clone(&held.devices))
    }

    fn held(&self, version: u64) -> Option<Arc<dyn DirectoryView>> {
        let held = self.view.load();
        let view = &held.as_ref()?.view;
        // A view made a moment later than the question is as good.
        (view.version() >= version).then(|| Arc::clone(view))
    }

    pub(crate) fn credential(&self, user: &Address) -> Result<Option<Credential>, DirectoryError> {
        self.source.credential(user)
    }

    /// Whether the recipient is listed, as of `view` or later.
    pub(crate) fn lists_recipient(
        &self,
        view: &dyn DirectoryView,
        tenant: TenantId,
        address: &Address,
    ) -> Result<bool, DirectoryError> {
        let version = view.version();
        {
            let listed = self.listed();
            if listed.version == version
                && let Some(known) = listed.known.get(&tenant).and_then(|of| of.get(address))
            {
                return Ok(*known);
            }
        }
        let found = self.source.lists_recipient(tenant, address)?;
        let mut listed = self.listed();
        if listed.version < version || listed.count >= LISTED_MAX {
            *listed = Listed {
                version: listed.version.max(version),
                ..Listed::default()
            };
        }
        // An answer for an older view than others have is not kept.
        if listed.version == version {
            let of_tenant = listed.known.entry(tenant).or_default();
            if of_tenant.insert(address.clone(), found).is_none() {
                listed.count += 1;
            }
        }
        Ok(found)
    }

    fn listed(&self) -> std::sync::MutexGuard<'_, Listed> {
        self.listed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
