use super::*;
use crm_forms::{FormKind, NewForm};
use crm_testkit::any_field::AnyField;
use crm_testkit::plans::{Indexes, assert_people_are_read_from, moment, ten_tenants};
use crm_testkit::statements::statements;

/// Ten tenants with ten thousand opportunities each, and statistics; the scope of one of them.
fn hundred_thousand(database: &TestDatabase, connection: &mut DbConnection) -> Scope {
    let (created, updated) = (moment(database.kind(), "n"), moment(database.kind(), "n * 7919 % 10000"));
    let filled = |connection: &mut DbConnection, id: &str| {
        let scope = tenant(database, id);
        tag(connection, &scope, "rare");
        scope
    };
    ten_tenants(connection, filled, |tenant| {
        format!(
            "INSERT INTO opportunities (tenant_id, id, title, title_folded, title_search, value_units, value_code, lead_rating,
                organization_id, contact_id, owner_id, followers, custom_fields, pipeline_id, stage_key,
                stage_position, status, closed_on, created_on, last_updated_on)
            WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 10000)
            SELECT {tenant}, n, 'Opportunity ' || n, 'opportunity ' || (n * 7919 % 10000), 'opportunity ' || (n * 7919 % 10000),
                CASE WHEN n % 3 = 0 THEN n * 7919 % 10000 END, CASE WHEN n % 3 = 0 THEN 'USD' END,
                CASE n % 4 WHEN 0 THEN '1_cold' WHEN 1 THEN '2_warm' WHEN 2 THEN '3_hot' END,
                n % 200 + 1, n * 7 % 200 + 1, 'owner-' || (n % 50), '[]', '{{}}',
                stages.pipeline_id, stages.key, stages.position,
                CASE n % 10 WHEN 0 THEN 'won' WHEN 1 THEN 'lost' ELSE 'open' END,
                CASE WHEN n % 10 < 2 THEN {updated} END, {created}, {updated}
            FROM numbers JOIN pipeline_stages AS stages ON stages.tenant_id = {tenant} AND stages.position = n % 5 + 1;
            INSERT INTO opportunity_participants (tenant_id, opportunity_id, contact_id, position)
            SELECT tenant_id, id, id % 200 + 1, 0 FROM opportunities WHERE tenant_id = {tenant} AND id % 2 = 0;
            INSERT INTO opportunity_tags (tenant_id, opportunity_id, tag_id)
            SELECT records.tenant_id, records.id, tags.id
            FROM opportunities AS records JOIN tags ON tags.tenant_id = records.tenant_id
            WHERE records.tenant_id = {tenant} AND records.id % 100 = 0;"
        )
    })
}

