//! The graph of a workflow, against a naive search.

use crm_cases::workflow::{Edge, Listed, Node, Refusal, Roles, Workflow, WorkflowDocument};
use crm_core::FieldErrors;
use crm_core::input::{At, FromJson};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

/// A name that an edge or a question can use: of a node by id or label, in its case or another, or of none.
fn name(nodes: usize) -> impl Strategy<Value = String> {
    (any::<Index>(), 0..5_u8).prop_map(move |(index, spelling)| {
        let number = index.index(nodes);
        match spelling {
            0 => format!("id-{number}"),
            1 => format!("ID-{number}"),
            2 => format!("Étiquette {number}"),
            3 => format!("étiquette {number} "),
            // Few of them, so that edges meet.
            _ => format!("Only edges {}", number % 7),
        }
    })
}

fn roles() -> impl Strategy<Value = Roles> {
    any::<(bool, bool, bool)>().prop_map(|(owner, assignee, requestor)| Roles { owner, assignee, requestor })
}

fn edge(nodes: usize) -> impl Strategy<Value = Edge> {
    (name(nodes), name(nodes), any::<bool>(), roles(), any::<bool>()).prop_map(
        |(source, target, records_comment, authorized, for_all)| Edge {
            label: Some(format!("{source} > {target}")),
            source: source.trim().to_owned(),
            target: target.trim().to_owned(),
            records_comment,
            authorized: if for_all { Roles::default() } else { authorized },
        },
    )
}

/// Graphs up to the limits; most of them small, where much meets.
fn graph() -> impl Strategy<Value = (Vec<Node>, Vec<Edge>)> {
    let sizes = prop_oneof![4 => (1..=4_usize, 0..=12_usize), 1 => (1..=100_usize, 0..=1_000_usize)];
    sizes.prop_flat_map(|(nodes, edges)| {
        let node = |number| Node {
            id: format!("id-{number}"),
            label: format!("Étiquette {number}"),
            records_resolution: number % 3 == 0,
        };
        (Just((0..nodes).map(node).collect()), prop::collection::vec(edge(nodes), edges))
    })
}

/// The label that a name means, by looking through everything: that of a node, or its own.
fn meaning(name: &str, nodes: &[Node]) -> String {
    let lower = name.trim().to_lowercase();
    let is_it = |node: &&Node| node.id.to_lowercase() == lower || node.label.to_lowercase() == lower;
    nodes.iter().find(is_it).map_or(lower.clone(), |node| node.label.to_lowercase())
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Yes,
    NoTransition,
    NotAuthorized,
    CommentRequired,
}

