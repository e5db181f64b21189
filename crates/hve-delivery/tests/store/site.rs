//! A store with one tenant and one account, and an engine that delivers from it to Maildirs.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use hve_auth::{HashCost, PasswordHash};
use hve_delivery::{
    Engine, Host, Limits, RelaySettings, Route, Routes, Settle, SettleError, Settlement,
    bounce::Notices,
};
use hve_store::{
    Accepted, Act, Batch, NewAccount, NewMessage, NewTenant, Store, UsageFilter, Writer,
};
use hve_types::{
    Account, AccountLimits, Address, BodyKind, Domain, DomainKind, Envelope, QueueId, Recipient,
    TenantLimits, UsageKind,
};
use time::{UtcDateTime, macros::utc_datetime};
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;

pub(crate) const NOON: UtcDateTime = utc_datetime!(2026-11-24 12:00);
pub(crate) const LATER: UtcDateTime = utc_datetime!(2026-11-24 13:00);

/// The server's writer, as the committer would share it.
#[derive(Clone)]
pub(crate) struct Books {
    pub(crate) writer: Arc<Mutex<Writer>>,
    pub(crate) settled: watch::Sender<usize>,
}

impl Settle for Books {
    async fn settle(&self, settlements: Vec<Settlement>) -> Result<(), SettleError> {
        let count = settlements.len();
        let batch = Batch {
            settlements,
            ..Batch::default()
        };
        let committed = self.writer.lock().unwrap().commit(&batch, LATER);
        committed.map_err(|_| SettleError::Trouble)?;
        self.settled.send_modify(|settled| *settled += count);
        Ok(())
    }
}

pub(crate) struct Site {
    folder: tempfile::TempDir,
    pub(crate) account: Account,
}

impl Site {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("hve.db")).unwrap();
        let act = Act {
            actor: "operator".into(),
            at: NOON,
        };
        let tenant = NewTenant {
            name: "contoso.test".parse().unwrap(),
            kind: DomainKind::Relay,
            limits: TenantLimits::default(),
        };
        let tenant = store.add_tenant(&tenant, &act).unwrap();
        let cost = HashCost {
            memory_kib: 8,
            passes: 1,
            lanes: 1,
        };
        let password = "correct horse battery".to_owned().into();
        let new = NewAccount {
            tenant: tenant.id,
            address: address("hve01@contoso.test"),
            display_name: "A device".into(),
            alias: None,
            limits: AccountLimits::default(),
            password: PasswordHash::derive(&password, [7; 16], cost)
                .unwrap()
                .into(),
        };
        let account = store.add_account(&new, &act).unwrap();
        Self { folder, account }
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("hve.db")
    }

    pub(crate) fn mail(&self) -> PathBuf {
        self.folder.path().join("mail")
    }

    pub(crate) fn message(&self, number: u64) -> NewMessage {
        let recipients = ["a@contoso.test", "b@contoso.test"];
        NewMessage {
            id: QueueId::new(1_764_000_000_000 + number, 1),
            tenant: self.account.tenant,
            account: self.account.id,
            envelope: Arc::new(Envelope {
                sender: Some(self.account.address.clone()),
                recipients: recipients.map(|to| Recipient::new(address(to))).into(),
                body: BodyKind::SevenBit,
                smtputf8: false,
                ret: None,
                envid: None,
            }),
            content: format!("Subject: {number}\r\n\r\nbody\r\n").into(),
            client: "192.0.2.7".parse().unwrap(),
            message_id: format!("<{number}@contoso.test>"),
        }
    }

    /// Runs an engine, as after a start, until it has settled so many messages.
    pub(crate) async fn run_until_settled(&self, writer: Writer, count: usize) {
        let store = writer.store();
        let (directory, domains) = (store.clone(), self.account.tenant);
        let books = Books {
            writer: Arc::new(Mutex::new(writer)),
            settled: watch::Sender::new(0),
        };
        let host = Host {
            clock: Box::new(|| LATER),
            random: Box::new(|| 0),
            accepts: Box::new(move |tenant, domain: &Domain| {
                let snapshot = directory.snapshot().unwrap();
                let owner = snapshot.domain(domain).map(|(owner, _)| owner);
                Ok(tenant == domains && owner == Some(tenant))
            }),
            notices: Notices {
                name: "mail.contoso.test".into(),
                bounce_to: Box::new(|_, _| Ok(None)),
            },
        };
        let route = Route::Maildir(self.mail());
        let limits = Limits {
            batch_messages: 4,
            ..Limits::default()
        };
        let (engine, _handover) = {
            let relays = RelaySettings::new("hve.contoso.test");
            Engine::new(
                &Routes::new(route),
                store,
                books.clone(),
                host,
                &relays,
                limits,
            )
            .unwrap()
        };
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(engine.run(shutdown.clone()));
        let mut settled = books.settled.subscribe();
        let wait = settled.wait_for(|settled| *settled >= count);
        assert!(timeout(Duration::from_secs(20), wait).await.is_ok());
        shutdown.cancel();
        running.await.unwrap();
    }
}

pub(crate) fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

pub(crate) fn accept(writer: &mut Writer, submissions: Vec<NewMessage>) {
    let batch = Batch {
        submissions,
        ..Batch::default()
    };
    let verdicts = writer.commit(&batch, NOON).unwrap();
    assert!(verdicts.iter().all(|verdict| *verdict == Accepted::Durable));
}

pub(crate) fn copies(root: &Path, local: &str) -> usize {
    fs::read_dir(root.join("contoso.test").join(local).join("new"))
        .map(Iterator::count)
        .unwrap_or_default()
}

pub(crate) fn usage(store: &Store, kind: UsageKind) -> u32 {
    let mut recipients = 0;
    let count = |event: hve_types::UsageEvent| {
        recipients += if event.kind == kind {
            event.recipients
        } else {
            0
        };
    };
    let filter = UsageFilter {
        tenant: None,
        account: None,
        from: NOON,
        to: LATER + Duration::from_secs(1),
    };
    store.usage(&filter, count).unwrap();
    recipients
}
