//! All rules together, and their explanation.

#![expect(
    clippy::unwrap_used,
    reason = "a test that can not be set up has failed"
)]

use std::{num::NonZeroU32, time::Duration};

use hve_policy::{
    Case, Clocks, Message, Policy, RecipientFacts, RecipientRefusal, Refusal, Retry, RollingQuota,
    Rule, Verdict, explain,
};
use hve_types::{
    Account, AccountId, AccountLimits, AccountSignIn, Address, Ceiling, HeaderMailbox, Principal,
    Proof, State, Suspension, Tenant, TenantId, TenantLimits, TenantSignIn,
};
use time::{UtcDateTime, macros::utc_datetime};

const NOW: UtcDateTime = utc_datetime!(2026-11-24 6:00);

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

fn tenant() -> Tenant {
    Tenant {
        id: TenantId(1),
        name: "contoso.test".parse().unwrap(),
        limits: TenantLimits::default(),
        sign_in: TenantSignIn::default(),
        state: State::Active,
        postmaster: None,
        created_at: NOW,
    }
}

fn account() -> Account {
    Account {
        id: AccountId(7),
        tenant: TenantId(1),
        address: address("hve01@contoso.test"),
        display_name: "Scanner".into(),
        alias: None,
        limits: AccountLimits::default(),
        sign_in: AccountSignIn::default(),
        state: State::Active,
        bounce_to: None,
        reply_to: None,
        created_at: NOW,
        credential_version: 1,
        secrets: Vec::new(),
    }
}

fn principal() -> Principal {
    Principal {
        tenant: TenantId(1),
        account: AccountId(7),
        address: address("hve01@contoso.test"),
        proof: Proof::Secret { version: 1 },
    }
}

fn clocks(seconds: u32) -> Clocks {
    Clocks {
        unix: NOW.unix_timestamp() + i64::from(seconds),
        monotonic: Duration::from_secs(u64::from(seconds)),
    }
}

#[test]
fn a_refused_message_is_counted_nowhere() {
    let (who, mut policy) = (principal(), Policy::new());
    let tenant_limits = TenantLimits {
        recipients_per_day: Ceiling::AtMost(100),
        ..TenantLimits::default()
    };
    let account_limits = AccountLimits {
        recipients_per_day: Ceiling::AtMost(60),
        messages_per_minute: NonZeroU32::new(2),
    };
    let fifty = [RecipientFacts::RELAY; 50];
    let ten = [RecipientFacts::RELAY; 10];
    let message = |recipients| Message::new(&who, &tenant_limits, &account_limits, recipients);

    assert_eq!(policy.accept(&message(&fifty), clocks(0)), Ok(()));
    let refused = policy.accept(&message(&fifty), clocks(1)).unwrap_err();
    assert!(matches!(refused, Refusal::AccountQuota(_)));
    assert_eq!(refused.retry(), Retry::At(clocks(86_401).unix));
    // The refused one used up no message of the rate either.
    assert_eq!(policy.accept(&message(&ten), clocks(1)), Ok(()));
    let now = clocks(1).unix;
    assert_eq!(policy.tenant(TenantId(1)).unwrap().peek(now), 60);
    assert_eq!(policy.account(AccountId(7)).unwrap().peek(now), 60);

    let free = AccountLimits {
        recipients_per_day: Ceiling::Unlimited,
        ..account_limits.clone()
    };
    let again = Message::new(&who, &tenant_limits, &free, &ten);
    let refused = policy.accept(&again, clocks(2)).unwrap_err();
    assert!(matches!(refused, Refusal::Rate(_)), "{refused}");
    assert_eq!(policy.tenant(TenantId(1)).unwrap().peek(now + 1), 60);

    policy.undo(TenantId(1), AccountId(7), clocks(0).unix, 50);
    assert_eq!(policy.tenant(TenantId(1)).unwrap().peek(now), 10);
    assert_eq!(policy.account(AccountId(7)).unwrap().peek(now), 10);
}

#[test]
fn row_42_a_limit_set_later_knows_what_was_sent_before() {
    let (who, mut policy) = (principal(), Policy::new());
    let tenant_limits = TenantLimits::default();
    let unlimited = AccountLimits::default();
    let fifty = [RecipientFacts::RELAY; 50];
    let message = Message::new(&who, &tenant_limits, &unlimited, &fifty);
    assert_eq!(policy.accept(&message, clocks(0)), Ok(()));
    let sixty = AccountLimits {
        recipients_per_day: Ceiling::AtMost(60),
        ..AccountLimits::default()
    };
    let message = Message::new(&who, &tenant_limits, &sixty, &fifty);
    let refused = policy.accept(&message, clocks(1)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the account's quota: 50 of 60 recipients are used in 24 hours and this message has 50; \
         there is room from 2026-11-25T06:00:01Z"
    );
}

#[test]
fn the_first_rule_that_refuses_is_named() {
    let (who, mut policy) = (principal(), Policy::new());
    let (tenant_limits, account_limits) = (TenantLimits::default(), AccountLimits::default());
    let mixed = [RecipientFacts::RELAY, RecipientFacts::EXTERNAL];
    let mut message = Message::new(&who, &tenant_limits, &account_limits, &mixed);
    let refused = policy.accept(&message, clocks(0)).unwrap_err();
    assert_eq!(
        refused,
        Refusal::Recipient {
            position: 1,
            refusal: RecipientRefusal::External
        }
    );
    assert!(
        refused
            .to_string()
            .starts_with("recipient 2: this service sends to")
    );
    message.octets = u64::MAX;
    assert!(matches!(
        policy.accept(&message, clocks(0)),
        Err(Refusal::Size(_))
    ));
    message.from = &HeaderMailbox::Several;
    assert!(matches!(
        policy.accept(&message, clocks(0)),
        Err(Refusal::Header(_))
    ));
    message.mail_from = None;
    assert!(matches!(
        policy.accept(&message, clocks(0)),
        Err(Refusal::Sender(_))
    ));
    assert!(policy.tenant(TenantId(1)).is_none());
}

