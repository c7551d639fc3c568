//! Sessions: how long they live, and with what they die.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use chrono::Duration;
use crm_core::keys::{self, ApiKey, GraceMinutes, KeyHash, NewKey, Rotation};
use crm_core::sessions::{self, MOST_SESSIONS, Person, Session, SessionSecret};
use crm_core::values::{Title, User};
use crm_core::{Condition, DbConnection, KeyId, Scope, Timestamp, tenants};
use crm_testkit::both_databases;

const HOUR: i64 = 60;

fn later(scope: &Scope, minutes: i64) -> Timestamp {
    Timestamp::from_datetime(scope.now().as_datetime() + Duration::minutes(minutes))
}

fn key(connection: &mut DbConnection, scope: &Scope, expires_on: Option<Timestamp>) -> (KeyId, KeyHash) {
    let new = NewKey { name: Title::new("name", "k").unwrap(), scopes: "cases:read".parse().unwrap(), expires_on };
    let made = connection.write(|connection| keys::create(connection, scope, &new)).unwrap();
    (made.described.id, ApiKey::parse(made.key.as_deref().unwrap()).unwrap().hash())
}

fn open(connection: &mut DbConnection, scope: &Scope, key: &KeyHash, now: Timestamp) -> Option<SessionSecret> {
    let secret = SessionSecret::generate().unwrap();
    let opened = connection.write(|connection| sessions::open(connection, scope.tenant(), key, &secret, now));
    opened.unwrap().then_some(secret)
}

fn person(id: &str) -> Person {
    let user: User = serde_json::from_value(serde_json::json!({ "id": id, "name": "Ada Example" })).unwrap();
    Person { user, roles: vec!["crm_user".to_owned()], voucher: "https://issuer.example console".to_owned() }
}

fn open_for(connection: &mut DbConnection, scope: &Scope, person: &Person, now: Timestamp) -> Option<SessionSecret> {
    let secret = SessionSecret::generate().unwrap();
    let opened = connection.write(|connection| sessions::open_for(connection, scope.tenant(), person, &secret, now));
    opened.unwrap().then_some(secret)
}

fn lives(connection: &mut DbConnection, secret: &SessionSecret, now: Timestamp) -> bool {
    sessions::find(connection, &secret.hash(), now).unwrap().is_some()
}