/// The sentences of "Walking the workflow", one after the other.
fn naive(nodes: &[Node], edges: &[Edge], from: &str, to: &str, actor: Roles, comment: bool) -> Answer {
    let (from, to) = (meaning(from, nodes), meaning(to, nodes));
    if from == to || edges.is_empty() {
        return Answer::Yes;
    }
    let between: Vec<&Edge> = edges
        .iter()
        .filter(|edge| meaning(&edge.source, nodes) == from && meaning(&edge.target, nodes) == to)
        .collect();
    if between.is_empty() {
        return Answer::NoTransition;
    }
    let is_for = |edge: &Edge| {
        let named = edge.authorized.names();
        named.is_empty() || actor.names().iter().any(|role| named.contains(role))
    };
    let fitting: Vec<&&Edge> = between.iter().filter(|edge| is_for(edge)).collect();
    if fitting.is_empty() {
        return Answer::NotAuthorized;
    }
    if !comment && fitting.iter().all(|edge| edge.records_comment) {
        return Answer::CommentRequired;
    }
    Answer::Yes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The answer is that of a naive search, and the transition that is walked is one of those between the two.
    #[test]
    fn the_answer_agrees_with_a_naive_search(
        (nodes, edges) in graph(),
        questions in prop::collection::vec((any::<Index>(), any::<Index>(), roles(), any::<bool>()), 1..20),
    ) {
        let workflow = Workflow::new(nodes.clone(), edges.clone());
        for (from, to, actor, comment) in questions {
            let statuses = workflow.statuses();
            let (from, to) = (&statuses[from.index(statuses.len())].label, &statuses[to.index(statuses.len())].label);
            let answer = workflow.allowed(from, to, actor, comment);
            let expected = naive(&nodes, &edges, from, to, actor, comment);
            let got = match &answer {
                Ok(_) => Answer::Yes,
                Err(Refusal::NoTransition(_)) => Answer::NoTransition,
                Err(Refusal::NotAuthorized(_)) => Answer::NotAuthorized,
                Err(Refusal::CommentRequired) => Answer::CommentRequired,
            };
            prop_assert_eq!(got, expected, "{} to {} by {:?}, comment: {}", from, to, actor, comment);
            if let Ok(Some(walked)) = &answer {
                let (source, target) = walked.label.as_deref().unwrap().split_once(" > ").unwrap();
                prop_assert_eq!(meaning(source, &nodes), from.to_lowercase());
                prop_assert_eq!(meaning(target, &nodes), to.to_lowercase());
                prop_assert!(comment || !walked.records_comment, "walked without its comment");
            }
            if let Err(Refusal::NoTransition(allowed)) = &answer {
                let everybody = Roles { owner: true, assignee: true, requestor: true };
                let reached = statuses.iter().filter(|status| {
                    &status.label != from && workflow.allowed(from, &status.label, everybody, true).is_ok()
                });
                prop_assert_eq!(allowed, &Listed::first(reached.map(|status| status.label.as_str())));
            }
        }
    }

    /// The statuses are the nodes in order, then each name that only edges use, once.
    #[test]
    fn statuses_are_nodes_then_names_of_edges((nodes, edges) in graph()) {
        let workflow = Workflow::new(nodes.clone(), edges.clone());
        let mut expected: Vec<String> = nodes.iter().map(|node| node.label.to_lowercase()).collect();
        for name in edges.iter().flat_map(|edge| [&edge.source, &edge.target]) {
            let label = meaning(name, &nodes);
            if !expected.contains(&label) {
                expected.push(label);
            }
        }
        let labels: Vec<String> = workflow.statuses().iter().map(|status| status.label.to_lowercase()).collect();
        prop_assert_eq!(labels, expected);
    }

    /// Whatever names a graph has, those that a body could not bring included, nothing panics.
    #[test]
    fn any_graph_can_be_asked(
        nodes in prop::collection::vec((".{0,3}", ".{0,3}", any::<bool>()), 0..8),
        edges in prop::collection::vec((".{0,3}", ".{0,3}", any::<bool>()), 0..16),
        from in ".{0,3}",
        to in ".{0,3}",
    ) {
        let nodes = nodes.into_iter().map(|(id, label, records_resolution)| Node { id, label, records_resolution });
        let edges = edges.into_iter().map(|(source, target, records_comment)| Edge {
            label: None, source, target, records_comment, authorized: Roles::default(),
        });
        let workflow = Workflow::new(nodes.collect(), edges.collect());
        let _ = workflow.allowed(&from, &to, Roles::default(), false);
        let _ = workflow.status(&from);
    }

    /// A document that is taken is given back as it was sent, and draws a graph.
    #[test]
    fn a_document_is_kept(extra in "[a-z]{1,8}", number in any::<f64>(), text in ".{0,20}") {
        let mut sent = json!({
            "status": [{ "id": "a", "data": { "label": " A ", "color": text } }],
            "transition": [{ "source": "A", "target": "b", "data": {} }]
        });
        sent[format!("x-{extra}")] = json!([number, text, null]);
        sent["status"][0][&extra] = json!({ "deep": [number] });
        let mut errors = FieldErrors::new();
        let document = WorkflowDocument::from_json(&sent, &At::field("workflow"), &mut errors);
        // A name of ours that the generator hits holds a value of the wrong type then.
        if !matches!(extra.as_str(), "id" | "data") {
            let document = document.unwrap();
            prop_assert_eq!(&Value::Object(document.to_object()), &sent);
            prop_assert_eq!(document.graph().unwrap().statuses().len(), 2);
        }
    }
}

fn problems(document: &Value) -> Vec<(String, &'static str)> {
    let mut errors = FieldErrors::new();
    let read = WorkflowDocument::from_json(document, &At::field("workflow"), &mut errors);
    assert_eq!(read.is_none(), !errors.is_empty());
    errors.as_slice().iter().map(|error| (error.field.clone(), error.code.as_str())).collect()
}

