//! A server that says yes to everything and keeps nothing: the ceiling of the generator.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use crate::{LoadError, client::Target, tls};

/// Listens on loopback and serves for as long as the runtime lives.
///
/// # Errors
/// No socket or no key could be had.
pub async fn start(resumption: bool) -> Result<Target, LoadError> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let acceptor = TlsAcceptor::from(tls::server()?);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, acceptor.clone()));
        }
    });
    target(address, resumption)
}

fn target(address: SocketAddr, resumption: bool) -> Result<Target, LoadError> {
    Ok(Target {
        address,
        tls: tls::client(resumption)?,
        sign_in: ("sink@contoso.test".into(), "any".into()),
        patience: Duration::from_secs(30),
    })
}

async fn serve(mut stream: TcpStream, acceptor: TlsAcceptor) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(b"220 sink.test\r\n").await?;
    if !dialogue(&mut stream).await? {
        return Ok(());
    }
    let mut stream = acceptor.accept(stream).await?;
    dialogue(&mut stream).await.map(|_| ())
}

/// Answers until STARTTLS (true) or the end (false).
async fn dialogue<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> std::io::Result<bool> {
    let mut unread = Vec::with_capacity(16 * 1024);
    let mut replies = Vec::new();
    loop {
        if stream.read_buf(&mut unread).await? == 0 {
            return Ok(false);
        }
        let mut done = 0;
        let mut ends = unread
            .iter()
            .enumerate()
            .filter(|(_, octet)| **octet == b'\n');
        while let Some((end, _)) = ends.next() {
            let line = unread.get(done..end).unwrap_or_default();
            done = end + 1;
            replies.extend_from_slice(match line.get(..4) {
                Some(b"EHLO") => b"250-sink.test\r\n250 STARTTLS\r\n".as_slice(),
                Some(b"STAR") => b"220 go on\r\n",
                Some(b"AUTH") => b"235 2.7.0 whoever you are\r\n",
                Some(b"DATA") => b"354 go on\r\n",
                Some(b"QUIT") => b"221 2.0.0 bye\r\n",
                _ => b"250 2.0.0 fine\r\n",
            });
            match line.get(..4) {
                Some(b"STAR") => {
                    stream.write_all(&replies).await?;
                    return Ok(true);
                }
                Some(b"QUIT") => {
                    stream.write_all(&replies).await?;
                    stream.shutdown().await?;
                    return Ok(false);
                }
                Some(b"DATA") => {
                    stream.write_all(&replies).await?;
                    stream.flush().await?;
                    replies.clear();
                    drop(ends);
                    unread.clear();
                    content(stream).await?;
                    replies.extend_from_slice(b"250 2.0.0 gone\r\n");
                    done = 0;
                    break;
                }
                _ => {}
            }
        }
        unread.drain(..done);
        stream.write_all(&replies).await?;
        stream.flush().await?;
        replies.clear();
    }
}

/// Reads until the dot. The generator waits for the answer, so nothing follows it.
async fn content<S: AsyncRead + Unpin>(stream: &mut S) -> std::io::Result<()> {
    let mut buffer = Vec::with_capacity(64 * 1024);
    while !buffer.ends_with(b"\r\n.\r\n") {
        let kept = buffer.len().saturating_sub(4);
        buffer.drain(..kept);
        if stream.read_buf(&mut buffer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{self, Load};

    #[tokio::test(flavor = "multi_thread")]
    async fn the_generator_and_the_sink_understand_each_other() {
        let target = start(false).await.unwrap();
        let load = Load {
            connections: 4,
            messages_each: 3,
            recipients: 5,
            octets: 20_000,
            messages: 40,
            time_max: Duration::from_secs(60),
        };
        let measured = load::run(&target, load).await.unwrap();
        assert_eq!(
            (measured.accepted, measured.refused, measured.broken),
            (40, 0, 0)
        );
        assert!(measured.opened >= 40 / 3 && measured.latencies.len() == 40);
        assert!(measured.trouble.is_none() && measured.rate() > 0.0);
    }
}
