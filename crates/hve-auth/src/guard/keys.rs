//! Under which keys the guard counts a user name, an address and the pair of both.

use std::net::{IpAddr, Ipv6Addr};

use crate::keyed::{Keyed, canonical};

#[derive(Clone, Copy)]
pub(crate) struct Keys {
    pub(crate) account: u128,
    pub(crate) address: u128,
    pub(crate) pair: u128,
}

impl Keys {
    /// The key of a pair is one half of either key: so all pairs of an account or of an address
    /// can be found.
    pub(crate) const fn new(account: u128, address: u128) -> Self {
        Self {
            account,
            address,
            pair: account >> 64 << 64 | address >> 64,
        }
    }
}

/// Is it the pair of this account and some address?
pub(crate) const fn is_of_account(pair: u128, account: u128) -> bool {
    pair >> 64 == account >> 64
}

/// Is it the pair of this address and some account?
pub(crate) const fn is_of_address(pair: u128, address: u128) -> bool {
    pair << 64 == address >> 64 << 64
}

impl Keyed {
    pub(crate) fn account(&self, user: &str) -> u128 {
        self.number(&[b"account", canonical(user).as_bytes()])
    }

    pub(crate) fn address(&self, from: IpAddr) -> u128 {
        self.number(&[b"address", &octets(from)])
    }
}

fn octets(from: IpAddr) -> [u8; 16] {
    match network_of(from) {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

/// What counts as one address: IPv4 as it is, also where it is written as IPv6; of IPv6 the first
/// of its /64.
#[must_use]
pub const fn network_of(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
    }
}
