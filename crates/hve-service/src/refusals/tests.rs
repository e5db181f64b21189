//! Every refusal there is has its reply.

use hve_types::{Address, Suspension};
use time::macros::utc_datetime;

use super::*;

const NOW: Duration = Duration::from_secs(100);

fn check(refusal: &Refusal, code: u16, enhanced: Enhanced, words: &str) {
    let reply = &refusal.reply;
    assert_eq!((reply.code(), reply.enhanced()), (code, Some(enhanced)));
    assert!(reply.text().contains(words), "{}", reply.text());
    assert!(!refusal.reason.is_empty() && refusal.reason.is_ascii());
}

#[test]
fn sign_in_refusals() {
    let suspension = Suspension {
        reason: "abuse reported".into(),
        actor: "operator".into(),
        since: utc_datetime!(2026-11-24 0:00),
        until: None,
    };
    let wrong = Enhanced(5, 7, 3);
    for (refused, words) in [
        (
            SignInRefusal::WrongCredentials,
            "Wrong user name or password",
        ),
        (SignInRefusal::AccountRemoved, "removed"),
        (SignInRefusal::CredentialsChanged, "sign in again"),
        (
            SignInRefusal::AccountSuspended(suspension.clone()),
            "abuse reported",
        ),
        (
            SignInRefusal::TenantSuspended(suspension.clone()),
            "abuse reported",
        ),
    ] {
        check(&sign_in(&refused, NOW), 535, wrong, words);
        assert!(!sign_in(&refused, NOW).close);
        assert!(no_longer_good(&refused, NOW).close);
    }
    let over = SignInRefusal::TokenExpired(utc_datetime!(2026-11-24 6:00));
    check(
        &sign_in(&over, NOW),
        535,
        Enhanced(5, 7, 143),
        "get a new one",
    );
    let until = NOW + Duration::from_millis(8_500);
    let blocked = sign_in(&SignInRefusal::Blocked { until }, NOW);
    check(&blocked, 454, Enhanced(4, 7, 0), "wait 9 seconds");
    check(&sign_in_busy(), 454, Enhanced(4, 7, 0), "try again");
    check(&sessions(), 421, Enhanced(4, 3, 2), "try again");
    check(&sessions_of_account(50), 432, Enhanced(4, 3, 2), "50");
}

#[test]
fn policy_refusals() {
    let address = |text: &str| text.parse::<Address>().unwrap();
    let not_the_account = SenderRefusal::NotTheAccount {
        account: address("hve01@contoso.test"),
        given: address("other@contoso.test"),
    };
    let from = Enhanced(5, 7, 62);
    check(&sender(&not_the_account), 550, from, "hve01@contoso.test");
    check(
        &sender(&SenderRefusal::NullSender),
        550,
        from,
        "own address",
    );
    let (account, given) = (address("hve01@contoso.test"), address("x@contoso.test"));
    for refused in [
        HeaderRefusal::FromMalformed {
            account: account.clone(),
        },
        HeaderRefusal::FromNotTheAccount {
            account: account.clone(),
            given: given.clone(),
        },
        HeaderRefusal::FromSeveral {
            account: account.clone(),
        },
        HeaderRefusal::SenderMalformed {
            account: account.clone(),
        },
        HeaderRefusal::SenderNotTheAccount {
            account: account.clone(),
            given,
        },
        HeaderRefusal::SenderSeveral { account },
    ] {
        check(
            &header(&refused),
            550,
            Enhanced(5, 6, 241),
            "hve01@contoso.test",
        );
    }
    let external = recipient(&RecipientRefusal::External);
    check(&external, 550, Enhanced(5, 5, 105), "own domains");
    let unknown = recipient(&RecipientRefusal::Unknown);
    check(&unknown, 550, Enhanced(5, 1, 10), "no such recipient");
    let many = recipient(&RecipientRefusal::TooMany { limit: 50 });
    check(&many, 452, Enhanced(4, 5, 3), "50 recipients");
    let large = TooLarge {
        limit: 1000,
        octets: 1001,
    };
    check(&too_large(&large), 552, Enhanced(5, 3, 4), "1001");
}

