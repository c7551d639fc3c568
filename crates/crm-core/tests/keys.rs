//! The keys of a tenant: made, changed, rotated, used up.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use chrono::Duration;
use crm_core::keys::{
    self, ApiKey, GraceMinutes, KeyError, KeyPatch, KeyRole, KeyWithSecret, MOST_KEYS, NewKey, Rights, Rotation,
};
use crm_core::values::Title;
use crm_core::{Actor, Condition, DbConnection, KeyId, Patch, Scope, Timestamp};
use crm_testkit::both_databases;

fn rights(text: &str) -> Rights {
    text.parse().unwrap()
}

fn new(name: &str, scopes: &str) -> NewKey {
    NewKey { name: Title::new("name", name).unwrap(), scopes: rights(scopes), expires_on: None }
}

fn create(connection: &mut DbConnection, scope: &Scope, new: &NewKey) -> Result<KeyWithSecret, KeyError> {
    connection.write(|connection| keys::create(connection, scope, new))
}

fn rotate(connection: &mut DbConnection, scope: &Scope, id: KeyId, minutes: i64) -> Result<KeyWithSecret, KeyError> {
    let rotation = Rotation { grace_minutes: GraceMinutes::new(minutes).unwrap() };
    connection.write(|connection| keys::rotate(connection, scope, id, &Condition::none(), rotation))
}

fn later(scope: &Scope, minutes: i64) -> Scope {
    let now = Timestamp::from_datetime(scope.now().as_datetime() + Duration::minutes(minutes));
    Scope::new(scope.tenant(), scope.public_tenant().clone(), now)
}

fn with_rights(scope: &Scope, id: KeyId, rights_of: &str) -> Scope {
    scope.clone().by(Actor::key(id, Title::new("name", "somebody").unwrap(), rights(rights_of)))
}

/// The rights of whoever holds this secret at the scope's time.
fn rights_of(connection: &mut DbConnection, scope: &Scope, key: &KeyWithSecret) -> Option<Rights> {
    let hash = ApiKey::parse(key.key.as_deref().unwrap()).unwrap().hash();
    let holder = keys::find_holder(connection, &hash, scope.now()).unwrap()?;
    assert_eq!((holder.tenant, holder.id), (scope.tenant(), key.described.id));
    Some(holder.rights)
}

