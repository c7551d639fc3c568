//! What the tests of a conversion share: a lead, and whether it and its opportunity fit.

use serde_json::Value;

use crate::client::Client;

/// Makes a lead and gives its id.
pub(crate) fn lead(client: &Client, body: &Value) -> String {
    client.post("/pipeline/leads", body).item(201)["id"].as_str().unwrap().to_owned()
}

/// The opportunities with this title.
pub(crate) fn opportunities(client: &Client, title: &str) -> Vec<Value> {
    client.get(&format!("/pipeline/opportunities?size=200&title={title}")).items().clone()
}

/// Checks that a lead and its opportunity name each other, or that it was not converted at all.
#[track_caller]
pub(crate) fn assert_whole(client: &Client, id: &str, title: &str, converted: bool) {
    let lead = client.get(&format!("/pipeline/leads/{id}")).item(200).clone();
    let made = opportunities(client, title);
    assert_eq!(lead["isConverted"], converted, "{lead}");
    assert_eq!(lead["convertedOn"].is_string(), converted, "{lead}");
    assert_eq!(made.len(), usize::from(converted), "{made:?}");
    if let [opportunity] = made.as_slice() {
        assert_eq!((&opportunity["leadId"], &lead["opportunityId"]), (&lead["id"], &opportunity["id"]));
    }
}
