//! Every bound on what clients may use: unit, default and reason.

use std::{num::NonZeroU32, time::Duration};

use hve_smtp::SessionLimits;

use super::{read::Section, units::Octets};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// The server's own limits. What a tenant or an account may do is in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Sessions at one time. Default 12,000: 10,000 idle devices and room, in about 500 MB.
    pub sessions: NonZeroU32,
    /// Sessions of one client address (IPv6: of one /64) at one time. Default 1,000: a site
    /// behind one NAT address, not a single machine gone wild.
    pub sessions_per_address: NonZeroU32,
    /// Octets of all bodies being received at one time. Default 256 MiB.
    pub bytes_in_flight: u64,
    /// Octets of one message, whatever its tenant may send. Default 64 MiB.
    pub message_octets: u64,
    /// For a PROXY header, and for a TLS handshake. Default 10 s.
    pub handshake_timeout: Duration,
    /// From the connection to a successful sign-in. Default 3 min: a stranger holds a connection
    /// no longer.
    pub sign_in_timeout: Duration,
    /// Without a command. Default 5 min (RFC 5321 §4.5.3.2.7).
    pub command_timeout: Duration,
    /// Between two pieces of a message. Default 3 min (RFC 5321 §4.5.3.2.5).
    pub data_timeout: Duration,
    /// For one message in all. Default 30 min.
    pub message_timeout: Duration,
    /// Octets a second, on average, that a message must come with once a minute has passed.
    /// Default 1 KiB: below a modem's speed.
    pub slowest_octets: u64,
    /// Messages in one session, advertised as MAILMAX (RFC 9422). Default 10,000: no bulk sender
    /// notices, and no session goes on for ever.
    pub messages_per_session: NonZeroU32,
    /// Errors of the protocol in one session; one more ends it. Default 20.
    pub errors: NonZeroU32,
    /// Failed sign-ins in one session; the last ends it. Default 5.
    pub sign_in_attempts: NonZeroU32,
    /// Until a client takes the octets of a reply. Default 1 min.
    pub write_timeout: Duration,
    /// From the start of a shutdown until transactions in flight are cut off. Default 20 s, under
    /// the 30 s after which service managers and container hosts use force.
    pub shutdown_grace: Duration,
    /// Threads that hash passwords. 0, the default, is one for each core: Argon2id is all
    /// computing.
    pub hashing_threads: u32,
    /// Sign-ins that wait for a hashing thread. Default 64, less than a second's work of two
    /// cores; one more gets `454 4.7.0` at once.
    pub hashing_queue: NonZeroU32,
    /// The longest that the answer to a wrong password waits: the waits grow with the number of
    /// different ones that were tried. Default 8 s; 0 is never.
    pub guess_delay: Duration,
    /// How long a verified password is remembered. Default 5 min.
    pub verified_for: Duration,
    /// How many verified passwords are remembered. Default 10,000.
    pub verified_accounts: NonZeroU32,
    /// The least time between two fetches of one issuer's keys. Default 1 min: a token may name
    /// any key, and a key that is new is found within that time.
    pub issuer_pause: Duration,
    /// Messages in one commit. Default 256.
    pub group_messages: NonZeroU32,
    /// Octets of the messages in one commit. Default 16 MiB.
    pub group_octets: u64,
}

impl Default for Limits {
    fn default() -> Self {
        const fn count(number: u32) -> NonZeroU32 {
            NonZeroU32::MIN.saturating_add(number - 1)
        }
        Self {
            sessions: count(12_000),
            sessions_per_address: count(1_000),
            bytes_in_flight: 256 * MIB,
            message_octets: 64 * MIB,
            handshake_timeout: Duration::from_secs(10),
            sign_in_timeout: Duration::from_mins(3),
            command_timeout: Duration::from_mins(5),
            data_timeout: Duration::from_mins(3),
            message_timeout: Duration::from_mins(30),
            slowest_octets: KIB,
            messages_per_session: count(10_000),
            errors: count(20),
            sign_in_attempts: count(5),
            write_timeout: Duration::from_secs(60),
            shutdown_grace: Duration::from_secs(20),
            hashing_threads: 0,
            hashing_queue: count(64),
            guess_delay: Duration::from_secs(8),
            verified_for: Duration::from_secs(300),
            verified_accounts: count(10_000),
            issuer_pause: Duration::from_mins(1),
            group_messages: count(256),
            group_octets: 16 * MIB,
        }
    }
}

impl Limits {
    /// The part of them that one session keeps by itself.
    pub(crate) fn session(&self) -> SessionLimits {
        SessionLimits {
            errors: self.errors.get(),
            sign_in_attempts: self.sign_in_attempts.get(),
            command: self.command_timeout,
            sign_in: self.sign_in_timeout,
            // The transport keeps it; the session's own is only a second guard.
            tls_handshake: self.handshake_timeout.saturating_mul(2),
            data_block: self.data_timeout,
            data_total: self.message_timeout,
            data_octets_per_second: self.slowest_octets,
            ..SessionLimits::default()
        }
    }
}

pub(super) fn read(mut section: Section<'_, '_>) -> Limits {
    let base = Limits::default();
    let octets = |section: &mut Section<'_, '_>, key, default| section.or(key, Octets(default)).0;
    let limits = Limits {
        sessions: section.or("sessions", base.sessions),
        sessions_per_address: section.or("sessions-per-address", base.sessions_per_address),
        bytes_in_flight: octets(&mut section, "bytes-in-flight", base.bytes_in_flight),
        message_octets: octets(&mut section, "message-size", base.message_octets),
        handshake_timeout: section.or("handshake-timeout", base.handshake_timeout),
        sign_in_timeout: section.or("sign-in-timeout", base.sign_in_timeout),
        command_timeout: section.or("command-timeout", base.command_timeout),
        data_timeout: section.or("data-timeout", base.data_timeout),
        message_timeout: section.or("message-timeout", base.message_timeout),
        slowest_octets: octets(&mut section, "slowest-per-second", base.slowest_octets),
        messages_per_session: section.or("messages-per-session", base.messages_per_session),
        errors: section.or("errors", base.errors),
        sign_in_attempts: section.or("sign-in-attempts", base.sign_in_attempts),
        write_timeout: section.or("write-timeout", base.write_timeout),
        shutdown_grace: section.or("shutdown-grace", base.shutdown_grace),
        hashing_threads: section.or("hashing-threads", base.hashing_threads),
        hashing_queue: section.or("hashing-queue", base.hashing_queue),
        guess_delay: section.or("guess-delay", base.guess_delay),
        verified_for: section.or("verified-for", base.verified_for),
        verified_accounts: section.or("verified-accounts", base.verified_accounts),
        issuer_pause: section.or("issuer-pause", base.issuer_pause),
        group_messages: section.or("group-messages", base.group_messages),
        group_octets: octets(&mut section, "group-size", base.group_octets),
    };
    section.finish();
    limits
}
