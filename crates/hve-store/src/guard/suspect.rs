//! Whom the guard suspects, and how that is written.

use std::net::IpAddr;

use hve_types::Address;

use crate::{
    StoreError,
    codec::{damaged, to_address},
};

/// What different wrong passwords were tried for, or from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(clippy::exhaustive_enums, reason = "the guard has no other table")]
pub enum Suspect {
    /// A user name, whether there is such an account or not.
    Account(Address),
    /// What counts as one client.
    Network(IpAddr),
    /// A user name from one client: a reset of it is one of its forged tokens as well.
    Pair(Address, IpAddr),
    /// Forged access tokens for a user name from one client.
    Tokens(Address, IpAddr),
}

impl Suspect {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Account(_) => "account",
            Self::Network(_) => "network",
            Self::Pair(..) => "pair",
            Self::Tokens(..) => "tokens",
        }
    }

    pub(super) fn name(&self) -> String {
        match self {
            Self::Account(address) => address.key(),
            Self::Network(network) => network.to_string(),
            Self::Pair(address, network) | Self::Tokens(address, network) => {
                format!("{} {network}", address.key())
            }
        }
    }

    pub(super) fn read(kind: &str, name: &str) -> Result<Self, StoreError> {
        let pair = || {
            let (address, network) = name
                .rsplit_once(' ')
                .ok_or_else(|| damaged("suspect", name))?;
            Ok((to_address(address)?, to_network(network)?))
        };
        match kind {
            "account" => to_address(name).map(Self::Account),
            "network" => to_network(name).map(Self::Network),
            "pair" => pair().map(|(address, network)| Self::Pair(address, network)),
            "tokens" => pair().map(|(address, network)| Self::Tokens(address, network)),
            other => Err(damaged("suspect", other)),
        }
    }
}

/// The condition in SQL that a suspect is meant by a reset: it is the one that is named, or its
/// user name or its client is; where none is named, everybody is.
pub(super) fn is_meant(kind: &str, name: &str, reset_kind: &str, reset_name: &str) -> String {
    format!(
        "{reset_kind} IS NULL OR ({reset_kind} = {kind} AND {reset_name} = {name})
         OR ({kind} IN ('pair', 'tokens') AND (
             ({reset_kind} = 'pair' AND {reset_name} = {name})
             OR ({reset_kind} = 'account'
                 AND substr({name}, 1, length({reset_name}) + 1) = {reset_name} || ' ')
             OR ({reset_kind} = 'network'
                 AND substr({name}, -length({reset_name}) - 1) = ' ' || {reset_name})))"
    )
}

/// The user name in the name of a suspect.
pub(super) fn user_of<'a>(kind: &str, name: &'a str) -> Option<&'a str> {
    match kind {
        "account" => Some(name),
        "pair" | "tokens" => name.rsplit_once(' ').map(|(user, _)| user),
        _ => None,
    }
}

pub(super) fn to_network(text: &str) -> Result<IpAddr, StoreError> {
    text.parse().map_err(|_| damaged("network", text))
}
