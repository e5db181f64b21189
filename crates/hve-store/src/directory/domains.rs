//! Accepted domains.

use hve_types::{Domain, DomainKind, TenantId};
use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::json;

use super::tenants;
use crate::{
    Act, ChangeError, Store, StoreError,
    audit::{Deed, record},
    codec::damaged,
};

/// A domain that a tenant's recipients may be in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedDomain {
    /// Its name.
    pub name: Domain,
    /// Whose it is.
    pub tenant: TenantId,
    /// How it answers for recipients it does not list.
    pub kind: DomainKind,
}

impl Store {
    /// A tenant's accepted domains, by name.
    ///
    /// # Errors
    /// The store failed.
    pub fn domains(&self, tenant: TenantId) -> Result<Vec<AcceptedDomain>, StoreError> {
        self.read(|connection| of(connection, tenant))
    }

    /// Accepts a domain for a tenant.
    ///
    /// # Errors
    /// No such tenant, the domain is accepted already, or the store failed.
    pub fn add_domain(
        &self,
        tenant: TenantId,
        name: &Domain,
        kind: DomainKind,
        act: &Act,
    ) -> Result<AcceptedDomain, ChangeError> {
        self.change(|connection| {
            tenants::by_id(connection, tenant)?;
            insert(connection, tenant, name, kind, act)
        })
    }

    /// Accepts a domain no longer; the recipients listed in it go with it.
    ///
    /// # Errors
    /// It is not accepted, it names the tenant, it still has accounts, or the store failed.
    pub fn remove_domain(
        &self,
        tenant: TenantId,
        name: &Domain,
        act: &Act,
    ) -> Result<(), ChangeError> {
        self.change(|connection| {
            if owner(connection, name)? != Some(tenant) {
                return Err(ChangeError::DomainNotAccepted(name.clone()));
            }
            if tenants::by_id(connection, tenant)?.name == *name {
                return Err(ChangeError::NamesTheTenant(name.clone()));
            }
            let accounts = super::account_rows::of(connection, tenant)?
                .iter()
                .filter(|account| account.address.domain_str() == name.as_str())
                .count();
            if accounts > 0 {
                return Err(ChangeError::DomainInUse {
                    domain: name.clone(),
                    accounts: u64::try_from(accounts).unwrap_or(u64::MAX),
                });
            }
            super::recipients::remove_in(connection, tenant, name, act)?;
            delete(connection, tenant, name, act)
        })
    }
}

/// Who accepts a domain.
pub(super) fn owner(
    connection: &Connection,
    name: &Domain,
) -> Result<Option<TenantId>, StoreError> {
    Ok(connection
        .prepare_cached("SELECT tenant FROM domain WHERE name = ?1")?
        .query_row([name.as_str()], |row| row.get(0).map(TenantId))
        .optional()?)
}

/// Who exists in a domain; `None` where nobody accepts it.
pub(super) fn kind(
    connection: &Connection,
    name: &Domain,
) -> Result<Option<DomainKind>, StoreError> {
    let kind: Option<String> = connection
        .prepare_cached("SELECT kind FROM domain WHERE name = ?1")?
        .query_row([name.as_str()], |row| row.get(0))
        .optional()?;
    Ok(kind.as_deref().and_then(DomainKind::from_name))
}

pub(super) fn insert(
    connection: &Connection,
    tenant: TenantId,
    name: &Domain,
    kind: DomainKind,
    act: &Act,
) -> Result<AcceptedDomain, ChangeError> {
    if owner(connection, name)?.is_some() {
        return Err(ChangeError::DomainTaken(name.clone()));
    }
    connection
        .prepare_cached("INSERT INTO domain (name, tenant, kind) VALUES (?1, ?2, ?3)")?
        .execute((name.as_str(), tenant.0, kind.as_str()))?;
    let added = AcceptedDomain {
        name: name.clone(),
        tenant,
        kind,
    };
    let after = Some(json!({ "kind": kind.as_str() }).to_string());
    note(connection, act, "domain-add", &added, None, after)?;
    Ok(added)
}

pub(super) fn remove_all(
    connection: &Connection,
    tenant: TenantId,
    act: &Act,
) -> Result<(), ChangeError> {
    for domain in of(connection, tenant)? {
        delete(connection, tenant, &domain.name, act)?;
    }
    Ok(())
}

fn delete(
    connection: &Connection,
    tenant: TenantId,
    name: &Domain,
    act: &Act,
) -> Result<(), ChangeError> {
    let gone = connection
        .prepare_cached(
            "DELETE FROM domain WHERE tenant = ?1 AND name = ?2 RETURNING name, tenant, kind",
        )?
        .query_row((tenant.0, name.as_str()), |row| Ok(domain(row)))??;
    let before = Some(json!({ "kind": gone.kind.as_str() }).to_string());
    note(connection, act, "domain-remove", &gone, before, None)?;
    Ok(())
}

fn of(connection: &Connection, tenant: TenantId) -> Result<Vec<AcceptedDomain>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT name, tenant, kind FROM domain WHERE tenant = ?1 ORDER BY name")?;
    let mut rows = statement.query([tenant.0])?;
    collect(&mut rows)
}

pub(super) fn all(connection: &Connection) -> Result<Vec<AcceptedDomain>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT name, tenant, kind FROM domain")?;
    let mut rows = statement.query(())?;
    collect(&mut rows)
}

fn collect(rows: &mut rusqlite::Rows<'_>) -> Result<Vec<AcceptedDomain>, StoreError> {
    let mut domains = Vec::new();
    while let Some(row) = rows.next()? {
        domains.push(domain(row)?);
    }
    Ok(domains)
}

fn domain(row: &Row<'_>) -> Result<AcceptedDomain, StoreError> {
    let name: String = row.get(0)?;
    let kind: String = row.get(2)?;
    Ok(AcceptedDomain {
        name: Domain::parse(&name).map_err(|_| damaged("domain", &name))?,
        tenant: TenantId(row.get(1)?),
        kind: DomainKind::from_name(&kind).ok_or_else(|| damaged("domain kind", &kind))?,
    })
}

fn note(
    connection: &Connection,
    act: &Act,
    action: &'static str,
    domain: &AcceptedDomain,
    before: Option<String>,
    after: Option<String>,
) -> Result<(), StoreError> {
    let deed = Deed {
        action,
        tenant: domain.tenant,
        subject: domain.name.as_str(),
        before,
        after,
    };
    record(connection, act, &deed)
}
