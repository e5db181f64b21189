//! The nouns of high-volume internal mail.
//!
//! Addresses and domains are parsed once, strictly, and are then safe to compare, store and
//! write into a message: policy is decided on the very form that is delivered.
//! The crate knows no protocol, no database, no clock and no randomness.
//!
//! ```
//! use hve_types::Address;
//!
//! let account: Address = "hve01@Contoso.Test".parse()?;
//! assert_eq!(account.domain().as_str(), "contoso.test");
//! assert_eq!(account, "HVE01@contoso.test".parse()?);
//! # Ok::<(), hve_types::AddressError>(())
//! ```

mod account;
mod address;
mod certificate;
mod domain;
mod envelope;
mod hours;
mod ids;
mod limits;
mod mailbox;
mod oauth;
mod sign_in;
mod usage;

pub use account::{Account, Principal, Proof, SECRETS_MAX, SecretFacts, State, Suspension, Tenant};
pub use address::{Address, AddressError};
pub use certificate::{CERTIFICATES_MAX, CertificateFingerprint, CertificateFingerprintError};
pub use domain::{Domain, DomainError, DomainKind};
pub use envelope::{BodyKind, Envelope, Notify, Recipient, Return};
pub use hours::{SignInHours, SignInHoursError};
pub use ids::{AccountId, QueueId, QueueIdError, TenantId};
pub use limits::{AccountLimits, Ceiling, TenantLimits};
pub use mailbox::HeaderMailbox;
pub use oauth::{ALLOWED_APPS_MAX, AUDIENCES_MAX, AllowedApp, ISSUERS_MAX, Issuer};
pub use sign_in::{
    AccountSignIn, AuthenticationPolicy, CertificateBinding, DeviceLeniency, Exemption, PolicyName,
    PolicyNameError, TenantSignIn,
};
pub use usage::{UsageEvent, UsageKind};

/// The longest address in octets (RFC 5321 §4.5.3.1.3: a path of 256 with its brackets).
pub const ADDRESS_OCTETS_MAX: usize = 254;
