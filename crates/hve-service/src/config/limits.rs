//! Every bound on what clients may use: unit, default and reason.

use std::{num::NonZeroU32, time::Duration};

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
    /// From the first octet of a PROXY header or of a TLS handshake to its end. Default 10 s.
    pub handshake_timeout: Duration,
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
    /// How long a verified password is remembered. Default 5 min.
    pub verified_for: Duration,
    /// How many verified passwords are remembered. Default 10,000.
    pub verified_accounts: NonZeroU32,
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
            write_timeout: Duration::from_secs(60),
            shutdown_grace: Duration::from_secs(20),
            hashing_threads: 0,
            hashing_queue: count(64),
            verified_for: Duration::from_secs(300),
            verified_accounts: count(10_000),
            group_messages: count(256),
            group_octets: 16 * MIB,
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
        write_timeout: section.or("write-timeout", base.write_timeout),
        shutdown_grace: section.or("shutdown-grace", base.shutdown_grace),
        hashing_threads: section.or("hashing-threads", base.hashing_threads),
        hashing_queue: section.or("hashing-queue", base.hashing_queue),
        verified_for: section.or("verified-for", base.verified_for),
        verified_accounts: section.or("verified-accounts", base.verified_accounts),
        group_messages: section.or("group-messages", base.group_messages),
        group_octets: octets(&mut section, "group-size", base.group_octets),
    };
    section.finish();
    limits
}
