use clap::Args;
use crm_core::tenants::{self, CreatedTenant, Tenant};
use crm_core::values::Title;
use crm_core::{DbConnection, PublicTenantId, Timestamp};
use serde_json::json;

use crate::config::Settings;

use super::{connect, print, provision};

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Makes a tenant and prints its keys, once
    Create(Create),
    /// Lists the tenants by id
    List {
        /// Print an array of JSON objects
        #[arg(long)]
        json: bool,
    },
    /// Deletes a tenant with everything it has
    Delete {
        /// Its id
        id: PublicTenantId,
        /// Yes, all of it, for good
        #[arg(long, required = true)]
        yes: bool,
    },
}

#[derive(Args)]
pub(super) struct Create {
    /// Its id: 1 to 64 characters of A-Z a-z 0-9 . _ - [default: a new UUID]
    #[arg(long)]
    id: Option<PublicTenantId>,
    /// What people call it: 1 to 255 characters [default: its id]
    #[arg(long, value_parser = parse_name)]
    name: Option<Title>,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

fn parse_name(text: &str) -> Result<Title, crm_core::FieldErrors> {
    Title::new("name", text)
}

pub(super) fn run(settings: &Settings, command: Command) -> anyhow::Result<()> {
    let mut connection = connect(settings)?;
    match command {
        Command::Create(create) => run_create(&mut connection, create),
        Command::List { json } => list(&mut connection, json),
        Command::Delete { id, yes: _ } => {
            connection.write(|connection| tenants::delete(connection, &id))?;
            print(format_args!("tenant {id} is deleted"))
        }
    }
}

fn run_create(connection: &mut DbConnection, create: Create) -> anyhow::Result<()> {
    let Create { id, name, json } = create;
    let id = id.map_or_else(|| crm_core::Uuid::random().to_string().parse(), Ok)?;
    let name = name.map_or_else(|| id.to_string(), Title::into_string);
    let now = Timestamp::now();
    let made = connection.write(|connection| provision(connection, &id, &name, None, now))?;
    print_created(&made, json)
}

fn print_created(made: &CreatedTenant, json: bool) -> anyhow::Result<()> {
    let CreatedTenant { tenant: Tenant { public_id, name, .. }, primary, secondary } = made;
    let (primary, secondary) = (primary.reveal(), secondary.reveal());
    if json {
        return print(json!({ "id": public_id, "name": name, "primaryKey": primary, "secondaryKey": secondary }));
    }
    print(format_args!("id             {public_id}"))?;
    print(format_args!("name           {name}"))?;
    print(format_args!("primary key    {primary}  (reads and writes)"))?;
    print(format_args!("secondary key  {secondary}  (reads only)"))?;
    print("The keys are shown this once.")
}

fn list(connection: &mut DbConnection, json: bool) -> anyhow::Result<()> {
    let all = tenants::list(connection)?;
    if json {
        let item =
            |tenant: &Tenant| json!({ "id": tenant.public_id, "name": tenant.name, "createdOn": tenant.created_on });
        return print(serde_json::Value::from_iter(all.iter().map(item)));
    }
    for Tenant { id: _, public_id, name, created_on } in all {
        print(format_args!("{public_id}\t{name}\t{created_on}"))?;
    }
    Ok(())
}
