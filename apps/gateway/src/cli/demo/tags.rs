use crm_core::values::Color;
use crm_core::{DbConnection, Scope};
use crm_tags::{NewTag, TagKind, TagLabel};

use super::run::Run;

/// The labels of the demo's tags with their colours, and the chance in 100 that a record has each.
pub(super) type Tags = [(&'static str, &'static str, u32)];

pub(super) const ORGANIZATION: &Tags = &[
    ("customer", "#2e7d32", 30),
    ("prospect", "#1565c0", 45),
    ("partner", "#6a1b9a", 8),
    ("key-account", "#c62828", 5),
];
pub(super) const CONTACT: &Tags = &[
    ("decision-maker", "#c62828", 15),
    ("champion", "#2e7d32", 8),
    ("technical", "#00838f", 20),
    ("newsletter", "#f9a825", 35),
];
pub(super) const LEAD: &Tags = &[
    ("trade-fair", "#6a1b9a", 12),
    ("webinar", "#1565c0", 10),
    ("upsell", "#2e7d32", 14),
    ("urgent", "#c62828", 6),
    ("budget-approved", "#00838f", 9),
];

pub(super) const CASE: &Tags =
    &[("billing", "#f9a825", 15), ("defect", "#c62828", 25), ("how-to", "#1565c0", 25), ("delivery", "#6a1b9a", 12)];

/// The kinds that the demo makes tags for; opportunities get those of the leads that they were.
const KINDS: [(TagKind, &Tags); 4] =
    [(TagKind::Organization, ORGANIZATION), (TagKind::Contact, CONTACT), (TagKind::Lead, LEAD), (TagKind::Case, CASE)];

/// The labels alone, with their chances.
pub(super) fn chances(tags: &Tags) -> Vec<(&'static str, u32)> {
    tags.iter().map(|(label, _, chance)| (*label, *chance)).collect()
}

/// Makes the tags that the tenant lacks, and says how many.
pub(super) fn make(run: &mut Run) -> anyhow::Result<usize> {
    let mut made = 0;
    for (kind, tags) in KINDS {
        let existing = run.read(|connection, scope| crm_tags::list(connection, scope, kind))?;
        let is_missing = |label: &str| !existing.iter().any(|tag| tag.label.eq_ignore_ascii_case(label));
        let mut missing = Vec::new();
        for (label, color, _) in tags.iter().filter(|(label, ..)| is_missing(label)) {
            let color = Some(Color::new("color", *color)?);
            missing.push(NewTag { color, ..NewTag::new(TagLabel::new("label", *label)?) });
        }
        let create = |connection: &mut DbConnection, scope: &Scope, missing: &[NewTag]| {
            missing.iter().map(|new| crm_tags::create(connection, scope, kind, new)).collect()
        };
        made += run.each("tags", &missing, create)?.len();
    }
    Ok(made)
}
