//! Tenants.

use hve_types::{
    Address, Domain, DomainKind, PolicyName, State, Tenant, TenantId, TenantLimits, TenantSignIn,
};
use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::json;
use time::UtcDateTime;

use super::{domains, oauth, suspension};
use crate::{
    Act, ChangeError, Store, StoreError,
    audit::{Deed, record},
    codec::{self, damaged, from_millis, to_address, to_millis},
};

/// A tenant to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTenant {
    /// Its first domain, which becomes its name and an accepted domain.
    pub name: Domain,
    /// How that domain answers for recipients it does not list.
    pub kind: DomainKind,
    /// What it may do.
    pub limits: TenantLimits,
}

impl Store {
    /// Every tenant, by name.
    ///
    /// # Errors
    /// The store failed.
    pub fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        self.read(all)
    }

    /// The tenant of that name.
    ///
    /// # Errors
    /// The store failed.
    pub fn tenant(&self, name: &Domain) -> Result<Option<Tenant>, StoreError> {
        self.read(|connection| {
            let mut statement = connection
                .prepare_cached(&format!("{SELECT} WHERE name = ?1 AND removed_at IS NULL"))?;
            let mut rows = statement.query([name.as_str()])?;
            rows.next()?.map(tenant).transpose()
        })
    }

    /// Adds a tenant and accepts its first domain. A tenant that was removed does not come back:
    /// the new one has a number of its own, and knows nothing of the old one's usage.
    ///
    /// # Errors
    /// The domain belongs to a tenant already, or the store failed.
    pub fn add_tenant(&self, new: &NewTenant, act: &Act) -> Result<Tenant, ChangeError> {
        self.change(|connection| {
            if domains::owner(connection, &new.name)?.is_some() {
                return Err(ChangeError::DomainTaken(new.name.clone()));
            }
            connection
                .prepare_cached(
                    "INSERT INTO tenant (name, limits, created_at) VALUES (?1, ?2, ?3)",
                )?
                .execute((
                    new.name.as_str(),
                    codec::tenant_limits(&new.limits),
                    to_millis(act.at),
                ))?;
            let added = by_id(connection, TenantId(connection.last_insert_rowid()))?;
            record(
                connection,
                act,
                &deed("tenant-add", &added, None, told(&added)),
            )?;
            domains::insert(connection, added.id, &new.name, new.kind, act)?;
            Ok(added)
        })
    }

    /// Changes a tenant's limits, as they are at that moment: two people who change different ones
    /// at once do not undo each other. No usage is forgotten.
    ///
    /// # Errors
    /// No such tenant, or the store failed.
    pub fn change_tenant_limits(
        &self,
        id: TenantId,
        change: impl FnOnce(&mut TenantLimits),
        act: &Act,
    ) -> Result<Tenant, ChangeError> {
        self.change_tenant("tenant-set", id, act, |tenant| {
            change(&mut tenant.limits);
            Ok(())
        })
    }

    /// Sets who hears of mail that was not delivered, for accounts that name nobody.
    ///
    /// # Errors
    /// No such tenant, an address outside its domains, or the store failed.
    pub fn set_postmaster(
        &self,
        id: TenantId,
        postmaster: Option<&Address>,
        act: &Act,
    ) -> Result<Tenant, ChangeError> {
        self.change(|connection| {
            super::check_inside(connection, id, postmaster)?;
            let before = by_id(connection, id)?;
            change_in(connection, "tenant-set", &before, act, |tenant| {
                tenant.postmaster = postmaster.cloned();
                Ok(())
            })
        })
    }

    /// Changes how a tenant's accounts may sign in, as it is set at that moment. Sessions see it
    /// at their next command.
    ///
    /// # Errors
    /// No such tenant, a policy that is named but not there, an issuer too many, twice or without
    /// audience, or the store failed.
    pub fn change_tenant_sign_in(
        &self,
        id: TenantId,
        change: impl FnOnce(&mut TenantSignIn),
        act: &Act,
    ) -> Result<Tenant, ChangeError> {
        self.change_tenant("tenant-sign-in", id, act, |tenant| {
            change(&mut tenant.sign_in);
            oauth::check_issuers(&tenant.sign_in.issuers)?;
            known_policy(tenant, tenant.sign_in.default_policy.as_ref())
        })
    }

    /// Removes an authentication policy.
    ///
    /// # Errors
    /// No such tenant or policy, a policy that is the default or an account's own, or the store
    /// failed.
    pub fn remove_policy(
        &self,
        id: TenantId,
        name: &PolicyName,
        act: &Act,
    ) -> Result<Tenant, ChangeError> {
        self.change(|connection| {
            let before = by_id(connection, id)?;
            let users = super::account_rows::of(connection, id)?
                .iter()
                .filter(|account| account.sign_in.policy.as_ref() == Some(name))
                .count();
            let default = before.sign_in.default_policy.as_ref() == Some(name);
            if users > 0 || default {
                return Err(ChangeError::PolicyInUse {
                    name: name.clone(),
                    accounts: users,
                    default,
                });
            }
            change_in(
                connection,
                "policy-remove",
                &before,
                act,
                |tenant| match tenant.sign_in.policies.remove(name) {
                    Some(_) => Ok(()),
                    None => Err(ChangeError::UnknownPolicy(name.clone())),
                },
            )
        })
    }

    /// Suspends a tenant until somebody resumes it, or until `until`.
    ///
    /// # Errors
    /// No such tenant, a reason nobody can read, or the store failed.
    pub fn suspend_tenant(
        &self,
        id: TenantId,
        reason: &str,
        until: Option<UtcDateTime>,
        act: &Act,
    ) -> Result<Tenant, ChangeError> {
        let state = suspension(reason, until, act)?;
        self.change_tenant("tenant-suspend", id, act, |tenant| {
            tenant.state = state;
            Ok(())
        })
    }

    /// Lets a suspended tenant work again.
    ///
    /// # Errors
    /// No such tenant, or the store failed.
    pub fn resume_tenant(&self, id: TenantId, act: &Act) -> Result<Tenant, ChangeError> {
        self.change_tenant("tenant-resume", id, act, |tenant| {
            tenant.state = State::Active;
            Ok(())
        })
    }

    /// Removes a tenant with its domains, accounts and recipients. Its usage, its audit entries
    /// and its queued messages stay.
    ///
    /// # Errors
    /// No such tenant, or the store failed.
    pub fn remove_tenant(&self, id: TenantId, act: &Act) -> Result<(), ChangeError> {
        self.change(|connection| {
            let gone = by_id(connection, id)?;
            super::account_rows::remove_all(connection, id, act)?;
            super::recipients::remove_all(connection, id, act)?;
            domains::remove_all(connection, id, act)?;
            connection
                .prepare_cached("UPDATE tenant SET removed_at = ?2 WHERE id = ?1")?
                .execute((id.0, to_millis(act.at)))?;
            record(
                connection,
                act,
                &deed("tenant-remove", &gone, told(&gone), None),
            )?;
            Ok(())
        })
    }

    fn change_tenant(
        &self,
        action: &'static str,
        id: TenantId,
        act: &Act,
        change: impl FnOnce(&mut Tenant) -> Result<(), ChangeError>,
    ) -> Result<Tenant, ChangeError> {
        self.change(|connection| {
            let before = by_id(connection, id)?;
            change_in(connection, action, &before, act, change)
        })
    }
}

