//! The account's list of applications.

use hve_auth::{ALLOWED_APPS_MAX, AppRefusal, may_use};

use crate::support::{CLIENT, EC, OBJECT, check, v2};

fn judged(listed: &[&str]) -> Result<(), AppRefusal> {
    let listed: Vec<String> = listed.iter().map(|&listed| listed.to_owned()).collect();
    may_use(&check(&EC.sign(&v2())).unwrap(), &listed)
}

#[test]
fn the_object_id_lets_it_in_in_any_case_of_letters() {
    assert_eq!(judged(&["other", &OBJECT.to_uppercase()]), Ok(()));
    assert_eq!(judged(&[CLIENT, OBJECT]), Ok(()));
}

#[test]
fn who_is_not_listed_hears_the_id_that_is_wanted() {
    for listed in [&[][..], &["other", ""], &[&OBJECT[1..]]] {
        let refused = judged(listed).unwrap_err();
        assert!(matches!(refused, AppRefusal::NotListed { .. }), "{refused}");
        assert!(refused.to_string().contains(OBJECT), "{refused}");
    }
}

#[test]
fn a_client_id_by_mistake_is_recognised() {
    let refused = judged(&["other", &CLIENT.to_uppercase()]).unwrap_err();
    assert!(matches!(refused, AppRefusal::ClientIdListed { .. }));
    let words = refused.to_string();
    assert!(words.contains(&format!("client id {CLIENT}")), "{words}");
    assert!(words.contains(&format!("object id {OBJECT}")), "{words}");
}

#[test]
fn ten_entries_count() {
    let mut listed = vec!["other"; ALLOWED_APPS_MAX - 1];
    listed.push(OBJECT);
    assert_eq!(judged(&listed), Ok(()));
    listed.insert(0, "one more");
    let refused = judged(&listed).unwrap_err();
    assert!(matches!(refused, AppRefusal::BeyondLimit { .. }));
    assert!(refused.to_string().contains("first 10 entries"));
}
