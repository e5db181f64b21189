//! A flood of wrong passwords, and what it leaves to clients whose passwords are remembered.
//!
//! Every guess is from an address, and for a user name, of which too few came before to be held
//! up: each is hashed. That is the worst flood there is for the hashing threads, as one from few
//! addresses is soon answered late, and then blocked. So many guesses are under way that the
//! threads never rest, and so few that the line before them never overflows.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::JoinSet,
};

use crate::{
    LoadError,
    client::{Client, Target},
    load::{self, Load, Measured},
    process,
    site::{Setting, Site},
};

/// How the guesses come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a bench: who uses it lives beside it"
)]
pub enum Guessing {
    /// Over connections that were opened before: only the guesses themselves cost something.
    OpenConnections,
    /// Each over a connection of its own: its TLS handshake costs as well, here on both ends.
    NewConnections,
}

/// The good clients' messages without and with the flood.
#[derive(Clone, Debug)]
pub struct Guessed {
    /// Which flood.
    pub guessing: Guessing,
    /// What the good clients do.
    pub what: &'static str,
    /// Messages a second without it, by round.
    pub quiet: Vec<f64>,
    /// Messages a second with it, by round.
    pub flooded: Vec<f64>,
    /// Guesses a second that were found wrong.
    pub guesses: f64,
    /// Guesses that were answered otherwise, and connections that broke.
    pub other: u32,
    /// The server's CPU seconds a second, without and with the flood; both of all its threads.
    pub cpu: (f64, f64),
}

impl Guessed {
    /// What the flood leaves: the median of the rounds' ratios.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        let pairs = self.flooded.iter().zip(&self.quiet);
        let mut ratios: Vec<f64> = pairs.map(|(with, without)| with / without).collect();
        ratios.sort_by(f64::total_cmp);
        ratios.get(ratios.len() / 2).copied().unwrap_or_default()
    }

    /// The figures as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "workload": "guess", "flood": self.guessing.words(), "clients": self.what,
            "ratio": self.ratio(), "quiet_per_second": self.quiet,
            "flooded_per_second": self.flooded, "guesses_per_second": self.guesses,
            "other_answers": self.other, "cpu_quiet": self.cpu.0, "cpu_flooded": self.cpu.1,
        })
    }
}

impl Guessing {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::OpenConnections => "over open connections",
            Self::NewConnections => "each over a new connection",
        }
    }
}

/// Runs good clients in turn without and with a flood, `rounds` times, against one server.
///
/// # Errors
/// The server does not start, or takes nothing.
pub async fn run(
    setting: &Setting,
    guessing: Guessing,
    messages_each: usize,
    rounds: u32,
) -> Result<Guessed, LoadError> {
    let mut setting = setting.clone();
    // Else the server itself would end the flood.
    let limits = ["sign-in-attempts = 1000000", "sign-in-timeout = \"1h\""];
    setting.limits.extend(limits.map(str::to_owned));
    let site = Site::start(&setting).await?;
    // Now the password is remembered.
    site.target().open().await?.quit().await?;
    let flood = Arc::new(Flood::new(site.target().clone()));
    let mut waiting = flood.open(guessing).await?;
    let load = Load {
        connections: 32,
        messages_each,
        recipients: 1,
        octets: 4096,
        messages: usize::MAX,
        time_max: ROUND,
    };
    let mut all = Guessed {
        guessing,
        what: match messages_each {
            1 => "32 connections, one message each",
            _ => "32 connections, 100 messages each",
        },
        quiet: Vec::new(),
        flooded: Vec::new(),
        guesses: 0.0,
        other: 0,
        cpu: (0.0, 0.0),
    };
    let share = 1.0 / f64::from(rounds.max(1));
    for _ in 0..rounds {
        let (measured, cpu) = measure(&site, load).await?;
        all.quiet.push(measured.rate());
        all.cpu.0 += cpu * share;
        let before = flood.wrong.load(Ordering::Relaxed);
        flood.on.store(true, Ordering::Relaxed);
        let mut guessers = JoinSet::new();
        for part in waiting {
            guessers.spawn(Arc::clone(&flood).guess(part));
        }
        let (measured, cpu) = measure(&site, load).await?;
        let wrong = flood.wrong.load(Ordering::Relaxed) - before;
        all.guesses += f64::from(wrong) / measured.elapsed.as_secs_f64() * share;
        flood.on.store(false, Ordering::Relaxed);
        waiting = guessers.join_all().await;
        all.flooded.push(measured.rate());
        all.cpu.1 += cpu * share;
    }
    all.other = flood.other.load(Ordering::Relaxed);
    site.stop().await?;
    Ok(all)
}

