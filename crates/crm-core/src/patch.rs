use std::fmt::Debug;

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

    /// What a Diesel changeset takes: `None` leaves the column, `Some(None)` writes NULL.
    pub fn into_change(self) -> Option<Option<T>> {
        match self {
            Self::Keep => None,
            Self::Clear => Some(None),
            Self::Set(value) => Some(Some(value)),
        }
    }

    /// As [`into_change`](Self::into_change), of a reference.
    pub fn as_change(&self) -> Option<Option<&T>> {
        match self {
            Self::Keep => None,
            Self::Clear => Some(None),
            Self::Set(value) => Some(Some(value)),
        }
    }

    /// The value that a new record starts with: on create, absent and `null` mean the same.
    pub fn into_value(self) -> Option<T> {
        match self {
            Self::Keep | Self::Clear => None,
            Self::Set(value) => Some(value),
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
