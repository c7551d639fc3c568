//! The tags of records.

use std::time::Duration;

use crm_core::search::{Candidates, Most};
use crm_core::{
    CaseId, Condition, ContactId, Db, DbConnection, FieldCode, FieldErrors, LeadId, OpportunityId, OrganizationId,
    RecordKind, Scope, TagId, WriteError,
};
use crm_tags::{HasAnyTag, TagKind, TagOption, Tagged};
use crm_testkit::{TestDatabase, both_databases};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use crate::common::{create, labels, make_link_tables, problems, refs};

diesel::table! {
    /// Stands for the table of a kind of record.
    things (tenant_id, id) {
        tenant_id -> BigInt,
        id -> BigInt,
    }
}

fn set<I: Tagged>(connection: &mut DbConnection, scope: &Scope, record: I, spelled: &str) -> Result<(), WriteError> {
    let refs = refs(spelled).unwrap();
    connection.write(|connection| {
        let mut errors = FieldErrors::new();
        let tags = crm_tags::resolve(connection, scope, I::TAGS, &refs, &mut errors)?;
        let present = of(connection, scope, record);
        crm_tags::set(connection, scope, record, &present, &errors.into_result(tags)?)
    })
}

fn of<I: Tagged>(connection: &mut DbConnection, scope: &Scope, record: I) -> Vec<TagOption> {
    crm_tags::of(connection, scope, &[record]).unwrap().remove(&record).unwrap_or_default()
}

