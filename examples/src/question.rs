//! The questions of Postfix's policy delegation protocol (its `SMTPD_POLICY_README`).

use std::{
    collections::HashMap,
    io::{self, BufRead, Read as _},
};

use hve_types::Address;

/// Octets of one question.
const QUESTION_OCTETS: u64 = 64 * 1024;

/// What Postfix wants to know.
#[derive(Debug, Default)]
pub struct Question(HashMap<String, String>);

impl Question {
    /// Reads up to the empty line; `None` where Postfix hangs up.
    ///
    /// # Errors
    /// The connection broke, or what came is no text.
    pub fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut question = Self::default();
        let mut from = from.take(QUESTION_OCTETS);
        loop {
            let mut line = String::new();
            if from.read_line(&mut line)? == 0 {
                return Ok(None);
            }
            match line.trim_end().split_once('=') {
                Some((name, value)) => question.0.insert(name.to_owned(), value.to_owned()),
                None if question.0.is_empty() => return Ok(None),
                None => return Ok(Some(question)),
            };
        }
    }

    /// The value of an attribute; empty where it was not sent.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// Who sends: the name that signed in, else the envelope sender.
    #[must_use]
    pub fn account(&self) -> Option<Address> {
        let signed_in = self.get("sasl_username");
        let name = if signed_in.is_empty() {
            self.get("sender")
        } else {
            signed_in
        };
        Address::parse(name).ok()
    }
}
