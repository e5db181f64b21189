//! SCRAM between a client of the test's own and the server's half (bad-inputs row 19).
#![expect(
    clippy::unwrap_used,
    reason = "a test that can not be set up has failed"
)]

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use hve_auth::{
    ScramBinding, ScramHello, ScramKeyError, ScramKeys, ScramProof, ScramRefusal, ScramSalts,
};
use proptest::prelude::*;
use secrecy::SecretString;
use sha2::{Digest, Sha256};

const SALT: [u8; 16] = [7; 16];
const COST: u32 = ScramKeys::ITERATIONS_MIN;
const EXPORTED: [u8; 32] = [9; 32];
const CANARY: &str = "a canary of 24 letters..";

fn keys(password: &str) -> ScramKeys {
    ScramKeys::derive(&password.into(), SALT, COST).unwrap()
}

fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text);
    mac.finalize().into_bytes().into()
}

/// A client that has said its first message.
struct Client {
    header: &'static str,
    bare: String,
    exported: Vec<u8>,
}

impl Client {
    fn new(header: &'static str, user: &str) -> Self {
        Self {
            header,
            bare: format!("n={user},r=client-nonce"),
            exported: Vec::new(),
        }
    }

    fn bound(header: &'static str, exported: &[u8]) -> Self {
        Self {
            exported: exported.to_vec(),
            ..Self::new(header, "u")
        }
    }

    fn first(&self) -> Vec<u8> {
        format!("{}{}", self.header, self.bare).into_bytes()
    }

    /// The final message, and the server's signature that has to follow.
    fn last(&self, said: &[u8], password: &str) -> (String, String) {
        let said = std::str::from_utf8(said).unwrap();
        let mut attributes = said.split(',');
        let nonce = attributes.next().unwrap();
        let salt = attributes.next().unwrap().strip_prefix("s=").unwrap();
        let salt = STANDARD.decode(salt).unwrap();
        let iterations = attributes.next().unwrap().strip_prefix("i=").unwrap();
        let iterations = iterations.parse().unwrap();
        let mut salted = [0; 32];
        pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), &salt, iterations, &mut salted);
        let binding = STANDARD.encode([self.header.as_bytes(), &self.exported].concat());
        let without_proof = format!("c={binding},{nonce}");
        let auth_message = format!("{},{said},{without_proof}", self.bare);
        let client_key = hmac(&salted, b"Client Key");
        let stored_key = Sha256::digest(client_key);
        let mut proof = hmac(&stored_key, auth_message.as_bytes());
        proof.iter_mut().zip(client_key).for_each(|(a, b)| *a ^= b);
        let server_key = hmac(&salted, b"Server Key");
        let signature = hmac(&server_key, auth_message.as_bytes());
        (
            format!("{without_proof},p={}", STANDARD.encode(proof)),
            format!("v={}", STANDARD.encode(signature)),
        )
    }
}

/// Plays an exchange; `twist` may change the client's final message.
fn play(
    client: &Client,
    binding: ScramBinding,
    password: &str,
    stored: &[ScramKeys],
    twist: impl FnOnce(String) -> String,
) -> Result<Option<ScramProof>, ScramRefusal> {
    let hello = ScramHello::read(&client.first(), &binding)?;
    let told = stored
        .first()
        .cloned()
        .unwrap_or_else(|| ScramKeys::decoy(SALT));
    let (challenge, said) = hello.challenge([1; 18], &told);
    let (last, signature) = client.last(&said, password);
    let proof = challenge.prove(twist(last).as_bytes(), stored)?;
    if let Some(proof) = &proof {
        assert_eq!(proof.message, signature.as_bytes());
    }
    Ok(proof)
}

fn index(played: Result<Option<ScramProof>, ScramRefusal>) -> Result<Option<usize>, ScramRefusal> {
    played.map(|proof| proof.map(|proof| proof.index))
}

#[test]
fn row_19_a_right_proof_names_its_secret() {
    let (old, new) = (keys("the old one"), keys("the new one"));
    let both = [old, new];
    for (password, found) in [
        ("the old one", Some(0)),
        ("the new one", Some(1)),
        ("another", None),
    ] {
        let client = Client::new("n,,", "u");
        let played = play(&client, ScramBinding::None, password, &both, |last| last);
        assert_eq!(index(played), Ok(found), "{password}");
    }
    let client = Client::new("n,,", "u");
    let played = play(&client, ScramBinding::None, "any", &[], |last| last);
    assert_eq!(index(played), Ok(None));
}

#[test]
fn keys_of_another_salt_are_not_what_the_client_was_told() {
    let other = ScramKeys::derive(&"the other".into(), [8; 16], COST).unwrap();
    let client = Client::new("n,,", "u");
    let both = [keys("the first"), other];
    let played = play(&client, ScramBinding::None, "the other", &both, |last| last);
    assert_eq!(index(played), Ok(None));
}

