//! Somebody's program with a database, tables and migrations of its own, and in a schema beside them those of the crates.

use std::error::Error;

use crm_cases::{Case, Day, NewCase, Priority};
use crm_core::values::{Decimal, LabeledValue, LongText, Money, Participant, Participants, Title, Url, User};
use crm_core::{DbConnection, PgSchema, Scope, Timestamp, migrate, set_up_pg};
use crm_directory::{Contact, Emails, NewContact, Phones};
use crm_leads::{Lead, NewLead};
use crm_suite::{cases, leads, tenants};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

/// The program's own: a table that is called like one of the crates', and refers to another of theirs.
const MIGRATIONS: EmbeddedMigrations = embed_migrations!();

diesel::table! {
    contacts (id) { id -> Integer, agent -> Text, tenant -> BigInt, lead -> BigInt }
}

fn sign_up(connection: &mut DbConnection) -> Result<Scope, Box<dyn Error>> {
    let acme = tenants::create(connection, &"acme".parse()?, "Acme", None, Timestamp::now())?.tenant;
    Ok(Scope::new(acme.id, acme.public_id, Timestamp::now()))
}

fn somebody_called(connection: &mut DbConnection, scope: &Scope) -> Result<(Contact, Lead, Case), Box<dyn Error>> {
    let alex = User::new("user-012")?.named("Alex Kim")?.with_email("alex.kim@example.com")?;

    let mut jane = NewContact::new(Title::new("name", "Jane Doe")?);
    jane.email = Emails::new([
        LabeledValue::new("jane.doe@acme.example").labeled("Work"),
        LabeledValue::new("jane@home.example").labeled("Home").to_use_first(),
    ])?;
    jane.phone = Phones::new(["+1 212 555 0100"])?;
    jane.linkedin = Some(Url::new("linkedin", "https://www.linkedin.com/in/janedoe")?);
    let jane = crm_suite::contacts::create(connection, scope, &jane)?;

    let mut lead = NewLead::new(Title::new("title", "Cloud migration")?);
    lead.value = Some(Money::new(Decimal::from(25_000), "USD".parse()?)?);
    lead.contact_id = Some(jane.id);
    lead.participants = Participants::new([Participant::new(jane.id).named("Jane")])?;
    lead.owner = Some(alex.clone());
    let lead = leads::create(connection, scope, &lead)?;

    let mut case = NewCase::new(Title::new("title", "The printer is on fire")?);
    case.description = Some(LongText::new("description", "Since Monday.")?);
    case.priority = Some(Priority::new("priority", "1_high")?);
    case.expected_date = Some(Day::new("expectedDate", "2025-07-10")?);
    case.contact_id = Some(jane.id);
    case.assignee = Some(alex);
    Ok((jane, lead, cases::create(connection, scope, &case)?))
}

/// All of it and a row of the program are committed, or nothing is.
fn call(connection: &mut PgConnection, crm: &PgSchema, scope: &Scope, agent: &str) -> Result<(), Box<dyn Error>> {
    connection.transaction(|connection| {
        let (jane, lead, case) = crm.lend(connection, |connection| somebody_called(connection, scope))?;
        assert_eq!(jane.email.as_slice().iter().map(|email| email.primary).collect::<Vec<_>>(), [false, true]);
        assert_eq!(lead.contact.map(|contact| contact.name), Some("Jane Doe".to_owned()));
        assert_eq!(case.contact_id, Some(jane.id));
        let row = (contacts::agent.eq(agent), contacts::tenant.eq(scope.tenant()), contacts::lead.eq(lead.id));
        diesel::insert_into(contacts::table).values(row).execute(connection)?;
        Ok(())
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let server = std::env::var("CRM_TEST_POSTGRES_URL")?;
    let database = format!("outside_{}", std::process::id());
    let url = format!("{}/{database}", server.rsplit_once('/').ok_or("the URL of a database")?.0);
    let mut server = PgConnection::establish(&server)?;
    server.batch_execute(&format!("CREATE DATABASE {database}"))?;
    let outcome = PgConnection::establish(&url).map_err(Box::from).and_then(program);
    server.batch_execute(&format!("DROP DATABASE {database}"))?;
    outcome
}

fn program(mut connection: PgConnection) -> Result<(), Box<dyn Error>> {
    set_up_pg(&mut connection)?;
    let crm: PgSchema = "crm".parse()?;
    let ours = migrate::migrate_in(&mut connection, &crm)?.len();
    let own = connection.run_pending_migrations(MIGRATIONS).map_err(|error| error.to_string())?.len();
    assert!(ours > 1 && own == 1, "{ours} and {own}");
    assert!(!connection.has_pending_migration(MIGRATIONS).map_err(|error| error.to_string())?);
    assert!(migrate::migrate_in(&mut connection, &crm)?.is_empty());

    let scope = crm.lend(&mut connection, sign_up)?;
    call(&mut connection, &crm, &scope, "alex")?;
    assert!(call(&mut connection, &crm, &scope, "nobody may be called so").is_err());
    let rows: Vec<(String, i64)> = contacts::table.select((contacts::agent, contacts::lead)).load(&mut connection)?;
    assert_eq!(rows, [("alex".to_owned(), 1)]);
    let found = crm.lend(&mut connection, |connection| {
        leads::list(connection, &scope, &crm_leads::LeadFilter::default(), &crm_core::page::PageRequest::first(10))
    })?;
    assert_eq!(found.items.len(), 1, "what was refused left nothing");
    println!("a lead, a contact with two addresses and a case, beside a table of the program");
    Ok(())
}
