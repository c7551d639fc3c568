//! The people that records have as owners and assignees.

use crm_console::people::{MOST_OFFERED, People, Role};
use crm_core::records;
use crm_core::text::{folded, searchable};
use crm_core::values::User;
use crm_core::{DbConnection, FieldCode, FieldErrors, Scope};
use crm_exchange::Kind;
use diesel::QueryResult;
use serde_json::{Value, json};

use crate::error::Failure;

use super::filters::value;
use super::kind::shown;
use super::sought::Name;

/// Among how many people somebody is looked for by a name.
const MOST_SEARCHED: i64 = 2_000;

/// Where the records of a kind have them.
fn column(kind: Kind, role: Role) -> records::People {
    match (kind, role) {
        (Kind::Lead, _) => crm_leads::OWNERS,
        (Kind::Opportunity, _) => crm_opportunities::OWNERS,
        (Kind::Contact, _) => crm_directory::contacts::OWNERS,
        (Kind::Organization, _) => crm_directory::organizations::OWNERS,
        (Kind::Case, Role::Owner) => crm_cases::OWNERS,
        (Kind::Case, Role::Assignee) => crm_cases::ASSIGNEES,
    }
}

/// The people that a list can be filtered by, and those that it is filtered by: a statement for each role, and one more where there
/// are more people than are offered.
pub(super) fn of(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: Kind,
    given: &[(String, String)],
) -> QueryResult<Vec<People>> {
    let of_role = |role: &Role| {
        let column = column(kind, *role);
        let most = i64::try_from(MOST_OFFERED + 1).unwrap_or(i64::MAX);
        let people = People::new(*role, column.first(connection, scope, most)?);
        let unknown = value(given, role.members().1).map(|ids| people.unknown(ids)).unwrap_or_default();
        let unknown = unknown.iter().filter_map(|id| Name::read(role.members().1, id).ok());
        let others = column.of_ids(connection, scope, &unknown.map(Name::into_text).collect::<Vec<_>>())?;
        Ok(people.knowing(others))
    };
    Role::of(kind).iter().map(of_role).collect()
}

/// Whom a text names: whoever has this id, or else those with this name or address; and then all among whom they were looked for.
fn named(
    connection: &mut DbConnection,
    scope: &Scope,
    column: records::People,
    text: &Name,
) -> QueryResult<(Vec<User>, Vec<User>)> {
    let of_id = column.of_ids(connection, scope, &[text.as_str().to_owned()])?;
    if !of_id.is_empty() {
        return Ok((of_id, Vec::new()));
    }
    let all = column.first(connection, scope, MOST_SEARCHED)?;
    let name = folded(text.as_str());
    Ok((those(&all, |text| folded(text) == name), all))
}

/// Those whose name or address is so.
fn those(people: &[User], is_so: impl Fn(&str) -> bool) -> Vec<User> {
    let is_one = |user: &&User| [user.name(), user.email()].into_iter().flatten().any(&is_so);
    people.iter().filter(is_one).cloned().collect()
}

/// Whom a text can mean: whom it names, or else those of whose name or address it is a part.
pub(super) fn meant(
    connection: &mut DbConnection,
    scope: &Scope,
    (kind, role): (Kind, Role),
    text: &Name,
) -> QueryResult<Vec<User>> {
    let (named, all) = named(connection, scope, column(kind, role), text)?;
    let part = searchable(text.as_str());
    if !named.is_empty() || part.is_empty() {
        return Ok(named);
    }
    Ok(those(&all, |text| searchable(text).contains(&part)))
}

/// The owner that a text names, as a body has it. Whom no record knows has it as id.
pub(super) fn owner(connection: &mut DbConnection, scope: &Scope, kind: Kind, text: &str) -> Result<Value, Failure> {
    let name = Name::read(Role::Owner.members().0, text)?;
    let (named, _) = named(connection, scope, column(kind, Role::Owner), &name)?;
    let text = name.as_str();
    match named.as_slice() {
        [] => Ok(json!({ "id": text, "email": text.contains('@').then_some(text) })),
        [only] => shown(only),
        _ => {
            let words = "is the name of several: give the id of the one that is meant";
            Ok(FieldErrors::of("owner", FieldCode::InvalidValue, words).into_result(Value::Null)?)
        }
    }
}
