//! One connection's octets: in clear text, then under TLS.
//!
//! A session that waits holds no read buffer: each thread has one, into which it reads when
//! octets are there, and from which they go to their consumer before anything is awaited.
//! TLS that has begun never ends in clear text: a `close_notify` or an end of the stream is the
//! end of the session (RFC 8446 §6.1).

use std::{
    cell::RefCell,
    future::poll_fn,
    io::{self, IoSlice, Write},
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use hve_types::CertificateFingerprint;
use rustls::{ServerConfig, ServerConnection};
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    time::timeout,
};

use crate::tls::{self, Heard};

/// A connection, its TLS state where that has begun.
pub(crate) struct Transport {
    socket: TcpStream,
    tls: Option<Box<Tls>>,
    /// What the client said first in its handshake.
    heard: Heard,
}

struct Tls {
    connection: ServerConnection,
    /// What a client sent right behind its half of the handshake.
    early: Vec<u8>,
    /// The client has said that nothing more comes.
    ended: bool,
}

/// What a wait for octets ended in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// The client has ended its half.
    End,
    /// Octets were handed on.
    Octets,
}

/// Why TLS could not begin, or go on.
#[derive(Debug, Error)]
pub(crate) enum TransportError {
    #[error("the client ended the connection")]
    Ended,
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
    #[error("the server is stopping")]
    Stopping,
    #[error("{0}")]
    Tls(#[from] rustls::Error),
    #[error("the client was too slow")]
    TooSlow,
}

impl From<TransportError> for io::Error {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::Ended => io::ErrorKind::UnexpectedEof.into(),
            TransportError::Io(error) => error,
            TransportError::Tls(error) => Self::other(error),
            TransportError::Stopping | TransportError::TooSlow => io::ErrorKind::TimedOut.into(),
        }
    }
}

/// Octets read at a time: several TLS records, so that a large message takes few calls.
const READ_OCTETS: usize = 64 * 1024;
/// How long, and how much, a client may go on sending after the last reply. Closing at once with
/// octets unread would reset the connection, and the client might never see that reply.
const LINGER: Duration = Duration::from_millis(500);
const LINGER_OCTETS: u64 = 256 * 1024;

thread_local! {
    static READ_BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_OCTETS]);
}

impl Transport {
    pub(crate) const fn new(socket: TcpStream) -> Self {
        Self {
            socket,
            tls: None,
            heard: Heard::Nothing,
        }
    }

    /// Where the client connected to; `None` once the connection is gone.
    pub(crate) fn local_address(&self) -> Option<SocketAddr> {
        self.socket.local_addr().ok()
    }

    /// What the client said first in its handshake.
    pub(crate) const fn heard(&self) -> Heard {
        self.heard
    }

    /// Does the handshake as the server. Octets that came with its end stay in the TLS state.
    pub(crate) async fn start_tls(
        &mut self,
        config: Arc<ServerConfig>,
    ) -> Result<(), TransportError> {
        let mut tls = Box::new(Tls {
            connection: ServerConnection::new(config)?,
            early: Vec::new(),
            ended: false,
        });
        while tls.connection.is_handshaking() {
            if tls.connection.wants_write() {
                flush(&mut self.socket, &mut tls.connection).await?;
                continue;
            }
            let Self { socket, heard, .. } = self;
            match poll_fn(|cx| tls.poll_handshake(socket, heard, cx)).await {
                Ok(true) => {}
                Ok(false) => return Err(TransportError::Ended),
                Err(error) => {
                    // The alert tells the client why; whether it arrives is no matter.
                    let _ = flush(&mut self.socket, &mut tls.connection).await;
                    return Err(error);
                }
            }
        }
        flush(&mut self.socket, &mut tls.connection).await?;
        self.tls = Some(tls);
        Ok(())
    }

