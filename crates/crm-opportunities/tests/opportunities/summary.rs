use super::*;
use crm_testkit::statements::statements;

/// The summary with these filters: stage, count, and the sums with their currencies.
fn summary(connection: &mut DbConnection, scope: &Scope, params: &[(&str, &str)]) -> Vec<String> {
    let Asked { filter, .. } = asked::<Asked>(params).unwrap();
    let stages = crm_opportunities::summary(connection, scope, &filter).unwrap();
    let sums = |value: &Value| {
        let sum = |sum: &Value| format!("{} {}", sum["amount"], sum["code"].as_str().unwrap());
        value.as_array().unwrap().iter().map(sum).collect::<Vec<_>>().join(" + ")
    };
    let line = |stage| {
        let stage = json_of(stage);
        let [values, weighted] = ["values", "weightedValues"].map(|name| sums(&stage[name]));
        format!("{} {}: {values} -> {weighted}", stage["stage"].as_str().unwrap(), stage["count"])
    };
    stages.iter().map(line).collect()
}

crm_testkit::both_databases! {
    /// What open opportunities add up to, to the last decimal, with each filter, in one statement.
    fn open_opportunities_add_up(database) {
        let (mut connection, scope, other) = (database.connect(), tenant(database, "acme"), tenant(database, "other"));
        let own = pipeline(&mut connection, &scope, &json!({ "name": "Own", "stages": [{ "key": "s", "label": "S" }] })).id;
        tag(&mut connection, &scope, "red");
        create(&mut connection, &other, &json!({ "title": "theirs", "value": { "amount": 7, "code": "USD" } }));
        for (stage, amount, code, more) in [
            ("proposal", "0.1", "USD", json!({ "tags": "red" })),
            ("proposal", "0.2", "USD", json!({ "owner": { "id": "o" } })),
            ("proposal", "0.0001", "EUR", json!({})),
            ("negotiation", "-3.3333", "EUR", json!({})),
            ("s", "5", "USD", json!({ "pipelineId": own })),
        ] {
            let mut body = more;
            body["title"] = json!("x");
            body["stage"] = json!(stage);
            body["value"] = json!({ "amount": amount.parse::<serde_json::Number>().unwrap(), "code": code });
            create(&mut connection, &scope, &body);
        }
        create(&mut connection, &scope, &json!({ "title": "without a value", "stage": "proposal" }));
        let won = create(&mut connection, &scope, &json!({ "title": "won", "value": { "amount": 1, "code": "USD" } }));
        try_status(&mut connection, &scope, won.id, &json!({ "status": "won" })).unwrap();
        let sales = default_pipeline(&mut connection, &scope).id.to_string();
        let own = own.to_string();
        let (mut first, mut second) = (
            vec!["qualification 0:  -> ", "needs-analysis 0:  -> ", "proposal 4: 0.0001 EUR + 0.3 USD -> 0.00005 EUR + 0.15 USD",
                "negotiation 1: -3.3333 EUR -> -2.499975 EUR", "closing 0:  -> "],
            vec!["s 1: 5 USD -> "],
        );
        assert_eq!(summary(&mut connection, &scope, &[("pipelineId", &sales)]), first, "empty stages show too");
        assert_eq!(summary(&mut connection, &scope, &[("pipelineId", &own)]), second, "a stage without a probability");
        if own < sales {
            std::mem::swap(&mut first, &mut second);
        }
        assert_eq!(summary(&mut connection, &scope, &[]), [first, second].concat(), "all pipelines");
        for (params, expected) in [
            (("tags", "red"), "proposal 1: 0.1 USD -> 0.05 USD"),
            (("ownerId", "o"), "proposal 1: 0.2 USD -> 0.1 USD"),
            (("status", "won"), "proposal 0:  -> "),
            (("title", "without"), "proposal 1:  -> "),
            (("tags", "nothing"), "proposal 0:  -> "),
        ] {
            let found = summary(&mut connection, &scope, &[params, ("pipelineId", &sales), ("stage", "proposal")]);
            assert_eq!(found, [expected], "{params:?}");
        }
        let filter = OpportunityFilter::default();
        let (_, sent) = statements(&mut connection, |connection| crm_opportunities::summary(connection, &scope, &filter).unwrap());
        assert_eq!(sent.len(), 1, "{sent:#?}");
    }

    /// Sums that no 64-bit number holds are exact: SQLite's own sum fails on them.
    fn sums_outgrow_64_bits(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        let amounts = ["99999999999999.9999"; 12].into_iter().chain(["-99999999999999.9999", "-0.0002"]);
        for amount in amounts {
            let amount = amount.parse::<serde_json::Number>().unwrap();
            create(&mut connection, &scope, &json!({ "title": "x", "value": { "amount": amount, "code": "USD" } }));
        }
        let found = summary(&mut connection, &scope, &[("stage", "qualification")]);
        assert_eq!(found, ["qualification 14: 1099999999999999.9987 USD -> 109999999999999.99987 USD"]);
    }
}
