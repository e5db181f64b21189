//! The rows of the table for SCRAM.

use hve_auth::ScramRefusal;
use hve_smtp::{Enhanced, Refusal};

use super::{refusal, sentence};

/// A message of a SCRAM exchange cannot be gone on with. RFC 5802 §5.1 lets a server end a failed
/// exchange without `e=`: 5xx says more, and clients without SCRAM's words show it to somebody.
pub(crate) fn scram(refused: ScramRefusal) -> Refusal {
    let (code, enhanced, reason) = match refused {
        ScramRefusal::BindingDowngrade => (535, Enhanced(5, 7, 3), "scram-downgrade"),
        ScramRefusal::BindingMismatch => (535, Enhanced(5, 7, 3), "scram-binding"),
        ScramRefusal::BindingUnsupported => (501, Enhanced(5, 5, 4), "scram-binding-type"),
        ScramRefusal::ExtensionUnsupported => (501, Enhanced(5, 5, 4), "scram-extension"),
        ScramRefusal::Malformed => (501, Enhanced(5, 5, 2), "scram-malformed"),
        ScramRefusal::NonceMismatch => (535, Enhanced(5, 7, 3), "scram-nonce"),
        // The enum may grow: what is not known here is refused like a message that cannot be read.
        _ => (501, Enhanced(5, 5, 2), "scram-refused"),
    };
    refusal(code, enhanced, reason, sentence(&refused))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_19_every_defect_has_words_of_its_own() {
        let all = [
            (ScramRefusal::BindingDowngrade, 535, "SCRAM-SHA-256-PLUS"),
            (ScramRefusal::BindingMismatch, 535, "another TLS connection"),
            (ScramRefusal::BindingUnsupported, 501, "p=tls-exporter"),
            (ScramRefusal::ExtensionUnsupported, 501, "switch it off"),
            (ScramRefusal::Malformed, 501, "RFC 5802"),
            (ScramRefusal::NonceMismatch, 535, "from the start"),
        ];
        for (refused, code, words) in all {
            let reply = scram(refused).reply;
            assert_eq!(reply.code(), code);
            assert!(reply.text().contains(words), "{}", reply.text());
        }
    }
}
