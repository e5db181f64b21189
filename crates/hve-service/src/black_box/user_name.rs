//! The form of a user name that did not sign in. The name itself is not kept: some type their
//! password there.

use hve_types::Address;

/// What a user name looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UserName {
    /// An address and nothing else.
    Address,
    /// An address with white space around it.
    Padded,
    /// Something that is no address.
    Unlike,
    /// `DOMAIN\name`.
    Windows,
    /// An address, and behind it something more, such as the password.
    WithMore,
    /// A name without `@`.
    WithoutDomain,
}

impl UserName {
    pub(crate) fn of(text: &str) -> Self {
        let is_address = |text: &str| Address::parse(text).is_ok();
        let begins_with_address = || {
            let mut parts = text.split([':', ';', ',', '/', '|', ' ', '\t']);
            parts.next().is_some_and(is_address)
        };
        if is_address(text) {
            Self::Address
        } else if is_address(text.trim()) {
            Self::Padded
        } else if text.contains('\\') {
            Self::Windows
        } else if !text.contains('@') {
            Self::WithoutDomain
        } else if begins_with_address() {
            Self::WithMore
        } else {
            Self::Unlike
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_told() {
        for (text, form) in [
            ("hve01@contoso.test", UserName::Address),
            (" hve01@contoso.test", UserName::Padded),
            ("hve01@contoso.test\u{a0}", UserName::Padded),
            ("hve01", UserName::WithoutDomain),
            ("Scanner 2nd floor", UserName::WithoutDomain),
            ("CONTOSO\\hve01", UserName::Windows),
            ("hve01@contoso.test:secret", UserName::WithMore),
            ("hve01@contoso.test secret", UserName::WithMore),
            ("hve01@", UserName::Unlike),
            ("Scanner <hve01@contoso.test>", UserName::Unlike),
        ] {
            assert_eq!(UserName::of(text), form, "{text}");
        }
    }
}
