//! What can go wrong, sorted by who can do something about it.

use std::{fmt, io};

use hve_types::{
    ALLOWED_APPS_MAX, AUDIENCES_MAX, Address, CERTIFICATES_MAX, Domain, ISSUERS_MAX, PolicyName,
    SECRETS_MAX,
};
use rusqlite::ErrorCode;
use thiserror::Error;

use crate::GROUP_MEMBERS_MAX;

/// Why a store cannot be opened. The text is meant for the operator's eyes.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file is a database of another program, or no database at all.
    #[error("{path} is not a store of this program: {why}")]
    Foreign {
        /// Which file.
        path: String,
        /// What was found instead.
        why: String,
    },
    /// Another server holds the store.
    #[error(
        "{path} is in use by another server{}; stop it first",
        by.map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    InUse {
        /// Which file.
        path: String,
        /// Its process number, where it could be read.
        by: Option<u32>,
    },
    /// A newer version of this program wrote the store.
    #[error(
        "{path} has schema {found}, and this program knows schemas up to {known}; use the newer program"
    )]
    NewerSchema {
        /// Which file.
        path: String,
        /// The schema of the file.
        found: i64,
        /// The newest schema this program knows.
        known: i64,
    },
    /// A file cannot be made, read or locked.
    #[error("cannot open {path}: {source}")]
    File {
        /// Which file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The store itself failed while it was opened.
    #[error("cannot open {path}: {source}")]
    Store {
        /// Which file.
        path: String,
        /// Why.
        source: StoreError,
    },
}

/// Why the store could not do what it was asked. Nothing was changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process kept the store locked for longer than the busy timeout: try again.
    #[error("the store is locked by another process")]
    Busy,
    /// What was read is not what was written; the file is damaged.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
    /// No room on the disk, or a quota or a file size limit of the system: later, once there is.
    #[error("the disk is full")]
    DiskFull,
    /// The disk failed to read, write or sync.
    #[error("the disk failed: {0}")]
    Io(#[source] Cause),
    /// The file, its folder or its file system cannot be written.
    #[error("the store cannot be written: {0}")]
    ReadOnly(#[source] Cause),
    /// A mistake in this crate: please report it.
    #[error("bug in the store: {0}")]
    Bug(#[source] Cause),
}

/// Why a commit stored nothing. The classes are those of every other use of the store.
pub type CommitError = StoreError;

/// What the database said, for logs.
#[derive(Debug)]
pub struct Cause(rusqlite::Error);

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.sqlite_error() {
            Some(code) => write!(f, "{} (SQLite code {})", self.0, code.extended_code),
            None => self.0.fmt(f),
        }
    }
}

impl std::error::Error for Cause {}

#[cfg(test)]
impl Cause {
    pub(crate) fn sync_failed() -> Self {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC);
        Self(rusqlite::Error::SqliteFailure(code, None))
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Corrupt(error.to_string())
            }
            Some(ErrorCode::DiskFull) => Self::DiskFull,
            Some(ErrorCode::SystemIoFailure) => Self::Io(Cause(error)),
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                Self::ReadOnly(Cause(error))
            }
            Some(_) => Self::Bug(Cause(error)),
            None => match error {
                rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::Utf8Error(..) => Self::Corrupt(error.to_string()),
                other => Self::Bug(Cause(other)),
            },
        }
    }
}

/// Why a change of the directory was refused. Nothing was changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// Mail to the group would come back to it.
    #[error("{0} would be a member of itself, by way of a group in it")]
    GroupCycle(Address),
    /// The group, or one it is in, would have more members than a message may go to.
    #[error("{0}, or a group it is in, would have more than {GROUP_MEMBERS_MAX} members")]
    GroupSize(Address),
    /// The tenant has as many accounts as it may.
    #[error("the tenant has {in_use} accounts, and its limit is {limit}")]
    AccountCap {
        /// The limit.
        limit: u32,
        /// Accounts there are.
        in_use: u32,
    },
    /// An account with that address exists.
    #[error("{0} is an account already")]
    AddressTaken(Address),
    /// Another account of the tenant has that alias.
    #[error("the alias {0:?} is taken in this tenant")]
    AliasTaken(String),
    /// The account lets in as many applications as it may.
    #[error("the account lets in {ALLOWED_APPS_MAX} applications; remove one first")]
    AppCap,
    /// The account lets it in already.
    #[error("the account lets {0} in already")]
    AppTaken(String),
    /// An issuer without an audience, or with more than anybody needs.
    #[error("an issuer has 1 to {AUDIENCES_MAX} audiences")]
    AudienceCount,
    /// The domain still has accounts.
    #[error("{domain} still has {accounts} account(s); remove them first")]
    DomainInUse {
        /// Which domain.
        domain: Domain,
        /// How many accounts.
        accounts: u64,
    },
    /// The domain is not an accepted domain of the tenant.
    #[error("{0} is not an accepted domain of this tenant")]
    DomainNotAccepted(Domain),
    /// The domain is accepted already, by this tenant or another.
    #[error("{0} is an accepted domain already")]
    DomainTaken(Domain),
    /// The tenant trusts as many issuers as it may.
    #[error("the tenant has {ISSUERS_MAX} issuers; remove one first")]
    IssuerCap,
    /// The tenant trusts it already.
    #[error("{0} is an issuer of the tenant already; remove it to change it")]
    IssuerTaken(String),
    /// The tenant is named after this domain.
    #[error("{0} is the tenant's name; remove the tenant instead")]
    NamesTheTenant(Domain),
    /// The policy still decides for somebody.
    #[error(
        "the policy \"{name}\" is {}the own policy of {accounts} account(s); name another one there first",
        if *.default { "the tenant's default and " } else { "" }
    )]
    PolicyInUse {
        /// Which policy.
        name: PolicyName,
        /// How many accounts have it as their own.
        accounts: usize,
        /// It is the tenant's default.
        default: bool,
    },
    /// More certificates than an account may list.
    #[error("an account lists at most {CERTIFICATES_MAX} certificates; name fewer")]
    CertificateCap,
    /// The account has as many secrets as it may.
    #[error("the account has {SECRETS_MAX} secrets; revoke one first")]
    SecretCap,
    /// Another secret of the account is called so.
    #[error("the account has a secret {0:?} already")]
    SecretTaken(String),
    /// A text is longer than what people can read.
    #[error("{what} is longer than {max} octets or holds control characters")]
    BadText {
        /// Which text.
        what: &'static str,
        /// The limit.
        max: usize,
    },
    /// A word is empty or has a space in it.
    #[error("{what} is empty or has a space in it; copy it again")]
    BadWord {
        /// Which word.
        what: &'static str,
    },
    /// No account with that number.
    #[error("there is no such account")]
    UnknownAccount,
    /// The group has no such member.
    #[error("{member} is no member of {group}")]
    UnknownMember {
        /// The group.
        group: Address,
        /// Who is not in it.
        member: Address,
    },
    /// No such authentication policy in the tenant.
    #[error("the tenant has no authentication policy \"{0}\"; add it first")]
    UnknownPolicy(PolicyName),
    /// No such recipient in the tenant's directory.
    #[error("{0} is not in the recipient directory")]
    UnknownRecipient(Address),
    /// No such secret of the account.
    #[error("the account has no secret {0:?}")]
    UnknownSecret(String),
    /// No tenant with that number.
    #[error("there is no such tenant")]
    UnknownTenant,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for ChangeError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}
