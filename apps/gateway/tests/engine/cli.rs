use crm_core::Timestamp;
use crm_core::keys::{self, ApiKey, KeyRole};
use crm_testkit::{TestDatabase, both_databases};
use serde_json::Value;

use crate::process::{Serving, gateway, one_error, output, stdout};

fn owner(database: &TestDatabase, key: &str) -> Option<(String, KeyRole)> {
    let hash = ApiKey::parse(key).unwrap().hash();
    let found = keys::find_holder(&mut database.connect(), &hash, Timestamp::now()).unwrap();
    found.and_then(|holder| Some((holder.public_tenant.to_string(), holder.role?)))
}

fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap().to_owned()
}

both_databases! {
    /// A tenant is made once; its keys work; the second attempt changes nothing.
    fn a_tenant_is_made_once(database) {
        let made = stdout(database, &["tenants", "create", "--id", "acme", "--name", " Acme Corp ", "--json"]);
        let made: Value = serde_json::from_str(&made).unwrap();
        assert_eq!((text(&made, "id"), text(&made, "name")), ("acme".to_owned(), "Acme Corp".to_owned()));
        let (primary, secondary) = (text(&made, "primaryKey"), text(&made, "secondaryKey"));
        assert_eq!(owner(database, &primary), Some(("acme".to_owned(), KeyRole::Primary)));
        assert_eq!(owner(database, &secondary), Some(("acme".to_owned(), KeyRole::Secondary)));

        let again = one_error(&output(database, &["tenants", "create", "--id", "acme", "--name", "Other"]), 1);
        assert_eq!(again, "error: a tenant with the id acme exists already");
        assert!(owner(database, &primary).is_some(), "its keys are as they were");
        let all: Value = serde_json::from_str(&stdout(database, &["tenants", "list", "--json"])).unwrap();
        assert_eq!((all.as_array().unwrap().len(), text(&all[0], "name")), (1, "Acme Corp".to_owned()));
    }

    /// How its keys begin is told with a tenant, while they open it: a balancer finds its database by that.
    fn a_list_of_tenants_says_how_their_keys_begin(database) {
        let made: Value = serde_json::from_str(&stdout(database, &["tenants", "create", "--id", "acme", "--json"])).unwrap();
        stdout(database, &["tenants", "create", "--id", "globex"]);
        let begins = |key: &str| key.chars().take("crm_rw_".len() + 8).collect::<String>();
        let (primary, secondary) = (begins(&text(&made, "primaryKey")), begins(&text(&made, "secondaryKey")));
        let told = || {
            let all: Value = serde_json::from_str(&stdout(database, &["tenants", "list", "--json"])).unwrap();
            let [acme, globex] = all.as_array().unwrap().as_slice() else { panic!("{all}") };
            assert_eq!((text(acme, "id"), text(globex, "id")), ("acme".to_owned(), "globex".to_owned()));
            assert_ne!(acme["keyPrefixes"], globex["keyPrefixes"]);
            acme["keyPrefixes"].as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(told(), [secondary.clone(), primary.clone()]);
        let list = stdout(database, &["tenants", "list"]);
        assert!(list.lines().next().unwrap().ends_with(&format!("\t{secondary},{primary}")), "{list}");

        stdout(database, &["keys", "rotate", "--tenant", "acme", "--which", "primary"]);
        let rotated = told();
        assert_eq!((rotated.len(), rotated.contains(&secondary), rotated.contains(&primary)), (2, true, false), "{rotated:?}");
    }

    /// Without an id and a name there is a UUID, and its text as the name; without `--json` the keys are shown too.
    fn a_tenant_needs_no_id(database) {
        let made: Value = serde_json::from_str(&stdout(database, &["tenants", "create", "--json"])).unwrap();
        assert!(text(&made, "id").parse::<crm_core::Uuid>().is_ok(), "{made}");
        assert_eq!(text(&made, "id"), text(&made, "name"));
        let shown = stdout(database, &["tenants", "create", "--id", "shown"]);
        let key = shown.split_whitespace().find(|word| word.starts_with("crm_rw_")).unwrap();
        assert_eq!(owner(database, key), Some(("shown".to_owned(), KeyRole::Primary)));
    }

    /// A tenant is deleted only when somebody says yes, and only that one.
    fn a_tenant_is_deleted(database) {
        for id in ["kept", "gone"] {
            stdout(database, &["tenants", "create", "--id", id]);
        }
        assert_eq!(output(database, &["tenants", "delete", "gone"]).status.code(), Some(2), "without --yes");
        stdout(database, &["tenants", "delete", "gone", "--yes"]);
        let missing = one_error(&output(database, &["tenants", "delete", "gone", "--yes"]), 1);
        assert_eq!(missing, "error: no tenant has the id gone");
        let list = stdout(database, &["tenants", "list"]);
        assert!(list.starts_with("kept\tkept\t") && list.lines().count() == 1, "{list}");
    }

    /// Each key is replaced alone, while a gateway serves the same database.
    fn keys_are_rotated_beside_a_running_gateway(database) {
        let serving = Serving::start(&mut gateway(database));
        let made: Value = serde_json::from_str(&stdout(database, &["tenants", "create", "--id", "acme", "--json"])).unwrap();
        let (primary, secondary) = (text(&made, "primaryKey"), text(&made, "secondaryKey"));
        let new = stdout(database, &["keys", "rotate", "--tenant", "acme", "--which", "primary"]);
        assert_eq!(owner(database, new.trim_end()), Some(("acme".to_owned(), KeyRole::Primary)));
        assert_eq!(owner(database, &primary), None, "the old key");
        assert!(owner(database, &secondary).is_some(), "the other key");
        let rotate = ["keys", "rotate", "--tenant", "acme", "--which", "secondary", "--json"];
        let new: Value = serde_json::from_str(&stdout(database, &rotate)).unwrap();
        assert_eq!(owner(database, &text(&new, "key")), Some(("acme".to_owned(), KeyRole::Secondary)));
        assert_eq!(owner(database, &secondary), None);
        let unknown = one_error(&output(database, &["keys", "rotate", "--tenant", "nobody", "--which", "primary"]), 1);
        assert_eq!(unknown, "error: no tenant has the id nobody");
        assert_eq!(serving.terminate(), Some(0));
    }

    /// After a restore every key is replaced, chosen ones too; where the new ones cannot be shown, the old ones stay.
    fn all_keys_are_rotated_at_once(database) {
        let chosen = "c".repeat(32);
        let mut command = gateway(database);
        command.env("CRM_BOOTSTRAP_TENANT", "first").env("CRM_BOOTSTRAP_PRIMARY_KEY", &chosen);
        drop(Serving::start(command.env("CRM_BOOTSTRAP_SECONDARY_KEY", "d".repeat(32))));
        let made: Value = serde_json::from_str(&stdout(database, &["tenants", "create", "--id", "acme", "--json"])).unwrap();
        let old = [chosen, "d".repeat(32), text(&made, "primaryKey"), text(&made, "secondaryKey")];
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let unseen = gateway(database).args(["keys", "rotate", "--all"]).stdout(full).output().unwrap();
        assert_eq!(unseen.status.code(), Some(1));
        assert!(old.iter().all(|key| owner(database, key).is_some()), "the old keys stay");

        let rotated: Value = serde_json::from_str(&stdout(database, &["keys", "rotate", "--all", "--json"])).unwrap();
        assert!(old.iter().all(|key| owner(database, key).is_none()), "the old keys are dead");
        let rotated = rotated.as_array().unwrap();
        assert_eq!(rotated.iter().map(|tenant| text(tenant, "id")).collect::<Vec<_>>(), ["first", "acme"]);
        for tenant in rotated {
            let keys = tenant["keys"].as_array().unwrap();
            assert_eq!(keys.len(), 2);
            for key in keys {
                let role = if key["role"] == "primary" { KeyRole::Primary } else { KeyRole::Secondary };
                assert_eq!(owner(database, &text(key, "key")), Some((text(tenant, "id"), role)), "{key}");
            }
        }
        let table = stdout(database, &["keys", "rotate", "--all"]);
        let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split('\t').collect()).collect();
        assert_eq!(rows.len(), 4);
        for row in rows {
            let owner = owner(database, row[3]).unwrap();
            assert_eq!((owner.0.as_str(), owner.1.as_str()), (row[0], row[1]));
        }
    }

    /// Half a deletion: the tenant is nobody's any more, shows in the list, and is deleted by whoever tries again.
    fn an_interrupted_deletion_is_finished_by_the_next(database) {
        let made: Value = serde_json::from_str(&stdout(database, &["tenants", "create", "--id", "gone", "--json"])).unwrap();
        let primary = text(&made, "primaryKey");
        let mut child = gateway(database).args(["tenants", "delete", "gone", "--yes"]).spawn().unwrap();
        while owner(database, &primary).is_some() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let list = stdout(database, &["tenants", "list"]);
        assert!(list.starts_with("gone\t") && list.ends_with("\tbeing deleted\n"), "{list}");
        let rotate = output(database, &["keys", "rotate", "--tenant", "gone", "--which", "primary"]);
        assert_eq!(one_error(&rotate, 1), "error: no tenant has the id gone");
        one_error(&output(database, &["tenants", "create", "--id", "gone"]), 1);
        stdout(database, &["tenants", "delete", "gone", "--yes"]);
        assert_eq!(stdout(database, &["tenants", "list"]), "");
        stdout(database, &["tenants", "create", "--id", "gone"]);
    }
}

