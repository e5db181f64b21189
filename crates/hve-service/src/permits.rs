//! Who may have a session: so many in all, so many of one address, so many of one account.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

/// Counts what is in use by key, each key up to a bound. A permit gives back when it is dropped.
#[derive(Debug)]
pub(crate) struct Permits<K: Hash + Eq + Clone> {
    used: Mutex<HashMap<K, usize>>,
}

impl<K: Hash + Eq + Clone> Default for Permits<K> {
    fn default() -> Self {
        Self {
            used: Mutex::default(),
        }
    }
}

/// One of a key's places.
#[derive(Debug)]
pub(crate) struct Permit<K: Hash + Eq + Clone> {
    key: K,
    from: Arc<Permits<K>>,
}

impl<K: Hash + Eq + Clone> Permits<K> {
    /// A place for `key`, if fewer than `most` are taken.
    pub(crate) fn take(self: &Arc<Self>, key: K, most: usize) -> Option<Permit<K>> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let count = used.entry(key.clone()).or_default();
        if *count >= most {
            if *count == 0 {
                used.remove(&key);
            }
            return None;
        }
        *count += 1;
        drop(used);
        Some(Permit {
            key,
            from: Arc::clone(self),
        })
    }
}

impl<K: Hash + Eq + Clone> Drop for Permit<K> {
    fn drop(&mut self) {
        let mut used = self
            .from
            .used
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = used.get_mut(&self.key) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                used.remove(&self.key);
            }
        }
    }
}

/// What counts as one client: an IPv4 address, or an IPv6 /64, of which one host has all
/// (RFC 4291 §2.5.1).
pub(crate) fn site(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permit_gives_its_place_back() {
        let permits = Arc::new(Permits::default());
        let one = permits.take("a", 2).unwrap();
        let _two = permits.take("a", 2).unwrap();
        assert!(permits.take("a", 2).is_none());
        let other = permits.take("b", 1).unwrap();
        drop(one);
        assert!(permits.take("a", 2).is_some());
        drop(other);
        assert_eq!(
            permits.used.lock().unwrap().len(),
            1,
            "no key without use is kept"
        );
        assert!(permits.take("c", 0).is_none());
        assert_eq!(permits.used.lock().unwrap().len(), 1);
    }

    fn same(one: &str, two: &str, expected: bool) {
        let [one, two] = [one, two].map(|address| site(address.parse().unwrap()));
        assert_eq!(one == two, expected, "{one} {two}");
    }

    #[test]
    fn one_client_is_one_address_or_one_64() {
        same("192.0.2.1", "192.0.2.2", false);
        same("192.0.2.1", "::ffff:192.0.2.1", true);
        same("2001:db8::1", "2001:db8::ffff:1", true);
        same("2001:db8::1", "2001:db8:0:1::1", false);
    }
}
