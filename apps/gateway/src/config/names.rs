use clap::Args;

use super::{BadSetting, Settings};

/// Of the tests and scripts of this repository, which start gateways in an environment that has them.
const OF_TESTS: &str = "CRM_TEST_";

/// Of commands that are clients of a gateway: they may stand in the environment of one.
const OF_CLIENTS: [&str; 2] = ["CRM_KEY", "CRM_KEY_FILE"];

/// A variable that looks like a setting and is none stops the start: a misspelt one would silently leave the default.
///
/// # Errors
/// The first such, with the setting that it looks most like.
pub fn refuse_unknown(variables: impl Iterator<Item = (String, String)>) -> Result<(), BadSetting> {
    let arguments = Settings::augment_args(clap::Command::new("crm-gateway"));
    let known: Vec<String> =
        arguments.get_arguments().filter_map(|argument| argument.get_env()?.to_str().map(str::to_owned)).collect();
    let mut unknown: Vec<String> = variables
        .filter(|(name, value)| {
            name.starts_with("CRM_") && !name.starts_with(OF_TESTS) && !is_service_link(name, value)
        })
        .map(|(name, _)| name)
        .filter(|name| !known.contains(name) && !OF_CLIENTS.contains(&name.as_str()))
        .collect();
    unknown.sort_unstable();
    let Some(name) = unknown.first() else { return Ok(()) };
    let likeness = |known: &String| strsim::normalized_damerau_levenshtein(name, known);
    let nearest = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    Err(match nearest.filter(|nearest| likeness(nearest) > 0.7) {
        Some(nearest) => BadSetting::new(name, format!("is no setting; did you mean {nearest}?")),
        None => BadSetting::new(name, "is no setting; `crm-gateway --help` lists all"),
    })
}

/// Kubernetes and Docker tell a container where each service is by variables: those of a service that is named `crm` or
/// `crm-gateway` begin like settings.
fn is_service_link(name: &str, value: &str) -> bool {
    let is_address = ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme));
    let is_part = ["_TCP", "_UDP", "_SCTP"].iter().any(|protocol| name.contains(protocol)) && name.contains("_PORT_");
    is_address || is_part || name.ends_with("_SERVICE_HOST") || name.contains("_SERVICE_PORT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_like_a_setting_is_refused_with_the_one_that_was_meant() {
        for (name, value, says) in [
            ("CRM_LISTN", "x", "CRM_LISTN: is no setting; did you mean CRM_LISTEN?"),
            ("CRM_JWT_SECERT", "x", "CRM_JWT_SECERT: is no setting; did you mean CRM_JWT_SECRET?"),
            ("CRM_WORKER", "", "CRM_WORKER: is no setting; did you mean CRM_WORKERS?"),
            ("CRM_COLOUR", "x", "CRM_COLOUR: is no setting; `crm-gateway --help` lists all"),
            ("CRM_PORT", "8080", "CRM_PORT: is no setting; `crm-gateway --help` lists all"),
        ] {
            let refused = refuse_unknown([(name.to_owned(), value.to_owned())].into_iter()).unwrap_err();
            assert_eq!(refused.to_string(), says);
        }
        for (name, value) in [
            ("CRM_LISTEN", "x"),
            ("CRM_TEST_POSTGRES_URL", "x"),
            ("PATH", "x"),
            ("CRM_KEY", "x"),
            ("CRM_SERVICE_HOST", "10.0.0.1"),
            ("CRM_GATEWAY_SERVICE_PORT_HTTP", "8080"),
            ("CRM_PORT", "tcp://10.0.0.1:8080"),
            ("CRM_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ] {
            assert_eq!(refuse_unknown([(name.to_owned(), value.to_owned())].into_iter()), Ok(()), "{name}");
        }
    }
}
