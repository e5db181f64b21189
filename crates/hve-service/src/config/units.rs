//! Values with a unit: `"10MiB"`, `"5m"`, `"10.0.0.0/8"`.

use std::{fmt, net::IpAddr, str::FromStr, time::Duration};

use toml::de::DeValue;

use super::read::{Setting, expected};

/// A number of octets, written `"10MiB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Octets(pub(super) u64);

const OCTET_UNITS: [(&str, u64); 8] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("B", 1),
];

const TIME_UNITS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

impl Setting for Octets {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        value
            .as_str()
            .and_then(|text| measure(text, &OCTET_UNITS))
            .map(Self)
            .ok_or_else(|| expected("a size with its unit such as \"10MiB\"", value))
    }
}

impl Setting for Duration {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        value
            .as_str()
            .and_then(|text| measure(text, &TIME_UNITS))
            .map(Self::from_millis)
            .ok_or_else(|| expected("a time with its unit such as \"30s\" or \"5m\"", value))
    }
}

/// A whole number and a unit, as the number of the smallest unit.
fn measure(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, factor) = units
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)))?;
    let number = number.trim_end();
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// A number of octets as one would write it: exactly, in the largest unit that does.
pub(super) fn octets_text(octets: u64) -> String {
    written(octets, &OCTET_UNITS)
}

/// A time as one would write it: exactly to the millisecond, in the largest unit that does.
pub(super) fn time_text(time: Duration) -> String {
    let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    written(milliseconds, &TIME_UNITS)
}

fn written(number: u64, units: &[(&str, u64)]) -> String {
    let exact = units
        .iter()
        .filter(|(_, factor)| *factor <= number.max(1) && number.is_multiple_of(*factor))
        .max_by_key(|(_, factor)| *factor);
    let (unit, factor) = exact.copied().unwrap_or(("", 1));
    format!("{}{unit}", number / factor)
}

/// A network in CIDR notation, such as `10.0.0.0/8`; a bare address is that one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Network {
    /// Whether `peer` is in the network. An IPv4-mapped IPv6 address counts as its IPv4 address.
    #[must_use]
    pub fn contains(&self, peer: IpAddr) -> bool {
        match (self.address, peer.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(peer)) => same_prefix(
                network.to_bits().into(),
                peer.to_bits().into(),
                self.prefix + 96,
            ),
            (IpAddr::V6(network), IpAddr::V6(peer)) => {
                same_prefix(network.to_bits(), peer.to_bits(), self.prefix)
            }
            _ => false,
        }
    }
}

/// Whether the first `prefix` of 128 bits are equal.
fn same_prefix(one: u128, two: u128, prefix: u32) -> bool {
    let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
    (one ^ two) & mask == 0
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl FromStr for Network {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u32>().map_err(|_| ())?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| ())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(most);
        if prefix > most {
            return Err(());
        }
        Ok(Self { address, prefix })
    }
}

impl Setting for Network {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        value
            .as_str()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| expected("a network such as \"10.0.0.0/8\" or \"192.0.2.7\"", value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets(text: &str) -> Option<u64> {
        measure(text, &OCTET_UNITS)
    }

    fn milliseconds(text: &str) -> Option<u64> {
        measure(text, &TIME_UNITS)
    }

    #[test]
    fn sizes_and_times_need_a_unit() {
        assert_eq!(octets("10MiB"), Some(10 * 1024 * 1024));
        assert_eq!(octets("10 MiB"), Some(10 * 1024 * 1024));
        assert_eq!(octets("1kB"), Some(1000));
        assert_eq!(octets("7B"), Some(7));
        assert_eq!(milliseconds("5m"), Some(300_000));
        assert_eq!(milliseconds("250ms"), Some(250));
        assert_eq!(milliseconds("2h"), Some(7_200_000));
        for wrong in [
            "",
            "10",
            "MiB",
            "-1MiB",
            "1.5MiB",
            "1 M",
            "99999999999GiB",
            "+1MiB",
        ] {
            assert_eq!(octets(wrong), None, "{wrong}");
            assert_eq!(milliseconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn sizes_and_times_are_written_as_they_are_read() {
        for text in ["10MiB", "1KiB", "1000KB", "7B", "0B", "1025B"] {
            let octets = octets(text).unwrap();
            assert_eq!(measure(&octets_text(octets), &OCTET_UNITS), Some(octets));
        }
        assert_eq!(octets_text(64 << 20), "64MiB");
        assert_eq!(octets_text(0), "0B");
        for (text, expected) in [
            ("300s", "5m"),
            ("90s", "90s"),
            ("250ms", "250ms"),
            ("0s", "0ms"),
        ] {
            let time = Duration::from_millis(milliseconds(text).unwrap());
            assert_eq!(time_text(time), expected);
        }
        let network: Network = "10.0.0.0/8".parse().unwrap();
        assert_eq!(network.to_string(), "10.0.0.0/8");
    }

    fn within(network: &str, peer: &str, expected: bool) {
        let network: Network = network.parse().unwrap();
        assert_eq!(network.contains(peer.parse().unwrap()), expected, "{peer}");
    }

    #[test]
    fn networks_hold_their_addresses_only() {
        within("10.0.0.0/8", "10.255.0.1", true);
        within("10.0.0.0/8", "11.0.0.1", false);
        within("10.0.0.0/8", "::ffff:10.1.2.3", true);
        within("192.0.2.7", "192.0.2.7", true);
        within("192.0.2.7", "192.0.2.8", false);
        within("0.0.0.0/0", "203.0.113.9", true);
        within("0.0.0.0/0", "2001:db8::1", false);
        within("2001:db8::/32", "2001:db8:1::1", true);
        within("2001:db8::/32", "2001:db9::1", false);
        within("::/0", "2001:db9::1", true);
        for wrong in ["10.0.0.0/33", "::/129", "10.0.0/8", "host", "10.0.0.0/", ""] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }
}
