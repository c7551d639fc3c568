use crm_testkit::{TestDatabase, both_databases};
use diesel::sql_types::{BigInt, Text};
use diesel::{QueryableByName, RunQueryDsl};
use serde_json::json;

use crate::client::{Api, Keys};
use crate::process::{gateway, one_error, output, stdout};

/// What a small run makes.
const SMALL: [&str; 9] = ["demo", "--organizations", "20", "--contacts", "60", "--leads", "230", "--cases", "30"];

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[derive(QueryableByName, PartialEq, Debug)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

/// How many rows of a tenant there are in a table, or in what follows FROM.
fn count(database: &TestDatabase, tenant: &str, table: &str) -> i64 {
    let query = format!(
        "SELECT count(*) AS count FROM {table} WHERE tenant_id = (SELECT id FROM tenants WHERE public_id = '{tenant}')"
    );
    let Count { count } = diesel::sql_query(query).get_result(&mut database.connect()).unwrap();
    count
}

/// Everything of a tenant's leads but their dates and the ids of tags.
fn leads(database: &TestDatabase, tenant: &str) -> Vec<Line> {
    let query = format!(
        "SELECT leads.id || ' ' || title || ' ' || coalesce(value_units, 0) || ' ' || coalesce(lead_rating, '') || ' ' \
         || coalesce(contacts.name, '') || ' ' || coalesce(leads.owner_id, '') || ' ' \
         || CASE WHEN is_archived THEN 'archived' ELSE '' END AS line \
         FROM leads LEFT JOIN contacts ON contacts.tenant_id = leads.tenant_id AND contacts.id = contact_id \
         WHERE leads.tenant_id = (SELECT id FROM tenants WHERE public_id = '{tenant}') ORDER BY leads.id"
    );
    diesel::sql_query(query).load(&mut database.connect()).unwrap()
}

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    SMALL.iter().chain(more).copied().collect()
}

both_databases! {
    /// The counts are those that were asked for, in the tenant that was named and in no other; a second run adds.
    fn a_tenant_is_filled(database) {
        Keys::of_new_tenant(database, "acme");
        Keys::of_new_tenant(database, "zeta");
        let done = output(database, &with(&["--tenant", "zeta", "--seed", "7"]));
        assert!(done.status.success() && done.stderr.is_empty(), "no bar where stderr is no terminal: {done:?}");
        let said = String::from_utf8(done.stdout).unwrap();
        let opportunities = count(database, "zeta", "opportunities");
        let made = format!("made 20 organizations, 60 contacts, 230 leads, {opportunities} opportunities, 30 cases and 17 tags");
        assert!(said.starts_with(&format!("{made} in the tenant zeta in ")) && opportunities > 20, "{said}");
        assert!(said.ends_with("--seed 7\n"), "{said}");
        for (table, wanted) in [("organizations", 20), ("contacts", 60), ("leads", 230), ("cases", 30)] {
            assert_eq!((count(database, "zeta", table), count(database, "acme", table)), (wanted, 0), "{table}");
        }
        let with_both = "(SELECT * FROM leads WHERE organization_id IS NOT NULL AND contact_id IS NOT NULL) AS found";
        let decided = "(SELECT * FROM opportunities WHERE status <> 'open') AS found";
        for some in ["lead_tags", "contact_tags", "organization_tags", "lead_participants", "contact_emails", with_both, decided] {
            assert!(count(database, "zeta", some) > 10, "{some}");
        }
        // Whoever is referred to was there before.
        let backwards = "(SELECT leads.tenant_id FROM leads JOIN contacts ON contacts.tenant_id = leads.tenant_id \
                         AND contacts.id = contact_id WHERE contacts.created_on > leads.created_on) AS found";
        assert_eq!(count(database, "zeta", backwards), 0);

        let again = stdout(database, &with(&["--tenant", "zeta"]));
        assert!(again.contains(" and 0 tags "), "{again}");
        for (table, wanted) in [("organizations", 40), ("contacts", 120), ("leads", 460), ("cases", 60)] {
            assert_eq!(count(database, "zeta", table), wanted, "{table}");
        }
    }

    /// The same seed makes the same records; another makes others.
    fn a_seed_repeats_the_records(database) {
        for (tenant, seed) in [("one", "42"), ("two", "42"), ("three", "43")] {
            Keys::of_new_tenant(database, tenant);
            stdout(database, &with(&["--tenant", tenant, "--seed", seed]));
        }
        let first = leads(database, "one");
        assert_eq!(first.len(), 230);
        assert!(first.iter().any(|lead| lead.line.ends_with(" archived")), "some were put aside");
        assert_eq!(first, leads(database, "two"));
        assert_ne!(first, leads(database, "three"));
    }

    /// Without a tenant there is nothing to fill; without a name the first is.
    fn the_tenant_must_exist(database) {
        let none = one_error(&output(database, &SMALL), 1);
        assert_eq!(none, "error: there is no tenant: run `crm-gateway tenants create` first");
        Keys::of_new_tenant(database, "acme");
        let unknown = one_error(&output(database, &with(&["--tenant", "nobody"])), 1);
        assert_eq!(unknown, "error: no tenant has the id nobody");
        stdout(database, &["demo", "--organizations", "0", "--contacts", "0", "--leads", "3", "--cases", "0"]);
        assert_eq!(count(database, "acme", "leads"), 3);
    }

    /// A gateway on the same database goes on answering, writes included.
    fn a_gateway_serves_meanwhile(database) {
        let api = Api::start(database);
        // So many that it goes on for some seconds.
        let many = ["demo", "--organizations", "60", "--contacts", "180", "--leads", "6900", "--cases", "90", "--tenant", "acme"];
        let mut demo = gateway(database).args(many).spawn().unwrap();
        let mut made = 0;
        while demo.try_wait().unwrap().is_none() {
            let answer = api.acme.post("/pipeline/leads", &json!({ "title": "Meanwhile" }));
            // On a busy machine it may not have had its turn in time, which it says.
            if answer.status == 503 {
                assert_eq!(answer.body["outcome"], "notDone", "{}", answer.text);
            } else {
                answer.item(201);
                made += 1;
            }
            assert_eq!(api.acme.get("/pipeline/leads").items().len().min(1), 1);
        }
        assert!(demo.wait().unwrap().success());
        // One may have waited for the end: SQLite lets in whoever asks first.
        assert!(made > 0, "the run was over before anything was asked");
        assert_eq!(count(database, "acme", "leads"), 6_900 + made);
    }
}
