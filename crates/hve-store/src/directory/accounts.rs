//! Accounts.

use std::num::NonZeroU32;

use hve_auth::{Credential, StoredPassword};
use hve_types::{
    Account, AccountId, AccountLimits, AccountSignIn, Address, CERTIFICATES_MAX, Ceiling, State,
    TenantId,
};
use rusqlite::{Connection, OptionalExtension};
use time::UtcDateTime;

use super::{
    ALIAS_MAX, NAME_MAX, REASON_MAX,
    account_rows::{
        SELECT, account, by_id, check_address, check_alias, insert_or_revive, note, of, remove,
        told, told_with_password, write,
    },
    check_inside, check_text, oauth, secrets, suspension, tenants,
};
use crate::{Act, ChangeError, Store, StoreError, codec::damaged};

/// An account to be added.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its user name and sender address, in an accepted domain of the tenant.
    pub address: Address,
    /// The name people see.
    pub display_name: String,
    /// A short name, unique in the tenant in any case of letters.
    pub alias: Option<String>,
    /// What it may do.
    pub limits: AccountLimits,
    /// Its password, hashed.
    pub password: StoredPassword,
}

/// What is to be different about an account; `None` leaves it as it is.
#[derive(Clone, Debug, Default)]
pub struct AccountChange {
    /// Another name for people.
    pub display_name: Option<String>,
    /// Another alias, or none.
    pub alias: Option<Option<String>>,
    /// Another daily limit. No usage is forgotten.
    pub recipients_per_day: Option<Ceiling>,
    /// Another rate, or none.
    pub messages_per_minute: Option<Option<NonZeroU32>>,
    /// Somebody else who hears of mail that was not delivered, or nobody: then it is the tenant's
    /// postmaster.
    pub bounce_to: Option<Option<Address>>,
    /// Another address for answers, or none.
    pub reply_to: Option<Option<Address>>,
    /// Another password; what was verified with the old one is void.
    pub password: Option<StoredPassword>,
}

impl Store {
    /// A tenant's accounts, by address.
    ///
    /// # Errors
    /// The store failed.
    pub fn accounts(&self, tenant: TenantId) -> Result<Vec<Account>, StoreError> {
        self.read(|connection| of(connection, tenant))
    }

