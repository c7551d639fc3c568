//! What people call that which changes name by ids: however many changes a page shows, each kind of names is one list.

use crm_cases::{cases, types};
use crm_console::fields;
use crm_console::happened::{About, Names};
use crm_core::page::PageRequest;
use crm_core::{DbConnection, Scope};
use crm_directory::{contacts, organizations};
use crm_forms::FormKind;
use crm_history::{Change, Kind};
use crm_opportunities::pipelines;

use crate::error::Failure;

use super::board::PIPELINES;

/// Adds what these changes need to the names that are known already.
pub(super) fn of(
    connection: &mut DbConnection,
    scope: &Scope,
    changes: &[Change],
    mut names: Names,
) -> Result<Names, Failure> {
    let lacks = |names: &Names, about| !names.lacking(changes, about).is_empty();
    if lacks(&names, About::Stage) || lacks(&names, About::Pipeline) {
        names.call_pipelines(&pipelines::list(connection, scope, &PageRequest::first(PIPELINES))?.items);
    }
    for (id, label) in crm_tags::labels(connection, scope, &ids(&names, changes, About::Tag))? {
        names.call(About::Tag, id.to_string(), label);
    }
    for (id, name) in organizations::names(connection, scope, &ids(&names, changes, About::Organization))? {
        names.call(About::Organization, id.to_string(), name);
    }
    for (id, name) in contacts::names(connection, scope, &ids(&names, changes, About::Contact))? {
        names.call(About::Contact, id.to_string(), name);
    }
    for (id, title) in crm_leads::titles(connection, scope, &ids(&names, changes, About::Lead))? {
        names.call(About::Lead, id.to_string(), title);
    }
    for (id, title) in crm_opportunities::titles(connection, scope, &ids(&names, changes, About::Opportunity))? {
        names.call(About::Opportunity, id.to_string(), title);
    }
    for (id, title) in cases::titles(connection, scope, &ids(&names, changes, About::Case))? {
        names.call(About::Case, id.to_string(), title);
    }
    for (form, kinds) in [
        (FormKind::Pipeline, [Kind::Lead, Kind::Opportunity].as_slice()),
        (FormKind::Contacts, &[Kind::Contact]),
        (FormKind::Organizations, &[Kind::Organization]),
    ] {
        if names.lacks_fields(changes, kinds) {
            let entries = fields::entries(crm_forms::get(connection, scope, form)?.fields(), &[]);
            kinds.iter().for_each(|kind| names.know(*kind, entries.clone()));
        }
    }
    if names.lacks_fields(changes, &[Kind::Case]) || lacks(&names, About::CaseType) {
        for (id, label, form) in types::forms(connection, scope)? {
            names.call(About::CaseType, id.to_string(), label);
            names.know(Kind::Case, fields::entries(form.fields(), &[]));
        }
    }
    Ok(names)
}

fn ids<I: std::str::FromStr>(names: &Names, changes: &[Change], about: About) -> Vec<I> {
    names.lacking(changes, about).into_iter().filter_map(|id| id.parse().ok()).collect()
}