#[test]
fn wrong_usage_exits_with_2() {
    let database = TestDatabase::sqlite();
    for arguments in [
        &["frobnicate"][..],
        &["tenants"],
        &["tenants", "create", "--id", "with space"],
        &["tenants", "create", "--name", "  "],
        &["keys", "rotate", "--tenant", "acme", "--which", "third"],
        &["keys", "rotate", "--which", "primary"],
        &["keys", "rotate"],
        &["keys", "rotate", "--all", "--which", "primary"],
        &["serve", "--no-such-flag"],
    ] {
        assert_eq!(output(&database, arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn a_command_does_not_make_a_database() {
    let database = TestDatabase::empty_sqlite();
    let error = one_error(&output(&database, &["tenants", "list"]), 1);
    assert!(error.contains("run `crm-gateway migrate` first"), "{error}");
    assert!(!database.url().file().unwrap().exists());
    let empty = TestDatabase::empty_postgres();
    let error = one_error(&output(&empty, &["tenants", "list"]), 1);
    assert!(error.contains("run `crm-gateway migrate` first"), "{error}");
}

#[test]
fn help_names_every_setting_and_shows_no_secret() {
    let database = TestDatabase::sqlite();
    let secret = "a-secret-that-must-not-be-shown-0123456789";
    let secrets = ["CRM_JWT_SECRET", "CRM_BOOTSTRAP_PRIMARY_KEY", "CRM_BOOTSTRAP_SECONDARY_KEY", "DATABASE_URL"];
    let mut command = gateway(&database);
    let shown = command.envs(secrets.map(|name| (name, secret))).arg("--help").output().unwrap();
    let help = String::from_utf8(shown.stdout).unwrap();
    for name in [
        "DATABASE_URL",
        "DATABASE_URL_FILE",
        "CRM_LISTEN",
        "CRM_WORKERS",
        "CRM_DB_POOL",
        "CRM_RATE_LIMIT",
        "CRM_JWT_SECRET",
        "CRM_JWT_SECRET_FILE",
        "CRM_JWT_PUBLIC_KEY",
        "CRM_JWT_JWKS_URL",
        "CRM_JWT_ISSUER",
        "CRM_JWT_AUDIENCE",
        "CRM_JWT_TENANT_CLAIM",
        "CRM_BOOTSTRAP_TENANT",
        "CRM_BOOTSTRAP_PRIMARY_KEY",
        "CRM_BOOTSTRAP_PRIMARY_KEY_FILE",
        "CRM_BOOTSTRAP_SECONDARY_KEY",
        "CRM_BOOTSTRAP_SECONDARY_KEY_FILE",
        "CRM_CORS_ORIGINS",
        "CRM_HISTORY_DAYS",
        "CRM_NOW",
        "CRM_TRASH_DAYS",
        "CRM_SHUTDOWN_TIMEOUT",
        "RUST_LOG",
    ] {
        assert!(help.contains(&format!("[env: {name}")), "{name}");
    }
    assert!(!help.contains(secret), "{help}");
}
