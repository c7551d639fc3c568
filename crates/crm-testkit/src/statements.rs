//! Which statements a service really sends, how many they are, and by which plan a database carries them out.

use std::fmt;
use std::sync::{Arc, Mutex};

use crm_core::{BackendKind, DbConnection};
use diesel::connection::{Connection, InstrumentationEvent, SimpleConnection};
use diesel::sql_types::Text;
use diesel::{QueryableByName, RunQueryDsl};

use crate::tenancy::{Watch, assert_within_a_tenant};

/// One statement as it was sent to the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Its text, with `$1` or `?` for the values.
    pub sql: String,
    /// The values, as Rust writes them for debugging.
    binds: String,
}

/// Runs `work` and returns what it returned with every statement that it sent, in order. Beginning and ending
/// transactions and savepoints is left out.
pub fn statements<R>(connection: &mut DbConnection, work: impl FnOnce(&mut DbConnection) -> R) -> (R, Vec<Statement>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            let text = query.to_string();
            assert_within_a_tenant(&text);
            log.lock().unwrap().push(Statement::parse(&text));
        }
    });
    let returned = work(connection);
    connection.set_instrumentation(Watch);
    let statements = seen.lock().unwrap().drain(..).filter(|statement| !statement.is_transaction()).collect();
    (returned, statements)
}

impl Statement {
    /// Takes Diesel's debug text apart: the SQL, ` -- binds: `, and the values.
    fn parse(text: &str) -> Self {
        let (sql, binds) = text.rsplit_once(" -- binds: ").unwrap_or((text, "[]"));
        Self { sql: sql.to_owned(), binds: binds.to_owned() }
    }

    fn is_transaction(&self) -> bool {
        ["BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"].iter().any(|word| self.sql.starts_with(word))
    }

    /// The plan that the database makes for this very statement.
    ///
    /// PostgreSQL plans it with its values, as it does when the statement comes. SQLite needs none: it is built
    /// so that a plan never depends on values (`SQLITE_ENABLE_QPSG` in `.cargo/config.toml`).
    #[must_use]
    pub fn plan(&self, connection: &mut DbConnection) -> Plan {
        let kind = connection.kind();
        let lines = match kind {
            BackendKind::Sqlite => {
                let query = diesel::sql_query(format!("EXPLAIN QUERY PLAN {}", self.sql));
                let lines: Vec<SqliteLine> = query.load(connection).unwrap();
                lines.into_iter().map(|line| line.detail).collect()
            }
            BackendKind::Postgres => {
                let prepare = format!("PREPARE explained AS {}", self.sql);
                connection.batch_execute(&prepare).unwrap();
                let values: Vec<String> = Debugged::list(&self.binds).iter().map(Debugged::literal).collect();
                let values = if values.is_empty() { String::new() } else { format!("({})", values.join(", ")) };
                let lines: Vec<PostgresLine> =
                    diesel::sql_query(format!("EXPLAIN EXECUTE explained{values}")).load(connection).unwrap();
                connection.batch_execute("DEALLOCATE explained").unwrap();
                lines.into_iter().map(|line| without_shards(&line.line)).collect()
            }
        };
        Plan { kind, lines, sql: self.sql.clone() }
    }
}

#[derive(QueryableByName)]
struct SqliteLine {
    #[diesel(sql_type = Text)]
    detail: String,
}

#[derive(QueryableByName)]
struct PostgresLine {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    line: String,
}

/// A line of a plan with the names that tables and indexes have as a whole: on a cluster each shard has its own, which end
/// with its number.
fn without_shards(line: &str) -> String {
    let whole = |word: &str| match word.trim_end_matches(|c: char| c.is_ascii_digit()).strip_suffix('_') {
        Some(name) if word.len() - name.len() > 6 => name.to_owned(),
        _ => word.to_owned(),
    };
    line.split_inclusive(|c: char| !c.is_alphanumeric() && c != '_')
        .map(|piece| {
            let end = piece.trim_end_matches(|c: char| !c.is_alphanumeric() && c != '_').len();
            whole(&piece[..end]) + &piece[end..]
        })
        .collect()
}

/// How a database carries out a statement. Written out, it is the plan and the statement.
#[derive(Debug)]
pub struct Plan {
    kind: BackendKind,
    lines: Vec<String>,
    sql: String,
}

