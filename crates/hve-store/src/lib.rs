//! Directory, queue, usage and audit, kept durably: one commit a batch.
//!
//! One SQLite file holds everything. [`Store`] reads it and changes the directory, from as many
//! threads and processes as there are; [`Writer`] is the server's, of which there is one: it
//! accepts messages, deciding the quota, and settles deliveries, many of them in one commit with
//! one sync of the disk. What a [`Writer::commit`] that returned has accepted is durable.
//!
//! ```
//! use hve_store::{Act, NewTenant, Store};
//! use hve_types::{DomainKind, TenantLimits};
//! use time::macros::utc_datetime;
//!
//! # let folder = tempfile::tempdir()?;
//! let store = Store::open(&folder.path().join("hve.db"))?;
//! let act = Act { actor: "operator".into(), at: utc_datetime!(2026-11-24 12:00) };
//! let contoso = NewTenant {
//!     name: "contoso.test".parse()?,
//!     kind: DomainKind::Relay,
//!     limits: TenantLimits::default(),
//! };
//! let tenant = store.add_tenant(&contoso, &act)?;
//! let domain = store.snapshot()?.domain(&contoso.name);
//! assert_eq!(domain, Some((tenant.id, DomainKind::Relay)));
//! assert_eq!(store.audit(None, 10)?.len(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The crate speaks no SMTP, reads no clock and starts no thread; it knows SQLite, and nobody
//! else does.

mod audit;
mod codec;
mod directory;
mod error;
mod failed_recipient;
mod failed_session;
mod guard;
mod last_use;
mod queue;
mod room;
mod schema;
mod store;
mod turn;
mod usage;
mod writer;

pub use audit::{Act, AuditEntry};
pub use directory::{
    AcceptedDomain, AccountChange, DirectorySnapshot, GROUP_MEMBERS_MAX, Imported, Names,
    NewAccount, NewSecret, NewTenant,
};
pub use error::{Cause, ChangeError, CommitError, OpenError, StoreError};
pub use failed_recipient::{FailedRecipient, FailedRecipientFilter};
pub use failed_session::{Diagnosis, FailedSession, FailedSessionFilter};
pub use guard::{Block, GuardNotes, GuardReset, KnownClient, Suspect, Suspicion};
pub use last_use::LastUse;
pub use queue::{
    Changed, DueMessage, DueMessages, Expanded, Holder, Parked, Progress, QueueChange, QueueFilter,
    QueueStanding, QueueState, QueueStats, QueueSum, QueuedMessage, RecipientFilter,
};
pub use store::Store;
pub use usage::{QuotaState, RefusalCount, UsageFilter};
pub use writer::{Accepted, Batch, NewMessage, Notice, Outcome, Reason, Settlement, Writer};
