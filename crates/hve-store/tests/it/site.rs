//! A store in a temporary folder with one tenant and one account.

use std::sync::Arc;

use hve_auth::{HashCost, PasswordHash, ScramKeys, StoredPassword};
use hve_store::{
    Accepted, Act, Batch, CommitError, NewAccount, NewMessage, NewTenant, Store, Writer,
};
use hve_types::{
    Account, AccountLimits, Address, BodyKind, DomainKind, Envelope, QueueId, Recipient, Tenant,
    TenantLimits,
};
use tempfile::TempDir;
use time::{UtcDateTime, macros::utc_datetime};

/// The moment at which every test begins.
pub(crate) const NOON: UtcDateTime = utc_datetime!(2026-11-24 12:00);

pub(crate) struct Site {
    pub(crate) folder: TempDir,
    pub(crate) store: Store,
    pub(crate) tenant: Tenant,
    pub(crate) account: Account,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::with(TenantLimits::default())
    }

    pub(crate) fn with(limits: TenantLimits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("hve.db")).unwrap();
        let new = NewTenant {
            name: "contoso.test".parse().unwrap(),
            kind: DomainKind::Relay,
            limits,
        };
        let tenant = store.add_tenant(&new, &act()).unwrap();
        let account = store
            .add_account(&new_account(&tenant, "hve01@contoso.test"), &act())
            .unwrap();
        Self {
            folder,
            store,
            tenant,
            account,
        }
    }

    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("hve.db")
    }

    pub(crate) fn writer(&self) -> Writer {
        Writer::open(&self.path()).unwrap()
    }

    pub(crate) fn message(&self, n: u64, recipients: usize) -> NewMessage {
        self.message_of(&self.account, n, recipients)
    }

    pub(crate) fn message_of(&self, account: &Account, n: u64, recipients: usize) -> NewMessage {
        let recipients = (0..recipients)
            .map(|i| Recipient::new(address(&format!("r{i}@contoso.test"))))
            .collect();
        NewMessage {
            id: id(n),
            tenant: account.tenant,
            account: account.id,
            envelope: Arc::new(Envelope {
                sender: Some(account.address.clone()),
                recipients,
                body: BodyKind::SevenBit,
                smtputf8: false,
                ret: None,
                envid: None,
            }),
            content: format!("Subject: {n}\r\n\r\nbody of {n}\r\n").into(),
            client: "192.0.2.7".parse().unwrap(),
            message_id: format!("<{n}@contoso.test>"),
        }
    }

    /// Recipients that the store says count at `now`.
    pub(crate) fn used(&self, now: UtcDateTime) -> u64 {
        let mut quota = self.store.quota(self.tenant.id, now).unwrap();
        quota.tenant.used(now.unix_timestamp())
    }
}

pub(crate) fn submit(
    writer: &mut Writer,
    messages: Vec<NewMessage>,
    now: UtcDateTime,
) -> Result<Vec<Accepted>, CommitError> {
    let batch = Batch {
        submissions: messages,
        ..Batch::default()
    };
    writer.commit(&batch, now)
}

pub(crate) fn act() -> Act {
    Act {
        actor: "operator".into(),
        at: NOON,
    }
}

pub(crate) fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

pub(crate) fn id(n: u64) -> QueueId {
    QueueId::new(1_764_000_000_000 + n, u128::from(n))
}

pub(crate) fn new_account(tenant: &Tenant, name: &str) -> NewAccount {
    NewAccount {
        tenant: tenant.id,
        address: address(name),
        display_name: "A device".into(),
        alias: None,
        limits: AccountLimits::default(),
        password: password("correct horse battery"),
    }
}

/// A hash at the lowest cost there is.
pub(crate) fn password(text: &str) -> StoredPassword {
    let cost = HashCost {
        memory_kib: 8,
        passes: 1,
        lanes: 1,
    };
    let text = text.to_owned().into();
    StoredPassword {
        hash: PasswordHash::derive(&text, [7; 16], cost).unwrap(),
        scram: ScramKeys::derive(&text, [7; 16], ScramKeys::ITERATIONS_MIN).ok(),
    }
}

/// So many seconds after [`NOON`].
pub(crate) fn later(seconds: i64) -> UtcDateTime {
    NOON + time::Duration::seconds(seconds)
}

/// The file as another program would see it, to look into it or to damage it.
pub(crate) fn raw(path: &std::path::Path) -> rusqlite::Connection {
    rusqlite::Connection::open(path).unwrap()
}