    /// Version and cipher of the TLS in use.
    pub(crate) fn tls_facts(&self) -> Option<(&'static str, String)> {
        let tls = &self.tls.as_ref()?.connection;
        let version = match tls.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_3) => "TLS1.3",
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLS1.2",
            _ => "TLS",
        };
        let cipher = tls
            .negotiated_cipher_suite()
            .and_then(|suite| suite.suite().as_str())
            .unwrap_or("unknown");
        Some((
            version,
            cipher.strip_prefix("TLS13_").unwrap_or(cipher).to_owned(),
        ))
    }

    /// The certificate that the client has shown.
    pub(crate) fn certificate(&self) -> Option<CertificateFingerprint> {
        let chain = self.tls.as_ref()?.connection.peer_certificates()?;
        chain.first().map(tls::fingerprint)
    }

    /// What a client that signs in can bind to this connection with: `tls-exporter` (RFC 9266 §2).
    /// With TLS 1.2 that RFC asks for the extended master secret, of which the library does not
    /// tell whether it was agreed.
    pub(crate) fn exported(&self) -> Option<[u8; 32]> {
        let tls = &self.tls.as_ref()?.connection;
        if tls.protocol_version() != Some(rustls::ProtocolVersion::TLSv1_3) {
            return None;
        }
        tls.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", None)
            .ok()
    }

    /// Waits for octets and hands them to `sink`, in one or more pieces. Cancelling loses none.
    pub(crate) async fn receive(&mut self, mut sink: impl FnMut(&[u8])) -> io::Result<Received> {
        let Self { socket, tls, .. } = self;
        let Some(tls) = tls else {
            return poll_fn(|cx| poll_clear(socket, cx, &mut sink)).await;
        };
        if !tls.early.is_empty() {
            sink(&std::mem::take(&mut tls.early));
            return Ok(Received::Octets);
        }
        loop {
            if tls.ended {
                return Ok(Received::End);
            }
            let arrived = poll_fn(|cx| tls.poll_receive(socket, cx, &mut sink)).await;
            if tls.connection.wants_write() {
                // An alert, or the answer to a key update.
                flush(socket, &mut tls.connection).await?;
            }
            if let Some(received) = arrived? {
                return Ok(received);
            }
        }
    }

    /// Sends all of `bytes`, or fails when the client has not taken them after `patience`.
    pub(crate) async fn send_within(&mut self, bytes: &[u8], patience: Duration) -> io::Result<()> {
        let mut sending = pin!(self.send(bytes));
        // Nearly always the socket takes a reply at once, and no timer is needed.
        if let Poll::Ready(sent) = poll_fn(|cx| Poll::Ready(sending.as_mut().poll(cx))).await {
            return sent;
        }
        let late = |_| io::Error::from(io::ErrorKind::TimedOut);
        timeout(patience, sending).await.map_err(late)?
    }

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.tls {
            None => self.socket.write_all(bytes).await,
            Some(tls) => {
                let tls = &mut tls.connection;
                tls.writer().write_all(bytes)?;
                flush(&mut self.socket, tls).await
            }
        }
    }

    /// Ends the connection so that the client gets what was sent last.
    pub(crate) async fn close(mut self) {
        let ending = async {
            if let Some(tls) = &mut self.tls {
                tls.connection.send_close_notify();
                flush(&mut self.socket, &mut tls.connection).await?;
            }
            self.socket.shutdown().await?;
            let mut rest = self.socket.take(LINGER_OCTETS);
            tokio::io::copy(&mut rest, &mut tokio::io::sink()).await
        };
        // Whoever does not read any more is not waited for.
        let _ = timeout(LINGER, ending).await;
    }
}

fn poll_clear(
    socket: &mut TcpStream,
    cx: &mut Context<'_>,
    sink: &mut impl FnMut(&[u8]),
) -> Poll<io::Result<Received>> {
    read_some(socket, cx, |bytes| {
        if bytes.is_empty() {
            return Ok::<_, io::Error>(Received::End);
        }
        sink(bytes);
        Ok(Received::Octets)
    })
}