#[test]
fn an_explanation_names_every_rule() {
    let (tenant, account) = (tenant(), account());
    let explanation = explain(&Case::new(&tenant, &account, NOW));
    assert!(explanation.allowed());
    let rules: Vec<_> = explanation.findings.iter().map(|f| f.rule).collect();
    assert_eq!(
        rules,
        [
            Rule::TenantState,
            Rule::AccountState,
            Rule::Sender,
            Rule::Recipient,
            Rule::RecipientCount,
            Rule::Size,
            Rule::Header,
            Rule::MessageRate,
            Rule::TenantQuota,
            Rule::AccountQuota
        ]
    );
}

#[test]
fn an_explanation_tells_figures_and_how_to_lift_what_blocks() {
    let (mut tenant, mut account) = (tenant(), account());
    account.limits.messages_per_minute = NonZeroU32::new(30);
    account.state = State::Suspended(Suspension {
        reason: "too many bounces".into(),
        actor: "ops".into(),
        since: NOW,
        until: Some(utc_datetime!(2026-11-24 18:00)),
    });
    tenant.limits.recipients_per_message = NonZeroU32::MIN;
    let mut used = RollingQuota::new();
    used.record(NOW.unix_timestamp() - 100, 99_999);
    let recipients = [
        (address("anna@contoso.test"), RecipientFacts::RELAY),
        (address("ANNA@contoso.test"), RecipientFacts::RELAY),
        (
            address("bert@contoso.test"),
            RecipientFacts::authoritative(true),
        ),
        (
            address("nobody@contoso.test"),
            RecipientFacts::authoritative(false),
        ),
        (address("eve@example.net"), RecipientFacts::EXTERNAL),
    ];
    let (other, from) = (address("ceo@contoso.test"), HeaderMailbox::Several);
    let mut case = Case::new(&tenant, &account, NOW);
    case.mail_from = Some(Some(&other));
    case.from = Some(&from);
    case.recipients = &recipients;
    case.octets = Some(3_000_000);
    case.tenant_quota = Some(&used);
    let shown = explain(&case).to_string();
    let expected = "\
passes    tenant-state     the tenant contoso.test is active
blocks    account-state    the account hve01@contoso.test was suspended by ops on 2026-11-24T06:00:00Z: too many bounces
                           -> resume the account, or wait until 2026-11-24T18:00:00Z
blocks    sender           the sender must be hve01@contoso.test, not ceo@contoso.test; set the sender address of the device or application to hve01@contoso.test
                           -> send as hve01@contoso.test, or sign in with the account of the address that is to be seen
passes    recipient        anna@contoso.test is internal and of a relay domain
passes    recipient        bert@contoso.test is internal and known
blocks    recipient        nobody@contoso.test is not in the recipient directory, which is complete for its domain
                           -> add it to the recipient directory, or make contoso.test a relay domain
blocks    recipient        eve@example.net is outside of the accepted domains of contoso.test
                           -> add the domain example.net to the tenant, if it is the organisation's own
blocks    recipient-count  2 of 1 recipients of one message
                           -> send to the others in further messages, or raise the tenant's recipients per message
passes    size             3000000 of 10485760 octets of one message
blocks    header           the From field, and Resent-From where it is there, must name only hve01@contoso.test
                           -> send as hve01@contoso.test, or sign in with the account of the address that is to be seen
not asked message-rate     30 messages a minute, and as many at once after a pause; only the running server knows how many there were
blocks    tenant-quota     99999 of 100000 recipients used in 24 hours, 2 asked for; the next 99999 are free at 2026-11-25T05:58:21Z
                           -> wait until 2026-11-25T05:58:21Z, or raise the tenant's recipients per day
passes    account-quota    no limit on the account's recipients in 24 hours
7 findings block this message.";
    assert_eq!(shown, expected);
}

#[test]
fn an_explanation_s_figures_are_data() {
    let (tenant, mut account) = (tenant(), account());
    account.limits.recipients_per_day = Ceiling::AtMost(5);
    let mut used = RollingQuota::new();
    used.record(NOW.unix_timestamp(), 5);
    let recipients = [(address("anna@contoso.test"), RecipientFacts::RELAY)];
    let mut case = Case::new(&tenant, &account, NOW);
    case.recipients = &recipients;
    case.account_quota = Some(&used);
    let explanation = explain(&case);
    let blocking: Vec<_> = explanation.blocking().collect();
    assert_eq!(blocking.len(), 1);
    assert_eq!(blocking[0].rule, Rule::AccountQuota);
    assert_eq!(
        blocking[0].verdict,
        Verdict::Blocks(Retry::At(NOW.unix_timestamp() + 86_401))
    );
    let figures: Vec<_> = blocking[0]
        .figures
        .iter()
        .map(|f| (f.name, f.value))
        .collect();
    assert_eq!(
        figures,
        [("limit", 5), ("used", 5), ("wanted", 1), ("room", 0)]
    );
    assert_eq!(used.peek(NOW.unix_timestamp()), 5, "nothing is counted");
}
