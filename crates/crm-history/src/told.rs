use serde::Serialize;

/// Another record in a change: its id, and never its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Linked<I> {
    /// The id.
    pub id: I,
}

/// These records, by their ids.
pub fn linked<I>(ids: impl IntoIterator<Item = I>) -> Vec<Linked<I>> {
    ids.into_iter().map(|id| Linked { id }).collect()
}

/// Declares a record as changes tell of it: the members that are compared one by one, those of an object that are compared
/// each by its name, and those that only the whole record shows, its `id` among them.
///
/// ```
/// crm_history::told! {
///     /// A lead as changes tell of it.
///     struct ToldLead<'a>;
///     compared { title "title": &'a str, }
///     members { }
///     shown { id "id": i64, }
/// }
/// let before = ToldLead { title: "Tea", id: 7 };
/// assert!(!before.differences(&ToldLead { title: "Coffee", id: 7 }).is_empty());
/// ```
#[macro_export]
macro_rules! told {
    (
        $(#[$doc:meta])*
        $vis:vis struct $told:ident<$life:lifetime>;
        compared { $($member:ident $name:literal: $of:ty,)* }
        members { $($map:ident $map_name:literal: $map_of:ty,)* }
        shown { $($shown:ident $shown_name:literal: $shown_of:ty,)* }
    ) => {
        $(#[$doc])*
        #[derive(Debug, ::serde::Serialize)]
        $vis struct $told<$life> {
            $(#[serde(rename = $shown_name)] $vis $shown: $shown_of,)*
            $(#[serde(rename = $name)] $vis $member: $of,)*
            $(#[serde(rename = $map_name)] $vis $map: $map_of,)*
        }

        impl<$life> $told<$life> {
            /// What changed from this to another state of the same record.
            $vis fn differences(&self, after: &Self) -> $crate::Fields {
                $crate::Fields::none()
                    $(.compare($name, &self.$member, &after.$member))*
                    $(.compare_members($map_name, self.$map.as_ref(), after.$map.as_ref()))*
            }

            /// What becomes of the record between this and another state.
            $vis fn changed_to(&self, after: &Self) -> ::diesel::QueryResult<$crate::What> {
                $crate::What::changed(self.id, self.differences(after))
            }

            /// The whole record, for a change that makes or deletes it.
            $vis fn whole(&self) -> ::diesel::QueryResult<$crate::What> {
                $crate::What::whole(self.id, self)
            }
        }
    };
}
