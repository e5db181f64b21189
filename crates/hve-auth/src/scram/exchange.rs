//! The order of an exchange: hello, challenge, proof.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use hve_types::SECRETS_MAX;
use subtle::ConstantTimeEq;

use super::{
    ScramKeys, ScramRefusal, SeenKeys,
    message::{Flag, client_final, client_first},
};

/// What an exchange is bound to.
#[derive(Clone, Copy)]
#[expect(
    clippy::exhaustive_enums,
    reason = "another kind of binding is another mechanism to a host"
)]
pub enum ScramBinding {
    /// Nothing: SCRAM-SHA-256, on a connection on which -PLUS is not offered.
    None,
    /// Nothing: SCRAM-SHA-256, although -PLUS is offered.
    NotChosen,
    /// The connection: SCRAM-SHA-256-PLUS, with the 32 octets that TLS exports for it under
    /// `EXPORTER-Channel-Binding` and an empty context (RFC 9266 §2).
    TlsExporter([u8; 32]),
}

/// Without the octets, which are of one connection and nobody else's.
impl fmt::Debug for ScramBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::NotChosen => "NotChosen",
            Self::TlsExporter(_) => "TlsExporter",
        })
    }
}

/// The client's first message: who it says it is.
pub struct ScramHello {
    user: String,
    authzid: Option<String>,
    bare: String,
    nonce: String,
    /// What `c=` has to be.
    binding: Vec<u8>,
}

impl ScramHello {
    /// Reads the client's first message.
    ///
    /// # Errors
    /// It is none, or its channel binding does not fit; see [`ScramRefusal`].
    pub fn read(message: &[u8], binding: &ScramBinding) -> Result<Self, ScramRefusal> {
        let first = client_first(message)?;
        let mut expected = first.header.as_bytes().to_vec();
        match (binding, first.flag) {
            (ScramBinding::None | ScramBinding::NotChosen, Flag::None)
            | (ScramBinding::None, Flag::NotOffered) => {}
            (ScramBinding::NotChosen, Flag::NotOffered) => {
                return Err(ScramRefusal::BindingDowngrade);
            }
            (ScramBinding::TlsExporter(octets), Flag::Type("tls-exporter")) => {
                expected.extend_from_slice(octets);
            }
            _ => return Err(ScramRefusal::BindingUnsupported),
        }
        Ok(Self {
            user: first.user,
            authzid: first.authzid,
            bare: first.bare.to_owned(),
            nonce: first.nonce.to_owned(),
            binding: expected,
        })
    }

    /// The user name: not empty, no control characters. It is taken as it came: RFC 5802 §5.1 has
    /// the client prepare it.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The identity to act as, where the client gave one.
    #[must_use]
    pub fn authzid(&self) -> Option<&str> {
        self.authzid.as_deref()
    }

    /// Answers with salt and iterations: those of the user's keys, or of [`ScramKeys::decoy`].
    /// `nonce` must be random. Gives the message for the client as well.
    #[must_use]
    pub fn challenge(self, nonce: [u8; 18], keys: &ScramKeys) -> (ScramChallenge, Vec<u8>) {
        self.challenge_with(&STANDARD.encode(nonce), keys)
    }

    fn challenge_with(self, nonce: &str, keys: &ScramKeys) -> (ScramChallenge, Vec<u8>) {
        let nonce = format!("{}{nonce}", self.nonce);
        let (salt, iterations) = (keys.salt(), keys.iterations());
        let said = format!("r={nonce},s={},i={iterations}", STANDARD.encode(salt));
        let message = said.clone().into_bytes();
        let challenge = ScramChallenge {
            user: self.user,
            opening: format!("{},{said},", self.bare),
            nonce,
            binding: self.binding,
            salt,
            iterations,
        };
        (challenge, message)
    }
}

/// An exchange that waits for the client's proof.
pub struct ScramChallenge {
    user: String,
    /// AuthMessage up to the client's final message (RFC 5802 §3).
    opening: String,
    nonce: String,
    binding: Vec<u8>,
    salt: [u8; 16],
    iterations: u32,
}

impl ScramChallenge {
    /// [`ScramHello::user`].
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Compares the proof with all of `keys`: those of an account, at most [`SECRETS_MAX`], and those
    /// it had before, at most [`SeenKeys::FORMER_MAX`]. For fewer, or none, it is the same work.
    /// `None` is a wrong proof.
    ///
    /// # Errors
    /// The message is not the client's final one of this exchange and this connection; see
    /// [`ScramRefusal`]. The proof was not looked at.
    pub fn prove(
        self,
        message: &[u8],
        keys: &[ScramKeys],
    ) -> Result<Option<ScramProof>, ScramRefusal> {
        let last = client_final(message)?;
        if last.nonce != self.nonce {
            return Err(ScramRefusal::NonceMismatch);
        }
        if !bool::from(last.binding.ct_eq(&self.binding)) {
            return Err(ScramRefusal::BindingMismatch);
        }
        let auth_message = [self.opening.as_bytes(), last.without_proof.as_bytes()];
        let decoy = ScramKeys::decoy(self.salt);
        let mut proof = None;
        for index in 0..keys.len().max(SECRETS_MAX + SeenKeys::FORMER_MAX) {
            let of = keys.get(index).unwrap_or(&decoy);
            // Keys of another salt are no keys of what the client was told.
            let told = of.salt() == self.salt && of.iterations() == self.iterations;
            if of.takes(&last.proof, &auth_message) && told {
                let signature = STANDARD.encode(of.server_signature(&auth_message));
                let message = format!("v={signature}").into_bytes();
                proof = Some(ScramProof { index, message });
            }
        }
        Ok(proof)
    }
}

/// A right proof.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing more to say")]
pub struct ScramProof {
    /// Of which of the keys.
    pub index: usize,
    /// The server's final message, which proves to the client that it has talked to its server.
    /// It must not be sent where the account may not be used after all.
    pub message: Vec<u8>,
}

/// Without what a password could be guessed from, and without the name: some type the password
/// there.
impl fmt::Debug for ScramHello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramHello").finish_non_exhaustive()
    }
}

/// As for [`ScramHello`].
impl fmt::Debug for ScramChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramChallenge")
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_19_the_exchange_of_rfc_7677() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let salt = salt.try_into().unwrap();
        let keys = ScramKeys::derive(&"pencil".into(), salt, 4096).unwrap();
        let first = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
        let hello = ScramHello::read(first, &ScramBinding::None).unwrap();
        assert_eq!((hello.user(), hello.authzid()), ("user", None));
        let (challenge, said) = hello.challenge_with("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", &keys);
        assert_eq!(
            said,
            b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
        );
        let last = b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                     p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        let proof = challenge.prove(last, &[keys]).unwrap().unwrap();
        assert_eq!(proof.index, 0);
        assert_eq!(
            proof.message,
            b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
        );
    }
}
