//! What is kept of sign-ins.

use hve_store::{Batch, LastUse};
use time::Duration;

use crate::site::{NOON, Site};

#[test]
fn the_last_use_of_each_proof_is_kept() {
    let site = Site::new();
    let counter = site.store.change_counter().unwrap();
    let used = |proof: &str, minutes: i64, client: &str| LastUse {
        account: site.account.id,
        proof: proof.into(),
        at: NOON + Duration::minutes(minutes),
        client: client.parse().unwrap(),
        mechanism: "PLAIN".into(),
    };
    let (old, new) = (
        used("secret 1", 1, "192.0.2.1"),
        used("secret 9", 2, "2001:db8::1"),
    );
    let later = used("secret 1", 3, "192.0.2.3");
    let mut writer = site.writer();
    for uses in [
        vec![old.clone(), new.clone()],
        vec![later.clone()],
        vec![old],
    ] {
        let batch = Batch {
            last_uses: uses,
            ..Batch::default()
        };
        writer.commit(&batch, NOON).unwrap();
    }
    assert_eq!(site.store.last_uses(site.account.id).unwrap(), [later, new]);
    assert_eq!(site.store.change_counter().unwrap(), counter);
    // With another password, the uses of the old one are nobody's business any more.
    let id = site.account.id;
    let change = hve_store::AccountChange {
        password: Some(crate::site::password("another password")),
        ..Default::default()
    };
    site.store
        .change_account(id, &change, &crate::site::act())
        .unwrap();
    assert_eq!(site.store.last_uses(id).unwrap(), []);
}