#[test]
fn row_19_channel_binding_is_of_this_connection() {
    use ScramRefusal::{BindingDowngrade, BindingMismatch, BindingUnsupported};
    let here = ScramBinding::TlsExporter(EXPORTED);
    let stored = [keys("pw")];
    let cases = [
        ("p=tls-exporter,,", &EXPORTED[..], here, Ok(Some(0))),
        ("p=tls-exporter,,", &[8; 32], here, Err(BindingMismatch)),
        ("p=tls-exporter,,", &[], here, Err(BindingMismatch)),
        ("p=tls-unique,,", &EXPORTED, here, Err(BindingUnsupported)),
        ("p=TLS-EXPORTER,,", &EXPORTED, here, Err(BindingUnsupported)),
        ("n,,", &[], here, Err(BindingUnsupported)),
        ("y,,", &[], here, Err(BindingUnsupported)),
        ("n,,", &[], ScramBinding::None, Ok(Some(0))),
        ("y,,", &[], ScramBinding::None, Ok(Some(0))),
        ("n,,", &[], ScramBinding::NotChosen, Ok(Some(0))),
        ("y,,", &[], ScramBinding::NotChosen, Err(BindingDowngrade)),
        (
            "p=tls-exporter,,",
            &EXPORTED,
            ScramBinding::NotChosen,
            Err(BindingUnsupported),
        ),
    ];
    for (header, exported, binding, expected) in cases {
        let client = Client::bound(header, exported);
        let played = play(&client, binding, "pw", &stored, |last| last);
        assert_eq!(index(played), expected, "{header} {binding:?}");
    }
}

#[test]
fn row_19_a_changed_header_or_nonce_or_count_is_noticed() {
    let stored = [keys("pw")];
    let client = Client::new("n,,", "u");
    let play = |twist: &dyn Fn(String) -> String| {
        index(play(&client, ScramBinding::None, "pw", &stored, twist))
    };
    // `y,,` in place of `n,,`.
    let header = play(&|last| last.replace("c=biws", "c=eSws"));
    assert_eq!(header, Err(ScramRefusal::BindingMismatch));
    let nonce = play(&|last| last.replace("r=client", "r=klient"));
    assert_eq!(nonce, Err(ScramRefusal::NonceMismatch));
    let own_nonce_only = play(&|last| last.replace(&STANDARD.encode([1; 18]), ""));
    assert_eq!(own_nonce_only, Err(ScramRefusal::NonceMismatch));
    // An extension is covered by the proof, so one slipped in spoils it.
    assert_eq!(play(&|last| last.replace(",p=", ",i=1,p=")), Ok(None));
    let mandatory = play(&|last| last.replace(",p=", ",m=1,p="));
    assert_eq!(mandatory, Err(ScramRefusal::ExtensionUnsupported));
}

#[test]
fn row_19_a_replayed_proof_is_of_another_nonce() {
    let stored = [keys("pw")];
    let client = Client::new("n,,", "u");
    let challenge = |nonce| {
        let hello = ScramHello::read(&client.first(), &ScramBinding::None).unwrap();
        hello.challenge(nonce, &stored[0])
    };
    let (first, said) = challenge([1; 18]);
    let (last, _) = client.last(&said, "pw");
    assert!(first.prove(last.as_bytes(), &stored).unwrap().is_some());
    let (second, _) = challenge([2; 18]);
    let replayed = second.prove(last.as_bytes(), &stored);
    assert_eq!(index(replayed), Err(ScramRefusal::NonceMismatch));
}

#[test]
fn row_19_the_server_alone_says_how_often_to_hash() {
    for iterations in [0, 1, 4095, 2_000_001, u32::MAX] {
        let derived = ScramKeys::derive(&"pw".into(), SALT, iterations);
        assert_eq!(derived.err(), Some(ScramKeyError::Iterations));
    }
    let client = Client::new("n,,", "u,i=1");
    let read = ScramHello::read(&client.first(), &ScramBinding::None);
    assert_eq!(read.err(), Some(ScramRefusal::Malformed));
    let mut client = Client::new("n,,", "u");
    client.bare.push_str(",i=1");
    let hello = ScramHello::read(&client.first(), &ScramBinding::None).unwrap();
    let (_, said) = hello.challenge([1; 18], &keys("pw"));
    assert!(said.ends_with(b",i=4096"));
}

#[test]
fn row_19_an_unknown_user_is_told_what_a_known_one_is() {
    let salts = ScramSalts::new([3; 32]);
    let said = |user: &str, keys: &ScramKeys| {
        let hello = ScramHello::read(&Client::new("n,,", user).first(), &ScramBinding::None);
        hello.unwrap().challenge([1; 18], keys).1
    };
    let of = salts.of("hve01@contoso.test");
    let known = ScramKeys::derive(&"pw".into(), of, ScramKeys::ITERATIONS).unwrap();
    let unknown = ScramKeys::decoy(of);
    let user = "hve01@contoso.test";
    assert_eq!(said(user, &known), said(user, &unknown));
    assert_eq!(
        of,
        salts.of("HVE01@Contoso.Test"),
        "as the account is found"
    );
    assert_eq!(of, ScramSalts::new([3; 32]).of(user), "after a restart");
    assert_ne!(of, salts.of("hve02@contoso.test"));
    assert_ne!(of, ScramSalts::new([4; 32]).of(user));
}

