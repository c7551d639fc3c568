use super::*;

/// Every kind of transition, from "Start".
fn many_ways() -> Value {
    let edge = |target: &str, data: Value| json!({ "label": format!("to {target}"), "source": "start", "target": target, "data": data });
    let for_them = |users: &[&str]| json!({ "authorizedUsers": users });
    let mut workflow = workflow(
        &[
            ("start", "Start"),
            ("free", "Free"),
            ("owners", "Owner's"),
            ("assignees", "Assignee's"),
            ("requestors", "Requestor's"),
            ("twos", "Two's"),
            ("explained", "Explained"),
            ("either", "Either"),
            ("unreached", "Unreached"),
        ],
        &[],
    );
    workflow["transition"] = json!([
        edge("Free", json!({ "authorizedUsers": [] })),
        edge("owners", for_them(&["owner"])),
        edge("assignees", for_them(&["assignee"])),
        edge("requestors", for_them(&["requestor"])),
        edge("twos", for_them(&["owner", "assignee"])),
        edge("explained", json!({ "recordComment": true })),
        // Two edges between the same two: the owner needs no comment, everybody else does.
        edge("either", json!({ "recordComment": true })),
        edge("EITHER", json!({ "authorizedUsers": ["owner"] })),
        { "label": "back", "source": "Free", "target": "Start" }
    ]);
    workflow
}

/// Tells how a patch ends: the new status, or the problem.
fn outcome(result: Result<Case, CaseError>) -> String {
    match result {
        Ok(case) => case.status.into_string(),
        Err(CaseError::TransitionNotAllowed { allowed, .. }) => format!("409, allowed: {allowed}"),
        Err(CaseError::NotAuthorized { authorized }) => format!("403, for {}", authorized.join(", ")),
        Err(CaseError::Invalid(errors)) => {
            let fields: Vec<String> = problems(&errors).iter().map(|(field, code)| format!("{field} {code}")).collect();
            format!("400, {}", fields.join(", "))
        }
        Err(other) => panic!("{other:?}"),
    }
}

const FROM_START: &str = "409, allowed: Free, Owner's, Assignee's, Requestor's, Two's, Explained, Either";

