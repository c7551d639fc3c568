//! Erasing a record: on request of the person whom it is about, no value of it stays anywhere.

use crm_core::{CaseId, DbConnection, RecordId, RecordKind, Scope, idempotency, search};
use crm_history::{Kind, comments, take_gone};

use crate::SuiteError;

/// What was erased, for whoever keeps something of it that this crate does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// What it was.
    pub kind: Kind,
    /// The ids of the record and of those that were merged into it.
    pub ids: Vec<String>,
    /// What shows where others spoke of it, in JSON: its id as a text, and its name or title.
    pub texts: Vec<String>,
}

/// A shorter title stands in too much that has nothing to do with it.
const SHORTEST_TITLE: usize = 3;
/// What only an entry of a case's timeline has, which does not say of which case it is.
const OF_A_TIMELINE: &str = "\"transition\":";
/// What stands where something of a batch was refused, which may repeat what was sent.
const OF_A_REFUSAL: &str = "\"problem\":";

/// Takes every value out of what is left of a record that is no more, in the trash or gone from there, and of those that were
/// merged into it: their changes, which stay and say who did what when; comments and timelines; the answers that are kept for
/// requests that are sent again; the indexes of texts. Of any number of callers at once one succeeds. Call it in a
/// [`DbConnection::write`].
///
/// # Errors
/// [`SuiteError::NotInTrash`], also where nothing is left to be erased; the database's.
pub fn erase<I: RecordId + Ord>(connection: &mut DbConnection, scope: &Scope, id: I) -> Result<Erased, SuiteError> {
    let gone = take_gone(connection, scope, id)?.ok_or(SuiteError::NotInTrash(I::KIND))?;
    let titles = gone.titles(connection, scope)?;
    gone.erase(connection, scope, id)?;
    let ids = gone.ids();
    comments::forget(connection, scope, &ids)?;
    let mut texts: Vec<String> = ids.iter().map(|id| quoted(&id.to_string())).collect();
    let mut of_answers = texts.clone();
    of_answers.push(OF_A_REFUSAL.to_owned());
    if I::KIND == RecordKind::Case {
        for id in &ids {
            crm_cases::activities::forget(connection, scope, CaseId::from_i64(id.as_i64()), i64::MAX)?;
        }
        of_answers.push(OF_A_TIMELINE.to_owned());
    }
    idempotency::forget_bodies(connection, scope, &of_answers)?;
    search::forget_deleted(connection)?;
    texts.extend(titles.iter().filter(|title| title.chars().count() >= SHORTEST_TITLE).map(|title| {
        let quoted = quoted(title);
        quoted[1..quoted.len() - 1].to_owned()
    }));
    Ok(Erased { kind: I::KIND.into(), ids: ids.iter().map(ToString::to_string).collect(), texts })
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
