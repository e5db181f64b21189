//! What the client half says of a recipient, as an outcome for the queue.

use hve_smtp::{Cause, Enhanced, Failure, Protocol, Verdict};
use hve_store::Reason;

use crate::Outcome;

/// The outcome, with the hop's name and words. Who speaks LMTP keeps the mail; who speaks SMTP
/// passes it on.
pub(super) fn outcome(
    hop: &str,
    protocol: Protocol,
    dsn_passed_on: bool,
    verdict: &Verdict,
) -> Outcome {
    match verdict {
        Verdict::Delivered(_) if protocol == Protocol::Lmtp => Outcome::Delivered,
        Verdict::Delivered(_) => Outcome::Relayed { dsn_passed_on },
        Verdict::Permanent(failure) => Outcome::Failed {
            reason: reason(hop, failure, None),
        },
        Verdict::Temporary(failure) => Outcome::Deferred {
            reason: reason(hop, failure, None),
        },
        other => Outcome::Deferred {
            reason: format!("{hop}: {other:?}").into(),
        },
    }
}

/// Why somebody was not delivered; `detail` is what only our side knows of it.
pub(super) fn reason(hop: &str, failure: &Failure, detail: Option<&str>) -> Reason {
    let mut words = format!("{hop}: {failure}");
    if let Some(detail) = detail {
        words.push_str(": ");
        words.push_str(detail);
    }
    if failure.uncertain {
        words.push_str("; it may have been delivered all the same");
    }
    let Enhanced(class, subject, what) = failure.enhanced();
    let refused = failure
        .reply
        .as_ref()
        .filter(|_| failure.cause == Cause::Refused);
    Reason {
        words,
        stage: Some(failure.stage.as_str().into()),
        hop: Some(hop.into()),
        status: Some([class, subject, what]),
        reply: refused.map(|reply| reply.to_string().into()),
    }
}

/// True where the hop may have the copy although it did not say so.
pub(super) const fn is_uncertain(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Temporary(failure) if failure.uncertain)
}
