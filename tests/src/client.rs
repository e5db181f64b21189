//! A raw SMTP client: it sends any octets whatever and reads replies, over plain text or TLS.

use std::{
    fmt,
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use rustls::{ClientConfig, ClientConnection, StreamOwned, pki_types::ServerName};

/// How long a reply may take before the test fails.
const REPLY_LIMIT: Duration = Duration::from_secs(60);

/// One connection.
pub struct Client {
    transport: Transport,
    unread: Vec<u8>,
}

enum Transport {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
    /// Between the two.
    None,
}

/// One whole reply.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// The three digits.
    pub code: u16,
    /// Its lines without code and separator.
    pub lines: Vec<String>,
}

impl Reply {
    /// The lines as one text.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines.join("\n")
    }

    /// The enhanced status code of the first line, such as `5.7.3`.
    #[must_use]
    pub fn enhanced(&self) -> &str {
        let first = self.lines.first().map_or("", |line| line.as_str());
        first.split(' ').next().unwrap_or_default()
    }

    /// Code and enhanced code as they are written: `452 4.5.3`.
    #[must_use]
    pub fn status(&self) -> String {
        format!("{} {}", self.code, self.enhanced())
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.code, self.lines)
    }
}

impl Client {
    /// Connects and reads nothing.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn connect(to: SocketAddr) -> io::Result<Self> {
        let socket = TcpStream::connect(to)?;
        socket.set_read_timeout(Some(REPLY_LIMIT))?;
        socket.set_write_timeout(Some(REPLY_LIMIT))?;
        socket.set_nodelay(true)?;
        Ok(Self {
            transport: Transport::Plain(socket),
            unread: Vec::new(),
        })
    }

    /// Sends octets as they are.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn send(&mut self, octets: impl AsRef<[u8]>) -> io::Result<()> {
        let octets = octets.as_ref();
        match &mut self.transport {
            Transport::Plain(socket) => socket.write_all(octets),
            Transport::Tls(stream) => {
                stream.write_all(octets)?;
                stream.flush()
            }
            Transport::None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Reads one whole reply.
    ///
    /// # Errors
    /// `UnexpectedEof` where the server closed before a reply, `InvalidData` where it sent
    /// something else, and those of the socket.
    pub fn reply(&mut self) -> io::Result<Reply> {
        let mut lines = Vec::new();
        loop {
            let line = self.line()?;
            let invalid = || io::Error::new(io::ErrorKind::InvalidData, format!("reply {line:?}"));
            let code = line.get(..3).and_then(|code| code.parse().ok());
            let code: u16 = code.ok_or_else(invalid)?;
            let (separator, text) = line
                .get(3..)
                .map_or(("", ""), |rest| rest.split_at(rest.len().min(1)));
            lines.push(text.to_owned());
            match separator {
                "-" => {}
                " " | "" => return Ok(Reply { code, lines }),
                _ => return Err(invalid()),
            }
        }
    }

    /// Sends one line and reads its reply.
    ///
    /// # Errors
    /// As [`Client::send`] and [`Client::reply`].
    pub fn command(&mut self, line: &str) -> io::Result<Reply> {
        self.send(format!("{line}\r\n"))?;
        self.reply()
    }

    /// As [`Client::command`], and the code must be `code`.
    ///
    /// # Panics
    /// On another code, or none.
    pub fn expect(&mut self, code: u16, line: &str) -> Reply {
        let shown = line.get(..line.len().min(80)).unwrap_or(line);
        match self.command(line) {
            Ok(reply) if reply.code == code => reply,
            other => panic!("{shown:?}: {code} expected, not {other:?}"),
        }
    }

    /// Reads a reply that must have the code `code`.
    ///
    /// # Panics
    /// On another code, or none.
    pub fn expect_reply(&mut self, code: u16) -> Reply {
        match self.reply() {
            Ok(reply) if reply.code == code => reply,
            other => panic!("{code} expected, not {other:?}"),
        }
    }

    /// Says EHLO and STARTTLS and shakes hands. The greeting has been read.
    ///
    /// # Errors
    /// Those of the handshake.
    ///
    /// # Panics
    /// If the server does not offer it.
    pub fn start_tls(&mut self, config: &Arc<ClientConfig>) -> io::Result<()> {
        let offer = self.expect(250, "EHLO client.test");
        assert!(
            offer.lines.iter().any(|line| line == "STARTTLS"),
            "{offer:?}"
        );
        self.expect(220, "STARTTLS");
        self.handshake(config, "localhost")
    }

    /// Shakes hands at once, as with implicit TLS.
    ///
    /// # Errors
    /// Those of the handshake.
    ///
    /// # Panics
    /// If the connection is inside TLS already.
    pub fn handshake(&mut self, config: &Arc<ClientConfig>, name: &'static str) -> io::Result<()> {
        let Transport::Plain(mut socket) = std::mem::replace(&mut self.transport, Transport::None)
        else {
            panic!("no plain connection");
        };
        let name = ServerName::try_from(name).expect("a name");
        let mut connection =
            ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        let stream = StreamOwned::new(connection, socket);
        self.transport = Transport::Tls(Box::new(stream));
        Ok(())
    }

    /// The TLS side, for tests that bend it.
    ///
    /// # Panics
    /// Outside TLS.
    pub fn tls(&mut self) -> &mut StreamOwned<ClientConnection, TcpStream> {
        match &mut self.transport {
            Transport::Tls(stream) => stream,
            _ => panic!("no TLS yet"),
        }
    }

    /// The socket below everything.
    ///
    /// # Panics
    /// After a handshake that failed.
    #[must_use]
    pub fn socket(&self) -> &TcpStream {
        match &self.transport {
            Transport::Plain(socket) => socket,
            Transport::Tls(stream) => &stream.sock,
            Transport::None => panic!("no connection any more"),
        }
    }

    /// Signs in with AUTH PLAIN.
    ///
    /// # Errors
    /// As [`Client::command`].
    pub fn sign_in(&mut self, user: &str, password: &str) -> io::Result<Reply> {
        self.command(&format!("AUTH PLAIN {}", plain_response(user, password)))
    }

    /// A whole transaction for one message; the reply to the last step that was taken.
    /// `content` is sent as it is, with CRLF line ends and without the final dot.
    ///
    /// # Errors
    /// As [`Client::command`].
    pub fn submit(&mut self, from: &str, to: &[&str], content: &str) -> io::Result<Reply> {
        let mut steps = vec![format!("MAIL FROM:<{from}>")];
        steps.extend(to.iter().map(|to| format!("RCPT TO:<{to}>")));
        for step in steps {
            let reply = self.command(&step)?;
            if reply.code != 250 {
                return Ok(reply);
            }
        }
        let reply = self.command("DATA")?;
        if reply.code != 354 {
            return Ok(reply);
        }
        self.send(format!("{content}\r\n.\r\n"))?;
        self.reply()
    }

    /// Closes the sending half of the socket.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn half_close(&mut self) -> io::Result<()> {
        if let Transport::Tls(stream) = &mut self.transport {
            stream.conn.send_close_notify();
            stream.conn.complete_io(&mut stream.sock)?;
        }
        self.socket().shutdown(Shutdown::Write)
    }

    /// Sends one octet after the other, listening for a moment after each, until the server
    /// closes; everything it said.
    ///
    /// # Panics
    /// When the server lets it go on for ever.
    pub fn drip(&mut self, octets: impl Iterator<Item = u8>) -> String {
        const MOMENT: Duration = Duration::from_millis(50);
        self.socket().set_read_timeout(Some(MOMENT)).unwrap();
        let mut heard = std::mem::take(&mut self.unread);
        let mut buffer = [0; 4096];
        for octet in octets.take(1_200) {
            if self.send([octet]).is_err() {
                // What was said before the end is still there to be read.
                self.socket().set_read_timeout(Some(REPLY_LIMIT)).unwrap();
                heard.extend(self.rest().bytes());
                return String::from_utf8_lossy(&heard).into_owned();
            }
            match self.read(&mut buffer) {
                Ok(count) if count > 0 => heard.extend_from_slice(&buffer[..count]),
                Err(error) if is_patience_over(&error) => {}
                _ => return String::from_utf8_lossy(&heard).into_owned(),
            }
        }
        panic!("not closed; so far {:?}", String::from_utf8_lossy(&heard));
    }

    /// Everything until the server closes. A reset counts as an end.
    ///
    /// # Panics
    /// When the server does not close in time.
    pub fn rest(&mut self) -> String {
        let mut all = std::mem::take(&mut self.unread);
        let mut buffer = [0; 4096];
        loop {
            match self.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => all.extend_from_slice(&buffer[..count]),
                Err(error) if is_patience_over(&error) => {
                    panic!("not closed; so far {:?}", String::from_utf8_lossy(&all))
                }
                Err(_) => break,
            }
        }
        String::from_utf8_lossy(&all).into_owned()
    }

    fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|pair| pair == b"\r\n") {
                let rest = self.unread.split_off(end + 2);
                let mut line = std::mem::replace(&mut self.unread, rest);
                line.truncate(end);
                return String::from_utf8(line).map_err(io::Error::other);
            }
            let mut buffer = [0; 4096];
            let count = self.read(&mut buffer)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.unread.extend_from_slice(&buffer[..count]);
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.transport {
            Transport::Plain(socket) => socket.read(buffer),
            Transport::Tls(stream) => stream.read(buffer),
            Transport::None => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

/// The initial response of AUTH PLAIN (RFC 4616 §2).
#[must_use]
pub fn plain_response(user: &str, password: &str) -> String {
    BASE64_STANDARD.encode(format!("\0{user}\0{password}"))
}

fn is_patience_over(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}
