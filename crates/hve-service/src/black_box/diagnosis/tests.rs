//! What counts as a failure, and which diagnosis comes first.

use super::*;

/// A session under TLS on the port with STARTTLS, of which nothing is known yet.
fn facts<'a>(refusals: &'a [(&'static str, String)]) -> Facts<'a> {
    Facts {
        implicit: false,
        port: 587,
        encrypted: true,
        handshake: None,
        refusals,
        signed_in: false,
        tried: None,
        account_exists: false,
        user_name: None,
        messages: 0,
    }
}

fn refused(reasons: &[&'static str]) -> Vec<(&'static str, String)> {
    reasons.iter().map(|of| (*of, "Why not".into())).collect()
}

fn keys(reasons: &[&'static str]) -> Vec<String> {
    let found = facts(&refused(reasons)).diagnoses();
    found.into_iter().map(|of| of.key).collect()
}

fn handshake(fault: Fault, heard: Heard, took: Duration) -> Facts<'static> {
    Facts {
        implicit: true,
        port: 465,
        encrypted: false,
        handshake: Some(Handshake { fault, heard, took }),
        ..facts(&[])
    }
}

#[test]
fn whoever_is_refused_nothing_has_not_failed() {
    assert!(!facts(&[]).is_failure());
    let wrong = refused(&["wrong-credentials"]);
    assert!(facts(&wrong).is_failure());
    let sent = Facts {
        messages: 1,
        ..facts(&wrong)
    };
    assert!(!sent.is_failure(), "a message was queued after all");
    assert!(!facts(&refused(&["shutting-down"])).is_failure());
    let idle = refused(&["timeout-command"]);
    assert!(facts(&idle).is_failure());
    let kept_open = Facts {
        signed_in: true,
        ..facts(&idle)
    };
    assert!(!kept_open.is_failure(), "a connection of a pool");
}

#[test]
fn a_port_probe_is_no_failure_and_a_device_that_waits_is() {
    let of = |took| handshake(Fault::Gone, Heard::Nothing, took);
    assert!(!of(PROBE / 2).is_failure());
    assert!(of(PROBE).is_failure());
    let key = &of(PROBE).diagnoses()[0].key;
    assert_eq!(key, "waits-for-greeting");
    let spoke = handshake(Fault::Gone, Heard::Hello(None), Duration::ZERO);
    assert!(spoke.is_failure());
}

#[test]
fn a_consequence_is_a_cause_only_where_there_is_no_other() {
    let chain = ["plain-form", "unknown-command", "sign-in-first"];
    assert_eq!(keys(&chain), ["plain-form"]);
    assert_eq!(keys(&["sign-in-first"]), ["no-sign-in"]);
    assert_eq!(keys(&["sign-in-first", "timeout-command"]).len(), 2);
    assert_eq!(
        keys(&["unknown-mechanism", "wrong-credentials"]),
        ["mechanism-not-offered", "foreign-user-name"]
    );
}

#[test]
fn a_refusal_without_a_diagnosis_of_its_own_speaks_for_itself() {
    let refusals = vec![("quota-tenant", "No room until noon".to_owned())];
    let found = facts(&refusals).diagnoses();
    assert_eq!(found[0].key, "quota-tenant");
    assert_eq!(found[0].finding, "No room until noon.");
}

#[test]
fn the_operator_hears_of_a_token_what_a_stranger_does_not() {
    let words = "Wrong user name or password".to_owned();
    let refusals = vec![("token-audience", words)];
    let found = facts(&refusals).diagnoses();
    assert!(found[0].finding.contains("another service"), "{found:?}");
}

#[test]
fn clear_text_at_first_is_told_from_clear_text_to_the_end() {
    let refusals = refused(&["tls-first"]);
    let key = |encrypted| {
        let facts = Facts {
            encrypted,
            ..facts(&refusals)
        };
        facts.diagnoses()[0].key.clone()
    };
    assert_eq!(key(false), "no-starttls");
    assert_eq!(key(true), "no-starttls-at-first");
}

#[test]
fn every_fault_of_a_handshake_has_words() {
    for fault in [
        Fault::Ciphers,
        Fault::Expired,
        Fault::Gone,
        Fault::NotTls,
        Fault::OldVersions,
        Fault::Other,
        Fault::OurVersions,
        Fault::Slow,
        Fault::Untrusted,
    ] {
        for heard in [
            Heard::Hello(Some(0x0303)),
            Heard::Http,
            Heard::Nothing,
            Heard::Other,
            Heard::Smtp,
            Heard::Ssl2,
        ] {
            for implicit in [true, false] {
                let took = Duration::ZERO;
                let of = Handshake { fault, heard, took };
                let diagnosis = super::handshake::diagnose(of, implicit, 465);
                assert!(diagnosis.finding.ends_with('.'), "{diagnosis:?}");
                assert!(diagnosis.remedy.ends_with('.'), "{diagnosis:?}");
                let hint = handshake_hint(of, implicit, 465);
                assert!(hint.contains(&diagnosis.remedy));
            }
        }
    }
}
