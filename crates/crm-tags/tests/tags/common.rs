//! What the tests of tags share.

use crm_core::input::{At, FromBody, FromJson};
use crm_core::{BackendKind, DbConnection, FieldErrors, Scope};
use crm_tags::{NewTag, TagError, TagKind, TagOption, TagPatch, TagRefs};
use diesel::connection::SimpleConnection;

pub(crate) fn new_tag(body: &str) -> Result<NewTag, FieldErrors> {
    NewTag::from_body(&serde_json::from_str(body).unwrap())
}

pub(crate) fn patch(body: &str) -> Result<TagPatch, FieldErrors> {
    TagPatch::from_body(&serde_json::from_str(body).unwrap())
}

pub(crate) fn refs(text: &str) -> Result<TagRefs, FieldErrors> {
    let mut errors = FieldErrors::new();
    let value = serde_json::from_str(text).unwrap();
    let read = TagRefs::from_json(&value, &At::field("tags"), &mut errors);
    read.ok_or(errors)
}

/// Makes a tag with this label.
pub(crate) fn create(connection: &mut DbConnection, scope: &Scope, kind: TagKind, label: &str) -> TagOption {
    try_create(connection, scope, kind, label).unwrap()
}

pub(crate) fn try_create(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: TagKind,
    label: &str,
) -> Result<TagOption, TagError> {
    let body = serde_json::json!({ "label": label }).to_string();
    let new = new_tag(&body).unwrap();
    connection.write(|connection| crm_tags::create(connection, scope, kind, &new))
}

pub(crate) fn labels<'a>(tags: impl IntoIterator<Item = &'a TagOption>) -> Vec<&'a str> {
    tags.into_iter().map(|tag| tag.label.as_str()).collect()
}

/// `field code` of each problem, in order.
pub(crate) fn problems(errors: &FieldErrors) -> Vec<String> {
    errors.as_slice().iter().map(|error| format!("{} {}", error.field, error.code)).collect()
}

/// The name of the records' column and of the table of links.
pub(crate) fn link_table(kind: TagKind) -> (&'static str, &'static str) {
    match kind {
        TagKind::Lead => ("lead_id", "lead_tags"),
        TagKind::Opportunity => ("opportunity_id", "opportunity_tags"),
        TagKind::Contact => ("contact_id", "contact_tags"),
        TagKind::Organization => ("organization_id", "organization_tags"),
        TagKind::Case => ("case_id", "case_tags"),
    }
}

/// Makes the link tables in their fixed shape, yet without the foreign key to the records, which other
/// crates own: so these tests need no records.
pub(crate) fn make_link_tables(connection: &mut DbConnection) {
    let uuid = if connection.kind() == BackendKind::Postgres { "UUID" } else { "BLOB" };
    for kind in TagKind::ALL {
        let (record, table) = link_table(*kind);
        let number = kind.number();
        connection
            .batch_execute(&format!(
                "DROP TABLE IF EXISTS {table};
                 CREATE TABLE {table} (
                     tenant_id BIGINT NOT NULL,
                     {record} BIGINT NOT NULL,
                     kind SMALLINT NOT NULL CHECK (kind = {number}),
                     tag_id {uuid} NOT NULL,
                     PRIMARY KEY (tenant_id, {record}, tag_id),
                     FOREIGN KEY (tenant_id, kind, tag_id) REFERENCES tags (tenant_id, kind, id) ON DELETE CASCADE
                 );"
            ))
            .unwrap();
    }
}