#[test]
fn keys_are_stored_and_read_again() {
    let text = keys("pw").to_text();
    assert!(text.starts_with("SCRAM-SHA-256$4096:BwcHBwcHBwcHBwcHBwcHBw==$"));
    assert_eq!(ScramKeys::parse(&text).unwrap().to_text(), text);
    let low = text.replace("4096", "4095");
    assert_eq!(
        ScramKeys::parse(&low).err(),
        Some(ScramKeyError::Iterations)
    );
    for bad in [
        String::new(),
        text.replace("SHA-256", "SHA-1"),
        text.replace("4096", "-1"),
        text.replace("BwcHBwcHBwcHBwcHBwcHBw==", "BwcH"),
        text.replace('=', ""),
        format!("{}=", *text),
        text.split_at(60).0.to_owned(),
    ] {
        assert_eq!(
            ScramKeys::parse(&bad).err(),
            Some(ScramKeyError::Malformed),
            "{bad}"
        );
    }
}

#[test]
fn a_password_is_prepared_as_clients_prepare_it() {
    // RFC 4013 §3: a soft hyphen goes, a Roman numeral becomes letters.
    let (plain, hyphen) = (keys("IX and more"), keys("I\u{ad}X and more"));
    assert_eq!(plain.to_text(), hyphen.to_text());
    assert_eq!(plain.to_text(), keys("\u{2168} and more").to_text());
    assert_ne!(plain.to_text(), keys("ix and more").to_text(), "case stays");
    for forbidden in ["bell\u{7}", "\u{627}\u{31}", "\u{ad}", "", "\u{e000}"] {
        let derived = ScramKeys::derive(&forbidden.into(), SALT, COST);
        assert_eq!(
            derived.err(),
            Some(ScramKeyError::Unprepared),
            "{forbidden:?}"
        );
    }
}

#[test]
fn nothing_secret_is_in_a_debug_text() {
    let password = SecretString::from(CANARY);
    let keys = ScramKeys::derive(&password, SALT, COST).unwrap();
    let text = keys.to_text();
    let stored_key = text.rsplit(['$', ':']).next().unwrap();
    let client = Client::new("n,,", CANARY);
    let hello = ScramHello::read(&client.first(), &ScramBinding::None).unwrap();
    let mut shown = format!("{keys:?}{hello:?}{:?}", ScramBinding::TlsExporter(EXPORTED));
    let (challenge, _) = hello.challenge([1; 18], &keys);
    shown.push_str(&format!("{challenge:?}{:?}", ScramSalts::new([5; 32])));
    for secret in [CANARY, stored_key, "9, 9", "5, 5", "7, 7"] {
        assert!(!shown.contains(secret), "{secret} is in {shown}");
    }
}

proptest! {
    #[test]
    fn no_message_does_harm(first in ".{0,60}", last in ".{0,60}", octets in prop::collection::vec(any::<u8>(), 0..60)) {
        let binding = ScramBinding::TlsExporter(EXPORTED);
        let _ = ScramHello::read(first.as_bytes(), &binding);
        let _ = ScramHello::read(&octets, &binding);
        for message in [last.as_bytes(), &octets] {
            let hello = ScramHello::read(&Client::new("n,,", "u").first(), &ScramBinding::None);
            let (challenge, _) = hello.unwrap().challenge([1; 18], &ScramKeys::decoy(SALT));
            prop_assert!(!matches!(challenge.prove(message, &[]), Ok(Some(_))));
        }
    }

    #[test]
    fn a_name_comes_through_its_escapes(name in "[^\\p{Cc}]{1,40}") {
        let escaped = name.replace('=', "=3D").replace(',', "=2C");
        let message = format!("n,a={escaped},n={escaped},r=nonce");
        let hello = ScramHello::read(message.as_bytes(), &ScramBinding::None).unwrap();
        prop_assert_eq!(hello.user(), &name);
        prop_assert_eq!(hello.authzid(), Some(&*name));
    }

    #[test]
    fn a_final_message_with_one_octet_changed_proves_nothing(at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let stored = [ScramKeys::derive(&"pw".into(), SALT, COST).unwrap()];
        let client = Client::new("n,,", "u");
        let hello = ScramHello::read(&client.first(), &ScramBinding::None).unwrap();
        let (challenge, said) = hello.challenge([1; 18], &stored[0]);
        let mut last = client.last(&said, "pw").0.into_bytes();
        let at = at.index(last.len());
        prop_assume!(last[at] != to);
        last[at] = to;
        prop_assert!(!matches!(challenge.prove(&last, &stored), Ok(Some(_))));
    }
}
