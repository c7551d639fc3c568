use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How many connections each address has, so that none takes all that the process has.
#[derive(Default)]
pub struct Places(Arc<Inner>);

#[derive(Default)]
struct Inner {
    each: AtomicUsize,
    taken: Mutex<HashMap<IpAddr, usize>>,
    refused: AtomicU64,
}

/// One connection's place; it is given back when this is dropped.
pub(super) struct Place {
    places: Arc<Inner>,
    address: IpAddr,
}

impl Places {
    /// Lets each address have so many.
    pub(super) fn allow(&self, each: usize) {
        self.0.each.store(each, Ordering::Relaxed);
    }

    /// A place for a connection from there; `None` where it has all that it may.
    pub(super) fn enter(&self, address: IpAddr) -> Option<Place> {
        let address = network_of(address);
        let mut taken = self.0.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(address).or_default();
        if *count >= self.0.each.load(Ordering::Relaxed) {
            self.0.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        *count += 1;
        Some(Place { places: Arc::clone(&self.0), address })
    }

    /// How many connections there are.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }

    /// How many were refused since the start.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.address);
            }
        }
    }
}

/// Whoever has one address of IPv6 has all of its network (RFC 4291, 2.5.1), and counts once.
pub(crate) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_places_and_no_other_s() {
        let places = Places::default();
        places.allow(2);
        let address = |text: &str| text.parse().unwrap();
        let first = places.enter(address("192.0.2.1")).unwrap();
        let _second = places.enter(address("::ffff:192.0.2.1")).unwrap();
        assert!(places.enter(address("192.0.2.1")).is_none(), "the third");
        assert!(places.enter(address("192.0.2.2")).is_some(), "another address");
        drop(first);
        assert!(places.enter(address("192.0.2.1")).is_some(), "one was given back");

        let _network = [places.enter(address("2001:db8::1")).unwrap(), places.enter(address("2001:db8::2")).unwrap()];
        assert!(places.enter(address("2001:db8::3")).is_none(), "another address of the network");
        assert!(places.enter(address("2001:db8:0:1::1")).is_some(), "another network");
        assert_eq!((places.taken(), places.refused()), (3, 2), "who has none is forgotten");
    }
}