    /// The account with that address.
    ///
    /// # Errors
    /// The store failed.
    pub fn account(&self, address: &Address) -> Result<Option<Account>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(&format!("{SELECT} WHERE key = ?1 AND removed_at IS NULL"))?
                .query_row([address.key()], |row| Ok(account(connection, row)))
                .optional()?
                .transpose()
        })
    }

    /// What is known of one user name: its account, its tenant and the hashes of its secrets.
    ///
    /// A name that nobody has costs the same reads: those of another account, which is dropped. So
    /// the time of an answer tells no stranger who exists.
    ///
    /// # Errors
    /// The store failed, or the hash is damaged.
    pub fn credential(&self, user: &Address) -> Result<Option<Credential>, StoreError> {
        self.read_at_once(|connection| {
            let found = connection
                .prepare_cached(&format!("{SELECT} WHERE key = ?1 AND removed_at IS NULL"))?
                .query_row([user.key()], |row| Ok(account(connection, row)))
                .optional()?;
            let exists = found.is_some();
            let read = match found {
                Some(account) => Some(account),
                None => decoy(connection, user)?,
            };
            let Some(account) = read.transpose()? else {
                return Ok(None);
            };
            let credential = whole(connection, account);
            if exists {
                credential.map(Some)
            } else {
                Ok(None)
            }
        })
    }

    /// Adds an account. An address that the same tenant had before comes back with its number,
    /// so that its usage and quota go on.
    ///
    /// # Errors
    /// The tenant's account limit, decided in this very transaction; an address or alias that is
    /// taken; a domain that is not the tenant's; a text nobody can read; or the store failed.
    pub fn add_account(&self, new: &NewAccount, act: &Act) -> Result<Account, ChangeError> {
        check_text("the display name", &new.display_name, NAME_MAX)?;
        if let Some(alias) = &new.alias {
            check_text("the alias", alias, ALIAS_MAX)?;
        }
        self.change(|connection| {
            let tenant = tenants::by_id(connection, new.tenant)?;
            check_address(connection, new)?;
            check_alias(connection, new.tenant, new.alias.as_deref(), None)?;
            let in_use = connection
                .prepare_cached(
                    "SELECT count(*) FROM account WHERE tenant = ?1 AND removed_at IS NULL",
                )?
                .query_row([new.tenant.0], |row| row.get::<_, u32>(0))?;
            if in_use >= tenant.limits.accounts {
                return Err(ChangeError::AccountCap {
                    limit: tenant.limits.accounts,
                    in_use,
                });
            }
            let added = insert_or_revive(connection, new, act)?;
            note(connection, act, "account-add", &added, None, told(&added))?;
            Ok(added)
        })
    }

    /// Changes an account.
    ///
    /// # Errors
    /// No such account, an alias that is taken, a text nobody can read, an address for bounces
    /// outside the tenant's domains, or the store failed.
    pub fn change_account(
        &self,
        id: AccountId,
        change: &AccountChange,
        act: &Act,
    ) -> Result<Account, ChangeError> {
        if let Some(name) = &change.display_name {
            check_text("the display name", name, NAME_MAX)?;
        }
        if let Some(Some(alias)) = &change.alias {
            check_text("the alias", alias, ALIAS_MAX)?;
        }
        self.change(|connection| {
            let before = by_id(connection, id)?;
            let mut after = before.clone();
            if let Some(name) = &change.display_name {
                after.display_name.clone_from(name);
            }
            if let Some(alias) = &change.alias {
                check_alias(connection, before.tenant, alias.as_deref(), Some(id))?;
                after.alias.clone_from(alias);
            }
            if let Some(ceiling) = change.recipients_per_day {
                after.limits.recipients_per_day = ceiling;
            }
            if let Some(rate) = change.messages_per_minute {
                after.limits.messages_per_minute = rate;
            }
            if let Some(bounce_to) = &change.bounce_to {
                check_inside(connection, before.tenant, bounce_to.as_ref())?;
                after.bounce_to.clone_from(bounce_to);
            }
            if let Some(reply_to) = &change.reply_to {
                after.reply_to.clone_from(reply_to);
            }
            if let Some(password) = &change.password {
                after.credential_version += 1;
                secrets::replace(connection, id, password, act)?;
            }
            write(connection, &after)?;
            let after = by_id(connection, id)?;
            let told_after = told_with_password(&after, change.password.is_some());
            note(
                connection,
                act,
                "account-set",
                &after,
                told(&before),
                told_after,
            )?;
            Ok(after)
        })
    }

    /// Changes how an account may sign in, as it is set at that moment. A session sees it at its
    /// next command.
    ///
    /// # Errors
    /// No such account, a policy its tenant does not have, a reason nobody can read, an application
    /// too many, twice or without an id, or the store failed.
    pub fn change_account_sign_in(
        &self,
        id: AccountId,
        change: impl FnOnce(&mut AccountSignIn),
        act: &Act,
    ) -> Result<Account, ChangeError> {
        self.change(|connection| {
            let before = by_id(connection, id)?;
            let mut after = before.clone();
            change(&mut after.sign_in);
            let tenant = tenants::by_id(connection, before.tenant)?;
            tenants::known_policy(&tenant, after.sign_in.policy.as_ref())?;
            if after.sign_in.certificates.fingerprints.len() > CERTIFICATES_MAX {
                return Err(ChangeError::CertificateCap);
            }
            if let Some(exemption) = &after.sign_in.exemption {
                check_text("the reason", &exemption.reason, REASON_MAX)?;
            }
            oauth::check_apps(&after.sign_in.apps)?;
            write(connection, &after)?;
            let action = "account-sign-in";
            note(connection, act, action, &after, told(&before), told(&after))?;
            by_id(connection, id)
        })
    }

    /// Suspends an account until somebody resumes it, or until `until`.
    ///
    /// # Errors
    /// No such account, a reason nobody can read, or the store failed.
    pub fn suspend_account(
        &self,
        id: AccountId,
        reason: &str,
        until: Option<UtcDateTime>,
        act: &Act,
    ) -> Result<Account, ChangeError> {
        let state = suspension(reason, until, act)?;
        self.set_account_state("account-suspend", id, state, act)
    }

    /// Lets a suspended account work again.
    ///
    /// # Errors
    /// No such account, or the store failed.
    pub fn resume_account(&self, id: AccountId, act: &Act) -> Result<Account, ChangeError> {
        self.set_account_state("account-resume", id, State::Active, act)
    }

    /// Removes an account. Its usage and its queued messages stay.
    ///
    /// # Errors
    /// No such account, or the store failed.
    pub fn remove_account(&self, id: AccountId, act: &Act) -> Result<(), ChangeError> {
        self.change(|connection| {
            let gone = by_id(connection, id)?;
            remove(connection, &gone, act)
        })
    }

    fn set_account_state(
        &self,
        action: &'static str,
        id: AccountId,
        state: State,
        act: &Act,
    ) -> Result<Account, ChangeError> {
        self.change(|connection| {
            let before = by_id(connection, id)?;
            let mut after = before.clone();
            after.state = state;
            after.credential_version += 1;
            write(connection, &after)?;
            note(connection, act, action, &after, told(&before), told(&after))?;
            by_id(connection, id)
        })
    }
}

fn whole(connection: &Connection, account: Account) -> Result<Credential, StoreError> {
    let secrets = secrets::hashes(connection, &account)?;
    let Some(tenant) = tenants::find(connection, account.tenant)? else {
        return Err(damaged("tenant of", account.address.as_str()));
    };
    Ok(Credential {
        account,
        tenant,
        secrets,
    })
}

/// Some account, another one for most names: the same one would always be at hand.
fn decoy(
    connection: &Connection,
    user: &Address,
) -> Result<Option<Result<Account, StoreError>>, StoreError> {
    let sum = user.key().bytes().fold(0_i64, |sum, octet| {
        sum.wrapping_mul(31).wrapping_add(octet.into())
    });
    let sql = format!(
        "{SELECT} WHERE removed_at IS NULL
         AND id >= abs(?1 % (SELECT max(id) FROM account)) ORDER BY id LIMIT 1"
    );
    Ok(connection
        .prepare_cached(&sql)?
        .query_row([sum], |row| Ok(account(connection, row)))
        .optional()?)
}
