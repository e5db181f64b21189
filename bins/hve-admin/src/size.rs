//! Sizes, counts and words as people write and read them.

use std::num::NonZeroU32;

use hve_types::{Address, Ceiling};

/// The store keeps signed 64-bit numbers.
const MAX: u64 = i64::MAX.unsigned_abs();

/// A message rate; `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate(pub(crate) Option<NonZeroU32>);

/// An address that can be taken away; `None` is nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named(pub(crate) Option<Address>);

/// Parses an address or `none`.
pub(crate) fn address_or_none(text: &str) -> Result<Named, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(Named(None));
    }
    let address = Address::parse(text).map_err(|error| format!("{error}; or write `none`"))?;
    Ok(Named(Some(address)))
}

/// Parses `10MiB`, `500KB` or plain octets.
pub(crate) fn octets(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = text.get(digits.len()..).unwrap_or_default().trim_start();
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err(format!("write 10MiB, 500KB or plain octets, not {text:?}")),
    };
    count(digits)?
        .checked_mul(factor)
        .filter(|octets| *octets <= MAX)
        .ok_or_else(|| format!("{text:?} is more than can be counted"))
}

/// As [`octets`], and at least one: EHLO's `SIZE 0` would say that there is no limit (RFC 1870 §3).
pub(crate) fn message_octets(text: &str) -> Result<u64, String> {
    match octets(text)? {
        0 => Err(
            "write a size of at least 1 octet, such as 10MiB; a server that announces a \
                  size of 0 says that it has no limit"
                .to_owned(),
        ),
        size => Ok(size),
    }
}

/// Parses a count or `unlimited`.
pub(crate) fn ceiling(text: &str) -> Result<Ceiling, String> {
    if text.eq_ignore_ascii_case("unlimited") {
        Ok(Ceiling::Unlimited)
    } else {
        count(text).map(Ceiling::AtMost)
    }
}

/// Parses a count from 1 or `unlimited`.
pub(crate) fn rate(text: &str) -> Result<Rate, String> {
    if text.eq_ignore_ascii_case("unlimited") {
        return Ok(Rate(None));
    }
    text.parse()
        .map(|rate| Rate(Some(rate)))
        .map_err(|_| format!("write a whole number from 1 to {} or `unlimited`", u32::MAX))
}

/// Parses a count from 1.
pub(crate) fn positive(text: &str) -> Result<NonZeroU32, String> {
    text.parse()
        .map_err(|_| format!("write a whole number from 1 to {}", u32::MAX))
}

/// Parses words that must say something.
pub(crate) fn words(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("write at least a word".to_owned());
    }
    Ok(text.to_owned())
}

fn count(text: &str) -> Result<u64, String> {
    text.parse()
        .ok()
        .filter(|count| *count <= MAX && !text.starts_with('+'))
        .ok_or_else(|| format!("write a whole number from 0 to {MAX}, not {text:?}"))
}

/// `10 MiB (10485760 octets)`, or plain octets where no unit fits evenly.
pub(crate) fn show_octets(octets: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    UNITS
        .iter()
        .find(|(_, unit)| octets >= *unit && octets.is_multiple_of(*unit))
        .map_or_else(
            || format!("{octets} octets"),
            |(name, unit)| format!("{} {name} ({octets} octets)", octets / unit),
        )
}

/// A count for eyes.
pub(crate) fn show_ceiling(ceiling: Ceiling) -> String {
    bound(ceiling).map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string())
}

/// The bound, where there is one: a number or `null` in JSON.
pub(crate) const fn bound(ceiling: Ceiling) -> Option<u64> {
    match ceiling {
        Ceiling::AtMost(limit) => Some(limit),
        // A bound that this version does not know cannot be shown as a number.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_or_none() {
        assert_eq!(octets("10MiB"), Ok(10 * 1024 * 1024));
        assert_eq!(octets("500KB"), Ok(500_000));
        assert_eq!(octets("500 kb"), Ok(500_000));
        assert_eq!(octets("4096"), Ok(4096));
        assert_eq!(octets("1B"), Ok(1));
        for wrong in [
            "",
            "MiB",
            "10M",
            "10 furlongs",
            "-1",
            "+1",
            "1.5MiB",
            "10MiBs",
        ] {
            assert!(octets(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_message_size_is_never_zero() {
        assert_eq!(message_octets("1"), Ok(1));
        assert_eq!(message_octets("10MiB"), Ok(10 << 20));
        for zero in ["0", "0B", "000", "0 MiB"] {
            let refused = message_octets(zero).unwrap_err();
            assert!(refused.contains("at least 1 octet"), "{zero}: {refused}");
        }
        assert_eq!(message_octets("10M"), octets("10M"), "as every size");
        assert_eq!(octets("0"), Ok(0), "a message may have no octets");
    }

    #[test]
    fn row_45_counts_end_where_the_store_ends() {
        assert_eq!(
            ceiling("9223372036854775807"),
            Ok(Ceiling::AtMost(i64::MAX.unsigned_abs()))
        );
        assert!(ceiling("9223372036854775808").is_err());
        assert!(octets("9007199254740993GiB").is_err());
        assert_eq!(ceiling("Unlimited"), Ok(Ceiling::Unlimited));
        assert_eq!(ceiling("0"), Ok(Ceiling::AtMost(0)));
        assert!(rate("0").is_err());
        assert_eq!(rate("4294967295").unwrap().0, NonZeroU32::new(u32::MAX));
        assert!(rate("4294967296").is_err());
    }

    #[test]
    fn sizes_are_shown_in_the_unit_that_fits() {
        assert_eq!(show_octets(10 << 20), "10 MiB (10485760 octets)");
        assert_eq!(show_octets(1500), "1500 octets");
        assert_eq!(show_octets(0), "0 octets");
    }
}
