//! Groups: addresses of the recipient directory that stand for others.

use std::collections::{BTreeMap, HashSet};

use hve_types::{Address, DomainKind, TenantId};
use rusqlite::{Connection, OptionalExtension};
use serde_json::json;

use super::{domains, recipients};
use crate::{
    Act, ChangeError, Imported, Store, StoreError,
    audit::{Deed, record},
    codec::{damaged, to_address},
};

/// Members a group may have, those of groups in it counted as well. A message to the group waits
/// for each of them in its own row of the queue.
pub const GROUP_MEMBERS_MAX: usize = 10_000;

impl Store {
    /// The direct members of a group, by address; none where the address is no group.
    ///
    /// # Errors
    /// The store failed.
    pub fn group_members(
        &self,
        tenant: TenantId,
        group: &Address,
    ) -> Result<Vec<Address>, StoreError> {
        self.read(|connection| members(connection, tenant, &group.key()))
    }

    /// All that mail to a group goes to, by address: members of groups in it instead of those
    /// groups, and each once. `None` where the address is no group.
    ///
    /// # Errors
    /// The store failed.
    pub fn expand_group(
        &self,
        tenant: TenantId,
        group: &Address,
    ) -> Result<Option<Vec<Address>>, StoreError> {
        self.read_at_once(|connection| expand(connection, tenant, group))
    }

    /// Is there any group? Costs one look.
    ///
    /// # Errors
    /// The store failed.
    pub fn has_groups(&self) -> Result<bool, StoreError> {
        self.read(|connection| {
            Ok(connection
                .prepare_cached("SELECT 1 FROM group_member LIMIT 1")?
                .exists(())?)
        })
    }

    /// Adds members to a group, all or none of them, and with the first one makes it: its address
    /// is then listed in the recipient directory. Messages that were expanded before stay as they
    /// are.
    ///
    /// # Errors
    /// An address outside the tenant's accepted domains, a member that an authoritative domain
    /// does not list, a circle, more than [`GROUP_MEMBERS_MAX`] members in this group or one it is
    /// in, or the store failed.
    pub fn add_group_members(
        &self,
        tenant: TenantId,
        group: &Address,
        added: &[Address],
        act: &Act,
    ) -> Result<Imported, ChangeError> {
        self.change(|connection| {
            recipients::check_domains(connection, tenant, std::slice::from_ref(group))?;
            recipients::check_domains(connection, tenant, added)?;
            let mut insert = connection.prepare_cached(
                "INSERT INTO group_member (tenant, of, member, address) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO NOTHING",
            )?;
            let mut count = 0;
            for member in added {
                check_listed(connection, tenant, member)?;
                count += insert.execute((tenant.0, group.key(), member.key(), member.as_str()))?;
            }
            check_shape(connection, tenant, group)?;
            connection
                .prepare_cached(
                    "INSERT INTO recipient (tenant, key, address) VALUES (?1, ?2, ?3)
                     ON CONFLICT DO NOTHING",
                )?
                .execute((tenant.0, group.key(), group.as_str()))?;
            note(connection, act, "group-add", (tenant, group), count)?;
            Ok(Imported {
                added: u64::try_from(count).unwrap_or(u64::MAX),
                already_listed: u64::try_from(added.len() - count).unwrap_or(u64::MAX),
            })
        })
    }

    /// Takes members out of a group. Without any left it is a recipient like others.
    ///
    /// # Errors
    /// One of them is not in the group, or the store failed; nobody is taken out.
    pub fn remove_group_members(
        &self,
        tenant: TenantId,
        group: &Address,
        removed: &[Address],
        act: &Act,
    ) -> Result<(), ChangeError> {
        self.change(|connection| {
            let mut delete = connection.prepare_cached(
                "DELETE FROM group_member WHERE tenant = ?1 AND of = ?2 AND member = ?3",
            )?;
            for member in removed {
                if delete.execute((tenant.0, group.key(), member.key()))? == 0 {
                    return Err(ChangeError::UnknownMember {
                        group: group.clone(),
                        member: member.clone(),
                    });
                }
            }
            let count = removed.len();
            Ok(note(
                connection,
                act,
                "group-remove",
                (tenant, group),
                count,
            )?)
        })
    }
}

fn note(
    connection: &Connection,
    act: &Act,
    action: &'static str,
    (tenant, group): (TenantId, &Address),
    members: usize,
) -> Result<(), StoreError> {
    if members == 0 {
        return Ok(());
    }
    let told = Some(json!({ "members": members }).to_string());
    let (before, after) = match action {
        "group-add" => (None, told),
        _ => (told, None),
    };
    let deed = Deed {
        action,
        tenant,
        subject: group.as_str(),
        before,
        after,
    };
    record(connection, act, &deed)
}

