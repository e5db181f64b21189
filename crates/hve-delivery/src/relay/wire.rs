//! One connection: carries octets between the client half and a socket.

use std::{fmt, io, sync::Arc, time::Duration};

use bytes::Bytes;
use hve_smtp::{Cause, Client, ClientConfig, ClientStep, Failure, Now, Stage, TransactionOutcome};
use hve_types::Envelope;
use rustls::pki_types::ServerName;
use time::UtcDateTime;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::{Instant, timeout_at},
};
use tokio_rustls::TlsConnector;

/// Anything that octets go through both ways.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// How to begin TLS on a connection.
pub(super) type Handshake = Option<(TlsConnector, ServerName<'static>)>;

/// A connection to a next hop.
pub(super) struct Wire {
    stream: Box<dyn Stream>,
    client: Client,
    handshake: Handshake,
    began: Instant,
    input: Box<[u8]>,
    failure: Option<Failure>,
    /// What the library said of a handshake that failed.
    tls_error: Option<String>,
}

/// Why a connection is of no use any more.
#[derive(Clone, Debug)]
pub(super) struct Lost {
    pub(super) failure: Failure,
    /// What our side knows of it.
    pub(super) detail: Option<String>,
}

impl Lost {
    pub(super) fn new(stage: Stage, cause: Cause, detail: impl Into<String>) -> Self {
        Self {
            failure: Failure::new(stage, cause),
            detail: Some(detail.into()),
        }
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.failure.fmt(f)?;
        match &self.detail {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

/// What the client half wants its host to know.
#[derive(Debug)]
pub(super) enum Event {
    /// A transaction can begin.
    Ready,
    /// A transaction is over; the connection may be too.
    Outcome(TransactionOutcome),
    /// The connection is over; without a reason where it ended by QUIT.
    Closed(Option<Lost>),
}

impl Wire {
    /// On a fresh stream; with implicit TLS after the handshake.
    pub(super) fn new(
        stream: Box<dyn Stream>,
        config: Arc<ClientConfig>,
        handshake: Handshake,
    ) -> Self {
        let began = Instant::now();
        Self {
            stream,
            client: Client::new(config, now(began)),
            handshake,
            began,
            input: vec![0; INPUT_OCTETS].into(),
            failure: None,
            tls_error: None,
        }
    }

    /// Goes on until there is something to tell.
    pub(super) async fn next(&mut self) -> Event {
        loop {
            match self.client.poll(now(self.began)) {
                ClientStep::Send(octets) => self.send(octets).await,
                ClientStep::NeedInput => self.read().await,
                ClientStep::StartTls => self.start_tls().await,
                ClientStep::Ready => return Event::Ready,
                ClientStep::Outcome(outcome) => return Event::Outcome(outcome),
                ClientStep::Failed(failure) => self.failure = Some(failure),
                _ => {
                    // What could not be said politely is not worth waiting for.
                    let _ = timeout_at(Instant::now() + FAREWELL, self.stream.shutdown()).await;
                    let detail = self.tls_error.take();
                    let lost = |failure| Lost { failure, detail };
                    return Event::Closed(self.failure.take().map(lost));
                }
            }
        }
    }

    /// Begins a transaction; false where the connection cannot take one.
    pub(super) fn begin(&mut self, envelope: Envelope, content: Bytes) -> bool {
        let begun = self.client.begin(envelope, content, now(self.began));
        begun.is_ok()
    }

    /// Reads while nothing is going on, until the peer says something, closes, or the time for
    /// that is over. May be dropped at any moment.
    pub(super) async fn read(&mut self) {
        let deadline = self.began + self.client.deadline();
        let read = timeout_at(deadline, self.stream.read(&mut self.input)).await;
        let now = now(self.began);
        match read {
            Err(_) => self.client.timed_out(now),
            Ok(Ok(count)) if count > 0 => {
                let octets = self.input.get(..count).unwrap_or_default();
                self.client.receive(octets, now);
            }
            Ok(_) => self.client.peer_closed(now),
        }
    }

    /// Ends politely, where that is possible at once.
    pub(super) async fn quit(&mut self) {
        self.client.quit(now(self.began));
        loop {
            match self.next().await {
                Event::Closed(_) => return,
                Event::Ready | Event::Outcome(_) => {}
            }
        }
    }

    /// How many transactions were begun.
    pub(super) const fn transactions(&self) -> u64 {
        self.client.transactions()
    }

    /// The most recipients that the peer takes in one transaction, where it says so.
    pub(super) const fn recipients_max(&self) -> Option<usize> {
        self.client.recipients_max()
    }

    /// For how long this connection has been open.
    pub(super) fn age(&self) -> Duration {
        self.began.elapsed()
    }

    async fn send(&mut self, octets: Bytes) {
        let deadline = self.began + self.client.deadline();
        let stream = &mut self.stream;
        let write = async {
            stream.write_all(&octets).await?;
            stream.flush().await
        };
        match timeout_at(deadline, write).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => self.last_words().await,
            Err(_) => self.client.timed_out(now(self.began)),
        }
    }

    /// A peer that takes no more may have said why.
    async fn last_words(&mut self) {
        let until = Instant::now() + FAREWELL;
        while let Ok(Ok(count)) = timeout_at(until, self.stream.read(&mut self.input)).await {
            if count == 0 {
                break;
            }
            let octets = self.input.get(..count).unwrap_or_default();
            self.client.receive(octets, now(self.began));
        }
        self.client.peer_closed(now(self.began));
    }

    async fn start_tls(&mut self) {
        let deadline = self.began + self.client.deadline();
        let plain = std::mem::replace(&mut self.stream, Box::new(tokio::io::empty()));
        match timeout_at(deadline, encrypt(plain, self.handshake.as_ref())).await {
            Ok(Ok(stream)) => {
                self.stream = stream;
                self.client.tls_started(now(self.began));
            }
            Ok(Err(error)) => {
                self.tls_error = Some(error.to_string());
                self.client.tls_failed(now(self.began));
            }
            Err(_) => self.client.tls_failed(now(self.began)),
        }
    }
}

/// The handshake.
pub(super) async fn encrypt(
    plain: Box<dyn Stream>,
    handshake: Option<&(TlsConnector, ServerName<'static>)>,
) -> io::Result<Box<dyn Stream>> {
    let Some((connector, name)) = handshake else {
        return Err(io::Error::other("no name that a certificate could carry"));
    };
    let stream = connector.connect(name.clone(), plain).await?;
    Ok(Box::new(stream))
}

/// The client half looks at the monotonic time only.
fn now(began: Instant) -> Now {
    Now {
        monotonic: began.elapsed(),
        utc: UtcDateTime::UNIX_EPOCH,
    }
}

/// Every reply in use fits.
const INPUT_OCTETS: usize = 4096;

/// For what is no longer needed.
const FAREWELL: Duration = Duration::from_secs(2);
