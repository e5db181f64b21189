//! A next hop that takes everything by LMTP, and remembers what came how often.

use std::{
    collections::HashMap,
    io::{self, BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// A sink; its threads end with their connections.
pub struct Sink {
    address: SocketAddr,
    copies: Arc<Mutex<HashMap<String, usize>>>,
}

impl Sink {
    /// Starts one.
    ///
    /// # Panics
    /// If there is no port.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let copies: Arc<Mutex<HashMap<String, usize>>> = Arc::default();
        let all = Arc::clone(&copies);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let copies = Arc::clone(&all);
                // Clients may go away at any moment.
                thread::spawn(move || serve(&stream, &copies).ok());
            }
        });
        Self { address, copies }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// How often each message came, by the queue id in its newest `Received` line.
    ///
    /// # Panics
    /// If a thread of the sink did.
    #[must_use]
    pub fn copies(&self) -> HashMap<String, usize> {
        self.copies.lock().unwrap().clone()
    }
}

fn serve(stream: &TcpStream, copies: &Mutex<HashMap<String, usize>>) -> io::Result<()> {
    let (mut input, mut output) = (BufReader::new(stream), stream);
    output.write_all(b"220 sink\r\n")?;
    let (mut line, mut recipients) = (String::new(), 0);
    loop {
        line.clear();
        if input.read_line(&mut line)? == 0 {
            return Ok(());
        }
        match line.split([' ', ':', '\r']).next().unwrap_or_default() {
            "LHLO" => output.write_all(b"250-sink\r\n250 PIPELINING\r\n")?,
            "RCPT" => {
                recipients += 1;
                output.write_all(b"250 Ok\r\n")?;
            }
            "DATA" => {
                output.write_all(b"354 Go on\r\n")?;
                let id = read_message(&mut input)?;
                *copies.lock().unwrap().entry(id).or_default() += 1;
                for _ in 0..std::mem::take(&mut recipients) {
                    output.write_all(b"250 Ok\r\n")?;
                }
            }
            "QUIT" => return output.write_all(b"221 Bye\r\n"),
            _ => {
                recipients = 0;
                output.write_all(b"250 Ok\r\n")?;
            }
        }
    }
}

/// Reads to the dot; returns the first id in the header.
fn read_message(input: &mut impl io::BufRead) -> io::Result<String> {
    let (mut line, mut id) = (String::new(), String::new());
    loop {
        line.clear();
        if input.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line == ".\r\n" {
            return Ok(id);
        }
        if let Some(found) = line.strip_prefix(" id ").filter(|_| id.is_empty()) {
            found.trim_end().trim_end_matches(';').clone_into(&mut id);
        }
    }
}
