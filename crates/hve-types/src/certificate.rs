//! Names of TLS client certificates.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// Names one certificate: the SHA-256 of its DER form.
///
/// Read from 64 hexadecimal digits, in any case and with or without colons, and shown as such
/// without.
///
/// ```
/// use hve_types::CertificateFingerprint;
///
/// let shown = "AB:".repeat(31) + "cd";
/// let fingerprint: CertificateFingerprint = shown.parse()?;
/// assert!(fingerprint.to_string().ends_with("ababcd"));
/// # Ok::<(), hve_types::CertificateFingerprintError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CertificateFingerprint([u8; OCTETS]);

const OCTETS: usize = 32;

/// Certificates an account may list.
pub const CERTIFICATES_MAX: usize = 10;

impl CertificateFingerprint {
    /// From the hash itself.
    #[must_use]
    pub const fn from_bytes(sha_256: [u8; OCTETS]) -> Self {
        Self(sha_256)
    }
}

impl FromStr for CertificateFingerprint {
    type Err = CertificateFingerprintError;

    fn from_str(text: &str) -> Result<Self, CertificateFingerprintError> {
        let mut digits = text.bytes().filter(|octet| *octet != b':').map(|octet| {
            let digit = char::from(octet).to_digit(16);
            digit.and_then(|digit| u8::try_from(digit).ok())
        });
        let mut digit = || digits.next().flatten().ok_or(CertificateFingerprintError);
        let mut sha_256 = [0; OCTETS];
        for octet in &mut sha_256 {
            *octet = digit()? << 4 | digit()?;
        }
        match digits.next() {
            None => Ok(Self(sha_256)),
            Some(_) => Err(CertificateFingerprintError),
        }
    }
}

impl fmt::Display for CertificateFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

/// The text is no fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "a fingerprint is the SHA-256 of a certificate: 64 hexadecimal digits, with or without colons"
)]
pub struct CertificateFingerprintError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_read_with_and_without_colons() {
        let plain = "0123456789abcdef".repeat(4);
        let fingerprint: CertificateFingerprint = plain.parse().unwrap();
        assert_eq!(fingerprint.to_string(), plain);
        let pairs: Vec<String> = plain
            .as_bytes()
            .chunks(2)
            .map(|pair| String::from_utf8_lossy(pair).to_uppercase())
            .collect();
        assert_eq!(pairs.join(":").parse(), Ok(fingerprint));
        for bad in [
            "",
            "ab",
            &plain[1..],
            &format!("{plain}0"),
            &plain.replace('f', "g"),
        ] {
            let read = bad.parse::<CertificateFingerprint>();
            assert_eq!(read, Err(CertificateFingerprintError), "{bad}");
        }
    }
}
