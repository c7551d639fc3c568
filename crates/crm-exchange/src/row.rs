use crm_core::input::JsonObject;
use serde_json::Value;

use crate::Kind;
use crate::sheet::PROBLEM;

/// A record that is named, and not told by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lookup {
    /// An organization, by its name.
    Organization,
    /// A contact, by its name.
    Contact,
    /// A case type, by its label.
    CaseType,
    /// A pipeline, by its name.
    Pipeline,
}

impl Lookup {
    /// The column with the name, and the member of a body with the id.
    #[must_use]
    pub fn members(self) -> (&'static str, &'static str) {
        match self {
            Self::Organization => ("organization", "organizationId"),
            Self::Contact => ("contact", "contactId"),
            Self::CaseType => ("caseType", "caseTypeId"),
            Self::Pipeline => ("pipeline", "pipelineId"),
        }
    }

    /// Whether a record shows the id only, and not the name.
    pub(crate) fn is_led_to(self) -> bool {
        matches!(self, Self::CaseType | Self::Pipeline)
    }

    /// What a kind's records name.
    #[must_use]
    pub fn of(kind: Kind) -> &'static [Self] {
        match kind {
            Kind::Organization => &[],
            Kind::Contact => &[Self::Organization],
            Kind::Lead => &[Self::Organization, Self::Contact],
            Kind::Opportunity => &[Self::Organization, Self::Contact, Self::Pipeline],
            Kind::Case => &[Self::Organization, Self::Contact, Self::CaseType],
        }
    }
}

/// A name in a row, for which an id is to be found. Where the row has an id beside it, that one is not in the body: ids
/// are those of the system that the row comes from. It says which is meant where several have the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameToFind {
    /// What has the name.
    pub lookup: Lookup,
    /// The name as it came, without blanks at its ends.
    pub name: String,
    /// The id beside it.
    pub id: Option<Value>,
}

/// A row of a table: a record to be made or changed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Row {
    /// The body that a `POST` or `PATCH` takes, and the `id` of the record where the row has one. Empty cells are not in
    /// it: they say nothing.
    pub body: JsonObject,
    /// The records that it names. Whoever finds their ids adds them to the body, by [`Lookup::members`].
    pub names: Vec<NameToFind>,
    /// What the API shows and does not take, but for data that is moved: `createdOn`, `isArchived`, of opportunities
    /// `status`, `lostReason` and `closedOn`, and of cases `firstResolutionOn` and `lastResolutionOn`.
    pub moved: JsonObject,
}

/// What only somebody who moves data sets.
pub(crate) fn moved_members(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Lead => &["createdOn", "isArchived"],
        Kind::Opportunity => &["createdOn", "status", "lostReason", "closedOn"],
        Kind::Case => &["createdOn", "firstResolutionOn", "lastResolutionOn"],
        Kind::Contact | Kind::Organization => &["createdOn"],
    }
}

impl Row {
    /// The row of a JSON object: a line of NDJSON, or an item of a batch of what was exported. It has the members of a
    /// record as the API shows it, or of a body; those that an object names by `{ "name" }` beside or in the place of
    /// their id are looked up.
    #[must_use]
    pub fn of_object(kind: Kind, mut body: JsonObject) -> Self {
        let moved = moved_members(kind).iter().filter_map(|name| body.remove_entry(*name)).collect();
        let mut row = Self { body, names: Vec::new(), moved };
        for lookup in Lookup::of(kind) {
            let (member, _) = lookup.members();
            let name = match row.body.get(member) {
                Some(Value::String(name)) => Some(name.clone()),
                Some(Value::Object(record)) => record.get("name").and_then(Value::as_str).map(str::to_owned),
                _ => None,
            };
            if let Some(name) = name {
                row.body.remove(member);
                row.name(*lookup, &name);
            }
        }
        row.body.remove("tenantId");
        // What was wrong with it, where it comes once more.
        row.body.remove(PROBLEM);
        row.settle();
        row
    }

    /// Notes a name.
    pub(crate) fn name(&mut self, lookup: Lookup, name: &str) {
        self.names.push(NameToFind { lookup, name: name.trim().to_owned(), id: None });
    }

    /// What is true of a row as a whole, once all of it was read.
    pub(crate) fn settle(&mut self) {
        for named in &mut self.names {
            named.id = self.body.remove(named.lookup.members().1).filter(|id| !id.is_null());
        }
        // An id of a tag is that of the tenant that it comes from.
        let tags = self.body.get_mut("tags").and_then(Value::as_array_mut);
        for tag in tags.into_iter().flatten().filter_map(Value::as_object_mut).filter(|tag| tag.contains_key("label")) {
            tag.retain(|member, _| member == "label");
        }
        // In many directories the address is the id.
        for member in USERS {
            let Some(user) = self.body.get_mut(*member).and_then(Value::as_object_mut) else { continue };
            if let (None, Some(email)) = (user.get("id"), user.get("email").cloned()) {
                user.insert("id".to_owned(), email);
            }
        }
    }
}

/// The members that are users.
const USERS: &[&str] = &["owner", "creator", "lastUpdatedBy", "assignee"];
