//! The order in which statements lock what they lock (docs/ARCHITECTURE.md), read off their text.

use std::collections::HashSet;

use crate::statements::Statement;

/// The order in which tables are locked. What belongs to a record is written under the lock of the record; links to tags
/// lock their tags.
const ORDER: [&[&str]; 13] = [
    &["imports"],
    &["changes"],
    &["forms"],
    &["organizations"],
    &["contacts"],
    &["leads"],
    &["pipelines"],
    &["pipeline_stages"],
    &["opportunities"],
    &["case_types"],
    &["cases"],
    &["numbering"],
    &["tags", "lead_tags", "opportunity_tags", "contact_tags", "organization_tags", "case_tags"],
];

/// A table whose rows a statement locks, and whether they may be many.
struct Locking {
    table: String,
    rank: usize,
    locks_only: bool,
    is_of_many: bool,
    is_ordered: bool,
}

impl Locking {
    /// `None` for what locks nothing that is there already.
    fn of(statement: &Statement) -> Option<Self> {
        let sql = statement.sql.replace(['"', '`'], "");
        let locks_only = [" FOR UPDATE", " FOR UPDATE SKIP LOCKED", " FOR SHARE", " FOR KEY SHARE"]
            .iter()
            .any(|end| sql.trim_end().ends_with(end));
        let words: Vec<&str> = sql.split_whitespace().collect();
        let after = |word: &str| words.iter().skip_while(|one| **one != word).nth(1).copied();
        let table = match words[0] {
            "SELECT" if locks_only => after("FROM")?,
            "UPDATE" => words[1],
            "DELETE" => after("FROM")?,
            "INSERT" => after("INTO")?,
            _ => return None,
        };
        let rank = ORDER.iter().position(|tables| tables.contains(&table))?;
        // A new record waits for nobody; a link waits for its tag, and a number for the row that counts.
        if words[0] == "INSERT" && rank < ORDER.len() - 2 {
            return None;
        }
        let is_of_many = sql.contains("= ANY(") || sql.contains(" IN (");
        let (table, is_ordered) = (table.to_owned(), sql.contains(" ORDER BY "));
        Some(Self { table, rank, locks_only, is_of_many, is_ordered })
    }
}

/// Whether a statement locks rows that are there already.
#[must_use]
pub fn locks(statement: &Statement) -> bool {
    Locking::of(statement).is_some()
}

/// What is wrong with the locks of these statements, which are those of one transaction.
#[must_use]
pub fn out_of_order(sent: &[Statement]) -> Vec<String> {
    let mut wrong = Vec::new();
    let (mut held, mut highest) = (HashSet::new(), 0);
    for (statement, locking) in sent.iter().filter_map(|one| Locking::of(one).map(|locking| (one, locking))) {
        let Locking { table, rank, locks_only, is_of_many, is_ordered } = locking;
        if !held.contains(&rank) && rank < highest {
            wrong.push(format!("{table} comes after {:?}: {}", ORDER[highest], statement.sql));
        }
        if locks_only && is_of_many && !is_ordered {
            wrong.push(format!("{table} is locked in no order: {}", statement.sql));
        }
        let is_written_unlocked = !locks_only && is_of_many && !held.contains(&rank);
        if is_written_unlocked && rank < ORDER.len() - 2 {
            wrong.push(format!("{table} is written before it is locked: {}", statement.sql));
        }
        held.insert(rank);
        highest = highest.max(rank);
    }
    wrong
}
