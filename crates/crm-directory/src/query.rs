//! What the queries of contacts and organizations share: where texts are searched, and conditions on the tables
//! of labeled values.

use crm_core::search::{Candidates, Most, Sought, TextIndex};
use crm_core::{DbConnection, Scope};
use diesel::QueryResult;

use crate::labeled::digits;

const fn index(table: &'static str, record: &'static str, column: &'static str, fts_column: &'static str) -> TextIndex {
    TextIndex { table, column, record, fts_column }
}

pub(crate) const CONTACT_NAME: TextIndex = index("contacts", "id", "name_search", "name");
pub(crate) const CONTACT_EMAIL: TextIndex = index("contact_emails", "contact_id", "value_search", "value");
pub(crate) const CONTACT_PHONE: TextIndex = index("contact_phones", "contact_id", "value_search", "value");
pub(crate) const CONTACT_PHONE_DIGITS: TextIndex = index("contact_phones", "contact_id", "digits", "digits");
pub(crate) const ORGANIZATION_NAME: TextIndex = index("organizations", "id", "name_search", "name");
pub(crate) const ORGANIZATION_ADDRESS: TextIndex = index("organizations", "id", "address_search", "address");
pub(crate) const ORGANIZATION_WEBSITE: TextIndex = index("organizations", "id", "website_search", "website");
pub(crate) const ORGANIZATION_EMAIL: TextIndex =
    index("organization_emails", "organization_id", "value_search", "value");
pub(crate) const ORGANIZATION_PHONE: TextIndex =
    index("organization_phones", "organization_id", "value_search", "value");
pub(crate) const ORGANIZATION_PHONE_DIGITS: TextIndex =
    index("organization_phones", "organization_id", "digits", "digits");

const fn sought(index: TextIndex, shown: &'static str, ordered: Option<&'static str>) -> Sought {
    Sought { index, shown, ordered }
}

/// What a search over all kinds looks into, and what each is called.
pub(crate) const OF_CONTACTS: &[(&str, Sought)] = &[
    ("name", sought(CONTACT_NAME, "name", Some("name_folded"))),
    ("email", sought(CONTACT_EMAIL, "value", Some("value_folded"))),
    ("phone", sought(CONTACT_PHONE_DIGITS, "value", None)),
];
/// As [`OF_CONTACTS`].
pub(crate) const OF_ORGANIZATIONS: &[(&str, Sought)] = &[
    ("name", sought(ORGANIZATION_NAME, "name", Some("name_folded"))),
    ("email", sought(ORGANIZATION_EMAIL, "value", Some("value_folded"))),
    ("phone", sought(ORGANIZATION_PHONE_DIGITS, "value", None)),
];

/// The records that a filter for phone numbers leaves: by digits where it has any, else as text.
pub(crate) fn phone_candidates(
    by_digits: TextIndex,
    by_text: TextIndex,
    connection: &mut DbConnection,
    scope: &Scope,
    most: &mut Most,
    text: &str,
) -> QueryResult<Candidates> {
    match digits(text) {
        digits if digits.is_empty() => by_text.candidates(connection, scope, most, text),
        digits => by_digits.candidates(connection, scope, most, &digits),
    }
}

/// Records with an e-mail address that contains a text.
///
/// `OFFSET 0` keeps PostgreSQL from asking the question for all records at once, as a set of everything that matches:
/// it is asked only for the few records that the index left, or until a page is full.
macro_rules! has_email {
    ($scope:expr, $records:ident, $emails:ident, $text:expr) => {
        diesel::dsl::exists(
            $emails::table
                .filter($emails::tenant_id.eq($scope.tenant()))
                .filter($emails::record_id.eq($records::id))
                .filter(Contains::new(concat!(stringify!($emails), ".value_search"), $text))
                .offset(0),
        )
    };
}

/// Records with a phone number that contains the digits of a text, or the text where it has none; asked as for
/// [`has_email`].
macro_rules! has_phone {
    ($scope:expr, $records:ident, $phones:ident, $text:expr) => {{
        let digits = $crate::labeled::digits($text);
        let contains = if digits.is_empty() {
            Contains::new(concat!(stringify!($phones), ".value_search"), $text)
        } else {
            Contains::new(concat!(stringify!($phones), ".digits"), &digits)
        };
        diesel::dsl::exists(
            $phones::table
                .filter($phones::tenant_id.eq($scope.tenant()))
                .filter($phones::record_id.eq($records::id))
                .filter(contains)
                .offset(0),
        )
    }};
}

pub(crate) use {has_email, has_phone};
