use clap::Args;
use crm_core::tenants::{self, CreatedTenant, Tenant};
use crm_core::values::Title;
use crm_core::{DbConnection, PublicTenantId, Scope, Timestamp, keys};
use serde_json::json;

use crate::config::Settings;

use super::{connect, deletion, freeze, print, provision};

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Makes a tenant and prints its keys, once
    Create(Create),
    /// Lists the tenants by id: name, since when, how their keys begin, and whether they are frozen or being deleted
    ///
    /// A balancer that knows how the keys begin finds the database of a request by them.
    List {
        /// Print an array of JSON objects
        #[arg(long)]
        json: bool,
    },
    /// Refuses every write of a tenant, so that it can be moved: 503 with Retry-After; reads go on
    ///
    /// Returns when no gateway writes for it any more. `crm-gateway copy` then takes it to another database, where it is frozen
    /// too until `tenants thaw`.
    Freeze {
        /// Its id
        id: PublicTenantId,
    },
    /// Takes writes of a frozen tenant again
    Thaw {
        /// Its id
        id: PublicTenantId,
    },
    /// Deletes a tenant with everything it has
    ///
    /// Its keys go first; after 5 seconds, when no gateway remembers them, its records follow, in small parts. Where it was
    /// interrupted, run it again.
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
        Command::Create(create) => run_create(&mut connection, create, settings.clock()?.now()),
        Command::List { json } => list(&mut connection, json, settings.clock()?.now()),
        Command::Freeze { id } => freeze::freeze(&mut connection, &id),
        Command::Thaw { id } => freeze::thaw(&mut connection, &id),
        Command::Delete { id, yes: _ } => deletion::run(&mut connection, &id),
    }
}

fn run_create(connection: &mut DbConnection, create: Create, now: Timestamp) -> anyhow::Result<()> {
    let Create { id, name, json } = create;
    let id = id.map_or_else(|| crm_core::Uuid::random().to_string().parse(), Ok)?;
    let name = name.map_or_else(|| id.to_string(), Title::into_string);
    // Printed inside the transaction: keys that nobody saw are keys of no tenant.
    connection.write(|connection| print_created(&provision(connection, &id, &name, None, now)?, json))
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

fn list(connection: &mut DbConnection, json: bool, now: Timestamp) -> anyhow::Result<()> {
    let mut all = Vec::new();
    for tenant in tenants::list(connection)? {
        let prefixes = keys::prefixes(connection, &Scope::new(tenant.id, tenant.public_id.clone(), now))?;
        all.push((tenant, prefixes));
    }
    if json {
        return print(serde_json::Value::from_iter(all.iter().map(|(tenant, prefixes)| described(tenant, prefixes))));
    }
    for (Tenant { id: _, public_id, name, created_on, deleted_on, frozen_on }, prefixes) in all {
        let state = match (deleted_on, frozen_on) {
            (Some(_), _) => "\tbeing deleted",
            (None, Some(_)) => "\tfrozen",
            (None, None) => "",
        };
        print(format_args!("{public_id}\t{name}\t{created_on}\t{}{state}", prefixes.join(",")))?;
    }
    Ok(())
}

fn described(
    Tenant { id: _, public_id, name, created_on, deleted_on, frozen_on }: &Tenant,
    prefixes: &[String],
) -> serde_json::Value {
    let mut item = json!({ "id": public_id, "name": name, "createdOn": created_on, "keyPrefixes": prefixes });
    if let Some(since) = deleted_on {
        item["deletedOn"] = json!(since);
    }
    if let Some(since) = frozen_on {
        item["frozenOn"] = json!(since);
    }
    item
}