both_databases! {
    fn a_session_lives_for_twelve_hours_after_its_last_use(database) {
        let (mut connection, scope) = (database.connect(), database.tenant("acme"));
        let (id, hash) = key(&mut connection, &scope, None);
        let secret = open(&mut connection, &scope, &hash, scope.now()).unwrap();
        let found = sessions::find(&mut connection, &secret.hash(), scope.now()).unwrap().unwrap();
        let Session::Key(holder) = found else { panic!("it is of a key: {found:?}") };
        assert_eq!((holder.id, holder.tenant, holder.secret), (id, scope.tenant(), hash));
        assert!(lives(&mut connection, &secret, later(&scope, 12 * HOUR - 1)));
        assert!(!lives(&mut connection, &secret, later(&scope, 12 * HOUR)));
        let used = [(scope.tenant(), secret.hash(), later(&scope, 11 * HOUR))];
        connection.write(|connection| sessions::note_uses(connection, &used)).unwrap();
        // One that is noted late moves nothing back.
        let used = [(scope.tenant(), secret.hash(), scope.now())];
        connection.write(|connection| sessions::note_uses(connection, &used)).unwrap();
        assert!(lives(&mut connection, &secret, later(&scope, 23 * HOUR - 1)));
        assert!(!lives(&mut connection, &secret, later(&scope, 23 * HOUR)));
        assert!(!lives(&mut connection, &SessionSecret::generate().unwrap(), scope.now()), "nobody's");
    }

    fn a_session_dies_with_its_key(database) {
        let (mut connection, scope) = (database.connect(), database.tenant("acme"));
        for minutes in [0, 60] {
            let (id, hash) = key(&mut connection, &scope, None);
            let secret = open(&mut connection, &scope, &hash, scope.now()).unwrap();
            let rotation = Rotation { grace_minutes: GraceMinutes::new(minutes).unwrap() };
            connection.write(|c| keys::rotate(c, &scope, id, &Condition::none(), rotation)).unwrap();
            assert!(!lives(&mut connection, &secret, scope.now()), "rotated with a grace of {minutes}");
        }
        let (id, hash) = key(&mut connection, &scope, None);
        let secret = open(&mut connection, &scope, &hash, scope.now()).unwrap();
        connection.write(|c| keys::delete(c, &scope, id, &Condition::none())).unwrap();
        assert!(!lives(&mut connection, &secret, scope.now()), "deleted");
        assert!(open(&mut connection, &scope, &hash, scope.now()).is_none(), "nobody's key opens nothing");
        let (_, hash) = key(&mut connection, &scope, Some(later(&scope, 30)));
        let secret = open(&mut connection, &scope, &hash, scope.now()).unwrap();
        assert!(lives(&mut connection, &secret, later(&scope, 29)) && !lives(&mut connection, &secret, later(&scope, 30)));
    }

    fn a_session_can_be_closed_and_is_forgotten_when_its_time_is_over(database) {
        let (mut connection, scope) = (database.connect(), database.tenant("acme"));
        let other = database.tenant("other");
        let (_, hash) = key(&mut connection, &scope, None);
        let (left, closed) = (open(&mut connection, &scope, &hash, scope.now()).unwrap(), open(&mut connection, &scope, &hash, later(&scope, 5)).unwrap());
        connection.write(|connection| sessions::close(connection, other.tenant(), &closed.hash())).unwrap();
        assert!(lives(&mut connection, &closed, scope.now()), "of another tenant");
        connection.write(|connection| sessions::close(connection, scope.tenant(), &closed.hash())).unwrap();
        assert!(!lives(&mut connection, &closed, scope.now()) && lives(&mut connection, &left, scope.now()));
        let over = later(&scope, 12 * HOUR);
        assert_eq!(sessions::tenants_with_expired(&mut connection, later(&scope, 12 * HOUR - 1)).unwrap(), []);
        assert_eq!(sessions::tenants_with_expired(&mut connection, over).unwrap(), [scope.tenant()]);
        let forgotten = |connection: &mut DbConnection, tenant: &Scope| {
            connection.write(|connection| sessions::forget_expired(connection, tenant.tenant(), over)).unwrap()
        };
        assert_eq!((forgotten(&mut connection, &other), forgotten(&mut connection, &scope)), (0, 1));
        assert_eq!(forgotten(&mut connection, &scope), 0);
    }

    fn a_session_of_a_person_ends_twelve_hours_after_it_began(database) {
        let (mut connection, scope) = (database.connect(), database.tenant("acme"));
        let ada = person("ada");
        let secret = open_for(&mut connection, &scope, &ada, scope.now()).unwrap();
        let used = [(scope.tenant(), secret.hash(), later(&scope, 11 * HOUR))];
        connection.write(|connection| sessions::note_uses(connection, &used)).unwrap();
        let found = sessions::find(&mut connection, &secret.hash(), later(&scope, 12 * HOUR - 1)).unwrap().unwrap();
        assert_eq!(found.tenant(), scope.tenant());
        let Session::Person { public_tenant, is_frozen, person, .. } = found else { panic!("it is of a person: {found:?}") };
        assert_eq!((&public_tenant, is_frozen, person), (scope.public_tenant(), false, ada));
        assert!(!lives(&mut connection, &secret, later(&scope, 12 * HOUR)), "used or not");
        assert_eq!(sessions::tenants_with_expired(&mut connection, later(&scope, 12 * HOUR)).unwrap(), [scope.tenant()]);
    }

    fn a_person_has_so_many_sessions_and_none_in_a_tenant_that_is_gone(database) {
        let (mut connection, scope) = (database.connect(), database.tenant("acme"));
        let (other, ada) = (database.tenant("other"), person("ada"));
        let neighbours = [
            open_for(&mut connection, &scope, &person("uma"), scope.now()).unwrap(),
            open_for(&mut connection, &other, &ada, scope.now()).unwrap(),
        ];
        let all: Vec<SessionSecret> = (0..=MOST_SESSIONS)
            .map(|minute| open_for(&mut connection, &scope, &ada, later(&scope, minute)).unwrap())
            .collect();
        let living = all.iter().filter(|secret| lives(&mut connection, secret, scope.now())).count();
        assert_eq!(i64::try_from(living).unwrap(), MOST_SESSIONS);
        assert!(!lives(&mut connection, &all[0], scope.now()), "the oldest ended");
        assert!(neighbours.iter().all(|secret| lives(&mut connection, secret, scope.now())));
        connection.write(|connection| tenants::revoke(connection, other.public_tenant(), scope.now())).unwrap();
        assert!(!lives(&mut connection, &neighbours[1], scope.now()), "with its tenant");
        assert!(open_for(&mut connection, &other, &ada, scope.now()).is_none());
    }

    fn one_session_too_many_ends_the_oldest(database) {
        let (mut connection, scope) = (database.connect(), database.tenant("acme"));
        let (_, hash) = key(&mut connection, &scope, None);
        let (_, of_another) = key(&mut connection, &scope, None);
        let neighbour = open(&mut connection, &scope, &of_another, scope.now()).unwrap();
        let all: Vec<SessionSecret> =
            (0..MOST_SESSIONS).map(|minute| open(&mut connection, &scope, &hash, later(&scope, minute)).unwrap()).collect();
        assert!(all.iter().all(|secret| lives(&mut connection, secret, later(&scope, MOST_SESSIONS))), "as many as there may be");
        let last = open(&mut connection, &scope, &hash, later(&scope, MOST_SESSIONS)).unwrap();
        let living = all.iter().filter(|secret| lives(&mut connection, secret, later(&scope, MOST_SESSIONS))).count();
        assert_eq!(i64::try_from(living).unwrap(), MOST_SESSIONS - 1);
        assert!(!lives(&mut connection, &all[0], scope.now()) && lives(&mut connection, &last, scope.now()));
        assert!(lives(&mut connection, &neighbour, scope.now()));
    }
}

#[test]
fn a_form_token_is_of_one_session_and_does_not_tell_it() {
    let (secret, other) = (SessionSecret::generate().unwrap(), SessionSecret::generate().unwrap());
    assert!(SessionSecret::parse(secret.reveal()).is_some_and(|again| again.hash() == secret.hash()));
    assert!(secret.has_form_token(&secret.form_token()) && !secret.has_form_token(&other.form_token()));
    assert!(!secret.has_form_token("") && !secret.has_form_token(secret.reveal()));
    for text in ["", "short", &"x".repeat(42), &"x".repeat(44), &format!("{}=", "x".repeat(42)), &"é".repeat(43)] {
        assert!(SessionSecret::parse(text).is_none(), "{text:?}");
    }
}
