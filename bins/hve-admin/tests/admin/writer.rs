//! The books of a server, without a server.

use std::{net::IpAddr, sync::Arc};

use hve_store::{
    Accepted, Batch, FailedSession, NewMessage, Outcome, RefusalCount, Settlement, Store, Writer,
};
use hve_types::{Address, BodyKind, Envelope, QueueId, Recipient};
use time::{Duration, UtcDateTime, format_description::well_known::Rfc3339};

use crate::site::{ACCOUNT, Site, TENANT};

/// A server's writer, without a server.
pub(crate) struct Books {
    writer: Writer,
    store: Store,
    /// When the tenant was added, by the clock of the binary.
    pub(crate) now: UtcDateTime,
    count: u64,
}

impl Books {
    pub(crate) fn open(site: &Site) -> Self {
        let tenant = site.json(&["tenant", "show", TENANT]);
        let now = tenant["created_at"].as_str().unwrap();
        let writer = Writer::open(&site.store()).unwrap();
        Self {
            store: writer.store(),
            writer,
            now: UtcDateTime::parse(now, &Rfc3339).unwrap(),
            count: 0,
        }
    }

    pub(crate) fn accept(&mut self, account: &str, recipients: usize, at: UtcDateTime) -> QueueId {
        self.accept_all(account, recipients, at, vec![b'x'; 100])
    }

    pub(crate) fn accept_content(
        &mut self,
        account: &str,
        recipients: usize,
        content: &'static str,
    ) -> QueueId {
        self.accept_all(account, recipients, self.now, content.into())
    }

    fn accept_all(
        &mut self,
        account: &str,
        recipients: usize,
        at: UtcDateTime,
        content: Vec<u8>,
    ) -> QueueId {
        let address = Address::parse(account).unwrap();
        let account = self.store.account(&address).unwrap().unwrap();
        self.count += 1;
        let to = |n: usize| Address::parse(&format!("user{n}@contoso.test")).unwrap();
        let id = QueueId::new(self.count, 0);
        let batch = Batch {
            submissions: vec![NewMessage {
                id,
                tenant: account.tenant,
                account: account.id,
                envelope: Arc::new(Envelope {
                    sender: Some(address),
                    recipients: (0..recipients).map(to).map(Recipient::new).collect(),
                    body: BodyKind::SevenBit,
                    smtputf8: false,
                    ret: None,
                    envid: None,
                }),
                content: content.into(),
                client: IpAddr::from([192, 0, 2, 7]),
                message_id: "<1\u{1b}[2J@client.test>".into(),
            }],
            ..Batch::default()
        };
        let verdicts = self.writer.commit(&batch, at).unwrap();
        assert_eq!(verdicts, [Accepted::Durable]);
        id
    }

    pub(crate) fn settle(&mut self, id: QueueId, outcomes: Vec<(usize, Outcome)>) {
        let settlement = Settlement {
            id,
            outcomes,
            next_attempt: Some(self.now + Duration::HOUR),
            notice: None,
        };
        let batch = Batch {
            settlements: vec![settlement],
            ..Batch::default()
        };
        self.writer.commit(&batch, self.now).unwrap();
    }

    pub(crate) fn refuse(&mut self, reason: &str, count: u64) {
        let address = Address::parse(ACCOUNT).unwrap();
        let account = self.store.account(&address).unwrap().unwrap();
        let refusal = RefusalCount {
            hour: self.now,
            tenant: Some(account.tenant),
            account: Some(account.id),
            reason: reason.into(),
            count,
        };
        let batch = Batch {
            refusals: vec![refusal],
            ..Batch::default()
        };
        self.writer.commit(&batch, self.now).unwrap();
    }

    pub(crate) fn failed(&mut self, sessions: Vec<FailedSession>) {
        let batch = Batch {
            failed_sessions: sessions,
            ..Batch::default()
        };
        self.writer.commit(&batch, self.now).unwrap();
    }
}