async fn measure(site: &Site, load: Load) -> Result<(Measured, f64), LoadError> {
    let before = process::cpu_time(site.pid())?;
    let measured = load::run(site.target(), load).await?;
    let cpu = process::cpu_time(site.pid())?.saturating_sub(before);
    let seconds = measured.elapsed.as_secs_f64();
    Ok((measured, cpu.as_secs_f64() / seconds))
}

struct Flood {
    target: Target,
    on: AtomicBool,
    /// Tells apart addresses and user names.
    next: AtomicU32,
    wrong: AtomicU32,
    other: AtomicU32,
}

type Connection = Client<tokio_rustls::client::TlsStream<tokio::net::TcpStream>>;

impl Flood {
    fn new(target: Target) -> Self {
        Self {
            target,
            on: AtomicBool::new(false),
            next: AtomicU32::new(0),
            wrong: AtomicU32::new(0),
            other: AtomicU32::new(0),
        }
    }

    fn number(&self) -> u32 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Another address of this machine each time.
    async fn connect(&self) -> Result<Connection, LoadError> {
        let from = Ipv4Addr::from_bits(0x7f01_0000 + self.number() % 0x00fe_0000);
        self.target.start_tls_from(from).await
    }

    /// What each guesser has: enough connections that none of their addresses is held up, or none.
    async fn open(&self, guessing: Guessing) -> Result<Vec<Vec<Connection>>, LoadError> {
        let each = match guessing {
            Guessing::OpenConnections => OPEN / AT_ONCE,
            Guessing::NewConnections => 0,
        };
        let mut parts = Vec::new();
        for _ in 0..AT_ONCE {
            let mut part = Vec::new();
            for _ in 0..each {
                part.push(self.connect().await?);
            }
            parts.push(part);
        }
        Ok(parts)
    }

    /// One guess after the other, until the flood is over.
    async fn guess(self: Arc<Self>, mut open: Vec<Connection>) -> Vec<Connection> {
        let mut turn = 0_usize;
        while self.on.load(Ordering::Relaxed) {
            turn = turn.wrapping_add(1);
            let place = turn.checked_rem(open.len());
            let guessed = match place.and_then(|place| open.get_mut(place)) {
                Some(client) => self.guess_over(client).await,
                None => match self.connect().await {
                    Ok(mut client) => self.guess_over(&mut client).await,
                    Err(error) => Err(error),
                },
            };
            match guessed {
                Ok(535) => self.wrong.fetch_add(1, Ordering::Relaxed),
                Ok(_) | Err(_) => self.other.fetch_add(1, Ordering::Relaxed),
            };
        }
        open
    }

    async fn guess_over<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        client: &mut Client<S>,
    ) -> Result<u16, LoadError> {
        let number = self.number();
        let guess = format!("\0user{number}@contoso.test\0wrong password");
        let line = format!("AUTH PLAIN {}\r\n", BASE64_STANDARD.encode(guess));
        client.write(line.as_bytes()).await?;
        client.reply().await
    }
}

/// Guesses under way: more than hashing threads, fewer than places in the line before them.
const AT_ONCE: usize = 32;
/// Connections: each address may try ten passwords before its answers are held up.
const OPEN: usize = 640;
/// How long one measurement takes.
const ROUND: Duration = Duration::from_secs(4);