crm_testkit::both_databases! {
    /// A page costs as many statements however many opportunities it has, and reading one costs one.
    fn statements_are_few(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        contacts(&mut connection, &scope, &[1]);
        tag(&mut connection, &scope, "t");
        let body = json!({ "title": "x", "participants": [{ "id": "1" }], "tags": "t" });
        let ids: Vec<OpportunityId> = (0..20).map(|_| create(&mut connection, &scope, &body).id).collect();
        for (params, expected) in [
            (vec![("size", "1")], 3),
            (vec![("size", "20")], 3),
            (vec![("size", "20"), ("tags", "t"), ("includeTotal", "true")], 7),
        ] {
            let (_, sent) = statements(&mut connection, |connection| list(connection, &scope, &params));
            assert_eq!(sent.len(), expected, "{params:?}: {sent:#?}");
        }
        let (_, sent) = statements(&mut connection, |connection| get(connection, &scope, ids[0]));
        assert_eq!(sent.len(), 1, "{sent:#?}");
        let (_, sent) = statements(&mut connection, |connection| pipelines_of(connection, &scope, &[]));
        assert_eq!(sent.len(), 3, "{sent:#?}");
    }

    /// A board costs as many statements however many stages and cards it has.
    fn a_board_is_three_statements(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        contacts(&mut connection, &scope, &[1]);
        tag(&mut connection, &scope, "t");
        let pipeline = default_pipeline(&mut connection, &scope);
        let stages: Vec<&StageKey> = pipeline.stages.iter().map(|stage| &stage.key).collect();
        let board = |connection: &mut DbConnection, params: &[(&str, &str)], stages: &[&StageKey], most| {
            let Asked { filter, .. } = asked::<Asked>(params).unwrap();
            statements(connection, |connection| {
                crm_opportunities::by_stage(connection, &scope, &filter, stages, most).unwrap()
            })
        };
        let (none, sent) = board(&mut connection, &[], &stages, 200);
        assert!(none.len() == 5 && none.iter().all(|(cards, has_more)| cards.is_empty() && !has_more));
        assert_eq!(sent.len(), 3, "nothing matches: {sent:#?}");
        assert_eq!(board(&mut connection, &[], &[], 200).1.len(), 1, "there are no stages");
        for number in 0..15 {
            let stage = stages[number % 3].as_str();
            let body = json!({ "title": format!("{number}"), "stage": stage, "participants": [{ "id": "1" }], "tags": "t" });
            create(&mut connection, &scope, &body);
        }
        try_status(&mut connection, &scope, OpportunityId::from_i64(1), &json!({ "status": "won" })).unwrap();
        for (params, most, lengths, expected) in [
            (vec![], 200, [4, 5, 5, 0, 0], 3),
            (vec![], 5, [4, 5, 5, 0, 0], 3),
            (vec![], 3, [3, 3, 3, 0, 0], 3),
            (vec![("tags", "t")], 200, [4, 5, 5, 0, 0], 6),
            (vec![("ownerId", "nobody")], 200, [0; 5], 3),
        ] {
            let (columns, sent) = board(&mut connection, &params, &stages, most);
            assert_eq!(sent.len(), expected, "{params:?}: {sent:#?}");
            let found: Vec<usize> = columns.iter().map(|(cards, _)| cards.len()).collect();
            assert_eq!(found, lengths, "{params:?}");
            for ((cards, has_more), stage) in columns.iter().zip(&stages) {
                assert_eq!(*has_more, most == 3 && !cards.is_empty(), "{params:?}");
                assert!(cards.iter().all(|card| card.stage == **stage && card.participants.as_slice().len() == 1 && card.tags.len() == 1));
                assert!(cards.is_sorted_by_key(|card| std::cmp::Reverse((card.last_updated_on, card.id))), "{params:?}");
            }
        }
        // Of a tenant with a very long one, a column ends where a page would.
        let long = json!({ "title": "long", "stage": stages[0].as_str(), "note": "🦀".repeat(10_000), "participants": [{ "id": "1" }] });
        create(&mut connection, &scope, &long);
        let (columns, _) = board(&mut connection, &[], &stages, 200);
        assert_eq!(columns.iter().map(|(cards, _)| cards.len()).collect::<Vec<_>>(), [5, 5, 5, 0, 0]);
    }

    /// At 100 000 opportunities of ten tenants nothing reads the whole table, and a page in one of the orders, the
    /// first or one behind a token, is read from the index of that order without sorting.
    fn every_list_has_its_index(database) {
        let mut connection = database.connect();
        let scope = hundred_thousand(database, &mut connection);

        let id = OpportunityId::from_i64(77);
        let (_, sent) = statements(&mut connection, |connection| get(connection, &scope, id));
        let by_id = sent[0].plan(&mut connection);
        assert!(!by_id.scans("opportunities"), "{by_id}");

        let pipeline = default_pipeline(&mut connection, &scope).id.to_string();
        let indexes = Indexes {
            table: "opportunities",
            beside: &["opportunity_tags", "opportunity_participants"],
            orders: &[
                ("createdOn", "opportunities_created_on", "opportunities_created_on"),
                ("lastUpdatedOn", "opportunities_last_updated_on", "opportunities_last_updated_on"),
                ("title", "opportunities_title", "opportunities_title"),
                ("value", "opportunities_value_asc", "opportunities_value_desc"),
                ("leadRating", "opportunities_rating_asc", "opportunities_rating_desc"),
                ("closedOn", "opportunities_closed_asc", "opportunities_closed_desc"),
                ("stage", "opportunities_stage_position", "opportunities_stage_position"),
            ],
            filters: &[
                (("organizationId", "7"), Some("opportunities_organization")),
                (("contactId", "7"), Some("opportunities_contact")),
                (("ownerId", "owner-7"), Some("opportunities_owner")),
                (("status", "won"), None),
                (("status", "open"), None),
                (("stage", "proposal"), None),
                (("pipelineId", pipeline.as_str()), None),
                (("createdAfterDate", "2025-01-03T00:00:00Z"), Some("opportunities_created_on")),
                (("createdBeforeDate", "2025-01-03T00:00:00Z"), Some("opportunities_created_on")),
            ],
            sorted: &[
                ("tags", "rare"),
                ("ids", "1,2,3,4,5,6,7,8,9,10,11,12"),
                ("title", "opportunity 99"),
                ("organizationId", "7,8"),
                ("contactId", "7,8"),
                ("ownerId", "owner-7,owner-8"),
                ("status", "won,lost"),
                ("stage", "proposal,closing"),
            ],
        };
        indexes.assert_used(&mut connection, |connection, params| list(connection, &scope, params));
        assert_people_are_read_from("opportunities_owner", crm_opportunities::OWNERS, &mut connection, &scope);
    }

    fn filters_by_any_field_have_their_indexes(database) {
        let mut connection = database.connect();
        let scope = hundred_thousand(database, &mut connection);
        let title = json!({ "id": "title", "label": "Title", "category": "default", "type": "text", "required": true });
        let fields: Vec<Value> = std::iter::once(title).chain(AnyField::fields()).collect();
        let new: NewForm = read(&json!({ "fields": fields })).unwrap();
        connection
            .write(|c| crm_forms::replace(c, &scope, FormKind::Pipeline, &Condition::none(), &new, |_, _| Ok([].into())))
            .unwrap();
        let filters = AnyField {
            table: "opportunities",
            values: ("opportunity_values", "opportunity_id"),
            beside: &["opportunity_tags", "opportunity_participants"],
            own: &[
                (("empty", "value,origin"), 9),
                (("empty", "owner"), 0),
                (("notEmpty", "closedOn"), 9),
                (("notEmpty", "externalId"), 0),
                (("notEmpty", "tags"), 9),
                (("notEmpty", "participants"), 9),
            ],
        };
        filters.assert_used(&mut connection, &scope, |connection, params| {
            let Asked { filter, page } = asked(params).unwrap();
            crm_opportunities::list(connection, &scope, &filter, &page).unwrap()
        });
    }

    /// The summary of pipelines and stages reads no opportunity, and with any other filter none of another tenant.
    fn the_summary_reads_no_more_than_it_is_asked_for(database) {
        let mut connection = database.connect();
        let scope = hundred_thousand(database, &mut connection);
        let pipeline = default_pipeline(&mut connection, &scope).id.to_string();
        for (params, is_kept) in [
            (vec![("pipelineId", pipeline.as_str())], true),
            (vec![("pipelineId", pipeline.as_str()), ("stage", "contacted")], true),
            (vec![], true),
            (vec![("ownerId", "owner-7")], false),
            (vec![("pipelineId", pipeline.as_str()), ("ownerId", "owner-7")], false),
            (vec![("tags", "rare")], false),
        ] {
            let Asked { filter, .. } = asked::<Asked>(&params).unwrap();
            let (_, sent) =
                statements(&mut connection, |connection| crm_opportunities::summary(connection, &scope, &filter).unwrap());
            let plan = sent.last().unwrap().plan(&mut connection);
            assert!(!plan.scans("opportunities"), "{params:?} reads all opportunities:\n{plan}");
            let last = sent.last().unwrap().sql.replace(['"', '`'], "");
            let asks = |table: &str| last.contains(table);
            assert_eq!((asks("FROM record_counts "), asks("FROM opportunities ")), (is_kept, !is_kept), "{params:?}: {sent:#?}");
        }
    }

    /// What was closed since a moment is counted along the index of when, and no other opportunity is read.
    fn what_was_closed_has_its_index(database) {
        let mut connection = database.connect();
        let scope = hundred_thousand(database, &mut connection);
        let since = "2025-01-06T00:00:00Z".parse().unwrap();
        let (months, sent) = statements(&mut connection, |connection| {
            crm_opportunities::closed_by_month(connection, &scope, since).unwrap()
        });
        assert!(months.iter().map(|month| month.won + month.lost).sum::<i64>() > 0, "{months:?}");
        let [statement] = &sent[..] else { panic!("{sent:#?}") };
        let plan = statement.plan(&mut connection);
        assert!(plan.uses("opportunities_closed_asc") && !plan.scans("opportunities"), "{plan}");
    }

    /// A board reads each stage from an index, as far as its cards go.
    fn the_board_has_its_indexes(database) {
        let mut connection = database.connect();
        let scope = hundred_thousand(database, &mut connection);
        let pipeline = default_pipeline(&mut connection, &scope);
        let stages: Vec<&StageKey> = pipeline.stages.iter().map(|stage| &stage.key).collect();
        let id = pipeline.id.to_string();
        for params in [vec![("pipelineId", id.as_str())], vec![("pipelineId", id.as_str()), ("ownerId", "owner-7")]] {
            let Asked { filter, .. } = asked::<Asked>(&params).unwrap();
            let (columns, sent) = statements(&mut connection, |connection| {
                crm_opportunities::by_stage(connection, &scope, &filter, &stages, 200).unwrap()
            });
            assert!(columns.iter().any(|(cards, _)| !cards.is_empty()), "{params:?}");
            for statement in &sent {
                let plan = statement.plan(&mut connection);
                assert!(!plan.scans("opportunities"), "{params:?}:\n{plan}");
            }
        }
    }
}
