//! The rows of the table for EXTERNAL. A stranger may hear all of them: they tell of the
//! certificate, which is the stranger's own, and of no account whether it is there.

use hve_smtp::{Enhanced, Refusal};
use hve_types::CertificateFingerprint;

use super::refusal;

/// No account that was meant lists the certificate.
pub(crate) fn unknown_certificate(shown: &CertificateFingerprint) -> Refusal {
    let text = format!(
        "No account of that name lists the certificate {shown}; ask your administrator to add it"
    );
    refusal(535, Enhanced(5, 7, 3), "certificate-unknown", text)
}

/// The client showed no certificate.
pub(crate) fn no_certificate() -> Refusal {
    refusal(
        535,
        Enhanced(5, 7, 3),
        "certificate-missing",
        "EXTERNAL needs a TLS client certificate; install one in the client, or sign in otherwise",
    )
}

/// Several accounts list the certificate, and the client named none.
pub(crate) fn ambiguous_certificate() -> Refusal {
    refusal(
        535,
        Enhanced(5, 7, 3),
        "certificate-ambiguous",
        "Several accounts list this certificate; name one of them as the authorization identity",
    )
}
