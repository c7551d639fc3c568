use std::collections::{HashMap, HashSet};
use std::fmt;

use crm_core::text::folded;

/// A workflow as a graph that can be walked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Workflow {
    statuses: Vec<Status>,
    /// Where each name, an id or label in lower case, stands in `statuses`.
    places: HashMap<String, usize>,
    transitions: Vec<Transition>,
}

/// A status that cases can be in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The id of its node; a status that only transitions name has none.
    pub node: Option<String>,
    /// What it is called and stored as.
    pub label: String,
    /// Whether a case that enters it counts as resolved.
    pub records_resolution: bool,
}

/// A way from one status to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// What it is called, such as `Close`.
    pub label: Option<String>,
    /// Whether walking it takes a comment.
    pub records_comment: bool,
    /// Who may walk it; everybody where it names nobody.
    pub authorized: Roles,
    /// The place of the status that it leaves, among [`Workflow::statuses`].
    pub source: usize,
    /// The place of the status that it leads to.
    pub target: usize,
}

/// A status as the nodes of a graph have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its id in the graph.
    pub id: String,
    /// What it is called.
    pub label: String,
    /// Whether a case that enters it counts as resolved.
    pub records_resolution: bool,
}

/// A transition as the edges of a graph have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// What it is called.
    pub label: Option<String>,
    /// Where it starts: the id or label of a node in any case, or the label of a status that no node has.
    pub source: String,
    /// Where it leads, named like `source`.
    pub target: String,
    /// Whether walking it takes a comment.
    pub records_comment: bool,
    /// Who may walk it; everybody where it names nobody.
    pub authorized: Roles,
}

/// What somebody is to a case, or whom a transition takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Roles {
    /// The case's owner.
    pub owner: bool,
    /// The case's assignee.
    pub assignee: bool,
    /// Who made the case.
    pub requestor: bool,
}

/// Why a status cannot be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// No transition leads there. Those to which one leads.
    NoTransition(Listed),
    /// Transitions lead there, but each for others: these.
    NotAuthorized(Roles),
    /// Each transition there that this person may walk takes a comment.
    CommentRequired,
}

/// The labels of statuses, in the order of the workflow: the first of them, which is enough for whoever is refused, however
/// many the workflow has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    /// At most [`Self::LISTED`] labels.
    pub labels: Vec<String>,
    /// Whether there are others.
    pub has_more: bool,
}

impl Listed {
    /// The most statuses that are listed.
    pub const LISTED: usize = 20;

    /// The first of these labels.
    pub fn first<'l>(labels: impl IntoIterator<Item = &'l str>) -> Self {
        let mut labels = labels.into_iter();
        let first = labels.by_ref().take(Self::LISTED).map(str::to_owned).collect();
        Self { labels: first, has_more: labels.next().is_some() }
    }
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.labels.join(", "))?;
        if self.has_more { f.write_str(", …") } else { Ok(()) }
    }
}

impl Workflow {
    /// The graph of these nodes and edges. Its statuses are the nodes in their order, then the names that only
    /// edges use, in the order of their first use. Names are compared in lower case; of two equal ones the
    /// first counts.
    #[must_use]
    pub fn new(nodes: Vec<Node>, edges: Vec<Edge>) -> Self {
        let mut workflow = Self::default();
        for Node { id, label, records_resolution } in nodes {
            let place = workflow.statuses.len();
            workflow.places.entry(folded(&label)).or_insert(place);
            workflow.places.entry(folded(&id)).or_insert(place);
            workflow.statuses.push(Status { node: Some(id), label, records_resolution });
        }
        for Edge { label, source, target, records_comment, authorized } in edges {
            let (source, target) = (workflow.place_of(source), workflow.place_of(target));
            workflow.transitions.push(Transition { label, records_comment, authorized, source, target });
        }
        workflow
    }

    /// The place of a name that an edge uses: of its own where no node has it.
    fn place_of(&mut self, name: String) -> usize {
        let statuses = &mut self.statuses;
        *self.places.entry(folded(&name)).or_insert_with(|| {
            statuses.push(Status { node: None, label: name, records_resolution: false });
            statuses.len() - 1
        })
    }

    /// All statuses: the nodes, then those that only transitions name.
    #[must_use]
    pub fn statuses(&self) -> &[Status] {
        &self.statuses
    }

    /// All transitions, in the order of the edges.
    #[must_use]
    pub fn transitions(&self) -> &[Transition] {
        &self.transitions
    }

    /// The status with this id or label, in whatever case.
    #[must_use]
    pub fn status(&self, name: &str) -> Option<&Status> {
        self.places.get(&folded(name.trim())).and_then(|place| self.statuses.get(*place))
    }

    /// Whether somebody with these roles gets a case from one status to another, each given by id or label, and
    /// by which transition: none where the workflow has no transitions at all, which allows every change, or
    /// where the two are one.
    ///
    /// With a comment the first transition that asks for one goes before those that do not.
    ///
    /// # Errors
    /// Why it does not.
    pub fn allowed(&self, from: &str, to: &str, actor: Roles, comment: bool) -> Result<Option<&Transition>, Refusal> {
        let place = |name: &str| self.places.get(&folded(name.trim())).copied();
        let (from, to) = (place(from), place(to));
        if self.transitions.is_empty() || (from.is_some() && from == to) {
            return Ok(None);
        }
        let leaving = || self.transitions.iter().filter(|transition| Some(transition.source) == from);
        let leading = || leaving().filter(|transition| Some(transition.target) == to);
        let fitting = || leading().filter(|transition| transition.authorized.takes(actor));
        if leading().next().is_none() {
            let reached: HashSet<usize> = leaving().map(|transition| transition.target).collect();
            let statuses =
                self.statuses.iter().enumerate().filter(|(place, _)| Some(*place) != from && reached.contains(place));
            let labels = statuses.map(|(_, status)| status.label.as_str());
            return Err(Refusal::NoTransition(Listed::first(labels)));
        }
        if fitting().next().is_none() {
            return Err(Refusal::NotAuthorized(leading().fold(Roles::default(), |all, one| all.or(one.authorized))));
        }
        let asking_as_given = fitting().find(|transition| transition.records_comment == comment);
        match asking_as_given {
            Some(transition) => Ok(Some(transition)),
            None if comment => Ok(fitting().next()),
            None => Err(Refusal::CommentRequired),
        }
    }
}

impl Roles {
    /// Whether nobody is named.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// The names of the roles, as `authorizedUsers` has them.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        let named = [(self.owner, "owner"), (self.assignee, "assignee"), (self.requestor, "requestor")];
        named.into_iter().filter(|(has, _)| *has).map(|(_, name)| name).collect()
    }

    /// These and those.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            owner: self.owner || other.owner,
            assignee: self.assignee || other.assignee,
            requestor: self.requestor || other.requestor,
        }
    }

    /// Whether a transition that names these takes somebody with those.
    fn takes(self, actor: Self) -> bool {
        self.is_empty()
            || (self.owner && actor.owner)
            || (self.assignee && actor.assignee)
            || (self.requestor && actor.requestor)
    }
}
