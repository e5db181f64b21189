//! A minimal SMTP client that costs little, so that the figures are the server's.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::{Instant, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{LoadError, message::Message};

/// Whom to talk to, and as whom.
#[derive(Clone)]
pub struct Target {
    /// Where it listens, with STARTTLS.
    pub address: SocketAddr,
    /// TLS on our side.
    pub tls: Arc<ClientConfig>,
    /// User name and password.
    pub sign_in: (String, String),
    /// How long one answer may take.
    pub patience: Duration,
}

/// One connection, in clear text or in TLS.
pub struct Client<S> {
    stream: S,
    unread: Vec<u8>,
    start: usize,
    patience: Duration,
}

/// What came of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sent {
    /// `250` to the final dot, and how long that took from the dot on.
    Accepted(Duration),
    /// Another code, at any step.
    Refused(u16),
}

impl Target {
    /// Connects and reads the greeting.
    ///
    /// # Errors
    /// No connection, or no greeting.
    pub async fn connect(&self) -> Result<Client<TcpStream>, LoadError> {
        let stream = timeout(self.patience, TcpStream::connect(self.address)).await;
        self.greeted(stream.map_err(|_| LoadError::Timeout)??).await
    }

    /// The same from a certain address of this machine, with TLS started.
    ///
    /// # Errors
    /// Any step was refused or failed.
    pub async fn start_tls_from(
        &self,
        from: Ipv4Addr,
    ) -> Result<Client<TlsStream<TcpStream>>, LoadError> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((from, 0)))?;
        let stream = timeout(self.patience, socket.connect(self.address)).await;
        let client = self.greeted(stream.map_err(|_| LoadError::Timeout)??);
        self.secured(client.await?).await
    }

    async fn greeted(&self, stream: TcpStream) -> Result<Client<TcpStream>, LoadError> {
        stream.set_nodelay(true)?;
        let mut client = Client::new(stream, self.patience);
        client.expect(220).await?;
        Ok(client)
    }

    /// Connects, starts TLS and says EHLO again.
    ///
    /// # Errors
    /// Any step was refused or failed.
    pub async fn start_tls(&self) -> Result<Client<TlsStream<TcpStream>>, LoadError> {
        self.secured(self.connect().await?).await
    }

    async fn secured(
        &self,
        mut client: Client<TcpStream>,
    ) -> Result<Client<TlsStream<TcpStream>>, LoadError> {
        client.command(b"EHLO load.test\r\n", 250).await?;
        client.command(b"STARTTLS\r\n", 220).await?;
        let name = ServerName::try_from("localhost").map_err(LoadError::set_up)?;
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        let stream = timeout(self.patience, connector.connect(name, client.stream)).await;
        let stream = stream.map_err(|_| LoadError::Timeout)??;
        let mut client = Client::new(stream, self.patience);
        client.command(b"EHLO load.test\r\n", 250).await?;
        Ok(client)
    }

    /// Connects, starts TLS and signs in.
    ///
    /// # Errors
    /// Any step was refused or failed.
    pub async fn open(&self) -> Result<Client<TlsStream<TcpStream>>, LoadError> {
        let mut client = self.start_tls().await?;
        let (user, password) = &self.sign_in;
        let response = BASE64_STANDARD.encode(format!("\0{user}\0{password}"));
        let line = format!("AUTH PLAIN {response}\r\n");
        client.command(line.as_bytes(), 235).await?;
        Ok(client)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    fn new(stream: S, patience: Duration) -> Self {
        Self {
            stream,
            unread: Vec::with_capacity(4096),
            start: 0,
            patience,
        }
    }

    /// One message: the envelope in one write, the content in a second.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn submit(&mut self, message: &Message) -> Result<Sent, LoadError> {
        self.write(&message.envelope).await?;
        let mut refused = None;
        for _ in 0..message.recipients + 1 {
            let code = self.reply().await?;
            refused = refused.or((code != 250).then_some(code));
        }
        let code = self.reply().await?;
        if code != 354 {
            self.command(b"RSET\r\n", 250).await?;
            return Ok(Sent::Refused(refused.unwrap_or(code)));
        }
        self.write(&message.content).await?;
        let dot = Instant::now();
        let code = self.reply().await?;
        Ok(match refused {
            None if code == 250 => Sent::Accepted(dot.elapsed()),
            _ => Sent::Refused(refused.unwrap_or(code)),
        })
    }

    /// Says goodbye and waits for the end, so that connections do not pile up.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn quit(mut self) -> Result<(), LoadError> {
        self.command(b"QUIT\r\n", 221).await
    }

    /// Sends octets.
    ///
    /// # Errors
    /// The connection broke, or the server does not take them in time.
    pub async fn write(&mut self, octets: &[u8]) -> Result<(), LoadError> {
        let write = async {
            self.stream.write_all(octets).await?;
            self.stream.flush().await
        };
        let written = timeout(self.patience, write).await;
        Ok(written.map_err(|_| LoadError::Timeout)??)
    }

    /// Sends a line and wants a certain answer.
    ///
    /// # Errors
    /// Another answer, or the connection broke.
    pub async fn command(&mut self, line: &[u8], code: u16) -> Result<(), LoadError> {
        self.write(line).await?;
        self.expect(code).await
    }

    async fn expect(&mut self, code: u16) -> Result<(), LoadError> {
        let (found, text) = self.reply_with_text().await?;
        if found == code {
            return Ok(());
        }
        Err(LoadError::Reply(format!("{code} expected, got {text}")))
    }

    /// The code of the next reply.
    ///
    /// # Errors
    /// The connection broke, or what came is no reply.
    pub async fn reply(&mut self) -> Result<u16, LoadError> {
        Ok(self.reply_with_text().await?.0)
    }

    async fn reply_with_text(&mut self) -> Result<(u16, String), LoadError> {
        loop {
            let line = self.line().await?;
            if line.get(3) == Some(&b'-') {
                continue;
            }
            let code = line
                .get(..3)
                .and_then(|code| std::str::from_utf8(code).ok());
            let code = code.and_then(|code| code.parse().ok());
            // The text is only made where somebody will read it.
            let text = match code {
                Some(200..400) => String::new(),
                _ => String::from_utf8_lossy(line).into_owned(),
            };
            let code = code.ok_or_else(|| LoadError::Reply(format!("no reply: {text}")))?;
            return Ok((code, text));
        }
    }

    async fn line(&mut self) -> Result<&[u8], LoadError> {
        let mut looked = self.start;
        loop {
            let rest = self.unread.get(looked..).unwrap_or_default();
            if let Some(end) = rest.iter().position(|&octet| octet == b'\n') {
                let from = self.start;
                self.start = looked + end + 1;
                return Ok(self.unread.get(from..self.start).unwrap_or_default());
            }
            looked = self.unread.len() - self.start;
            self.unread.drain(..self.start);
            self.start = 0;
            let read = timeout(self.patience, self.stream.read_buf(&mut self.unread)).await;
            if read.map_err(|_| LoadError::Timeout)?? == 0 {
                return Err(LoadError::Closed);
            }
        }
    }
}