/// What is wrong with a workflow, said where it is.
#[test]
fn wrong_documents_are_refused() {
    let node = |id: &str, label: &str| json!({ "id": id, "data": { "label": label } });
    let many = |count: usize| -> Vec<Value> { (0..count).map(|n| node(&format!("n{n}"), &format!("L{n}"))).collect() };
    let edges = |count: usize| vec![json!({ "source": "a", "target": "b" }); count];
    let with_data = |data: Value| json!({ "status": [node("a", "A")], "transition": [{ "source": "a", "target": "b", "data": data }] });
    for (sentence, document, expected) in [
        ("a workflow is an object", json!([]), vec![("workflow", "wrong_type")]),
        ("it has statuses", json!({ "transition": [] }), vec![("workflow.status", "required")]),
        ("at least one", json!({ "status": [] }), vec![("workflow.status", "required")]),
        ("at most 100", json!({ "status": many(101) }), vec![("workflow.status", "too_many")]),
        ("100 are taken", json!({ "status": many(100) }), vec![]),
        (
            "at most 1 000 edges",
            json!({ "status": many(1), "transition": edges(1_001) }),
            vec![("workflow.transition", "too_many")],
        ),
        ("1 000 are taken", json!({ "status": many(1), "transition": edges(1_000) }), vec![]),
        ("no transition is needed", json!({ "status": many(1) }), vec![]),
        (
            "a node has an id and a label",
            json!({ "status": [{ "data": {} }] }),
            vec![("workflow.status[0].id", "required"), ("workflow.status[0].data.label", "required")],
        ),
        ("a node has data", json!({ "status": [{ "id": "a" }] }), vec![("workflow.status[0].data", "required")]),
        (
            "a blank label is none",
            json!({ "status": [node("a", "  ")] }),
            vec![("workflow.status[0].data.label", "required")],
        ),
        (
            "ids are unique in any case",
            json!({ "status": [node("a", "A"), node("A ", "B")] }),
            vec![("workflow.status[1].id", "duplicate")],
        ),
        (
            "labels are unique in any case",
            json!({ "status": [node("1", "É"), node("2", "é")] }),
            vec![("workflow.status[1].data.label", "duplicate")],
        ),
        (
            "an id that is another's label would mean both",
            json!({ "status": [node("1", "A"), node("a", "B")] }),
            vec![("workflow.status[1].id", "duplicate")],
        ),
        ("a node's id may be its own label", json!({ "status": [node("Open", "open")] }), vec![]),
        (
            "an edge has two ends",
            json!({ "status": [node("a", "A")], "transition": [{}] }),
            vec![("workflow.transition[0].source", "required"), ("workflow.transition[0].target", "required")],
        ),
        (
            "its ends are texts",
            json!({ "status": [node("a", "A")], "transition": [{ "source": 1, "target": "b" }] }),
            vec![("workflow.transition[0].source", "wrong_type")],
        ),
        (
            "recordComment is a boolean",
            with_data(json!({ "recordComment": "yes" })),
            vec![("workflow.transition[0].data.recordComment", "wrong_type")],
        ),
        (
            "authorizedUsers is a list",
            with_data(json!({ "authorizedUsers": "owner" })),
            vec![("workflow.transition[0].data.authorizedUsers", "wrong_type")],
        ),
        (
            "of three words",
            with_data(json!({ "authorizedUsers": ["owner", "admin"] })),
            vec![("workflow.transition[0].data.authorizedUsers[1]", "invalid_value")],
        ),
        (
            "recordResolutionSLA is a boolean",
            json!({ "status": [{ "id": "a", "data": { "label": "A", "recordResolutionSLA": 1 } }] }),
            vec![("workflow.status[0].data.recordResolutionSLA", "wrong_type")],
        ),
        (
            "no control characters in names",
            json!({ "status": [node("a\u{0}", "A")] }),
            vec![("workflow.status[0].id", "invalid_characters")],
        ),
    ] {
        let expected: Vec<(String, &str)> =
            expected.into_iter().map(|(field, code)| (field.to_owned(), code)).collect();
        assert_eq!(problems(&document), expected, "{sentence}");
    }
}

/// With a comment the transition that asks for one is walked, and its label is what the activity shows.
#[test]
fn the_transition_that_fits_is_walked() {
    let edge = |label: &str, records_comment, authorized| Edge {
        label: Some(label.to_owned()),
        source: "Open".to_owned(),
        target: "Closed".to_owned(),
        records_comment,
        authorized,
    };
    let owner = Roles { owner: true, ..Roles::default() };
    let node = Node { id: "open".to_owned(), label: "Open".to_owned(), records_resolution: false };
    let workflow = Workflow::new(
        vec![node],
        vec![
            edge("Close", false, Roles::default()),
            edge("Cancel", true, Roles::default()),
            edge("Drop", false, owner),
        ],
    );
    for (actor, comment, expected) in [
        (Roles::default(), false, "Close"),
        (Roles::default(), true, "Cancel"),
        (owner, false, "Close"),
        (owner, true, "Cancel"),
    ] {
        let walked = workflow.allowed("open", "CLOSED", actor, comment).unwrap().unwrap();
        assert_eq!(walked.label.as_deref(), Some(expected), "{actor:?} {comment}");
    }
}
