//! A next hop for tests: what it says to each command is a function of the test's.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// What the peer is asked: the number of the connection, from 1, and the command. A connection
/// begins with `CONNECT`; the end of a message is `.`, with LMTP `. ADDRESS` for each recipient.
/// An empty reply closes the connection.
pub(crate) type Rules = dyn Fn(usize, &str) -> String + Send + Sync;

/// A peer, listening until it is dropped.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) certificate: Certificate,
    heard: Arc<Heard>,
    task: JoinHandle<()>,
}

/// A certificate for `localhost` that nobody signed.
pub(crate) struct Certificate {
    pub(crate) pem: String,
    pub(crate) sha256: String,
    acceptor: TlsAcceptor,
}

/// All that came.
#[derive(Default)]
struct Heard {
    connections: AtomicUsize,
    commands: Mutex<Vec<String>>,
    messages: Mutex<Vec<Received>>,
}

/// A message that the peer took, for those recipients whom it accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) connection: usize,
    pub(crate) recipients: Vec<String>,
    pub(crate) text: String,
    pub(crate) tls: bool,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Peer {
    pub(crate) async fn start(
        rules: impl Fn(usize, &str) -> String + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener, rules)
    }

    pub(crate) fn on(
        listener: TcpListener,
        rules: impl Fn(usize, &str) -> String + Send + Sync + 'static,
    ) -> Self {
        let (address, heard) = (listener.local_addr().unwrap(), Arc::new(Heard::default()));
        let (certificate, rules): (_, Arc<Rules>) = (Certificate::new(), Arc::new(rules));
        let (all, acceptor) = (Arc::clone(&heard), certificate.acceptor.clone());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let connection = all.connections.fetch_add(1, Ordering::SeqCst) + 1;
                let session = Session {
                    heard: Arc::clone(&all),
                    rules: Arc::clone(&rules),
                    acceptor: acceptor.clone(),
                    connection,
                };
                // A client that goes away is part of many tests.
                tokio::spawn(async move { session.serve(stream).await.ok() });
            }
        });
        Self {
            address,
            certificate,
            heard,
            task,
        }
    }

    pub(crate) fn connections(&self) -> usize {
        self.heard.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn commands(&self) -> Vec<String> {
        self.heard.commands.lock().unwrap().clone()
    }

    pub(crate) fn messages(&self) -> Vec<Received> {
        self.heard.messages.lock().unwrap().clone()
    }
}

impl Certificate {
    fn new() -> Self {
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pair.signing_key.serialize_der()));
        let digest = Sha256::digest(pair.cert.der());
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![pair.cert.der().clone()], key)
            .unwrap();
        Self {
            pem: pair.cert.pem(),
            sha256: digest.iter().map(|octet| format!("{octet:02x}")).collect(),
            acceptor: TlsAcceptor::from(Arc::new(config)),
        }
    }
}

struct Session {
    heard: Arc<Heard>,
    rules: Arc<Rules>,
    acceptor: TlsAcceptor,
    connection: usize,
}

impl Session {
    async fn serve(&self, stream: TcpStream) -> io::Result<()> {
        let mut stream: BufReader<Box<dyn Stream>> = BufReader::new(Box::new(stream));
        let (mut recipients, mut tls) = (Vec::new(), false);
        if self.rules.as_ref()(self.connection, "CONNECT") == "TLS" {
            stream = BufReader::new(Box::new(self.acceptor.accept(stream.into_inner()).await?));
            tls = true;
            self.say(&mut stream, "220 peer").await?;
        } else {
            self.answer(&mut stream, "CONNECT").await?;
        }
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let command = line.trim_end().to_owned();
            self.heard.commands.lock().unwrap().push(command.clone());
            let reply = self.answer(&mut stream, &command).await?;
            match command.split([' ', ':']).next().unwrap() {
                "STARTTLS" if reply.starts_with('2') => {
                    let plain = stream.into_inner();
                    stream = BufReader::new(Box::new(self.acceptor.accept(plain).await?));
                    tls = true;
                }
                "MAIL" => recipients.clear(),
                "RCPT" if reply.starts_with('2') => {
                    let address = command.split(['<', '>']).nth(1).unwrap();
                    recipients.push(address.to_owned());
                }
                "DATA" if reply.starts_with('3') => {
                    let text = read_text(&mut stream).await?;
                    let mut taken = Vec::new();
                    for end in self.ends(&recipients) {
                        let reply = self.answer(&mut stream, &end).await?;
                        if reply.starts_with('2') {
                            let named = end.strip_prefix(". ").map(str::to_owned);
                            taken.extend(named.map_or_else(|| recipients.clone(), |to| vec![to]));
                        }
                    }
                    self.heard.messages.lock().unwrap().push(Received {
                        connection: self.connection,
                        recipients: taken,
                        text,
                        tls,
                    });
                }
                "QUIT" => return Ok(()),
                _ => {}
            }
        }
    }

    fn ends(&self, recipients: &[String]) -> Vec<String> {
        let commands = self.heard.commands.lock().unwrap();
        if commands.iter().any(|command| command.starts_with("LHLO")) {
            recipients.iter().map(|to| format!(". {to}")).collect()
        } else {
            vec![".".into()]
        }
    }

    async fn answer(
        &self,
        stream: &mut BufReader<Box<dyn Stream>>,
        command: &str,
    ) -> io::Result<String> {
        let reply = self.rules.as_ref()(self.connection, command);
        if reply.is_empty() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        self.say(stream, &reply).await?;
        // The last word.
        if reply.starts_with("421") {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(reply)
    }

    async fn say(&self, stream: &mut BufReader<Box<dyn Stream>>, reply: &str) -> io::Result<()> {
        stream.write_all(format!("{reply}\r\n").as_bytes()).await?;
        stream.flush().await
    }
}

async fn read_text(stream: &mut BufReader<Box<dyn Stream>>) -> io::Result<String> {
    let mut text = String::new();
    loop {
        let from = text.len();
        if stream.read_line(&mut text).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if &text[from..] == ".\r\n" {
            text.truncate(from);
            return Ok(text);
        }
    }
}

/// What a peer says that has nothing against anybody.
pub(crate) fn kind(command: &str) -> String {
    let verb = command.split([' ', ':']).next().unwrap();
    match verb {
        "CONNECT" | "STARTTLS" => "220 peer",
        "EHLO" | "LHLO" => "250-peer\r\n250 PIPELINING",
        "DATA" => "354 Go on",
        "AUTH" => "235 2.7.0 Welcome",
        "QUIT" => "221 2.0.0 Bye",
        _ => "250 2.0.0 Ok",
    }
    .into()
}