#[test]
fn quota_and_rate_say_when() {
    let exceeded = QuotaExceeded {
        limit: 100,
        used: 90,
        wanted: 11,
        room_at: Some(1_763_963_549),
    };
    for of in [QuotaOf::Account, QuotaOf::Tenant] {
        let later = quota(of, &exceeded);
        check(&later, 452, Enhanced(4, 7, 1), "90 of 100");
        check(&later, 452, Enhanced(4, 7, 1), "2025-11-24T05:52:29Z");
    }
    let never = QuotaExceeded {
        room_at: None,
        ..exceeded
    };
    check(
        &quota(QuotaOf::Tenant, &never),
        550,
        Enhanced(5, 7, 1),
        "never fits",
    );
    let rates = hve_policy::MessageRates::new();
    let account = hve_types::AccountId(1);
    let one = std::num::NonZeroU32::MIN;
    assert!(rates.check(account, one, NOW).is_ok());
    let wait = rates.check(account, one, NOW).unwrap_err();
    check(&rate(&wait), 450, Enhanced(4, 7, 1), "60 seconds");
}

#[test]
fn every_verdict_of_the_commit() {
    let suspension = Suspension {
        reason: "abuse reported".into(),
        actor: "operator".into(),
        since: utc_datetime!(2026-11-24 0:00),
        until: None,
    };
    let exceeded = QuotaExceeded {
        limit: 100,
        used: 90,
        wanted: 11,
        room_at: Some(1_763_963_549),
    };
    assert!(accepted(&Accepted::Durable, NOW).is_ok());
    for (verdict, code, enhanced, words) in [
        (
            Accepted::AccountQuota(exceeded),
            452,
            Enhanced(4, 7, 1),
            "account's quota",
        ),
        (
            Accepted::TenantQuota(exceeded),
            452,
            Enhanced(4, 7, 1),
            "organisation's quota",
        ),
        (Accepted::AccountRemoved, 535, Enhanced(5, 7, 3), "removed"),
        (Accepted::TenantRemoved, 535, Enhanced(5, 7, 3), "removed"),
        (
            Accepted::AccountSuspended(suspension.clone()),
            535,
            Enhanced(5, 7, 3),
            "abuse",
        ),
        (
            Accepted::TenantSuspended(suspension),
            535,
            Enhanced(5, 7, 3),
            "abuse",
        ),
        (Accepted::Duplicate, 451, Enhanced(4, 3, 0), "try again"),
        (Accepted::NoRecipients, 451, Enhanced(4, 3, 0), "try again"),
    ] {
        check(&accepted(&verdict, NOW).unwrap_err(), code, enhanced, words);
    }
}

#[test]
fn trouble_of_the_server_is_later() {
    check(
        &store(Trouble::DiskFull),
        452,
        Enhanced(4, 3, 1),
        "disk is full",
    );
    for trouble in [Trouble::Store, Trouble::Ended] {
        check(&store(trouble), 451, Enhanced(4, 3, 0), "try again");
    }
    check(&unavailable(), 451, Enhanced(4, 3, 0), "try again");
    check(&no_memory(), 452, Enhanced(4, 3, 1), "try again");
}

#[test]
fn a_rule_that_keeps_somebody_out_is_named() {
    let named = |block: RuleBlock, words: &str| {
        let refused = sign_in(&block.into(), Duration::ZERO);
        check(&refused, 535, Enhanced(5, 7, 139), words);
    };
    named(
        RuleBlock::SecurityDefaults { oauth: false },
        "password; ask your administrator for an exemption",
    );
    named(
        RuleBlock::SecurityDefaults { oauth: true },
        "sign in with OAuth",
    );
    named(
        RuleBlock::Network(std::net::IpAddr::from([192, 0, 2, 1])),
        "address list does not hold 192.0.2.1",
    );
    for (own, whose) in [(true, "the account's own"), (false, "the organisation's")] {
        let name = "Block".to_owned();
        let oauth = own;
        named(RuleBlock::Policy { name, own, oauth }, whose);
    }
}
