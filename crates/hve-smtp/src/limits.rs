//! Every bound and every deadline of a session, each with its unit, default and reason.

use std::time::Duration;

/// Limits of one session. All bounds are inclusive: the value itself is still allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// Octets of a command line with its CRLF. Default 2,048: the 512 of RFC 5321 §4.5.3.1.4 and
    /// what SIZE, SMTPUTF8, AUTH and DSN add to it (RFC 1870 §3, RFC 3461 §4, RFC 4954 §3).
    pub command_line_octets: usize,
    /// Octets of a SASL response line, or of an AUTH command, with its CRLF. Default 12,288
    /// (RFC 4954 §4).
    pub sasl_line_octets: usize,
    /// The same where XOAUTH2 or OAUTHBEARER is offered. Default 16,384: a token of 10 KiB is
    /// 14 KiB in base64, and tokens that list many groups come near to it. RFC 4954 §4 demands
    /// that what an offered mechanism needs passes.
    pub bearer_line_octets: usize,
    /// Octets of a too long line that are read in search of its end; then 421. Default 64 KiB:
    /// enough for every honest mistake.
    pub discard_octets: usize,
    /// Errors of the protocol; one more is 421. Default 20: a person at a keyboard survives, a
    /// probe does not.
    pub errors: u32,
    /// Commands that bring nothing forward (NOOP, RSET, EHLO, MAIL without a message, ..)
    /// between two accepted messages; one more is 421. Default 250: an hour of keep-alives.
    pub idle_commands: u32,
    /// Failed sign-ins; the last of them ends in 421. Default 5 (RFC 4954 §4 asks for a bound).
    pub sign_in_attempts: u32,
    /// Recipients the host refuses in one session; one more is 421. Default 1,000: a large list
    /// with many dead entries passes, harvesting addresses does not.
    pub refused_recipients: u32,
    /// Accepted recipients of one message, whatever the host says. Default 10,000: bounds memory
    /// (RFC 5321 §4.5.3.1.8 asks for at least 100).
    pub recipients: usize,
    /// Fields of a message header. Default 1,000.
    pub header_fields: usize,
    /// Octets of a message header. Default 256 KiB: thousands of addresses in `To` fit.
    pub header_octets: usize,
    /// `Received` fields; more is a loop (RFC 5321 §6.3 asks for at least 100 hops on relays; a
    /// submission has had next to none). Default 50.
    pub received_fields: usize,
    /// Octets above the size limit that are read on for the end of the message, so that the
    /// client hears 552; then the connection is closed after it. Default 16 MiB.
    pub overrun_octets: u64,
    /// Octets of replies gathered before a `Send`, whatever waits behind. Default 16 KiB.
    pub output_octets: usize,
    /// For one command, from the reply before it. Default 5 min (RFC 5321 §4.5.3.2.7).
    pub command: Duration,
    /// From the connection to a successful sign-in, in all. Default 3 min: a stranger holds a
    /// connection no longer.
    pub sign_in: Duration,
    /// For one SASL response. Default 1 min: programs answer, not people.
    pub sasl: Duration,
    /// For the TLS handshake after STARTTLS. Default 30 s.
    pub tls_handshake: Duration,
    /// Between two pieces of a message. Default 3 min (RFC 5321 §4.5.3.2.5).
    pub data_block: Duration,
    /// Before [`SessionLimits::data_octets_per_second`] is demanded. Default 1 min.
    pub data_grace: Duration,
    /// The slowest message, on average. Default 1,024: below a modem's speed.
    pub data_octets_per_second: u64,
    /// For one message in all. Default 30 min.
    pub data_total: Duration,
    /// For the host's answer to a question. Default 10 min, what the client grants the end of
    /// the data (RFC 5321 §4.5.3.2.6).
    pub answer: Duration,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            command_line_octets: 2_048,
            sasl_line_octets: 12_288,
            bearer_line_octets: 16_384,
            discard_octets: 64 * 1024,
            errors: 20,
            idle_commands: 250,
            sign_in_attempts: 5,
            refused_recipients: 1_000,
            recipients: 10_000,
            header_fields: 1_000,
            header_octets: 256 * 1024,
            received_fields: 50,
            overrun_octets: 16 * 1024 * 1024,
            output_octets: 16 * 1024,
            command: Duration::from_mins(5),
            sign_in: Duration::from_mins(3),
            sasl: Duration::from_mins(1),
            tls_handshake: Duration::from_secs(30),
            data_block: Duration::from_mins(3),
            data_grace: Duration::from_mins(1),
            data_octets_per_second: 1_024,
            data_total: Duration::from_mins(30),
            answer: Duration::from_mins(10),
        }
    }
}
