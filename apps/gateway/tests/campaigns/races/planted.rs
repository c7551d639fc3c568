//! Each promise is broken once: a log that says what was not done is found out.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crm_testkit::both_databases;

use crate::client::Api;

use super::log::Log;
use super::round::{Round, SOMETIMES};
use super::{Racing, promises};

/// Something that a log claims, and how.
type Claim = (&'static str, fn(&mut Log, &Round));

const CLAIMS: [Claim; 11] = [
    ("organizations were merged", |log, round| {
        let [one, other, ..] = round.organizations.kept() else { panic!("too few") };
        log.merged.insert(one.clone(), other.clone());
    }),
    ("contacts were merged", |log, round| {
        let [one, other, ..] = round.contacts.kept() else { panic!("too few") };
        log.merged.insert(one.clone(), other.clone());
    }),
    ("a lead was converted", |log, round| {
        log.converted.push((round.leads.loose()[0].clone(), round.opportunities.loose()[0].clone()));
    }),
    ("a lead was converted, and its opportunity deleted", |log, round| {
        log.converted.push((round.leads.kept()[0].clone(), "/pipeline/opportunities/99".to_owned()));
        log.deleted.insert("/pipeline/opportunities/99".to_owned());
    }),
    ("a lead was converted twice", |log, round| {
        let lead = round.leads.loose()[0].clone();
        log.deleted.extend([lead.clone(), "/pipeline/opportunities/99".to_owned()]);
        let conversion = (lead, "/pipeline/opportunities/99".to_owned());
        log.converted.extend([conversion.clone(), conversion]);
    }),
    ("a custom field was written", |log, round| {
        log.fields.insert((round.leads.kept()[0].clone(), super::own_field(0)), "value".to_owned());
    }),
    ("something was said of a case", |log, round| {
        log.said.insert((round.cases.kept()[0].clone(), SOMETIMES.to_owned()));
    }),
    ("another lead was made", |log, _| log.made.push("/pipeline/leads/21".to_owned())),
    ("a lead was made twice", |log, round| log.made.push(round.leads.loose()[0].clone())),
    ("a pipeline was not made", |log, round| log.made.retain(|path| *path != round.pipelines.loose()[0])),
    ("a case was deleted", |log, round| log.deleted.extend(round.cases.loose().first().cloned())),
];

both_databases! {
    /// Of what was done everything is found; of what was not, each claim fails.
    fn every_promise_can_be_broken(database) {
        let api = Api::start(database);
        let racing = Racing::new(api.acme, 0);
        let mut log = Log::default();
        let round = Round::new(&racing.client, "acme planted", &mut log);
        let check = |log: &Log| {
            promises::check(&racing.client, &round, log);
            promises::check_lists(&racing.client, log);
        };
        check(&log);
        for (claim, plant) in CLAIMS {
            let mut log = log.clone();
            plant(&mut log, &round);
            assert!(catch_unwind(AssertUnwindSafe(|| check(&log))).is_err(), "nobody found out that not {claim}");
        }
    }
}
