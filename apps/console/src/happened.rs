//! What happened, in the words that people know: a change names everything by its id.

use std::collections::{BTreeSet, HashMap};

use crm_core::Uuid;
use crm_history::{Change, Kind};
use crm_opportunities::Pipeline;
use maud::{Markup, html};
use serde_json::{Value, json};

use crate::fields::{Control, Entry};
use crate::{controls, show, words};

/// What a member of a record names by an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum About {
    /// A tag.
    Tag,
    /// A pipeline.
    Pipeline,
    /// A stage, by its key.
    Stage,
    /// A case type.
    CaseType,
    /// An organization.
    Organization,
    /// A contact.
    Contact,
    /// A lead.
    Lead,
    /// An opportunity.
    Opportunity,
    /// A case.
    Case,
}

impl About {
    fn of_field(field: &str) -> Option<Self> {
        Some(match field {
            "tags" => Self::Tag,
            "pipelineId" => Self::Pipeline,
            "stage" => Self::Stage,
            "caseTypeId" => Self::CaseType,
            "organizationId" => Self::Organization,
            "contactId" | "participants" => Self::Contact,
            "leadId" => Self::Lead,
            "opportunityId" => Self::Opportunity,
            _ => return None,
        })
    }

    fn of_kind(kind: Kind) -> Option<Self> {
        Some(match kind {
            Kind::Tag => Self::Tag,
            Kind::Pipeline => Self::Pipeline,
            Kind::CaseType => Self::CaseType,
            Kind::Organization => Self::Organization,
            Kind::Contact => Self::Contact,
            Kind::Lead => Self::Lead,
            Kind::Opportunity => Self::Opportunity,
            Kind::Case => Self::Case,
            _ => return None,
        })
    }

    /// What stands for one that has no name, or none any more.
    fn nameless(self, id: &str) -> String {
        match self {
            Self::Tag => "a tag that is gone".to_owned(),
            Self::Pipeline => "a pipeline that is gone".to_owned(),
            Self::Stage if id.parse::<Uuid>().is_ok() => "a stage that is gone".to_owned(),
            // A key that somebody wrote says more than that.
            Self::Stage => id.to_owned(),
            _ => format!("#{id}"),
        }
    }
}

/// The ids that a value names: one, or those of a list.
fn ids(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(all) => all.iter().filter_map(|one| one["id"].as_str()).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

/// What people call that which changes name by ids.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// Nothing where two of one id are called differently.
    called: HashMap<(About, String), Option<String>>,
    fields: HashMap<Kind, Vec<Entry>>,
}

impl Names {
    /// One is called so.
    pub fn call(&mut self, about: About, id: impl Into<String>, name: impl Into<String>) {
        let name = name.into();
        let called = self.called.entry((about, id.into())).or_insert_with(|| Some(name.clone()));
        if called.as_ref().is_some_and(|called| *called != name) {
            *called = None;
        }
    }

    /// These pipelines, and their stages.
    pub fn call_pipelines(&mut self, pipelines: &[Pipeline]) {
        for pipeline in pipelines {
            self.call(About::Pipeline, pipeline.id.to_string(), pipeline.name.as_str());
            for stage in &pipeline.stages {
                self.call(About::Stage, stage.key.as_str(), stage.label.as_str());
            }
        }
    }

    /// What the record is called whose page is shown.
    pub fn call_record(&mut self, kind: Kind, record: &Value) {
        let name = ["title", "name"].iter().find_map(|member| record[*member].as_str());
        if let (Some(about), Some(id), Some(name)) = (About::of_kind(kind), record["id"].as_str(), name) {
            self.call(about, id, name);
        }
    }

    /// Records of this kind have these fields, among others.
    pub fn know(&mut self, kind: Kind, entries: Vec<Entry>) {
        self.fields.entry(kind).or_default().extend(entries);
    }