/// An authoritative domain says who is there.
fn check_listed(
    connection: &Connection,
    tenant: TenantId,
    member: &Address,
) -> Result<(), ChangeError> {
    if domains::kind(connection, &member.domain())? != Some(DomainKind::Authoritative) {
        return Ok(());
    }
    let listed = connection
        .prepare_cached("SELECT 1 FROM recipient WHERE tenant = ?1 AND key = ?2")?
        .exists((tenant.0, member.key()))?;
    if listed {
        Ok(())
    } else {
        Err(ChangeError::UnknownRecipient(member.clone()))
    }
}

/// No group may lead back to itself, and none may be too large: neither this one nor those that
/// it is in.
fn check_shape(
    connection: &Connection,
    tenant: TenantId,
    group: &Address,
) -> Result<(), ChangeError> {
    let mut seen = HashSet::from([group.key()]);
    let mut above = vec![group.key()];
    let mut parents = connection
        .prepare_cached("SELECT of FROM group_member WHERE tenant = ?1 AND member = ?2")?;
    while let Some(key) = above.pop() {
        let reached = reach(connection, tenant, &key)?;
        if reached.leads_back {
            return Err(ChangeError::GroupCycle(group.clone()));
        }
        if reached.members.len() > GROUP_MEMBERS_MAX {
            return Err(ChangeError::GroupSize(group.clone()));
        }
        let found = parents.query_map((tenant.0, &key), |row| row.get::<_, String>(0))?;
        for parent in found {
            let parent = parent?;
            if seen.insert(parent.clone()) {
                above.push(parent);
            }
        }
    }
    Ok(())
}

fn members(
    connection: &Connection,
    tenant: TenantId,
    group: &str,
) -> Result<Vec<Address>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT address FROM group_member WHERE tenant = ?1 AND of = ?2 ORDER BY member",
    )?;
    let mut rows = statement.query((tenant.0, group))?;
    let mut members = Vec::new();
    while let Some(row) = rows.next()? {
        members.push(to_address(&row.get::<_, String>(0)?)?);
    }
    Ok(members)
}

/// What is found below a group.
struct Reached {
    /// Those that are no groups, by key.
    members: BTreeMap<String, Address>,
    leads_back: bool,
}

/// Looks at each group below `group` once, so that it ends whatever the rows say.
fn reach(connection: &Connection, tenant: TenantId, group: &str) -> Result<Reached, StoreError> {
    let mut reached = Reached {
        members: BTreeMap::new(),
        leads_back: false,
    };
    let mut seen = HashSet::from([group.to_owned()]);
    let mut below = vec![members(connection, tenant, group)?];
    while let Some(some) = below.pop() {
        for member in some {
            let key = member.key();
            reached.leads_back |= key == group;
            if seen.contains(&key) {
                continue;
            }
            let inner = members(connection, tenant, &key)?;
            if inner.is_empty() {
                reached.members.insert(key, member);
            } else {
                seen.insert(key);
                below.push(inner);
            }
            // Enough is known.
            if reached.members.len() > GROUP_MEMBERS_MAX {
                return Ok(reached);
            }
        }
    }
    Ok(reached)
}

/// All that mail to `group` goes to; `None` where it is no group.
pub(crate) fn expand(
    connection: &Connection,
    tenant: TenantId,
    group: &Address,
) -> Result<Option<Vec<Address>>, StoreError> {
    let key = group.key();
    let first = connection
        .prepare_cached("SELECT 1 FROM group_member WHERE tenant = ?1 AND of = ?2 LIMIT 1")?
        .query_row((tenant.0, &key), |_| Ok(()))
        .optional()?;
    if first.is_none() {
        return Ok(None);
    }
    let members = reach(connection, tenant, &key)?.members;
    if members.len() > GROUP_MEMBERS_MAX {
        return Err(damaged("group", group.as_str()));
    }
    Ok(Some(members.into_values().collect()))
}

/// Forgets a recipient that is removed, as a group and as a member.
pub(super) fn forget(
    connection: &Connection,
    tenant: TenantId,
    key: &str,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM group_member WHERE tenant = ?1 AND (of = ?2 OR member = ?2)")?
        .execute((tenant.0, key))?;
    Ok(())
}

/// Forgets groups and members in one domain, or everywhere.
pub(super) fn forget_in(
    connection: &Connection,
    tenant: TenantId,
    domain: Option<&str>,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "DELETE FROM group_member WHERE tenant = ?1 AND (?2 IS NULL
                 OR substr(of, -length(?2) - 1) = '@' || ?2
                 OR substr(member, -length(?2) - 1) = '@' || ?2)",
        )?
        .execute((tenant.0, domain))?;
    Ok(())
}
