use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// What a transaction of many changes has asked already: the form, the tags, the records that are held. So it asks once
/// what each of the changes would ask.
///
/// It is right for as long as the transaction holds what it remembers: whoever makes many changes has a new one for each
/// transaction ([`Scope::remembering`](crate::Scope::remembering)). Each part of the program has a type of its own in it.
#[derive(Default)]
pub struct Memory(Mutex<HashMap<TypeId, Box<dyn Any + Send>>>);

impl Memory {
    /// Looks into the part of this type, or writes it.
    pub fn with<T: Default + Send + 'static, R>(&self, act: impl FnOnce(&mut T) -> R) -> R {
        let mut parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let part = parts.entry(TypeId::of::<T>()).or_insert_with(|| Box::new(T::default()));
        match part.downcast_mut() {
            Some(part) => act(part),
            // It was put there under its own type.
            None => act(&mut T::default()),
        }
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_has_a_part_of_its_own() {
        let memory = Memory::default();
        memory.with(|numbers: &mut Vec<i64>| numbers.push(1));
        memory.with(|texts: &mut Vec<String>| texts.push("a".to_owned()));
        assert_eq!(memory.with(|numbers: &mut Vec<i64>| numbers.clone()), [1]);
    }
}