    /// The ids in these changes that have no name yet.
    #[must_use]
    pub fn lacking<'c>(&self, changes: &'c [Change], about: About) -> BTreeSet<&'c str> {
        let named = |change: &'c Change| {
            let fields = change.changes.iter().filter(move |field| About::of_field(&field.field) == Some(about));
            let values = fields.flat_map(|field| ids(&field.from).into_iter().chain(ids(&field.to)));
            values.chain((About::of_kind(change.kind) == Some(about)).then_some(change.record_id.as_str()))
        };
        let is_unknown = |id: &&str| !self.called.contains_key(&(about, (*id).to_owned()));
        changes.iter().flat_map(named).filter(is_unknown).collect()
    }

    /// Whether fields of these kinds changed, of which none is known yet.
    #[must_use]
    pub fn lacks_fields(&self, changes: &[Change], kinds: &[Kind]) -> bool {
        let is_of = |change: &&Change| kinds.contains(&change.kind) && !self.fields.contains_key(&change.kind);
        changes.iter().filter(is_of).any(|change| !change.changes.is_empty())
    }

    fn name(&self, about: About, id: &str) -> Option<&str> {
        self.called.get(&(about, id.to_owned()))?.as_deref()
    }

    /// What that is called which changed.
    #[must_use]
    pub fn thing<'a>(&'a self, change: &'a Change) -> Option<&'a str> {
        let known = About::of_kind(change.kind).and_then(|about| self.name(about, &change.record_id));
        let told = change.record.as_ref();
        known.or_else(|| {
            ["title", "label", "name", "url", "clientName"].iter().find_map(|member| told?[*member].as_str())
        })
    }

    fn field(&self, kind: Kind, field: &str) -> Option<&Entry> {
        self.fields.get(&kind)?.iter().find(|entry| entry.name() == field)
    }

    fn label(&self, kind: Kind, field: &str) -> String {
        self.field(kind, field).map_or_else(|| words::of_name(field), |entry| entry.label.clone())
    }

    /// A value that changed, in a few words; a moment in the zone of whoever reads.
    fn value(&self, kind: Kind, field: &str, value: &Value) -> Markup {
        if value.as_str().is_some_and(|text| text.parse::<crm_core::Timestamp>().is_ok()) {
            return show::moment_of(value);
        }
        let text = match (About::of_field(field), self.field(kind, field)) {
            (Some(about), _) => {
                let name = |id: &str| self.name(about, id).map_or_else(|| about.nameless(id), str::to_owned);
                ids(value).into_iter().map(name).collect::<Vec<_>>().join(", ")
            }
            (None, Some(entry)) if matches!(entry.control, Control::One(_) | Control::Many(..) | Control::Range(_)) => {
                let member = json!({ &entry.id: value });
                controls::text(entry, &if entry.is_custom { json!({ "customFields": member }) } else { member })
            }
            _ => short(value),
        };
        html! { (cut(text)) }
    }
}

/// What one change says.
#[must_use]
pub fn happening(change: &Change, names: &Names) -> Markup {
    let by = change.by.as_ref().and_then(|user| user.name().or(user.email()).map(str::to_owned));
    let by = by.or_else(|| change.key.as_ref().map(|key| format!("key {}", key.name)));
    html! {
        li {
            p {
                strong { (words::of_name(change.action.as_str())) }
                span class="quiet small" { " · " (show::moment(change.on)) @if let Some(by) = by { " · " (by) } }
            }
            @for field in change.changes.iter().take(12) {
                p class="small change" {
                    span class="quiet" { (names.label(change.kind, &field.field)) ": " }
                    del { (names.value(change.kind, &field.field, &field.from)) } " → " ins { (names.value(change.kind, &field.field, &field.to)) }
                }
            }
        }
    }
}

/// A value in a few words.
fn short(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(is_so) => if *is_so { "yes" } else { "no" }.to_owned(),
        Value::String(text) => text.clone(),
        Value::Object(members) if members.contains_key("amount") => show::money(value),
        Value::Object(members) => {
            let name = ["name", "label", "reasonId", "email", "id"]
                .iter()
                .find_map(|name| members.get(*name).and_then(Value::as_str));
            name.map_or_else(|| value.to_string(), str::to_owned)
        }
        Value::Array(entries) => {
            let entry = |entry: &Value| entry["value"].as_str().map_or_else(|| short(entry), str::to_owned);
            entries.iter().map(entry).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

fn cut(text: String) -> String {
    match text.char_indices().nth(120) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None if text.is_empty() => "–".to_owned(),
        None => text,
    }
}