impl Tls {
    /// `None` where records came that carry nothing for the session.
    fn poll_receive(
        &mut self,
        socket: &mut TcpStream,
        cx: &mut Context<'_>,
        sink: &mut impl FnMut(&[u8]),
    ) -> Poll<io::Result<Option<Received>>> {
        read_some(socket, cx, |bytes| -> io::Result<_> {
            let any = self.decrypt(bytes, sink)?;
            Ok(if any {
                Some(Received::Octets)
            } else {
                self.ended.then_some(Received::End)
            })
        })
    }

    /// False where the client ended the connection.
    fn poll_handshake(
        &mut self,
        socket: &mut TcpStream,
        heard: &mut Heard,
        cx: &mut Context<'_>,
    ) -> Poll<Result<bool, TransportError>> {
        read_some(socket, cx, |bytes| {
            if *heard == Heard::Nothing {
                *heard = Heard::of(bytes);
            }
            let mut early = std::mem::take(&mut self.early);
            let result = self.decrypt(bytes, &mut |chunk| early.extend_from_slice(chunk));
            self.early = early;
            result?;
            Ok(!self.ended)
        })
    }

    /// Decrypts what came, hands it on, and says whether there was any. No octets, and a
    /// `close_notify`, are the end: what follows it is not looked at (RFC 8446 §6.1).
    fn decrypt(
        &mut self,
        mut bytes: &[u8],
        sink: &mut impl FnMut(&[u8]),
    ) -> Result<bool, TransportError> {
        self.ended |= bytes.is_empty();
        let mut any = false;
        while !bytes.is_empty() && !self.ended {
            self.connection.read_tls(&mut bytes)?;
            let state = self.connection.process_new_packets()?;
            if state.plaintext_bytes_to_read() > 0 {
                any |= drain(&mut self.connection, sink)?;
            }
            self.ended |= state.peer_has_closed();
        }
        Ok(any)
    }
}

/// Reads once into this thread's buffer and hands on what came; nothing is the end.
fn read_some<T, E: From<io::Error>>(
    socket: &mut TcpStream,
    cx: &mut Context<'_>,
    take: impl FnOnce(&[u8]) -> Result<T, E>,
) -> Poll<Result<T, E>> {
    READ_BUFFER.with_borrow_mut(|buffer| {
        let mut buffer = ReadBuf::new(buffer);
        if let Err(error) = ready!(Pin::new(socket).poll_read(cx, &mut buffer)) {
            return Poll::Ready(Err(error.into()));
        }
        Poll::Ready(take(buffer.filled()))
    })
}

/// Hands on what TLS has decrypted; true where there was any.
fn drain(tls: &mut ServerConnection, sink: &mut impl FnMut(&[u8])) -> io::Result<bool> {
    let mut any = false;
    loop {
        let mut reader = tls.reader();
        let chunk = match io::BufRead::fill_buf(&mut reader) {
            Ok(chunk) => chunk,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(any),
            Err(error) => return Err(error),
        };
        if chunk.is_empty() {
            return Ok(any);
        }
        let octets = chunk.len();
        sink(chunk);
        io::BufRead::consume(&mut reader, octets);
        any = true;
    }
}

/// Writes all records that wait.
async fn flush(socket: &mut TcpStream, tls: &mut ServerConnection) -> io::Result<()> {
    poll_fn(|cx| {
        while tls.wants_write() {
            let mut writer = PolledWriter { socket, cx };
            match tls.write_tls(&mut writer) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    })
    .await
}

/// A socket as a blocking writer that would block instead of waiting, with its task noted.
struct PolledWriter<'a, 'b, 'c> {
    socket: &'a mut TcpStream,
    cx: &'b mut Context<'c>,
}

impl Write for PolledWriter<'_, '_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        or_would_block(Pin::new(&mut *self.socket).poll_write(self.cx, bytes))
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        or_would_block(Pin::new(&mut *self.socket).poll_write_vectored(self.cx, pieces))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn or_would_block<T>(polled: Poll<io::Result<T>>) -> io::Result<T> {
    match polled {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}
