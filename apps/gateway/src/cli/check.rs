//! `crm-gateway check`: whether all that must be true of a database is.

use anyhow::bail;
use indicatif::{ProgressBar, ProgressStyle};

use crate::checkup;
use crate::config::Settings;

use super::{connect, print};

/// Prints each finding on a line of stdout.
pub(super) fn run(settings: &Settings) -> anyhow::Result<()> {
    let mut connection = connect(settings)?;
    connection.begin_read()?;
    let bar = ProgressBar::new(u64::try_from(checkup::all_rules(&mut connection)?.len())?);
    bar.set_style(ProgressStyle::with_template("{bar:40} {pos}/{len} rules, {msg}")?);
    let broken = checkup::broken(&mut connection, |rule| {
        bar.set_message(rule.to_owned());
        bar.inc(1);
    })?;
    connection.end_read()?;
    bar.finish_and_clear();
    broken.iter().try_for_each(print)?;
    match broken.len() {
        0 => print("everything is as it must be"),
        count => bail!("{count} rules are broken"),
    }
}
