//! The rules without memory: sender, header, recipients, size.

#![expect(
    clippy::unwrap_used,
    reason = "a test that can not be set up has failed"
)]

use std::num::NonZeroU32;

use hve_policy::{
    HeaderRefusal, RecipientFacts, RecipientRefusal, Retry, SenderRefusal, TooLarge, header,
    recipient, sender, size,
};
use hve_types::{AccountId, Address, HeaderMailbox, Principal, Proof, TenantId, TenantLimits};

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

fn principal() -> Principal {
    Principal {
        tenant: TenantId(1),
        account: AccountId(1),
        address: address("hve01@contoso.test"),
        proof: Proof::Secret { version: 1 },
    }
}

fn one(text: &str) -> HeaderMailbox {
    HeaderMailbox::One(address(text))
}

#[test]
fn the_envelope_sender_is_the_account_in_any_case() {
    for same in [
        "hve01@contoso.test",
        "HVE01@contoso.test",
        "Hve01@CONTOSO.TEST",
    ] {
        assert_eq!(sender(&principal(), Some(&address(same))), Ok(()), "{same}");
    }
    for other in [
        "hve02@contoso.test",
        "hve01+tag@contoso.test",
        "hve01@sub.contoso.test",
        "hve01@contoso.example",
        "hvе01@contoso.test", // a Cyrillic е
    ] {
        let refused = sender(&principal(), Some(&address(other))).unwrap_err();
        assert_eq!(
            refused,
            SenderRefusal::NotTheAccount {
                account: address("hve01@contoso.test"),
                given: address(other),
            }
        );
        assert_eq!(refused.retry(), Retry::Never);
        assert!(refused.to_string().contains("must be hve01@contoso.test"));
    }
}

#[test]
fn row_34_the_null_sender_is_refused() {
    assert_eq!(sender(&principal(), None), Err(SenderRefusal::NullSender));
    assert_eq!(SenderRefusal::NullSender.retry(), Retry::Never);
}

#[test]
fn row_31_from_and_sender_may_claim_no_other_name() {
    use HeaderMailbox::{Absent, Malformed, Several};
    let account = address("hve01@contoso.test");
    let other = address("ceo@contoso.test");
    let check = |from, sender| header(&principal(), &from, &sender);
    assert_eq!(check(one("hve01@contoso.test"), Absent), Ok(()));
    assert_eq!(
        check(one("HVE01@Contoso.test"), one("hve01@contoso.test")),
        Ok(())
    );
    assert_eq!(check(Absent, Absent), Ok(()), "the server adds it");
    let cases = [
        (
            check(one("ceo@contoso.test"), Absent),
            HeaderRefusal::FromNotTheAccount {
                account: account.clone(),
                given: other.clone(),
            },
        ),
        (
            // RFC 5322 §3.6.2 allows it; here nobody sends for somebody else.
            check(one("ceo@contoso.test"), one("hve01@contoso.test")),
            HeaderRefusal::FromNotTheAccount {
                account: account.clone(),
                given: other.clone(),
            },
        ),
        (
            check(Several, Absent),
            HeaderRefusal::FromSeveral {
                account: account.clone(),
            },
        ),
        (
            check(Malformed, Absent),
            HeaderRefusal::FromMalformed {
                account: account.clone(),
            },
        ),
        (
            check(one("hve01@contoso.test"), one("ceo@contoso.test")),
            HeaderRefusal::SenderNotTheAccount {
                account: account.clone(),
                given: other,
            },
        ),
        (
            check(one("hve01@contoso.test"), Several),
            HeaderRefusal::SenderSeveral {
                account: account.clone(),
            },
        ),
        (
            check(Absent, Malformed),
            HeaderRefusal::SenderMalformed { account },
        ),
    ];
    for (verdict, expected) in cases {
        let refused = verdict.unwrap_err();
        assert_eq!(refused, expected);
        assert_eq!(refused.retry(), Retry::Never);
        assert!(
            refused.to_string().contains("hve01@contoso.test"),
            "{refused}"
        );
        // The field that is to blame may be the resent one: the words must be true of it too.
        let text = refused.to_string();
        assert!(
            text.contains("From field") && text.contains("Resent-From where it is there")
                || text.contains("Sender field")
                    && text.contains("Resent-Sender where it is there"),
            "{text}"
        );
    }
}

#[test]
fn row_26_only_the_organisation_s_own_domains_are_internal() {
    let limits = TenantLimits::default();
    let external = recipient(&limits, RecipientFacts::EXTERNAL, 0).unwrap_err();
    assert_eq!(external, RecipientRefusal::External);
    assert_eq!(external.retry(), Retry::Never);
    // A directory that lists an address of a domain which is not accepted changes nothing.
    let stray = RecipientFacts {
        domain: None,
        listed: true,
    };
    assert_eq!(
        recipient(&limits, stray, 0),
        Err(RecipientRefusal::External)
    );
    assert_eq!(recipient(&limits, RecipientFacts::RELAY, 0), Ok(()));
    assert_eq!(
        recipient(&limits, RecipientFacts::authoritative(true), 0),
        Ok(())
    );
    assert_eq!(
        recipient(&limits, RecipientFacts::authoritative(false), 0),
        Err(RecipientRefusal::Unknown)
    );
}

#[test]
fn row_25_fifty_recipients_and_not_the_next() {
    let limits = TenantLimits::default();
    assert_eq!(recipient(&limits, RecipientFacts::RELAY, 49), Ok(()));
    let refused = recipient(&limits, RecipientFacts::RELAY, 50).unwrap_err();
    assert_eq!(refused, RecipientRefusal::TooMany { limit: 50 });
    assert_eq!(refused.retry(), Retry::NextMessage);
    assert_eq!(
        recipient(&limits, RecipientFacts::RELAY, usize::MAX),
        Err(RecipientRefusal::TooMany { limit: 50 })
    );
    // What can never be right is said before what would fit into a further message.
    assert_eq!(
        recipient(&limits, RecipientFacts::EXTERNAL, 50),
        Err(RecipientRefusal::External)
    );
    let one = TenantLimits {
        recipients_per_message: NonZeroU32::MIN,
        ..TenantLimits::default()
    };
    assert_eq!(recipient(&one, RecipientFacts::RELAY, 0), Ok(()));
    assert!(recipient(&one, RecipientFacts::RELAY, 1).is_err());
}

#[test]
fn row_29_exactly_the_limit_and_one_octet_more() {
    let limits = TenantLimits::default();
    let limit = 10 * 1024 * 1024;
    assert_eq!(size(&limits, 0), Ok(()));
    assert_eq!(size(&limits, limit), Ok(()));
    for octets in [limit + 1, 1 << 31, 1 << 32, 1 << 63, u64::MAX] {
        let refused = size(&limits, octets).unwrap_err();
        assert_eq!(refused, TooLarge { limit, octets });
        assert_eq!(refused.retry(), Retry::Never);
    }
}
