//! The account's list of applications.

use hve_auth::{AppRefusal, may_use};
use hve_types::{ALLOWED_APPS_MAX, AllowedApp};
use serde_json::{Value, json};

use crate::support::{CLIENT, EC, OBJECT, changed, check, set, v2};

fn judged(listed: &[&str]) -> Result<(), AppRefusal> {
    may_use(&check(&EC.sign(&v2())).unwrap(), &list(listed))
}

fn list(ids: &[&str]) -> Vec<AllowedApp> {
    let app = |id: &&str| AllowedApp {
        object_id: (*id).to_owned(),
        label: String::new(),
    };
    ids.iter().map(app).collect()
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

#[test]
fn a_person_is_let_in_by_the_own_object_id_alone() {
    let person = "bbbbbbbb-0000-4000-8000-000000000000";
    let facts = changed(|claims| {
        set(claims, "roles", Value::Null);
        set(claims, "scp", json!("Mail.Send"));
        set(claims, "oid", json!(person));
    });
    let facts = facts.unwrap();
    assert_eq!(may_use(&facts, &list(&[person])), Ok(()));
    // Neither the application's object id nor its client id lets in whoever signs in to it.
    let refused = may_use(&facts, &list(&[OBJECT, CLIENT])).unwrap_err();
    assert!(matches!(refused, AppRefusal::PersonNotListed { .. }));
    assert!(refused.to_string().contains(person), "{refused}");
}
