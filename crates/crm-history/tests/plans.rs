//! Whether what happened is read from indexes, at 100 000 changes and 20 000 comments of ten tenants.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Debug;

use crm_core::page::{Direction, PageRequest};
use crm_core::{BackendKind, DbConnection, LeadId};
use crm_history::comments::{self, CommentSort, Commented};
use crm_history::{FeedFilter, HistorySort, Kind, Position, Trash, TrashSort};
use crm_testkit::both_databases;
use crm_testkit::plans::{moment, ten_tenants};
use crm_testkit::statements::{Plan, statements};

/// What ten thousand changes are: twenty of each of five hundred leads, each twentieth of them a deletion that is in the trash;
/// and four comments on each lead.
fn filled(kind: BackendKind, tenant: i64) -> String {
    let at = moment(kind, "n");
    let id = match kind {
        BackendKind::Sqlite => "randomblob(16)",
        BackendKind::Postgres => "gen_random_uuid()",
    };
    let (seq, number, no, json) = match kind {
        BackendKind::Sqlite => ("seq, ", "n, ", "0", "TEXT"),
        BackendKind::Postgres => ("", "", "false", "JSON"),
    };
    let numbers =
        |most| format!("WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {most})");
    format!(
        "INSERT INTO changes (tenant_id, {seq}turn, kind, record_id, action, created_on, fields, kept, erased)
         {} SELECT {tenant}, {number}1, 'lead', CAST(n / 20 + 1 AS TEXT), CASE n % 20 WHEN 19 THEN 'deleted' ELSE 'updated' END, {at},
            CAST('[]' AS {json}), CAST(CASE n % 20 WHEN 19 THEN '{{}}' END AS {json}), {no} FROM numbers;
         INSERT INTO comments (tenant_id, id, kind, record_id, origin_id, comment, created_on)
         {} SELECT {tenant}, {id}, 'lead', n / 4 + 1, n / 4 + 1, '\"a comment\"', {at} FROM numbers;",
        numbers(10_000),
        numbers(2_000),
    )
}

/// The plans of what is asked.
fn plans<T, E: Debug>(connection: &mut DbConnection, ask: impl FnOnce(&mut DbConnection) -> Result<T, E>) -> Vec<Plan> {
    let (answer, sent) = statements(connection, ask);
    answer.unwrap();
    sent.iter().map(|statement| statement.plan(connection)).collect()
}

both_databases! {
    fn what_happened_is_read_from_indexes(database) {
        let mut connection = database.connect();
        let kind = connection.kind();
        let scope = &ten_tenants(&mut connection, |_, id| database.tenant(id), |tenant| filled(kind, tenant));
        let connection = &mut connection;
        let (trash, lead) = (Trash::default(), LeadId::from_i64(7));
        for direction in [Direction::Asc, Direction::Desc] {
            let of_record = PageRequest::first(10).ordered_by(HistorySort::CreatedOn, direction);
            let in_trash = PageRequest::first(10).ordered_by(TrashSort::DeletedOn, direction);
            let said = PageRequest::first(10).ordered_by(CommentSort::CreatedOn, direction);
            for (index, all) in [
                ("changes_record", plans(connection, |on| crm_history::history(on, scope, Kind::Lead, "7", &of_record))),
                ("changes_trash", plans(connection, |on| trash.list(on, scope, &[Kind::Lead, Kind::Case], &in_trash))),
                ("comments_record", plans(connection, |on| comments::list(on, scope, Commented::of(lead), None, &said))),
            ] {
                assert_eq!(all.len(), 1, "{all:#?}");
                assert!(all[0].uses(index) && !all[0].sorts(), "{direction:?}: {}", all[0]);
            }
        }
        // One that is in the trash is found among its own changes, or among what is there since then.
        let found = plans(connection, |on| trash.find(on, scope, lead));
        assert!(found.iter().all(|plan| plan.uses("changes_record") || plan.uses("changes_trash")), "{found:#?}");
        let since = Some(Position { turn: 1, seq: 2_000 });
        let leads = FeedFilter { kinds: Some(vec![Kind::Lead, Kind::Case]), actions: None };
        for (index, all) in [
            ("changes_feed", plans(connection, |on| crm_history::newest(on, scope, None, 10))),
            ("changes_kind", plans(connection, |on| crm_history::newest(on, scope, Some(&[Kind::Lead, Kind::Case]), 10))),
            ("changes_feed", plans(connection, |on| crm_history::end(on, scope))),
            ("changes_feed", plans(connection, |on| crm_history::feed(on, scope, since, &FeedFilter::default(), 10))),
            ("changes_feed", plans(connection, |on| crm_history::feed(on, scope, since, &leads, 10))),
            ("changes_record", plans(connection, |on| crm_history::latest(on, scope, Kind::Lead, "7", 10))),
            ("changes_record", plans(connection, |on| crm_history::is_known(on, scope, Kind::Lead, "7"))),
            ("changes_trash", plans(connection, |on| trash.expired(on, scope, 10))),
        ] {
            assert!(all.iter().any(|plan| plan.uses(index)), "{index}: {all:#?}");
            for plan in all {
                assert!(!plan.scans("changes"), "{plan}");
            }
        }
    }
}
