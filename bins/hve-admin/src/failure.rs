//! What went wrong, for people and for scripts: a code, a text, and what to do next.

use std::fmt::Display;

use hve_store::{ChangeError, OpenError, StoreError};
use serde_json::{Value, json};

use crate::output;

pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// A verb that did not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    message: String,
    hint: Option<String>,
}

/// The exit codes, documented in `--help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Failed,
    Usage,
    NotFound,
    Refused,
}

impl Kind {
    const fn code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Refused => 4,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::NotFound => "not-found",
            Self::Refused => "refused",
        }
    }
}

impl Failure {
    pub(crate) fn failed(message: impl Display) -> Self {
        Self::new(Kind::Failed, message)
    }

    pub(crate) fn usage(message: impl Display) -> Self {
        Self::new(Kind::Usage, message)
    }

    pub(crate) fn not_found(message: impl Display) -> Self {
        Self::new(Kind::NotFound, message)
    }

    pub(crate) fn refused(message: impl Display) -> Self {
        Self::new(Kind::Refused, message)
    }

    /// Says what to do next.
    pub(crate) fn hint(mut self, hint: impl Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    pub(crate) const fn code(&self) -> u8 {
        self.kind.code()
    }

    /// One or two lines for eyes.
    pub(crate) fn text(&self) -> String {
        // Messages may repeat what a file or a client said.
        let clean = |text: &str| {
            let lines: Vec<String> = text.lines().map(output::clean).collect();
            lines.join("\n")
        };
        let hint = self
            .hint
            .as_deref()
            .map(|hint| format!("\n  {}", clean(hint)));
        format!(
            "error: {}{}\n",
            clean(&self.message),
            hint.unwrap_or_default()
        )
    }

    /// `{"error": {"kind", "code", "message", "hint"}}`.
    pub(crate) fn json(&self) -> Value {
        json!({"error": {
            "kind": self.kind.as_str(),
            "code": self.kind.code(),
            "message": self.message,
            "hint": self.hint,
        }})
    }

    fn new(kind: Kind, message: impl Display) -> Self {
        Self {
            kind,
            message: message.to_string(),
            hint: None,
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self::failed(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let hint = match &error {
            StoreError::Busy => Some("nothing was changed; try again"),
            StoreError::DiskFull => Some("nothing was changed; make room and try again"),
            StoreError::ReadOnly(_) => {
                Some("run it as the user that owns the store, usually the server's")
            }
            _ => None,
        };
        let failure = Self::failed(error);
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<ChangeError> for Failure {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Store(error) => error.into(),
            ChangeError::UnknownAccount
            | ChangeError::UnknownMember { .. }
            | ChangeError::UnknownPolicy(_)
            | ChangeError::UnknownRecipient(_)
            | ChangeError::UnknownSecret(_)
            | ChangeError::UnknownTenant => Self::not_found(error),
            ChangeError::AccountCap { .. } => Self::refused(error)
                .hint("raise it with `tenant set TENANT --accounts COUNT`, or remove an account"),
            ChangeError::DomainNotAccepted(ref domain) => {
                let hint = format!("accept it with `domain add {domain}`");
                Self::refused(error).hint(hint)
            }
            refused => Self::refused(refused),
        }
    }
}
