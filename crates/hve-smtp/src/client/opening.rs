//! From the greeting to the first transaction: EHLO, STARTTLS, AUTH.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, zeroize::Zeroizing};

use super::{
    Awaited, Cause, Client, ClientCredentials, Failure, PeerReply, Phase, Protocol, Stage,
    TlsPolicy, offer::Offer,
};
use crate::Now;

/// How far sign-in is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum SignIn {
    /// Nothing was said, or nothing is left to say.
    #[default]
    Quiet,
    /// LOGIN was named; the user name is next.
    LoginUser,
    /// The password is next.
    LoginPassword,
    /// PLAIN was named without its response, which is long (RFC 4954 §4).
    Plain,
}

impl Client {
    pub(super) fn greeted(&mut self, reply: &Arc<PeerReply>) {
        match reply.code {
            220 => self.hello(),
            _ => self.no_service(Stage::Greeting, reply),
        }
    }

    /// EHLO, or LHLO (RFC 2033 §4.1).
    pub(super) fn hello(&mut self) {
        let verb = match self.config.protocol {
            Protocol::Lmtp => "LHLO ",
            Protocol::Smtp => "EHLO ",
        };
        self.say_hello(verb, Awaited::Ehlo);
    }

    fn say_hello(&mut self, verb: &str, awaited: Awaited) {
        let config = Arc::clone(&self.config);
        self.command(awaited, |out| {
            out.extend_from_slice(verb.as_bytes());
            out.extend(config.name.bytes().filter(|b| matches!(b, b'!'..=b'~')));
            out.extend_from_slice(b"\r\n");
        });
    }

    pub(super) fn ehlo_replied(&mut self, reply: &Arc<PeerReply>, text: &str) {
        match reply.code {
            250 => {
                self.offer = Offer::read(text);
                self.protect();
            }
            // RFC 5321 §3.2: a server of old knows no EHLO. One that knows it and refuses us
            // must not be asked for less: mail would come back for what it does offer.
            500 | 501 | 502 | 504 if self.config.protocol == Protocol::Smtp => {
                self.say_hello("HELO ", Awaited::Helo);
            }
            _ => self.no_service(Stage::Ehlo, reply),
        }
    }

    pub(super) fn helo_replied(&mut self, reply: &Arc<PeerReply>) {
        match reply.code {
            250 => self.protect(),
            _ => self.no_service(Stage::Ehlo, reply),
        }
    }

    /// STARTTLS where it is wanted.
    fn protect(&mut self) {
        match self.config.tls {
            TlsPolicy::Required | TlsPolicy::Opportunistic if self.tls => self.authenticate(),
            TlsPolicy::Required | TlsPolicy::Opportunistic if self.offer.starttls => {
                self.command(Awaited::StartTls, |out| {
                    out.extend_from_slice(b"STARTTLS\r\n");
                });
            }
            TlsPolicy::Required => self.give_up(Stage::StartTls, Cause::StartTlsNotOffered),
            _ => self.authenticate(),
        }
    }

    pub(super) fn starttls_replied(&mut self, reply: &Arc<PeerReply>, now: Now) {
        match reply.code {
            // RFC 3207 §4.2: what follows in clear text could be anybody's.
            220 if !self.replies.is_empty() => self.lost(Cause::UnsolicitedReply),
            220 => {
                self.phase = Phase::StartTls;
                self.clock.wait(now);
            }
            400..=599 if self.config.tls == TlsPolicy::Opportunistic => self.authenticate(),
            _ => self.no_service(Stage::StartTls, reply),
        }
    }

    /// AUTH where there is something to say; under TLS only (RFC 4954 §4).
    fn authenticate(&mut self) {
        let config = Arc::clone(&self.config);
        let Some(credentials) = &config.credentials else {
            return self.ready();
        };
        if !self.tls {
            return self.give_up(Stage::Auth, Cause::AuthNeedsTls);
        }
        if credentials.user.contains('\0') || credentials.password.expose_secret().contains('\0') {
            return self.give_up(Stage::Auth, Cause::BadCredentials);
        }
        if self.offer.auth_plain {
            let response = plain(credentials);
            // RFC 4954 §4: a command line has 512 octets.
            if response.len() + "AUTH PLAIN \r\n".len() <= 512 {
                self.say_auth("AUTH PLAIN ", &response, SignIn::Quiet);
            } else {
                self.say_auth("AUTH PLAIN", "", SignIn::Plain);
            }
        } else if self.offer.auth_login {
            self.say_auth("AUTH LOGIN", "", SignIn::LoginUser);
        } else {
            self.give_up(Stage::Auth, Cause::AuthNotOffered);
        }
    }

    fn say_auth(&mut self, verb: &str, response: &str, next: SignIn) {
        self.sign_in = next;
        self.secret = true;
        self.command(Awaited::Auth, |out| {
            // In one go, so that no copy is left behind.
            out.reserve_exact(verb.len() + response.len() + 2);
            out.extend_from_slice(verb.as_bytes());
            out.extend_from_slice(response.as_bytes());
            out.extend_from_slice(b"\r\n");
        });
    }

    pub(super) fn auth_replied(&mut self, reply: &Arc<PeerReply>) {
        let config = Arc::clone(&self.config);
        match (reply.code, &config.credentials) {
            (235, _) => self.ready(),
            (334, Some(credentials)) => self.respond(credentials, reply),
            _ => self.no_service(Stage::Auth, reply),
        }
    }

    fn respond(&mut self, credentials: &ClientCredentials, reply: &Arc<PeerReply>) {
        let password = credentials.password.expose_secret();
        let encoded = |text: &str| Zeroizing::new(STANDARD.encode(text));
        match self.sign_in {
            SignIn::LoginUser => {
                self.say_auth("", &encoded(&credentials.user), SignIn::LoginPassword);
            }
            SignIn::LoginPassword => self.say_auth("", &encoded(password), SignIn::Quiet),
            SignIn::Plain => self.say_auth("", &plain(credentials), SignIn::Quiet),
            SignIn::Quiet => self.no_service(Stage::Auth, reply),
        }
    }

    /// The peer does not serve us: its words are the reason, unless they make no sense.
    fn no_service(&mut self, stage: Stage, reply: &Arc<PeerReply>) {
        let failure = Failure::misunderstood(stage, reply);
        match failure.cause {
            Cause::Refused => self.take_leave(failure),
            _ => self.end(failure),
        }
    }

    fn give_up(&mut self, stage: Stage, cause: Cause) {
        self.take_leave(Failure::new(stage, cause));
    }

    /// Ends a connection on which all is in order, politely.
    fn take_leave(&mut self, failure: Failure) {
        self.end(failure);
        self.out.extend_from_slice(b"QUIT\r\n");
    }
}

/// `NUL user NUL password` (RFC 4616 §2), in base64.
fn plain(credentials: &ClientCredentials) -> Zeroizing<String> {
    let password = credentials.password.expose_secret();
    let mut text = Zeroizing::new(Vec::with_capacity(
        credentials.user.len() + password.len() + 2,
    ));
    text.push(0);
    text.extend_from_slice(credentials.user.as_bytes());
    text.push(0);
    text.extend_from_slice(password.as_bytes());
    Zeroizing::new(STANDARD.encode(&*text))
}
