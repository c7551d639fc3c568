use std::fmt::Debug;

use crate::error::{FieldCode, FieldErrors};

/// One member of a JSON merge patch (RFC 7396): absent, `null`, or a value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Patch<T> {
    /// The member was left out: the field stays as it is.
    #[default]
    Keep,
    /// The member was `null`: the field is cleared.
    Clear,
    /// The field takes this value.
    Set(T),
}

impl<T> Patch<T> {
    /// Whether the field stays as it is.
    pub fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }

    /// Whether the field is cleared.
    pub fn is_clear(&self) -> bool {
        matches!(self, Self::Clear)
    }

    /// Whether the field is cleared, or set to a value that is nothing, such as an empty list.
    pub fn is_clear_or(&self, is_nothing: impl FnOnce(&T) -> bool) -> bool {
        match self {
            Self::Keep => false,
            Self::Clear => true,
            Self::Set(value) => is_nothing(value),
        }
    }

    /// The same patch of a field that holds `present`: what it wants as it stands already, it keeps.
    #[must_use]
    pub fn changing(&self, present: Option<&T>) -> Self
    where
        T: Clone + PartialEq,
    {
        match self {
            Self::Clear if present.is_none() => Self::Keep,
            Self::Set(value) if present == Some(value) => Self::Keep,
            other => other.clone(),
        }
    }

    /// As [`changing`](Self::changing), of a list, which is empty where there is none.
    #[must_use]
    pub fn changing_list(&self, present: &T) -> Self
    where
        T: Clone + Default + PartialEq,
    {
        match self {
            Self::Clear if *present == T::default() => Self::Keep,
            other => other.changing(Some(present)),
        }
    }

    /// The new value, where the patch has one.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Keep | Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }

    /// The value that a new record starts with: on create, absent and `null` mean the same.
    pub fn into_value(self) -> Option<T> {
        match self {
            Self::Keep | Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }

    /// The stored field after this patch; `store` turns a new value into what is stored.
    pub fn applied_to<U>(&self, current: Option<U>, store: impl FnOnce(&T) -> U) -> Option<U> {
        match self {
            Self::Keep => current,
            Self::Clear => None,
            Self::Set(value) => Some(store(value)),
        }
    }

    /// The stored list after this patch.
    pub fn applied_to_list(self, current: T) -> T
    where
        T: Default,
    {
        match self {
            Self::Keep => current,
            Self::Clear => T::default(),
            Self::Set(list) => list,
        }
    }

    /// Turns the value into another one.
    pub fn map<U>(self, turn: impl FnOnce(T) -> U) -> Patch<U> {
        match self {
            Self::Keep => Patch::Keep,
            Self::Clear => Patch::Clear,
            Self::Set(value) => Patch::Set(turn(value)),
        }
    }
}

/// Checks the length of a list in a patch: within its limit, or no longer than what a merge has made of it.
pub fn check_growth(field: &str, length: usize, present: usize, limit: usize, errors: &mut FieldErrors) {
    if length > limit.max(present) {
        errors.push(field, FieldCode::TooMany, format!("must have at most {limit} entries"));
    }
}
