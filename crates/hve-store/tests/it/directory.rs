//! Tenants, domains, accounts and recipients.

use secrecy::SecretString;

use crate::site::{Site, address};

#[test]
fn a_credential_is_found_by_its_address_in_any_case() {
    let site = Site::new();
    let found = site
        .store
        .credential(&address("HVE01@contoso.test"))
        .unwrap()
        .unwrap();
    assert_eq!(found.account, site.account);
    assert_eq!(found.tenant, site.tenant);
    let right = SecretString::from("correct horse battery");
    assert!(found.hash.verify(&right));
    assert!(
        site.store
            .credential(&address("x@contoso.test"))
            .unwrap()
            .is_none()
    );
}