/// For a kind: set, replaced, emptied, joined, read for a page, filtered by, and gone with the tag.
fn records_have_tags<I: Tagged>(connection: &mut DbConnection, acme: &Scope, other: &Scope) {
    let kind = I::TAGS;
    let [one, two, three] = [1, 2, 3].map(I::from_i64);
    let a = create(connection, acme, kind, "a");
    let b = create(connection, acme, kind, "B");
    let c = create(connection, acme, kind, "c");
    create(connection, other, kind, "a");
    set(connection, other, one, r#""a""#).unwrap();

    set(connection, acme, one, r#""c,a""#).unwrap();
    assert_eq!(labels(&of(connection, acme, one)), ["a", "c"], "{kind:?}");
    set(connection, acme, one, r#"["b", "A", "a"]"#).unwrap();
    assert_eq!(of(connection, acme, one), [a.clone(), b.clone()], "{kind:?}");
    set(connection, acme, two, r#""c""#).unwrap();

    let page = crm_tags::of(connection, acme, &[one, two, three]).unwrap();
    assert_eq!((page.len(), labels(&page[&one]), labels(&page[&two])), (2, vec!["a", "B"], vec!["c"]));

    let has = |connection: &mut DbConnection, spelled: &[&str]| -> Vec<i64> {
        let spelled: Vec<_> = spelled.iter().map(|text| (*text).to_owned()).collect();
        let (candidates, ids) =
            crm_tags::resolve_filter(connection, acme, kind, &mut Most::of(RecordKind::Lead), Some(&spelled)).unwrap();
        let ids = ids.unwrap();
        let found: Vec<i64> = things::table
            .into_boxed::<Db>()
            .filter(things::tenant_id.eq(acme.tenant()))
            .filter(HasAnyTag::new(acme, kind, ids))
            .order(things::id)
            .select(things::id)
            .load(connection)
            .unwrap();
        assert_eq!(candidates, Candidates::Few(found.clone()), "{kind:?}: the few are those that match");
        found
    };
    assert_eq!(has(connection, &["A"]), [1], "{kind:?}: by label");
    assert_eq!(has(connection, &[&b.id.to_string(), "c"]), [1, 2], "{kind:?}: any of them, by id");
    assert_eq!(has(connection, &["a", "none"]), [1], "{kind:?}: an unknown one beside a known one");
    assert_eq!(has(connection, &["none"]), [0; 0], "{kind:?}: an unknown one alone");

    let all = [a.id, b.id, c.id];
    connection.write(|connection| crm_tags::add(connection, acme, two, &all)).unwrap();
    assert_eq!(labels(&of(connection, acme, two)), ["a", "B", "c"], "{kind:?}");
    assert_eq!(labels(&of(connection, acme, one)), ["a", "B"], "{kind:?}: the source keeps its own");

    connection.write(|connection| crm_tags::delete(connection, acme, kind, a.id, &Condition::none())).unwrap();
    assert_eq!(labels(&of(connection, acme, one)), ["B"], "{kind:?}");
    set(connection, acme, one, r#""""#).unwrap();
    assert_eq!(of(connection, acme, one), [], "{kind:?}");
    assert_eq!(labels(&of(connection, other, one)), ["a"], "{kind:?}: another tenant's record of this id");
}

fn resolve(connection: &mut DbConnection, scope: &Scope, spelled: &str) -> Result<Vec<TagOption>, FieldErrors> {
    let mut errors = FieldErrors::new();
    let tags = crm_tags::resolve(connection, scope, TagKind::Lead, &refs(spelled).unwrap(), &mut errors).unwrap();
    errors.into_result(tags)
}

both_databases! {
    /// For every kind: set, replaced, emptied, joined, read for a page, filtered by, and gone with the tag.
    fn records_of_every_kind_have_tags(database) {
        let mut connection = database.connect();
        let connection = &mut connection;
        make_link_tables(connection);
        connection.batch_execute("CREATE TABLE things (tenant_id BIGINT NOT NULL, id BIGINT NOT NULL)").unwrap();
        let (acme, other) = (database.tenant("acme"), database.tenant("other"));
        for (scope, id) in [(&acme, 1_i64), (&acme, 2), (&acme, 3), (&other, 1)] {
            diesel::insert_into(things::table)
                .values((things::tenant_id.eq(scope.tenant()), things::id.eq(id)))
                .execute(connection)
                .unwrap();
        }
        records_have_tags::<LeadId>(connection, &acme, &other);
        records_have_tags::<OpportunityId>(connection, &acme, &other);
        records_have_tags::<ContactId>(connection, &acme, &other);
        records_have_tags::<OrganizationId>(connection, &acme, &other);
        records_have_tags::<CaseId>(connection, &acme, &other);
    }

    /// A reference is a label in any case or an id; what it names comes back once, ordered by label.
    fn references_are_resolved(database) {
        let mut connection = database.connect();
        let connection = &mut connection;
        let scope = database.tenant("acme");
        let (z, y) = (create(connection, &scope, TagKind::Lead, "Z"), create(connection, &scope, TagKind::Lead, "y"));
        for spelled in [
            r#""z,Y""#.to_owned(),
            format!(r#"" {} , y ""#, z.id),
            format!(r#"["{}", "Z", "Y"]"#, z.id.to_string().to_uppercase()),
            format!(r#"[{{"id": "{}"}}, {{"label": "y"}}]"#, z.id),
            format!(r#"[{{"id": "{}", "label": "renamed meanwhile"}}, "z"]"#, y.id),
        ] {
            assert_eq!(resolve(connection, &scope, &spelled).unwrap(), [y.clone(), z.clone()], "{spelled}");
        }
        // A label that looks like an id is found, behind the tag of that id.
        let like_an_id = create(connection, &scope, TagKind::Lead, &z.id.to_string());
        assert_eq!(labels(&resolve(connection, &scope, &format!(r#""{}""#, z.id)).unwrap()), ["Z"]);
        let by_label = resolve(connection, &scope, &format!(r#"[{{"label": "{}"}}]"#, z.id)).unwrap();
        assert_eq!(by_label, [like_an_id]);
    }

    /// Tags that do not exist in the tenant and kind are reported where they stand, all of them.
    fn unknown_tags_are_reported_where_they_stand(database) {
        let mut connection = database.connect();
        let connection = &mut connection;
        let (acme, other) = (database.tenant("acme"), database.tenant("other"));
        create(connection, &acme, TagKind::Lead, "mine");
        let theirs = create(connection, &other, TagKind::Lead, "theirs");
        let contacts = create(connection, &acme, TagKind::Contact, "contacts");
        for (spelled, expected) in [
            (r#""mine,theirs,none""#.to_owned(), &["tags unknown_tag", "tags unknown_tag"][..]),
            (format!(r#"["mine", "{}", {{"id": "{}"}}]"#, theirs.id, contacts.id), &["tags[1] unknown_tag", "tags[2] unknown_tag"]),
            (r#"[{"label": "contacts"}]"#.to_owned(), &["tags[0] unknown_tag"]),
        ] {
            let Err(errors) = resolve(connection, &acme, &spelled) else { panic!("{spelled}") };
            assert_eq!(problems(&errors), expected, "{spelled}");
        }
        for (spelled, sent) in [(r#"" Größe ,mine""#, "Größe"), (r#"[{"label": "ΟΔΟΣ"}]"#, "ΟΔΟΣ")] {
            let Err(errors) = resolve(connection, &acme, spelled) else { panic!("{spelled}") };
            assert_eq!(errors.as_slice()[0].message, format!("no such tag: {sent}"), "as it was sent");
        }
    }

    /// The database itself refuses a tag of another kind; `set` says that it is unknown.
    fn a_tag_that_is_gone_cannot_be_set(database) {
        let mut connection = database.connect();
        make_link_tables(&mut connection);
        let scope = database.tenant("acme");
        let tag = create(&mut connection, &scope, TagKind::Lead, "gone");
        connection.write(|connection| crm_tags::delete(connection, &scope, TagKind::Lead, tag.id, &Condition::none())).unwrap();
        let set = connection.write(|connection| crm_tags::set(connection, &scope, LeadId::from_i64(1), &[], &[tag]));
        let Err(WriteError::Invalid(errors)) = set else { panic!("{set:?}") };
        assert_eq!(errors.as_slice()[0].code, FieldCode::UnknownTag);
    }
}

/// On PostgreSQL, where writes run at the same time: a tag that is being deleted is unknown to a record that
/// is given it meanwhile, and neither waits for the other for ever.
#[cfg_attr(not(feature = "postgres"), ignore = "it needs PostgreSQL")]
#[test]
fn a_tag_deleted_while_a_record_is_given_it_is_unknown() {
    let database = TestDatabase::postgres();
    let scope = database.tenant("acme");
    let mut deleting = database.connect();
    make_link_tables(&mut deleting);
    let tag = create(&mut deleting, &scope, TagKind::Lead, "tag");
    let kept = create(&mut deleting, &scope, TagKind::Lead, "kept");
    set(&mut deleting, &scope, LeadId::from_i64(1), r#""kept""#).unwrap();
    deleting.begin_write().unwrap();
    crm_tags::delete(&mut deleting, &scope, TagKind::Lead, tag.id, &Condition::none()).unwrap();
    let outcome = std::thread::scope(|threads| {
        let mut writing = database.connect();
        let (scope, tag) = (&scope, &tag);
        let set = threads.spawn(move || {
            writing.write(|connection| {
                let present = of(connection, scope, LeadId::from_i64(1));
                crm_tags::set(connection, scope, LeadId::from_i64(1), &present, std::slice::from_ref(tag))
            })
        });
        std::thread::sleep(Duration::from_millis(100));
        deleting.commit_write().unwrap();
        set.join().unwrap()
    });
    let Err(WriteError::Invalid(errors)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(problems(&errors), ["tags unknown_tag"]);
    let ids: Vec<TagId> = of(&mut deleting, &scope, LeadId::from_i64(1)).iter().map(|tag| tag.id).collect();
    assert_eq!(ids, [kept.id], "the record is as it was");
}