both_databases! {
    fn a_new_tenant_has_two_keys(database) {
        let mut connection = database.connect();
        let scope = database.tenant("acme");
        let listed = keys::list(&mut connection, &scope).unwrap();
        let described: Vec<_> = listed.iter().map(|key| (key.role, key.scopes.to_string(), key.expires_on)).collect();
        assert!(described.contains(&(Some(KeyRole::Primary), "*:write".to_owned(), None)), "{described:?}");
        assert!(described.contains(&(Some(KeyRole::Secondary), "*:read".to_owned(), None)), "{described:?}");
        assert_eq!(listed.len(), 2);
        for key in &listed {
            let delete = connection.write(|c| keys::delete(c, &scope, key.id, &Condition::none()));
            assert!(matches!(delete, Err(KeyError::Fixed)), "{delete:?}");
            let patch = KeyPatch { scopes: Some(rights("cases:read")), ..KeyPatch::default() };
            let patched = connection.write(|c| keys::update(c, &scope, key.id, &Condition::none(), &patch));
            assert!(matches!(patched, Err(KeyError::Fixed)), "{patched:?}");
            let patch = KeyPatch { name: Some(Title::new("name", "ours").unwrap()), ..KeyPatch::default() };
            assert_eq!(connection.write(|c| keys::update(c, &scope, key.id, &Condition::none(), &patch)).unwrap().after.name.as_str(), "ours");
        }
    }

    fn a_key_is_its_tenants_alone(database) {
        let mut connection = database.connect();
        let (scope, other) = (database.tenant("acme"), database.tenant("umbrella"));
        let made = create(&mut connection, &scope, &new("sync", "cases:write directory:read")).unwrap();
        assert_eq!(rights_of(&mut connection, &scope, &made), Some(rights("directory:read cases:write")));
        assert!(made.key.as_deref().unwrap().starts_with(&made.described.prefix));

        let id = made.described.id;
        assert_eq!(keys::get(&mut connection, &scope, id).unwrap(), made.described);
        assert!(matches!(keys::get(&mut connection, &other, id), Err(KeyError::NotFound)));
        assert!(matches!(rotate(&mut connection, &other, id, 0), Err(KeyError::NotFound)));
        let patch = KeyPatch { scopes: Some(rights("*:write")), ..KeyPatch::default() };
        assert!(matches!(connection.write(|c| keys::update(c, &other, id, &Condition::none(), &patch)), Err(KeyError::NotFound)));
        assert!(matches!(connection.write(|c| keys::delete(c, &other, id, &Condition::none())), Err(KeyError::NotFound)));
        assert_eq!(keys::list(&mut connection, &other).unwrap().len(), 2);

        connection.write(|c| keys::delete(c, &scope, id, &Condition::none())).unwrap();
        assert_eq!(rights_of(&mut connection, &scope, &made), None);
        assert!(matches!(connection.write(|c| keys::delete(c, &scope, id, &Condition::none())), Err(KeyError::NotFound)));
    }

    fn a_rotated_key_works_for_its_grace_beside_the_new_one(database) {
        let mut connection = database.connect();
        let scope = database.tenant("acme");
        let first = create(&mut connection, &scope, &new("sync", "cases:read")).unwrap();
        let id = first.described.id;
        let second = rotate(&mut connection, &scope, id, 60).unwrap();
        let third = rotate(&mut connection, &later(&scope, 30), id, 60).unwrap();
        for (minutes, works) in [(0, [true, true, true]), (59, [true, true, true]), (60, [false, true, true]),
            (89, [false, true, true]), (90, [false, false, true])]
        {
            let then = later(&scope, minutes);
            let found = [&first, &second, &third].map(|key| rights_of(&mut connection, &then, key).is_some());
            assert_eq!(found, works, "after {minutes} minutes");
        }
        assert_eq!(keys::list(&mut connection, &scope).unwrap().len(), 3, "it is one key");

        let patch = KeyPatch { scopes: Some(rights("cases:write")), ..KeyPatch::default() };
        connection.write(|c| keys::update(c, &scope, id, &Condition::none(), &patch)).unwrap();
        assert_eq!(rights_of(&mut connection, &scope, &first), Some(rights("cases:write")), "in its grace too");

        let last = rotate(&mut connection, &later(&scope, 40), id, 0).unwrap();
        let found = [&first, &second, &third, &last].map(|key| rights_of(&mut connection, &later(&scope, 41), key));
        assert_eq!(found.map(|rights| rights.is_some()), [false, false, false, true], "without a grace, the new one alone");
    }

    fn secrets_in_their_grace_are_counted(database) {
        let mut connection = database.connect();
        let scope = database.tenant("acme");
        let id = create(&mut connection, &scope, &new("sync", "cases:read")).unwrap().described.id;
        for _ in 0..5 {
            rotate(&mut connection, &scope, id, 10).unwrap();
        }
        let more = rotate(&mut connection, &scope, id, 10);
        assert!(matches!(more, Err(KeyError::LimitReached)), "{:?}", more.map(|_| ()));
        rotate(&mut connection, &later(&scope, 10), id, 10).unwrap();
    }

    fn there_are_at_most_a_hundred_named_keys(database) {
        let mut connection = database.connect();
        let (scope, other) = (database.tenant("acme"), database.tenant("umbrella"));
        for number in 0..MOST_KEYS {
            create(&mut connection, &scope, &new(&format!("key {number}"), "cases:read")).unwrap();
        }
        let more = create(&mut connection, &scope, &new("one more", "cases:read"));
        assert!(matches!(more, Err(KeyError::LimitReached)));
        create(&mut connection, &other, &new("another tenant's", "cases:read")).unwrap();
    }

    fn nobody_gives_what_he_has_not(database) {
        let mut connection = database.connect();
        let plain = database.tenant("acme");
        let own = create(&mut connection, &plain, &new("own", "settings:write cases:read")).unwrap();
        let strong = create(&mut connection, &plain, &new("strong", "settings:write cases:write")).unwrap();
        let weak = create(&mut connection, &plain, &new("weak", "cases:read")).unwrap();
        let scope = with_rights(&plain, own.described.id, "settings:write cases:read");
        let missing = |outcome: Result<(), KeyError>| match outcome {
            Err(KeyError::MissingRight(right)) => right.to_string(),
            other => format!("{other:?}"),
        };

        let made = create(&mut connection, &scope, &new("more", "cases:write")).map(drop);
        assert_eq!(missing(made), "cases:write");
        let made = create(&mut connection, &scope, &new("all", "*:read")).map(drop);
        assert_eq!(missing(made), "*:read");
        assert_eq!(missing(rotate(&mut connection, &scope, strong.described.id, 0).map(drop)), "cases:write");
        for (id, to) in [(strong.described.id, "cases:read"), (weak.described.id, "cases:write")] {
            let patch = KeyPatch { scopes: Some(rights(to)), ..KeyPatch::default() };
            let patched = connection.write(|c| keys::update(c, &scope, id, &Condition::none(), &patch)).map(drop);
            assert_eq!(missing(patched), "cases:write", "to {to}");
        }
        let longer = Patch::Set(later(&plain, 60).now());
        let patch = KeyPatch { expires_on: longer, ..KeyPatch::default() };
        let patched = connection.write(|c| keys::update(c, &scope, own.described.id, &Condition::none(), &patch));
        assert!(matches!(patched, Err(KeyError::OwnKey)));

        rotate(&mut connection, &scope, weak.described.id, 0).unwrap();
        let own_again = with_rights(&plain, weak.described.id, "cases:read");
        let rotated = connection.write(|c| keys::rotate_own(c, &own_again, Rotation::default())).unwrap();
        assert_eq!(rights_of(&mut connection, &plain, &rotated), Some(rights("cases:read")));
        let by_program = connection.write(|c| keys::rotate_own(c, &plain, Rotation::default()));
        assert!(matches!(by_program.map(drop), Err(KeyError::NoKey)));
    }

    fn an_expiry_lies_in_the_future(database) {
        let mut connection = database.connect();
        let scope = database.tenant("acme");
        let expiring = |minutes| NewKey { expires_on: Some(later(&scope, minutes).now()), ..new("short", "cases:read") };
        assert!(matches!(create(&mut connection, &scope, &expiring(0)), Err(KeyError::Invalid(_))));
        let made = create(&mut connection, &scope, &expiring(10)).unwrap();
        let hash = ApiKey::parse(made.key.as_deref().unwrap()).unwrap().hash();
        let holder = keys::find_holder(&mut connection, &hash, later(&scope, 20).now()).unwrap().unwrap();
        assert_eq!(holder.expires_on, made.described.expires_on, "who asks is told why the key is refused");
        let patch = KeyPatch { expires_on: Patch::Clear, ..KeyPatch::default() };
        let id = made.described.id;
        assert_eq!(connection.write(|c| keys::update(c, &scope, id, &Condition::none(), &patch)).unwrap().after.expires_on, None);
    }

    fn the_latest_use_is_that_of_any_secret(database) {
        let mut connection = database.connect();
        let scope = database.tenant("acme");
        let first = create(&mut connection, &scope, &new("sync", "cases:read")).unwrap();
        let second = rotate(&mut connection, &scope, first.described.id, 60).unwrap();
        let hash = |key: &KeyWithSecret| ApiKey::parse(key.key.as_deref().unwrap()).unwrap().hash();
        let at = |minutes| later(&scope, minutes).now();
        for (key, minutes) in [(&second, 1), (&first, 9), (&first, 5)] {
            let uses = [(scope.tenant(), hash(key), at(minutes))];
            connection.write(|c| keys::note_uses(c, &uses)).unwrap();
        }
        assert_eq!(keys::get(&mut connection, &scope, first.described.id).unwrap().last_used_on, Some(at(9)));
        rotate(&mut connection, &scope, first.described.id, 0).unwrap();
        assert_eq!(keys::get(&mut connection, &scope, first.described.id).unwrap().last_used_on, Some(at(9)));
    }
}
