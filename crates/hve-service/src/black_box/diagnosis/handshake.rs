//! What is wrong where TLS did not come about.

use hve_store::Diagnosis;

use super::{Handshake, of};
use crate::tls::{Fault, Heard};

/// What was wrong with a handshake on a port where TLS begins with the first octet, or not.
pub(super) fn diagnose(handshake: Handshake, implicit: bool, port: u16) -> Diagnosis {
    match handshake.heard {
        Heard::Smtp => return clear_text(implicit, port),
        Heard::Http => return http(port),
        Heard::Ssl2 => return old("SSL, older than TLS 1.0"),
        Heard::Nothing if implicit => return waits(port),
        // Such a hello lacks so much that the library may complain of something else first.
        Heard::Hello(Some(0x0300)) => return old("SSL 3.0 at most"),
        Heard::Hello(Some(0x0301)) => return old("TLS 1.0 at most"),
        Heard::Hello(Some(0x0302)) => return old("TLS 1.1 at most"),
        Heard::Nothing | Heard::Other | Heard::Hello(_) => {}
    }
    match handshake.fault {
        Fault::OldVersions => old("only versions of TLS before 1.2"),
        Fault::Untrusted => of(
            "tls-untrusted",
            "The device does not trust the server's certificate.",
            "Install the certificate of the issuer on the device, or use a certificate of an \
             issuer that it knows; the server's name on the device must be one of those in the \
             certificate.",
        ),
        Fault::Expired => of(
            "tls-expired",
            "The device says that the server's certificate has expired.",
            "Set date and time on the device; if they are right, renew the certificate.",
        ),
        Fault::Ciphers => of(
            "tls-ciphers",
            "The device offers no cipher, group or signature that is still safe.",
            "Update the firmware of the device, or let it choose the ciphers by itself.",
        ),
        Fault::OurVersions => of(
            "tls-versions",
            "The device refuses TLS 1.2 and 1.3.",
            "Turn TLS 1.2 on at the device, or update its firmware.",
        ),
        Fault::Gone => of(
            "tls-gone",
            "The device went away in the middle of the TLS handshake. Most often it does not \
             trust the certificate.",
            "Install the certificate of the issuer on the device, and give it the server's name \
             as it stands in the certificate.",
        ),
        Fault::Slow => of(
            "tls-slow",
            "The device began a TLS handshake and did not end it in time.",
            "Look for a firewall or proxy in between that inspects TLS; restart the device.",
        ),
        Fault::NotTls => of(
            "not-tls",
            "What the device sent is not TLS.",
            "Look at the device for the protocol SMTP, this port, and the encryption that belongs \
             to it.",
        ),
        Fault::Other => of(
            "tls-failed",
            "The TLS handshake failed; the last line has the words of the TLS library.",
            "Update the firmware of the device; try another encryption setting there.",
        ),
    }
}

fn old(offer: &str) -> Diagnosis {
    of(
        "tls-old",
        format!("The device offers {offer}; 1.2 is the least here."),
        "Turn TLS 1.2 on at the device, or update its firmware. A device that cannot needs a \
         relay on its own network that can.",
    )
}

fn clear_text(implicit: bool, port: u16) -> Diagnosis {
    if implicit {
        return of(
            "clear-text-on-tls-port",
            format!("The device speaks clear text, and port {port} is for TLS from the start."),
            starttls_or_implicit(port),
        );
    }
    of(
        "no-handshake",
        "The device said STARTTLS and went on in clear text.",
        "Update the firmware of the device; its STARTTLS does not work.",
    )
}

fn waits(port: u16) -> Diagnosis {
    of(
        "waits-for-greeting",
        format!(
            "The device connected and waited for a greeting. On port {port} it has to begin with TLS."
        ),
        starttls_or_implicit(port),
    )
}

fn starttls_or_implicit(port: u16) -> String {
    format!(
        "Set the device to the port with STARTTLS, mostly 587, with encryption \"STARTTLS\"; or \
         stay at port {port} and set the encryption to \"SSL/TLS\"."
    )
}

fn http(port: u16) -> Diagnosis {
    of(
        "http",
        format!("The client speaks HTTP; port {port} is for mail submission."),
        "It is a browser, a scanner or a wrong port: send mail here, web requests elsewhere.",
    )
}