fn change_in(
    connection: &Connection,
    action: &'static str,
    before: &Tenant,
    act: &Act,
    change: impl FnOnce(&mut Tenant) -> Result<(), ChangeError>,
) -> Result<Tenant, ChangeError> {
    let mut after = before.clone();
    change(&mut after)?;
    connection
        .prepare_cached(
            "UPDATE tenant SET limits = ?2, suspension = ?3, sign_in = ?4, postmaster = ?5
             WHERE id = ?1",
        )?
        .execute((
            after.id.0,
            codec::tenant_limits(&after.limits),
            codec::state(&after.state),
            codec::tenant_sign_in(&after.sign_in),
            after.postmaster.as_ref().map(Address::as_str),
        ))?;
    record(
        connection,
        act,
        &deed(action, &after, told(before), told(&after)),
    )?;
    by_id(connection, after.id)
}

/// A policy that is named must be there.
pub(super) fn known_policy(tenant: &Tenant, name: Option<&PolicyName>) -> Result<(), ChangeError> {
    match name {
        Some(name) if !tenant.sign_in.policies.contains_key(name) => {
            Err(ChangeError::UnknownPolicy(name.clone()))
        }
        _ => Ok(()),
    }
}

pub(super) fn all(connection: &Connection) -> Result<Vec<Tenant>, StoreError> {
    let mut statement =
        connection.prepare_cached(&format!("{SELECT} WHERE removed_at IS NULL ORDER BY name"))?;
    let mut rows = statement.query(())?;
    let mut tenants = Vec::new();
    while let Some(row) = rows.next()? {
        tenants.push(tenant(row)?);
    }
    Ok(tenants)
}

/// The tenant with that number, unless it was removed.
pub(crate) fn find(connection: &Connection, id: TenantId) -> Result<Option<Tenant>, StoreError> {
    connection
        .prepare_cached(&format!("{SELECT} WHERE id = ?1 AND removed_at IS NULL"))?
        .query_row([id.0], |row| Ok(tenant(row)))
        .optional()?
        .transpose()
}

pub(super) fn by_id(connection: &Connection, id: TenantId) -> Result<Tenant, ChangeError> {
    find(connection, id)?.ok_or(ChangeError::UnknownTenant)
}

const SELECT: &str =
    "SELECT id, name, limits, suspension, created_at, sign_in, postmaster FROM tenant";

fn tenant(row: &Row<'_>) -> Result<Tenant, StoreError> {
    let name = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
    let limits = row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?;
    let postmaster: Option<String> = row.get(6)?;
    Ok(Tenant {
        id: TenantId(row.get(0)?),
        name: Domain::parse(name).map_err(|_| damaged("tenant name", name))?,
        limits: codec::to_tenant_limits(limits)?,
        state: codec::to_state(row.get::<_, Option<String>>(3)?.as_deref())?,
        created_at: from_millis(row.get(4)?)?,
        sign_in: codec::to_tenant_sign_in(row.get::<_, Option<String>>(5)?.as_deref())?,
        postmaster: postmaster.as_deref().map(to_address).transpose()?,
    })
}

fn deed<'a>(
    action: &'static str,
    tenant: &'a Tenant,
    before: Option<String>,
    after: Option<String>,
) -> Deed<'a> {
    Deed {
        action,
        tenant: tenant.id,
        subject: tenant.name.as_str(),
        before,
        after,
    }
}

fn told(tenant: &Tenant) -> Option<String> {
    let form = json!({
        "limits": codec::value(&codec::tenant_limits(&tenant.limits)),
        "suspension": codec::told_state(&tenant.state),
        "sign_in": codec::value(&codec::tenant_sign_in(&tenant.sign_in)),
        "postmaster": tenant.postmaster.as_ref().map(Address::as_str),
    });
    Some(form.to_string())
}
