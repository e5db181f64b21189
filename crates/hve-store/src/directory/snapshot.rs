//! The directory at one moment, for look-ups in memory.

use std::collections::HashMap;

use hve_types::{Account, AccountId, Address, Domain, DomainKind, Tenant, TenantId};

use super::{AcceptedDomain, account_rows, domains, tenants};
use crate::{
    Store, StoreError,
    codec::{damaged, to_address},
    store::change_counter,
};

/// Tenants, accepted domains and accounts as they were at one value of the change counter.
/// Recipients are not in it: there may be hundreds of thousands.
#[derive(Clone, Debug, Default)]
pub struct DirectorySnapshot {
    version: u64,
    tenants: HashMap<TenantId, Tenant>,
    domains: HashMap<Domain, (TenantId, DomainKind)>,
    accounts: HashMap<AccountId, Account>,
    by_address: HashMap<Address, AccountId>,
}

impl DirectorySnapshot {
    /// The change counter at that moment.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Every tenant, in no order.
    pub fn tenants(&self) -> impl Iterator<Item = &Tenant> {
        self.tenants.values()
    }

    /// The tenant with that number.
    #[must_use]
    pub fn tenant(&self, id: TenantId) -> Option<&Tenant> {
        self.tenants.get(&id)
    }

    /// Who accepts a domain, and how it answers for recipients it does not list.
    #[must_use]
    pub fn domain(&self, name: &Domain) -> Option<(TenantId, DomainKind)> {
        self.domains.get(name).copied()
    }

    /// Every account, in no order.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values()
    }

    /// The account with that number.
    #[must_use]
    pub fn account(&self, id: AccountId) -> Option<&Account> {
        self.accounts.get(&id)
    }

    /// The account with that address.
    #[must_use]
    pub fn account_named(&self, address: &Address) -> Option<&Account> {
        self.account(*self.by_address.get(address)?)
    }
}

/// Names for reports: of everything there is, and of what was removed and has usage.
#[derive(Clone, Debug, Default)]
pub struct Names {
    tenants: HashMap<TenantId, Domain>,
    accounts: HashMap<AccountId, Address>,
}

impl Names {
    /// The name of a tenant, removed or not.
    #[must_use]
    pub fn tenant(&self, id: TenantId) -> Option<&Domain> {
        self.tenants.get(&id)
    }

    /// The address of an account, removed or not.
    #[must_use]
    pub fn account(&self, id: AccountId) -> Option<&Address> {
        self.accounts.get(&id)
    }
}

impl Store {
    /// The directory at this moment.
    ///
    /// # Errors
    /// The store failed.
    pub fn snapshot(&self) -> Result<DirectorySnapshot, StoreError> {
        self.read_at_once(|connection| {
            let accounts = account_rows::all(connection)?;
            Ok(DirectorySnapshot {
                version: change_counter(connection)?,
                tenants: tenants::all(connection)?
                    .into_iter()
                    .map(|tenant| (tenant.id, tenant))
                    .collect(),
                domains: domains::all(connection)?
                    .into_iter()
                    .map(|AcceptedDomain { name, tenant, kind }| (name, (tenant, kind)))
                    .collect(),
                by_address: accounts
                    .iter()
                    .map(|account| (account.address.clone(), account.id))
                    .collect(),
                accounts: accounts
                    .into_iter()
                    .map(|account| (account.id, account))
                    .collect(),
            })
        })
    }

    /// The names of all tenants and accounts that are or were.
    ///
    /// # Errors
    /// The store failed.
    pub fn names(&self) -> Result<Names, StoreError> {
        self.read_at_once(|connection| {
            let mut names = Names::default();
            let mut statement = connection.prepare_cached("SELECT id, name FROM tenant")?;
            let mut rows = statement.query(())?;
            while let Some(row) = rows.next()? {
                let name: String = row.get(1)?;
                let domain = Domain::parse(&name).map_err(|_| damaged("tenant name", &name))?;
                names.tenants.insert(TenantId(row.get(0)?), domain);
            }
            let mut statement = connection.prepare_cached("SELECT id, address FROM account")?;
            let mut rows = statement.query(())?;
            while let Some(row) = rows.next()? {
                let address = to_address(&row.get::<_, String>(1)?)?;
                names.accounts.insert(AccountId(row.get(0)?), address);
            }
            Ok(names)
        })
    }
}
