//! The policy of high-volume internal mail in your own program: no SMTP, no store, no async.
//!
//! `cargo run -p hve-examples --example policy_alone`

use std::{error::Error, time::Duration};

use hve_policy::{Clocks, Message, Policy, RecipientFacts, Refusal, Retry};
use hve_types::{AccountId, AccountLimits, Ceiling, Principal, Proof, TenantId, TenantLimits};

fn main() -> Result<(), Box<dyn Error>> {
    // Who sends, and what they may do: from your own directory.
    let payroll = Principal {
        tenant: TenantId(1),
        account: AccountId(1),
        address: "payroll@contoso.test".parse()?,
        proof: Proof::Secret { version: 1 },
    };
    let tenant = TenantLimits {
        recipients_per_day: Ceiling::AtMost(70),
        ..TenantLimits::default()
    };
    let account = AccountLimits::default();

    // Two messages to 40 colleagues each, one after the other; the second is over the quota.
    let mut policy = Policy::new();
    let message = Message::new(&payroll, &tenant, &account, &[RecipientFacts::RELAY; 40]);
    let noon = Clocks {
        unix: 1_800_000_000,
        monotonic: Duration::ZERO,
    };
    let later = Clocks {
        unix: 1_800_000_060,
        monotonic: Duration::from_secs(60),
    };
    policy.accept(&message, noon)?;
    let Err(refused) = policy.accept(&message, later) else {
        return Err("over the quota, and yet accepted".into());
    };
    println!("{refused}");
    assert_eq!(refused.retry(), Retry::At(noon.unix + 86_401));

    // One recipient outside: never, however long one waits.
    let mixed = [RecipientFacts::RELAY, RecipientFacts::EXTERNAL];
    let message = Message::new(&payroll, &tenant, &account, &mixed);
    let Err(refused) = policy.accept(&message, later) else {
        return Err("going outside, and yet accepted".into());
    };
    println!("{refused}");
    assert!(matches!(refused, Refusal::Recipient { position: 1, .. }));
    assert_eq!(refused.retry(), Retry::Never);
    Ok(())
}

#[test]
fn the_example_holds() {
    main().unwrap();
}
