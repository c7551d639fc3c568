use crate::config::Settings;

use super::print;

/// Applies the migrations and says which.
pub(super) fn run(settings: &Settings) -> anyhow::Result<()> {
    let url = settings.database_url()?;
    let ran = crm_core::migrate::migrate(&url)?;
    for version in &ran {
        print(format_args!("applied {version}"))?;
    }
    print(format_args!("the schema of {url} is up to date"))
}
