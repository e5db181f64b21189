//! Mechanisms that the host speaks: responses go to it, and its challenges come back.

use secrecy::zeroize::Zeroizing;

use super::{Ahead, Next};
use crate::{Mechanism, Question, SaslResponse};

/// First message, final message, and the empty response to the server's final message
/// (RFC 5802 §5, RFC 4954 §4).
const RESPONSES: u8 = 3;

/// An exchange of which only the number of responses is known here.
#[derive(Debug)]
pub(crate) struct Relay {
    mechanism: Mechanism,
    responses: u8,
}

impl Relay {
    pub(super) const fn new(mechanism: Mechanism) -> Self {
        Self {
            mechanism,
            responses: 0,
        }
    }

    /// Hands a response to the host.
    pub(super) fn ask(self, octets: Zeroizing<Vec<u8>>) -> Next {
        let response = SaslResponse {
            mechanism: self.mechanism,
            first: self.responses == 0,
            octets,
        };
        let ahead = Self {
            responses: self.responses.saturating_add(1),
            ..self
        };
        Next::Ask(Question::Sasl(response), Ahead::Relay(ahead))
    }

    /// No client is kept in an exchange for ever, whatever the host says.
    pub(crate) const fn may_go_on(&self) -> bool {
        self.responses < RESPONSES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_16_an_exchange_has_three_responses() {
        let mut relay = Relay::new(Mechanism::ScramSha256);
        for n in 0..3 {
            assert!(relay.may_go_on());
            let next = relay.ask(Zeroizing::new(b"canary".to_vec()));
            let shown = format!("{next:?}");
            assert!(shown.contains("octets: 6") && !shown.contains("99, 97"));
            let Next::Ask(Question::Sasl(response), Ahead::Relay(ahead)) = next else {
                panic!("{shown}")
            };
            assert_eq!(response.first, n == 0);
            assert_eq!(*response.octets, b"canary");
            relay = ahead;
        }
        assert!(!relay.may_go_on());
    }
}
