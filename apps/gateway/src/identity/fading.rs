use std::collections::HashMap;
use std::hash::Hash;
use std::mem;
use std::sync::{PoisonError, RwLock};

/// A map that forgets what was not put into it again for long. It is two maps: entries go into the young one, and when
/// that is full it becomes the old one, whose place it takes. So it never holds more than twice as much, and no entry is
/// looked for to be thrown away.
pub(super) struct Fading<K, V> {
    most: usize,
    maps: RwLock<Maps<K, V>>,
}

struct Maps<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Eq + Hash, V: Clone> Fading<K, V> {
    /// Remembers at least the `most` latest entries, and at the most twice as many.
    pub(super) fn of(most: usize) -> Self {
        Self { most, maps: RwLock::new(Maps { young: HashMap::new(), old: HashMap::new() }) }
    }

    pub(super) fn get(&self, key: &K) -> Option<V> {
        let maps = self.maps.read().unwrap_or_else(PoisonError::into_inner);
        maps.young.get(key).or_else(|| maps.old.get(key)).cloned()
    }

    pub(super) fn insert(&self, key: K, value: V) {
        let mut maps = self.maps.write().unwrap_or_else(PoisonError::into_inner);
        maps.young.insert(key, value);
        let forgotten = if maps.young.len() >= self.most {
            let young = mem::take(&mut maps.young);
            mem::replace(&mut maps.old, young)
        } else {
            HashMap::new()
        };
        drop(maps);
        // Freeing so many takes a while, in which nobody waits for the lock.
        drop(forgotten);
    }

    pub(super) fn retain(&self, is_kept: impl Fn(&V) -> bool) {
        let mut maps = self.maps.write().unwrap_or_else(PoisonError::into_inner);
        maps.young.retain(|_, value| is_kept(value));
        maps.old.retain(|_, value| is_kept(value));
    }

    pub(super) fn remove(&self, key: &K) {
        let mut maps = self.maps.write().unwrap_or_else(PoisonError::into_inner);
        maps.young.remove(key);
        maps.old.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_remembered_and_never_more_than_twice_as_many() {
        let fading = Fading::of(3);
        for number in 0..100 {
            fading.insert(number, number * 10);
            for latest in (number - 2).max(0)..=number {
                assert_eq!(fading.get(&latest), Some(latest * 10));
            }
            let kept = (0..=number).filter(|number| fading.get(number).is_some()).count();
            assert!(kept <= 6, "{kept}");
        }
        fading.remove(&99);
        assert_eq!(fading.get(&99), None);
    }

    #[test]
    fn an_entry_that_is_put_in_again_is_a_new_one() {
        let fading = Fading::of(2);
        for number in 0..10 {
            fading.insert("kept", number);
            fading.insert("other", number);
            assert_eq!(fading.get(&"kept"), Some(number));
        }
    }
}
