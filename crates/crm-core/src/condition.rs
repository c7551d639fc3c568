//! What a caller expects of the record that it changes.

use std::fmt;

/// What must be true of a record for a change of it to be made. Every function that changes one record takes a
/// condition and looks at it once: when all locks of the change are held, of the record as it was read under them,
/// before anything is written.
///
/// It knows nothing of where it comes from. The gateway makes one of `If-Match`; another program may compare a member:
///
/// ```
/// use crm_core::{Condition, Timestamp, Unmet};
///
/// struct Seen { last_updated_on: Timestamp }
///
/// fn unchanged_since(seen: Timestamp) -> Condition<Seen> {
///     Condition::new(move |now: &Seen| match now.last_updated_on == seen {
///         true => Ok(()),
///         false => Err(Unmet(format!("it was changed on {}", now.last_updated_on))),
///     })
/// }
/// ```
pub struct Condition<T> {
    check: Option<Box<Check<T>>>,
    /// Whether it is met where there is no record at all.
    is_met_by_none: bool,
    /// Whether it is one of every record that the change takes together, and not of that alone which is left.
    is_of_all: bool,
}

type Check<T> = dyn Fn(&T) -> Result<(), Unmet> + Send;

/// The record is not as the caller of a change expected it to be: nothing was changed. In words for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unmet(pub String);

impl<T> Condition<T> {
    /// The change is made whatever the record is.
    #[must_use]
    pub fn none() -> Self {
        Self { check: None, is_met_by_none: true, is_of_all: false }
    }

    /// The change is made where this finds the record right.
    pub fn new(check: impl Fn(&T) -> Result<(), Unmet> + Send + 'static) -> Self {
        Self { check: Some(Box::new(check)), is_met_by_none: false, is_of_all: false }
    }

    /// The same, met also where there is no record yet: for what makes one then.
    #[must_use]
    pub fn or_none(self) -> Self {
        Self { is_met_by_none: true, ..self }
    }

    /// The same, of every record that a merge takes together: the one that is left, and those that go into it.
    #[must_use]
    pub fn of_all(self) -> Self {
        Self { is_of_all: true, ..self }
    }

    /// Looks at it where there is no record, and one is about to be made.
    ///
    /// # Errors
    /// [`Unmet`], where one was expected.
    pub fn check_none(&self) -> Result<(), Unmet> {
        if self.is_met_by_none { Ok(()) } else { Err(Unmet("There is no such record.".to_owned())) }
    }

    /// Looks at the record, which is only made where there is something to find out.
    ///
    /// # Errors
    /// [`Unmet`]; what making the record ends in.
    pub fn check<E: From<Unmet>>(&self, current: impl FnOnce() -> Result<T, E>) -> Result<(), E> {
        self.check_each(|| Ok(vec![current()?]))
    }

    /// As [`check`](Self::check), of several records.
    ///
    /// # Errors
    /// [`Unmet`]; what making the records ends in.
    pub fn check_each<E: From<Unmet>>(&self, current: impl FnOnce() -> Result<Vec<T>, E>) -> Result<(), E> {
        let Some(check) = &self.check else { return Ok(()) };
        Ok(current()?.iter().try_for_each(check)?)
    }

    /// Looks at the records that a merge takes together: at the one that is left, by which it is told from the others, or where
    /// it is [of all](Self::of_all), at each.
    ///
    /// # Errors
    /// [`Unmet`].
    pub fn check_together<'r>(
        &self,
        records: impl IntoIterator<Item = &'r T>,
        is_left: impl Fn(&T) -> bool,
    ) -> Result<(), Unmet>
    where
        T: 'r,
    {
        let Some(check) = &self.check else { return Ok(()) };
        records.into_iter().filter(|record| self.is_of_all || is_left(record)).try_for_each(check)
    }
}

impl<T> fmt::Debug for Condition<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.check.is_some() { "Condition(..)" } else { "Condition(none)" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_made_only_where_there_is_a_condition() {
        assert_eq!(Condition::none().check(|| -> Result<u8, Unmet> { unreachable!("nobody asks") }), Ok(()));
        let seven = Condition::new(|number| if *number == 7 { Ok(()) } else { Err(Unmet(format!("it is {number}"))) });
        assert_eq!(seven.check(|| Ok::<_, Unmet>(7)), Ok(()));
        assert_eq!(seven.check(|| Ok::<_, Unmet>(8)), Err(Unmet("it is 8".to_owned())));
        assert_eq!(seven.check(|| Err(Unmet("gone".to_owned()))), Err(Unmet("gone".to_owned())));
    }

    #[test]
    fn a_merge_is_conditional_on_what_is_left_or_on_all() {
        let seven =
            || Condition::new(|number| if *number == 7 { Ok(()) } else { Err(Unmet(format!("it is {number}"))) });
        let is_left = |left| move |number: &u8| *number == left;
        assert_eq!(seven().check_together(&[7, 8], is_left(7)), Ok(()));
        assert_eq!(seven().check_together(&[7, 8], is_left(8)), Err(Unmet("it is 8".to_owned())));
        assert_eq!(seven().of_all().check_together(&[7, 8], is_left(7)), Err(Unmet("it is 8".to_owned())));
        assert_eq!(seven().of_all().check_together(&[7, 7], is_left(7)), Ok(()));
        assert_eq!(Condition::none().of_all().check_together(&[8], is_left(8)), Ok(()));
    }
}