crm_testkit::both_databases! {
    /// Each sentence of "Walking the workflow", for everybody. The case is owned by o, worked on by a, made by r.
    fn each_sentence_for_everybody(database) {
        let by = |id: &str| json!({ "lastUpdatedBy": { "id": id } });
        let rows: Vec<(&str, &str, Value, String)> = vec![
            ("an edge leads there", "Free", by("s"), "Free".into()),
            ("it is named by its id, in any case", "FREE", json!({}), "Free".into()),
            ("no edge leads there", "Unreached", by("o"), FROM_START.into()),
            ("no such status", "Nowhere", by("o"), "400, status invalid_value".into()),
            ("the same status is no change, whatever leads there", "start", json!({}), "Start".into()),
            ("an empty list of authorized users names nobody", "Free", json!({}), "Free".into()),
            ("the owner's, by the owner", "Owner's", by("o"), "Owner's".into()),
            ("the owner's, by the assignee", "owners", by("a"), "403, for owner".into()),
            ("the owner's, by the requestor", "owners", by("r"), "403, for owner".into()),
            ("the owner's, by a stranger", "owners", by("s"), "403, for owner".into()),
            ("the owner's, by nobody", "owners", json!({}), "403, for owner".into()),
            ("the owner's, by null", "owners", json!({ "lastUpdatedBy": null }), "403, for owner".into()),
            ("the assignee's, by the assignee", "assignees", by("a"), "Assignee's".into()),
            ("the assignee's, by the owner", "assignees", by("o"), "403, for assignee".into()),
            ("the assignee's, by the requestor", "assignees", by("r"), "403, for assignee".into()),
            ("the assignee's, by a stranger", "assignees", by("s"), "403, for assignee".into()),
            ("the assignee's, by nobody", "assignees", json!({}), "403, for assignee".into()),
            ("the requestor's, by who made the case", "requestors", by("r"), "Requestor's".into()),
            ("the requestor's, by the owner", "requestors", by("o"), "403, for requestor".into()),
            ("the requestor's, by a stranger", "requestors", by("s"), "403, for requestor".into()),
            ("one of two is enough", "twos", by("o"), "Two's".into()),
            ("or the other", "twos", by("a"), "Two's".into()),
            ("but not a third", "twos", by("r"), "403, for owner, assignee".into()),
            ("as they were before: a new owner is not", "owners",
                json!({ "lastUpdatedBy": { "id": "s" }, "owner": { "id": "s" } }), "403, for owner".into()),
            ("as they were before: an owner who leaves is", "owners",
                json!({ "lastUpdatedBy": { "id": "o" }, "owner": { "id": "s" } }), "Owner's".into()),
            ("or the assignee that this patch sets", "assignees",
                json!({ "lastUpdatedBy": { "id": "s" }, "assignee": { "id": "s" } }), "Assignee's".into()),
            ("and the assignee before it, who hands over", "assignees",
                json!({ "lastUpdatedBy": { "id": "a" }, "assignee": { "id": "s" } }), "Assignee's".into()),
            ("and who takes it away", "assignees",
                json!({ "lastUpdatedBy": { "id": "a" }, "assignee": null }), "Assignee's".into()),
            ("a new assignee is no owner", "owners",
                json!({ "lastUpdatedBy": { "id": "s" }, "assignee": { "id": "s" } }), "403, for owner".into()),
            ("a creator in the patch is ignored", "requestors",
                json!({ "lastUpdatedBy": { "id": "s" }, "creator": { "id": "s" } }), "403, for requestor".into()),
            ("a comment is required", "explained", by("o"), "400, comment required".into()),
            ("a blank one is none", "explained", json!({ "comment": "  " }), "400, comment required".into()),
            ("with it", "explained", json!({ "comment": "why" }), "Explained".into()),
            ("an edge that asks for none takes one", "Free", json!({ "comment": "why" }), "Free".into()),
            ("of several edges one that fits is enough: the owner's asks for none", "either", by("o"), "Either".into()),
            ("every edge that fits a stranger asks", "either", by("s"), "400, comment required".into()),
            ("a stranger explains", "either", json!({ "lastUpdatedBy": { "id": "s" }, "comment": "why" }), "Either".into()),
            ("a comment without a change", "Start", json!({ "comment": "why" }), "400, comment conflicting".into()),
            ("what is wrong elsewhere is said before the transition", "Unreached", json!({ "tags": "none" }), "400, tags unknown_tag".into()),
        ];
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        let case_type = create_type(&mut connection, &scope, &json!({ "label": "Ways", "workflow": many_ways() }));
        for (sentence, status, mut body, expected) in rows {
            let case = create(&mut connection, &scope, &json!({
                "title": "t", "caseTypeId": case_type.id,
                "owner": { "id": "o" }, "assignee": { "id": "a" }, "creator": { "id": "r" }
            }));
            body["status"] = json!(status);
            let result = try_patch(&mut connection, &scope, case.id, &body);
            let changed = result.as_ref().is_ok_and(|case| case.status.as_str() != "Start");
            assert_eq!(outcome(result), expected, "{sentence}");
            let happened = happened(&mut connection, &scope, case.id);
            assert_eq!(happened.len(), usize::from(changed), "{sentence}: {happened:?}");
            if !changed && !expected.starts_with("Start") {
                assert_eq!(get(&mut connection, &scope, case.id), case, "{sentence}: all or nothing");
            }
        }
    }

    /// A comment alone has its own route, and one that comes with other changes but no status is refused too.
    fn a_comment_needs_a_change_of_status(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        let case = create(&mut connection, &scope, &json!({ "title": "t" }));
        for body in [json!({ "comment": "c" }), json!({ "comment": "c", "title": "u" })] {
            let errors = invalid(try_patch(&mut connection, &scope, case.id, &body));
            assert_eq!(problems(&errors), [("comment", "conflicting")]);
        }
        patch(&mut connection, &scope, case.id, &json!({ "comment": null, "title": "u" }));
    }

    /// A workflow without any edge allows every change, by nobody and without a word.
    fn a_workflow_without_edges_allows_every_change(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        let free = workflow(&[("1", "One"), ("2", "Two"), ("3", "Three")], &[]);
        let case_type = create_type(&mut connection, &scope, &json!({ "label": "Free", "workflow": free }));
        let case = create(&mut connection, &scope, &json!({ "title": "t", "caseTypeId": case_type.id }));
        assert_eq!(case.status.as_str(), "One");
        for status in ["3", "two", "ONE", "Three"] {
            patch(&mut connection, &scope, case.id, &json!({ "status": status }));
        }
        assert_eq!(
            happened(&mut connection, &scope, case.id),
            ["One > Three nobody", "Two > One nobody", "Three > Two nobody", "One > Three nobody"]
        );
    }

    /// The source's example of a case type: repeated edge ids, and edges to statuses that no node has.
    fn the_sources_workflow_is_walked_as_printed(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        let case_type = create_type(&mut connection, &scope, &source(include_str!("fixtures/post_case_type.json")));
        organizations(&mut connection, &scope, &[4]);
        contacts(&mut connection, &scope, &[7]);
        let mut body = source(include_str!("fixtures/post_case.json"));
        body["caseTypeId"] = json!(case_type.id);
        let case = create(&mut connection, &scope, &body);
        let by = |id: &str, status: &str, comment: Value| {
            json!({ "status": status, "lastUpdatedBy": { "id": id }, "comment": comment })
        };
        for (patch, expected) in [
            (by("user-def", "Reopened", json!("x")), "409, allowed: In Progress, Closed, Resolved"),
            (by("stranger", "in-progress", Value::Null), "403, for owner, assignee"),
            (by("user-abc", "in-progress", Value::Null), "In Progress"),
            (by("user-abc", "resolved", Value::Null), "400, comment required"),
            (by("user-abc", "resolved", json!("restarted")), "Resolved"),
            (by("user-def", "REOPENED", json!("still down")), "Reopened"),
            (by("user-def", "Open", json!("again")), "409, allowed: Closed, Resolved"),
            (by("user-def", "closed", json!("done")), "Closed"),
        ] {
            assert_eq!(outcome(try_patch(&mut connection, &scope, case.id, &patch)), expected, "{patch}");
        }
        assert_eq!(
            happened(&mut connection, &scope, case.id),
            [
                "Reopened > Closed (Close) \"done\" user-def",
                "Resolved > Reopened (Reopen) \"still down\" user-def",
                "In Progress > Resolved (Resolve) \"restarted\" user-abc",
                "Open > In Progress (Start) user-abc",
            ]
        );
    }

    /// When a case enters a status that records the resolution for the first and for the last time.
    fn resolution_times_are_recorded(database) {
        let (mut connection, tenant) = (database.connect(), tenant(database, "acme"));
        let times = |case: &Case| [case.first_resolution_on, case.last_resolution_on].map(|time| time.map(|time| time.to_string()));
        let mut case = create(&mut connection, &at(&tenant, "2025-01-01T00:00:00Z"), &json!({ "title": "t" }));
        assert_eq!(times(&case), [None, None]);
        for (day, status, first, last) in [
            ("02", "In Progress", "", ""),
            ("03", "Resolved", "03", "03"),
            ("04", "Reopened", "03", "03"),
            ("05", "Resolved", "03", "05"),
            ("06", "Closed", "03", "06"),
        ] {
            let scope = at(&tenant, &format!("2025-01-{day}T00:00:00Z"));
            case = patch(&mut connection, &scope, case.id, &json!({ "status": status, "comment": "c" }));
            let expected = [first, last].map(|day| (!day.is_empty()).then(|| format!("2025-01-{day}T00:00:00.000Z")));
            assert_eq!(times(&case), expected, "{status}");
        }
        // A case that is made in such a status enters it.
        let scope = at(&tenant, "2025-02-01T00:00:00Z");
        let born = create(&mut connection, &scope, &json!({ "title": "t", "status": "resolved" }));
        assert_eq!(times(&born), [Some(scope.now().to_string()), Some(scope.now().to_string())]);
    }
}
