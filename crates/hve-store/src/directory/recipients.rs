//! The recipient directory: who exists in a tenant's authoritative domains.

use hve_types::{Address, Domain, TenantId};
use rusqlite::Connection;
use serde_json::json;

use super::{domains, groups, tenants};
use crate::{
    Act, ChangeError, Store, StoreError,
    audit::{Deed, record},
    codec::{to_address, to_count},
};

/// What an import did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Addresses that are new.
    pub added: u64,
    /// Addresses that were listed before, or twice in the import.
    pub already_listed: u64,
}

impl Store {
    /// Is the address in the tenant's recipient directory?
    ///
    /// # Errors
    /// The store failed.
    pub fn lists_recipient(&self, tenant: TenantId, address: &Address) -> Result<bool, StoreError> {
        self.read(|connection| {
            Ok(connection
                .prepare_cached("SELECT 1 FROM recipient WHERE tenant = ?1 AND key = ?2")?
                .exists((tenant.0, address.key()))?)
        })
    }

    /// A page of a tenant's recipients, by address: at most `limit`, after the one whose
    /// [`Address::key`] is `after`.
    ///
    /// # Errors
    /// The store failed.
    pub fn recipients(
        &self,
        tenant: TenantId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Address>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT address FROM recipient WHERE tenant = ?1 AND key > ?2
                 ORDER BY key LIMIT ?3",
            )?;
            let mut rows =
                statement.query((tenant.0, after.unwrap_or_default(), to_count(limit)))?;
            let mut page = Vec::new();
            while let Some(row) = rows.next()? {
                page.push(to_address(&row.get::<_, String>(0)?)?);
            }
            Ok(page)
        })
    }

    /// Adds recipients, all or none of them. The audit log has one entry for the import.
    ///
    /// # Errors
    /// No such tenant, an address outside its accepted domains, or the store failed.
    pub fn import_recipients(
        &self,
        tenant: TenantId,
        addresses: &[Address],
        act: &Act,
    ) -> Result<Imported, ChangeError> {
        self.change(|connection| {
            let owner = tenants::by_id(connection, tenant)?;
            check_domains(connection, tenant, addresses)?;
            let mut insert = connection.prepare_cached(
                "INSERT INTO recipient (tenant, key, address) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO NOTHING",
            )?;
            let mut added = 0;
            for address in addresses {
                added += insert.execute((tenant.0, address.key(), address.as_str()))?;
            }
            let imported = Imported {
                added: u64::try_from(added).unwrap_or(u64::MAX),
                already_listed: u64::try_from(addresses.len() - added).unwrap_or(u64::MAX),
            };
            if added > 0 {
                let deed = Deed {
                    action: "recipient-import",
                    tenant,
                    subject: owner.name.as_str(),
                    before: None,
                    after: Some(json!({ "added": imported.added }).to_string()),
                };
                record(connection, act, &deed)?;
            }
            Ok(imported)
        })
    }

    /// Removes one recipient; a group with it, and it from all groups.
    ///
    /// # Errors
    /// It is not listed, or the store failed.
    pub fn remove_recipient(
        &self,
        tenant: TenantId,
        address: &Address,
        act: &Act,
    ) -> Result<(), ChangeError> {
        self.change(|connection| {
            let removed = connection
                .prepare_cached("DELETE FROM recipient WHERE tenant = ?1 AND key = ?2")?
                .execute((tenant.0, address.key()))?;
            if removed == 0 {
                return Err(ChangeError::UnknownRecipient(address.clone()));
            }
            groups::forget(connection, tenant, &address.key())?;
            let deed = Deed {
                action: "recipient-remove",
                tenant,
                subject: address.as_str(),
                before: Some("{}".into()),
                after: None,
            };
            Ok(record(connection, act, &deed)?)
        })
    }
}

pub(super) fn check_domains(
    connection: &Connection,
    tenant: TenantId,
    addresses: &[Address],
) -> Result<(), ChangeError> {
    let mut known = None;
    for address in addresses {
        if known.as_ref().map(Domain::as_str) == Some(address.domain_str()) {
            continue;
        }
        let domain = address.domain();
        if domains::owner(connection, &domain)? != Some(tenant) {
            return Err(ChangeError::DomainNotAccepted(domain));
        }
        known = Some(domain);
    }
    Ok(())
}

/// Removes those in one domain, when the tenant loses it.
pub(super) fn remove_in(
    connection: &Connection,
    tenant: TenantId,
    domain: &Domain,
    act: &Act,
) -> Result<(), StoreError> {
    // The key is in lower case and so is a domain; the text after the last @ is the domain.
    let removed = connection
        .prepare_cached(
            "DELETE FROM recipient WHERE tenant = ?1 AND substr(key, -length(?2) - 1) = '@' || ?2",
        )?
        .execute((tenant.0, domain.as_str()))?;
    groups::forget_in(connection, tenant, Some(domain.as_str()))?;
    note_removed(connection, tenant, domain.as_str(), removed, act)
}

/// Removes all of a tenant that goes.
pub(super) fn remove_all(
    connection: &Connection,
    tenant: TenantId,
    act: &Act,
) -> Result<(), ChangeError> {
    let owner = tenants::by_id(connection, tenant)?;
    let removed = connection
        .prepare_cached("DELETE FROM recipient WHERE tenant = ?1")?
        .execute([tenant.0])?;
    groups::forget_in(connection, tenant, None)?;
    note_removed(connection, tenant, owner.name.as_str(), removed, act)?;
    Ok(())
}

fn note_removed(
    connection: &Connection,
    tenant: TenantId,
    subject: &str,
    removed: usize,
    act: &Act,
) -> Result<(), StoreError> {
    if removed == 0 {
        return Ok(());
    }
    let deed = Deed {
        action: "recipient-remove",
        tenant,
        subject,
        before: Some(json!({ "recipients": removed }).to_string()),
        after: None,
    };
    record(connection, act, &deed)
}