impl Plan {
    /// Whether it uses this index.
    #[must_use]
    pub fn uses(&self, index: &str) -> bool {
        self.lines.iter().any(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == index))
    }

    /// Whether it reads all rows of this table, those of other tenants included.
    #[must_use]
    pub fn scans(&self, table: &str) -> bool {
        let scan = match self.kind {
            BackendKind::Sqlite => format!("SCAN {table}"),
            BackendKind::Postgres => format!("Seq Scan on {table}"),
        };
        // The name ends there: `leads_search` is another table than `leads`.
        let ends = |rest: &str| !rest.starts_with(|next: char| next == '_' || next.is_alphanumeric());
        self.lines.iter().any(|line| line.split_once(&scan).is_some_and(|(_, rest)| ends(rest)))
    }

    /// Whether it sorts rows, so that a page costs as much as the whole list.
    #[must_use]
    pub fn sorts(&self) -> bool {
        let sort = match self.kind {
            BackendKind::Sqlite => "USE TEMP B-TREE FOR",
            BackendKind::Postgres => "Sort Key:",
        };
        self.lines.iter().any(|line| line.contains(sort))
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.sql, self.lines.join("\n"))
    }
}

/// A value as `{:?}` wrote it, without the names of newtypes: `LeadId(7)` is `7`.
#[derive(Debug, PartialEq, Eq)]
enum Debugged {
    One(String),
    Many(Vec<Self>),
}

impl Debugged {
    /// The values of `[7, "text", LeadId(7), [1, 2]]`.
    fn list(text: &str) -> Vec<Self> {
        match Self::read(&mut text.chars().peekable()) {
            Self::Many(values) => values,
            one @ Self::One(_) => vec![one],
        }
    }

    fn read(text: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Self {
        let mut word = String::new();
        while let Some(&next) = text.peek() {
            match next {
                '[' | '{' => {
                    text.next();
                    return Self::Many(Self::read_entries(text));
                }
                '(' => {
                    text.next();
                    let inner = Self::read(text);
                    text.next_if_eq(&')');
                    return inner;
                }
                '"' => {
                    text.next();
                    return Self::One(read_quoted(text));
                }
                ',' | ']' | '}' | ')' => break,
                _ => word.extend(text.next()),
            }
        }
        Self::One(word)
    }

    fn read_entries(text: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Vec<Self> {
        let mut entries = Vec::new();
        loop {
            while text.next_if(|c| matches!(c, ',' | ' ')).is_some() {}
            if text.next_if(|c| matches!(c, ']' | '}')).is_some() || text.peek().is_none() {
                return entries;
            }
            entries.push(Self::read(text));
        }
    }

    /// An untyped literal, which PostgreSQL reads as the type of the parameter.
    fn literal(&self) -> String {
        format!("'{}'", self.text().replace('\'', "''"))
    }

    fn text(&self) -> String {
        match self {
            Self::One(text) => text.clone(),
            Self::Many(values) => {
                let quoted = |value: &Self| format!("\"{}\"", value.text().replace('\\', "\\\\").replace('"', "\\\""));
                format!("{{{}}}", values.iter().map(quoted).collect::<Vec<_>>().join(","))
            }
        }
    }
}

/// The rest of a quoted text, after its opening quote.
fn read_quoted(text: &mut std::iter::Peekable<std::str::Chars<'_>>) -> String {
    let mut read = String::new();
    while let Some(next) = text.next() {
        match next {
            '"' => break,
            '\\' => match text.next() {
                Some('u') => {
                    let code: String = text.by_ref().skip(1).take_while(|c| *c != '}').collect();
                    read.extend(u32::from_str_radix(&code, 16).ok().and_then(char::from_u32));
                }
                escaped => read.extend(escaped),
            },
            plain => read.push(plain),
        }
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debugged_values_become_literals() {
        let binds = r#"[TenantId(1), "a \"b\" \\ c'd\u{10ffff}", [LeadId(1), LeadId(2)], Timestamp(2025-01-01T00:00:00Z), Some("x")]"#;
        let literals: Vec<String> = Debugged::list(binds).iter().map(Debugged::literal).collect();
        assert_eq!(
            literals,
            ["'1'", "'a \"b\" \\ c''d\u{10ffff}'", "'{\"1\",\"2\"}'", "'2025-01-01T00:00:00Z'", "'x'"]
        );
        assert!(Debugged::list("[]").is_empty());
    }
}
