use std::time::Duration;

use anyhow::Context;
use ureq::Agent;

use crate::config::{Config, Settings};

use super::serve::reachable;

/// Longer than a gateway under load takes, shorter than the patience of container engines.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks the gateway with the same settings whether it lives: for images, which have no curl. Whether its database
/// does too is asked at `/readyz`; a restart would not help there.
pub(super) fn run(settings: &Settings) -> anyhow::Result<()> {
    let config = Config::new(settings)?;
    let address = config.listen.first().copied().context("CRM_LISTEN names no address")?;
    let url = format!("http://{}/healthz", reachable(address));
    let agent: Agent = Agent::config_builder().timeout_global(Some(PATIENCE)).proxy(None).build().into();
    agent.get(&url).call().with_context(|| format!("{url} does not answer as it should"))?;
    Ok(())
}
