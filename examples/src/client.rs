//! A client for examples: one command, one reply, over implicit TLS.

use std::{
    io::{BufRead as _, BufReader, Error, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::Arc,
};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};

/// A connection to a server whose certificate names `localhost`.
pub struct Client(BufReader<StreamOwned<ClientConnection, TcpStream>>);

impl Client {
    /// Connects, trusting that certificate alone, and reads the greeting.
    ///
    /// # Errors
    /// No connection, no TLS, or no greeting.
    pub fn connect(address: SocketAddr, certificate: &Path) -> Result<Self, Error> {
        let certificate = CertificateDer::from_pem_file(certificate).map_err(Error::other)?;
        let mut roots = RootCertStore::empty();
        roots.add(certificate).map_err(Error::other)?;
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").map_err(Error::other)?;
        let tls = ClientConnection::new(Arc::new(config), name).map_err(Error::other)?;
        let stream = StreamOwned::new(tls, TcpStream::connect(address)?);
        let mut client = Self(BufReader::new(stream));
        client.reply()?;
        Ok(client)
    }

    /// Sends a line and gives back the last line of the reply.
    ///
    /// # Errors
    /// The connection broke.
    pub fn ask(&mut self, line: &str) -> Result<String, Error> {
        let stream = self.0.get_mut();
        stream.write_all(line.as_bytes())?;
        stream.write_all(b"\r\n")?;
        stream.flush()?;
        self.reply()
    }

    /// As [`Client::ask`], where only a reply that begins so is right.
    ///
    /// # Errors
    /// The connection broke, or the reply is another: then it is the error's text.
    pub fn expect(&mut self, line: &str, reply: &str) -> Result<(), Error> {
        let got = self.ask(line)?;
        if got.starts_with(reply) {
            Ok(())
        } else {
            Err(Error::other(got))
        }
    }

    fn reply(&mut self) -> Result<String, Error> {
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line)? == 0 {
                return Err(Error::other("the server closed the connection"));
            }
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(line);
            }
        }
    }
}
