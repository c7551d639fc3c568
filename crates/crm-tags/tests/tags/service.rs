//! Tags in the database.

use crm_core::{Condition, DbConnection, Scope, TagId};
use crm_tags::{TagError, TagKind, TagOption};
use crm_testkit::both_databases;

use crate::common::{create, labels, new_tag, patch, try_create};

fn change(connection: &mut DbConnection, scope: &Scope, id: TagId, body: &str) -> Result<TagOption, TagError> {
    let patch = patch(body).unwrap();
    connection.write(|connection| crm_tags::update(connection, scope, TagKind::Lead, id, &Condition::none(), &patch))
}

both_databases! {
    /// The examples of the source: made, listed, changed, deleted.
    fn a_tag_is_made_changed_and_deleted(database) {
        let mut connection = database.connect();
        let scope = database.tenant("your-tenant-id");
        let new = new_tag(r##"{ "label": "high-priority", "color": "#ff0000", "tenantId": "your-tenant-id" }"##).unwrap();
        let made = connection.write(|connection| crm_tags::create(connection, &scope, TagKind::Lead, &new)).unwrap();
        let printed = format!(r##"{{"id":"{}","label":"high-priority","color":"#ff0000","tenantId":"your-tenant-id"}}"##, made.id);
        assert_eq!(serde_json::to_string(&made).unwrap(), printed);
        assert_eq!(crm_tags::get(&mut connection, &scope, TagKind::Lead, made.id).unwrap(), made);

        let changed = change(&mut connection, &scope, made.id, r##"{ "label": "urgent", "color": "#8b0000" }"##).unwrap();
        assert_eq!((changed.id, &*changed.label, &*changed.color), (made.id, "urgent", "#8b0000"));
        assert_eq!(change(&mut connection, &scope, made.id, "{}").unwrap(), changed);
        assert_eq!(change(&mut connection, &scope, made.id, r#"{"color": null}"#).unwrap().color, "#808080");

        connection.write(|connection| crm_tags::delete(connection, &scope, TagKind::Lead, made.id, &Condition::none())).unwrap();
        assert!(crm_tags::list(&mut connection, &scope, TagKind::Lead).unwrap().is_empty());
    }

    /// Labels sort without regard to case, accents by their code points.
    fn tags_are_listed_by_label(database) {
        let mut connection = database.connect();
        let scope = database.tenant("acme");
        for label in ["b", "\u{c4}", "C", "a_1", "A b", "z"] {
            create(&mut connection, &scope, TagKind::Case, label);
        }
        let all = crm_tags::list(&mut connection, &scope, TagKind::Case).unwrap();
        assert_eq!(labels(&all), ["A b", "a_1", "b", "C", "z", "\u{c4}"]);
    }

    /// A label is taken once in a tenant and kind, whatever its case; the transaction goes on after a refusal.
    fn a_label_is_unique_in_its_tenant_and_kind(database) {
        let mut connection = database.connect();
        let (acme, other) = (database.tenant("acme"), database.tenant("other"));
        let first = create(&mut connection, &acme, TagKind::Lead, "\u{c9}lite");
        create(&mut connection, &acme, TagKind::Contact, "\u{c9}lite");
        create(&mut connection, &other, TagKind::Lead, "\u{c9}lite");
        for taken in ["\u{e9}LITE", "e\u{301}lite"] {
            assert!(matches!(try_create(&mut connection, &acme, TagKind::Lead, taken), Err(TagError::LabelTaken)), "{taken}");
        }
        create(&mut connection, &acme, TagKind::Contact, "Elite");
        create(&mut connection, &acme, TagKind::Contact, "Stra\u{df}e");
        assert!(matches!(try_create(&mut connection, &acme, TagKind::Contact, "STRASSE"), Err(TagError::LabelTaken)));
        connection.write(|connection| -> Result<(), TagError> {
            let taken = try_create(connection, &acme, TagKind::Lead, "\u{e9}lite");
            assert!(matches!(taken, Err(TagError::LabelTaken)));
            create(connection, &acme, TagKind::Lead, "second");
            Ok(())
        }).unwrap();
        let second = crm_tags::list(&mut connection, &acme, TagKind::Lead).unwrap().remove(0);
        assert_eq!(second.label, "second");
        let taken = change(&mut connection, &acme, second.id, "{\"label\": \"\u{e9}lite\"}");
        assert!(matches!(taken, Err(TagError::LabelTaken)));
        let renamed = change(&mut connection, &acme, first.id, "{\"label\": \"\u{e9}LITE\"}").unwrap();
        assert_eq!(renamed.label, "\u{e9}LITE", "a tag may take its own label in another case");
    }

    /// A tag of another tenant or kind is as good as none.
    fn a_tag_of_another_tenant_or_kind_is_not_found(database) {
        let mut connection = database.connect();
        let (acme, other) = (database.tenant("acme"), database.tenant("other"));
        let tag = create(&mut connection, &acme, TagKind::Lead, "mine");
        let recolour = patch(r##"{"color": "#000000"}"##).unwrap();
        for (scope, kind) in [(&other, TagKind::Lead), (&acme, TagKind::Contact)] {
            let connection = &mut connection;
            let outcomes = [
                crm_tags::get(connection, scope, kind, tag.id).map(drop),
                connection.write(|connection| crm_tags::update(connection, scope, kind, tag.id, &Condition::none(), &recolour)).map(drop),
                connection.write(|connection| crm_tags::delete(connection, scope, kind, tag.id, &Condition::none())),
            ];
            for outcome in outcomes {
                assert!(matches!(outcome, Err(TagError::NotFound)), "{kind:?}: {outcome:?}");
            }
            assert!(crm_tags::list(connection, scope, kind).unwrap().is_empty());
        }
        assert_eq!(crm_tags::get(&mut connection, &acme, TagKind::Lead, tag.id).unwrap(), tag);
    }
}
