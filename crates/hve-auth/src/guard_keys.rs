//! Under which keys the guard counts a user name, an address and the pair of both.

use std::net::{IpAddr, Ipv6Addr};

use crate::keyed::{Keyed, canonical};

#[derive(Clone, Copy)]
pub(crate) struct Keys {
    pub(crate) account: u128,
    pub(crate) address: u128,
    pub(crate) pair: u128,
}

impl Keyed {
    pub(crate) fn account(&self, user: &str) -> u128 {
        self.number(&[b"account", canonical(user).as_bytes()])
    }

    pub(crate) fn address(&self, from: IpAddr) -> u128 {
        self.number(&[b"address", &octets(from)])
    }

    pub(crate) fn pair(&self, user: &str, from: IpAddr) -> u128 {
        self.number(&[b"pair", canonical(user).as_bytes(), &octets(from)])
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
