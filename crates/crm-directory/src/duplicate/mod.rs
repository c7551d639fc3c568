//! What makes two contacts, or two organizations, look like one.

mod groups;
mod holders;

use crm_core::params::{FromParams, ParamReader};
use crm_core::text::name_key;
use crm_core::values::{LabeledValueKind, LabeledValues};

use crate::labeled::last_digits;

pub use groups::{Duplicate, Duplicates, DuplicatesRequest};
pub(crate) use groups::{Tables, page};

/// By what records look like one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DuplicateBy {
    /// An e-mail address, however it is written.
    Email,
    /// The last nine digits of a phone number that has seven or more.
    Phone,
    /// The name, in any case and with any blanks.
    Name,
}

impl DuplicateBy {
    /// Each with its name.
    pub const NAMES: &'static [(&'static str, Self)] =
        &[("email", Self::Email), ("phone", Self::Phone), ("name", Self::Name)];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Name => "name",
        }
    }
}

/// By what a new record must look like none that there is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IfNoDuplicate(pub Vec<DuplicateBy>);

impl FromParams for IfNoDuplicate {
    fn from_params(params: &mut ParamReader) -> Self {
        let by = params.words(
            "ifNoDuplicate",
            DuplicateBy::NAMES,
            "Makes it only where no other has one of its e-mail addresses, however written, one of its phone numbers, by \
             their last nine digits, or its name, in any case.",
        );
        Self(by.unwrap_or_default())
    }
}

/// What a new record is compared by, each in the form in which it is stored for that.
pub(crate) struct Looks {
    pub(crate) emails: Vec<String>,
    pub(crate) phones: Vec<String>,
    pub(crate) name: Option<String>,
}

impl Looks {
    pub(crate) fn of(by: &[DuplicateBy], name: &str, email: &LabeledValues, phone: &LabeledValues) -> Self {
        let emails = email.as_slice().iter().map(|email| LabeledValueKind::Email.folded(&email.value));
        let phones = phone.as_slice().iter().filter_map(|phone| last_digits(&phone.value));
        Self {
            emails: if by.contains(&DuplicateBy::Email) { emails.collect() } else { Vec::new() },
            phones: if by.contains(&DuplicateBy::Phone) { phones.collect() } else { Vec::new() },
            name: by.contains(&DuplicateBy::Name).then(|| name_key(name)),
        }
    }
}

/// The most records that a new one is said to look like.
pub(crate) const MOST_ALIKE: usize = 100;

/// Declares `looking_like` for a table of records with their addresses and numbers: the ids of those that look like a new one,
/// at most [`MOST_ALIKE`], ascending.
macro_rules! looking_like {
    ($table:ident, $id:ty, $emails:ident, $phones:ident) => {
        pub(crate) fn looking_like(
            connection: &mut DbConnection,
            scope: &Scope,
            looks: &$crate::duplicate::Looks,
        ) -> QueryResult<Vec<i64>> {
            const MOST: i64 = $crate::duplicate::MOST_ALIKE as i64;
            let $crate::duplicate::Looks { emails, phones, name } = looks;
            let mut found = std::collections::BTreeSet::new();
            if !emails.is_empty() {
                let with_them = $emails::table.filter(::crm_core::sql::among(
                    scope,
                    $emails::tenant_id,
                    $emails::value_folded,
                    emails,
                ));
                found.extend(with_them.select($emails::record_id).limit(MOST).load::<i64>(connection)?);
            }
            if !phones.is_empty() {
                let with_them = $phones::table.filter(::crm_core::sql::among(
                    scope,
                    $phones::tenant_id,
                    $phones::last_digits,
                    phones,
                ));
                found.extend(with_them.select($phones::record_id).limit(MOST).load::<i64>(connection)?);
            }
            if let Some(name) = name {
                let named =
                    $table::table.filter($table::tenant_id.eq(scope.tenant())).filter($table::name_key.eq(name));
                let ids: Vec<$id> = named.select($table::id).limit(MOST).load(connection)?;
                found.extend(ids.into_iter().map(<$id>::as_i64));
            }
            // As many by each of the three.
            Ok(found.into_iter().take($crate::duplicate::MOST_ALIKE).collect())
        }
    };
}

pub(crate) use looking_like;

/// Declares `with_emails` and `with_names` for a kind of records: what a set of them is asked for at once, each record with the
/// one that it has, and of those that share one no more than are asked for.
macro_rules! matched_by {
    ($id:ty, $tables:path) => {
        /// Those with one of these addresses, which are folded, each with the address: of one address at most so many, ascending.
        ///
        /// # Errors
        /// The database's.
        pub fn with_emails(
            connection: &mut DbConnection,
            scope: &Scope,
            folded: &[&str],
            most: usize,
        ) -> QueryResult<Vec<(String, $id)>> {
            let found = $tables.emails().holders(connection, scope, folded, most)?;
            Ok(found.into_iter().map(|(address, id)| (address, <$id>::from_i64(id))).collect())
        }

        /// Those with one of these names, which are folded, each with the name: of one name at most so many, ascending.
        ///
        /// # Errors
        /// The database's.
        pub fn with_names(
            connection: &mut DbConnection,
            scope: &Scope,
            folded: &[&str],
            most: usize,
        ) -> QueryResult<Vec<(String, $id)>> {
            let found = $tables.names().holders(connection, scope, folded, most)?;
            Ok(found.into_iter().map(|(name, id)| (name, <$id>::from_i64(id))).collect())
        }
    };
}

pub(crate) use matched_by;
