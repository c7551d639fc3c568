//! Fills a tenant with the records of a company that looks like one: to try things out, to show them, to measure.
//!
//! Each kind of records is a file of its own: it drafts them as a program would, and [`Run`] makes them
//! through the same functions that the API calls.

mod cases;
mod contacts;
mod dice;
mod leads;
mod opportunities;
mod organizations;
mod run;
mod tags;
mod team;

use anyhow::Context;
use clap::Args;
use crm_core::tenants::{self, Tenant};
use crm_core::{DbConnection, PublicTenantId};

use crate::config::Settings;

use super::{connect, print};
use run::Run;

#[derive(Args)]
pub(super) struct Demo {
    /// The tenant's id [default: the first that `tenants list` shows]
    #[arg(long, value_name = "ID")]
    tenant: Option<PublicTenantId>,
    /// How many organizations to make
    #[arg(long, value_name = "NUMBER", default_value_t = 250)]
    organizations: u32,
    /// How many contacts to make
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000)]
    contacts: u32,
    /// How many leads to make; one in four of those older than some weeks becomes an opportunity
    #[arg(long, value_name = "NUMBER", default_value_t = 2_000)]
    leads: u32,
    /// How many cases to make
    #[arg(long, value_name = "NUMBER", default_value_t = 500)]
    cases: u32,
    /// The same number gives the same records, at dates that count back from today [default: another each time]
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
}

/// Adds the records and says how many they are. What exists already stays as it is.
pub(super) fn run(settings: &Settings, demo: &Demo) -> anyhow::Result<()> {
    let mut connection = connect(settings)?;
    let tenant = tenant(&mut connection, demo.tenant.as_ref())?;
    let now = settings.clock()?.now();
    let seed = demo.seed.unwrap_or_else(|| now.as_datetime().timestamp_millis().unsigned_abs());
    let Demo { organizations, contacts, leads, cases, .. } = *demo;
    let total = [organizations, contacts, leads, cases].map(u64::from).iter().sum();
    let mut run = Run::new(connection, tenant, now, seed, total)?;
    let tags = tags::make(&mut run)?;
    let companies = organizations::make(&mut run, organizations)?;
    let people = contacts::make(&mut run, contacts, &companies)?;
    let made = leads::make(&mut run, leads, &people)?;
    let opportunities = opportunities::make(&mut run, &made)?;
    cases::make(&mut run, cases, &people)?;
    let seconds = run.finish();
    let tenant = run.tenant();
    let rate = f64_of(total + u64::try_from(opportunities)?) / seconds.max(0.001);
    print(format_args!(
        "made {organizations} organizations, {contacts} contacts, {leads} leads, {opportunities} opportunities, \
         {cases} cases and {tags} tags in the tenant {tenant} in {seconds:.1} s ({rate:.0} records a second), --seed {seed}"
    ))
}

fn tenant(connection: &mut DbConnection, chosen: Option<&PublicTenantId>) -> anyhow::Result<Tenant> {
    match chosen {
        Some(id) => Ok(tenants::find(connection, id)?),
        None => {
            let first = tenants::list(connection)?.into_iter().next();
            first.context("there is no tenant: run `crm-gateway tenants create` first")
        }
    }
}

/// A count as a number to divide.
#[expect(clippy::cast_precision_loss, reason = "only shown, and exact up to 2^53")]
fn f64_of(count: u64) -> f64 {
    count as f64
}
