//! Each diagnosis, by a client that makes the mistake over a real socket, as it is read back from
//! the store.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a broken precondition fails the test that has it"
)]

mod message;
mod ring;
mod secrets;
mod sign_in;
mod tls;

use hve_service::Service;
use hve_store::FailedSession;
use tokio::net::TcpSocket;

use crate::support::{Client, Site, until};

/// One service, and the failed session of one client of it.
struct Case {
    site: Site,
    service: Service,
}

impl Case {
    async fn new() -> Self {
        Self::on(Site::new()).await
    }

    async fn on(site: Site) -> Self {
        let service = site.start().await;
        Self { site, service }
    }

    /// A client that comes from 127.0.0.`host`.
    async fn client_from(&self, host: usize) -> Client {
        let socket = TcpSocket::new_v4().unwrap();
        socket
            .bind(format!("127.0.0.{host}:0").parse().unwrap())
            .unwrap();
        let address = self.service.addresses()[0];
        Client::over(socket.connect(address).await.unwrap())
    }

    /// A client in clear text that has read the greeting.
    async fn greeted(&self) -> Client {
        let mut client = Client::connect(self.service.addresses()[0]).await;
        client.expect("220 ").await;
        client
    }

    /// A client under TLS that has said EHLO.
    async fn client(&self) -> Client {
        self.site.client(&self.service).await
    }

    /// Waits for the end of all sessions.
    async fn ended(&self) {
        until("the end of all", || self.service.sessions() == 0).await;
    }

    /// Waits for the session that failed, of which there must be one, and ends.
    async fn failed(self) -> FailedSession {
        self.ended().await;
        self.service.stop().await.unwrap();
        let mut all = self.site.failed_sessions();
        assert_eq!(all.len(), 1, "{all:#?}");
        all.remove(0)
    }

    /// As above; its first diagnosis must have this key and the finding these words, and it must
    /// say what to do.
    async fn diagnosed(self, key: &str, words: &str) -> FailedSession {
        let failed = self.failed().await;
        let diagnosis = failed.diagnoses.first().unwrap();
        assert_eq!(diagnosis.key, key, "{failed:#?}");
        assert!(diagnosis.finding.contains(words), "{failed:#?}");
        assert!(diagnosis.remedy.len() > 20, "{failed:#?}");
        failed
    }
}
