//! Clients that never stop talking: the server's memory must not follow them.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::JoinSet,
    time::Instant,
};

use crate::{
    LoadError,
    client::{Client, Target},
    message::{ACCOUNT, DOMAIN},
    process,
    site::Site,
};

/// One kind of bad input, and what it did to the server.
#[derive(Clone, Debug)]
pub struct Flood {
    /// What was sent.
    pub what: &'static str,
    /// By how many clients at once.
    pub clients: u32,
    /// The server's memory before.
    pub before_kib: u64,
    /// Its highest memory until the flood was over; the kernel never lowers this.
    pub highest_kib: u64,
    /// Its memory afterwards.
    pub after_kib: u64,
    /// What one of the clients saw.
    pub seen: String,
    /// How long it took.
    pub elapsed: Duration,
}

impl Flood {
    /// The figures as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "workload": "flood", "what": self.what, "clients": self.clients,
            "rss_before_kib": self.before_kib, "rss_highest_kib": self.highest_kib,
            "rss_after_kib": self.after_kib, "seen": self.seen,
            "seconds": self.elapsed.as_secs_f64(),
        })
    }
}

/// Runs every kind, one after the other.
///
/// # Errors
/// The server is gone, or no longer serves good clients.
pub async fn run(site: &Site) -> Result<Vec<Flood>, LoadError> {
    let mut floods = Vec::new();
    let kinds = [Kind::LineInClear, Kind::LineInTls, Kind::Body, Kind::Noop];
    for kind in kinds {
        let (before_kib, _) = process::memory_kib(site.pid())?;
        let begun = Instant::now();
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let target = site.target().clone();
            clients.spawn(async move {
                match kind.send(target).await {
                    Ok(seen) => seen,
                    Err(error) => error.to_string(),
                }
            });
        }
        let mut seen = String::new();
        while let Some(one) = clients.join_next().await {
            seen = one.map_err(LoadError::set_up)?;
        }
        let elapsed = begun.elapsed();
        // A good client is served as ever.
        site.target().open().await?.quit().await?;
        let (after_kib, highest_kib) = process::memory_kib(site.pid())?;
        floods.push(Flood {
            what: kind.name(),
            clients: CLIENTS,
            before_kib,
            highest_kib,
            after_kib,
            seen,
            elapsed,
        });
    }
    Ok(floods)
}

#[derive(Clone, Copy)]
enum Kind {
    Body,
    LineInClear,
    LineInTls,
    Noop,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Body => "64 MiB of body without an end, beyond SIZE",
            Self::LineInClear => "64 MiB of one line, before TLS",
            Self::LineInTls => "64 MiB of one line, in TLS",
            Self::Noop => "10,000 NOOPs",
        }
    }

    async fn send(self, mut target: Target) -> Result<String, LoadError> {
        target.patience = Duration::from_secs(20);
        match self {
            Self::LineInClear => pour(target.connect().await?, b'x').await,
            Self::LineInTls => pour(target.start_tls().await?, b'x').await,
            Self::Body => {
                let mut client = target.open().await?;
                let mail = format!("MAIL FROM:<{ACCOUNT}>\r\n");
                client.command(mail.as_bytes(), 250).await?;
                let to = format!("RCPT TO:<r1@{DOMAIN}>\r\n");
                client.command(to.as_bytes(), 250).await?;
                client.command(b"DATA\r\n", 354).await?;
                pour(client, b'\n').await
            }
            Self::Noop => {
                let mut client = target.start_tls().await?;
                for answered in (0..10_000).step_by(100) {
                    client.write(&b"NOOP\r\n".repeat(100)).await?;
                    for number in 0..100 {
                        let code = client.reply().await?;
                        if code != 250 {
                            return Ok(format!("{code} after {}", answered + number));
                        }
                    }
                }
                client.quit().await?;
                Ok("all answered".into())
            }
        }
    }
}

/// Sends 64 MiB: one line, or lines that end in CRLF where `end` is the line feed.
async fn pour<S: AsyncRead + AsyncWrite + Unpin>(
    mut client: Client<S>,
    end: u8,
) -> Result<String, LoadError> {
    let mut block = vec![b'x'; BLOCK];
    if end == b'\n' {
        for line in block.chunks_exact_mut(64) {
            if let [.., cr, lf] = line {
                (*cr, *lf) = (b'\r', end);
            }
        }
    }
    for sent in 0..BLOCKS {
        if let Err(error) = client.write(&block).await {
            return Ok(format!("after {} KiB: {error}", sent * BLOCK / 1024));
        }
    }
    Ok("took it all".into())
}

const CLIENTS: u32 = 16;
const BLOCK: usize = 64 * 1024;
const BLOCKS: usize = 1024;
