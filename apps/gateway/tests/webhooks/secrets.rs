//! Secrets of webhooks at rest (docs/adr/0014).

use crm_testkit::both_databases;

use crate::client::{Api, Client};
use crate::dump::dump;
use crate::process::{Serving, gateway};
use crate::receiver::Receiver;
use crate::setup::{SOON, subject, tell};

/// Base64 of 32 bytes each.
const FIRST: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const SECOND: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

both_databases! {
    /// With a key no secret lies in the database, and what is sent is signed all the same; the key is rotated, and missed.
    fn secrets_are_sealed_and_sign(database) {
        let api = Api::start_with(database, &[("CRM_WEBHOOK_ALLOW", "127.0.0.0/8"), ("CRM_SECRETS_KEY", FIRST)]);
        let receiver = Receiver::taking();
        let hook = tell(&api.acme, &receiver, &["lead.created"]);
        subject(&api.acme);
        assert!(hook.signed(&receiver.wait_for(1, SOON)[0]));
        assert!(!format!("{:?}", dump(database)).contains(&hook.secret[6..]), "sealed");
        let keys = api.acme.keys.clone();
        drop(api);

        let refused = gateway(database).env("CRM_SECRETS_KEY", SECOND).env("RUST_LOG", "error").output().unwrap();
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        let both = format!("{SECOND},{FIRST}");
        let resealed = gateway(database).env("CRM_SECRETS_KEY", &both).args(["secrets", "reencrypt"]).output().unwrap();
        let said = String::from_utf8(resealed.stdout).unwrap();
        assert!(said.contains("0 client maps and 1 webhooks"), "{said}");
        let mut command = gateway(database);
        command.envs([("CRM_RATE_LIMIT", "0"), ("CRM_WEBHOOK_ALLOW", "127.0.0.0/8"), ("CRM_SECRETS_KEY", SECOND)]);
        let serving = Serving::start(&mut command);
        let acme = Client::new(&serving.url, keys);
        subject(&acme);
        assert!(hook.signed(&receiver.wait_for(2, SOON)[1]), "the same secret, sealed by another key");
    }
}
