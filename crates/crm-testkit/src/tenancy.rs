//! Whether a statement stays within one tenant: each table in it that belongs to tenants is held to one by its
//! `tenant_id`, in the statement's own text. A foreign key or a lucky id is no reason to leave it out.

use std::collections::{BTreeMap, BTreeSet};

use diesel::connection::{Instrumentation, InstrumentationEvent};

/// Every table that the migrations make.
const TABLES: &str = env!("MIGRATED_TABLES");

/// Those that belong to no tenant. This list may only shrink.
const OF_NO_TENANT: &[&str] = &["tenants"];

/// Words of the question for which tenants something is to be delivered.
const LEFT_BEHIND: &str = "FROM tenants t JOIN delivery_turns d ON d.tenant_id = t.id";

/// Words of the question for which tenants there are changes to forget.
const FIRST_CHANGE: &str = "(SELECT c.created_on FROM changes c WHERE c.tenant_id = n.tenant_id ORDER BY";

/// Words of the question whose turns would fall.
const LAST_CHANGE: &str = "(SELECT c.turn FROM changes c WHERE c.tenant_id = m.tenant_id ORDER BY c.turn DESC";

/// Statements that may be about all tenants: the table, words of their text, and why. This list may only shrink.
const OF_ALL_TENANTS: &[(&str, &str, &str)] = &[
    ("api_keys", "(\"api_keys\".\"hash\" = ", "a key is what names the tenant"),
    ("api_keys", "(\"api_keys\".\"is_chosen\" = ", "a start asks whether anybody chose keys of another look"),
    ("sessions", "(\"sessions\".\"hash\" = ", "a session is what names the tenant"),
    (
        "sessions",
        "(\"tenants\".\"id\" = \"sessions\".\"tenant_id\")",
        "cleaning asks which tenants have sessions whose time is over, and goes through these one by one",
    ),
    (
        "record_counts",
        "GROUP BY tenant_id, kind, group_id, group_key, value_code HAVING count(*) >",
        "cleaning asks which tenants were counted by many sessions, and goes through these one by one",
    ),
    ("client_maps", "WHERE m.secrets_key IS NOT NULL", "a start asks which keys encrypt secrets, whose ever they are"),
    ("webhooks", "WHERE w.secrets_key IS NOT NULL", "a start asks which keys encrypt secrets, whose ever they are"),
    ("delivery_turns", LEFT_BEHIND, "one question a second, of all tenants, tells whose deliveries nobody looks after"),
    ("webhooks", LEFT_BEHIND, "the same question: whether anybody is to be told"),
    ("changes", LEFT_BEHIND, "the same question: whether there is something to tell"),
    ("deliveries", LEFT_BEHIND, "the same question: whether something is due"),
    (
        "deliveries",
        "JOIN deliveries d ON d.tenant_id = t.id WHERE t.deleted_on IS NULL AND d.created_on <",
        "cleaning asks which tenants have old deliveries, and goes through these",
    ),
    (
        "webhooks",
        "JOIN deliveries d ON d.tenant_id = t.id WHERE t.deleted_on IS NULL AND d.created_on <",
        "the same question: whose webhooks are off",
    ),
    (
        "imports",
        "JOIN imports i ON i.tenant_id = t.id AND i.is_open",
        "one question every five seconds, of all tenants, tells which imports nobody works on",
    ),
    (
        "imports",
        "SELECT DISTINCT \"imports\".\"tenant_id\" FROM",
        "cleaning asks which tenants have imports that are old, and goes through these",
    ),
    (
        "changes",
        FIRST_CHANGE,
        "cleaning asks which tenants have changes that are old, and goes through these one by one",
    ),
    (
        "changes",
        "JOIN changes c ON c.tenant_id = t.id WHERE t.deleted_on IS NULL AND c.kept IS NOT NULL",
        "cleaning asks which tenants have something in the trash whose time is over, and goes through these one by one",
    ),
    ("numbering", FIRST_CHANGE, "the same question: who may have changes at all"),
    ("changes", LAST_CHANGE, "a start looks whether turns would fall, whose ever"),
    ("change_horizons", LAST_CHANGE, "the same question: where they go on"),
    ("numbering", LAST_CHANGE, "the same question: who may have changes at all"),
    (
        "idempotency_keys",
        "(\"tenants\".\"id\" = \"idempotency_keys\".\"tenant_id\")",
        "cleaning asks which tenants have kept answers that are old, and goes through these one by one",
    ),
];

/// The end of what has an index of texts merge its parts: no row of anybody is read or changed by it.
const MERGES_AN_INDEX: &str = "VALUES ('optimize')";

/// A table that a statement reads or changes for all tenants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unscoped {
    /// Its name.
    pub table: String,
    /// Whether the name is quoted, as Diesel writes it; what tests write by hand is not.
    pub quoted: bool,
}

/// The tables that this statement does not hold to one tenant.
#[must_use]
pub fn unscoped(sql: &str) -> Vec<Unscoped> {
    // SQLite's names are quoted by another character than PostgreSQL's.
    let sql = sql.replace('`', "\"");
    let words = words(&sql);
    let bound = Bound::of(&words);
    let may = |table: &Table<'_>| {
        OF_ALL_TENANTS.iter().any(|(of, text, _)| *of == table.name && sql.contains(text)) || !is_of_tenants(table.name)
    };
    let mut unscoped = Vec::new();
    // By alias: how often a table of it is named, and the first of them.
    let mut named: BTreeMap<&str, (usize, Unscoped)> = BTreeMap::new();
    for table in tables(&words).iter().filter(|table| !may(table)) {
        let found = || Unscoped { table: table.name.to_owned(), quoted: table.quoted };
        let is_search = table.name.ends_with("_search");
        let is_held = match table.inserts {
            Some(names_tenant) => names_tenant || (is_search && sql.ends_with(MERGES_AN_INDEX)),
            None if is_search => bound.rows,
            None => {
                named.entry(table.alias).or_insert_with(|| (0, found())).0 += 1;
                true
            }
        };
        if !is_held {
            unscoped.push(found());
        }
    }
    // What a name of its own does not hold, a comparison without a name may: each of them one table.
    let missing = |(alias, (count, _)): &(&&str, &(usize, Unscoped))| count.saturating_sub(bound.times(alias));
    let nameless = bound.times("");
    if named.iter().map(|of| missing(&of)).sum::<usize>() > nameless {
        unscoped.extend(named.iter().filter(|of| missing(of) > 0).map(|(_, (_, table))| table.clone()));
    }
    unscoped
}

/// Whether a table, or what SQLite searches it by, belongs to tenants. Tests have tables of their own, which do not.
fn is_of_tenants(name: &str) -> bool {
    let searched = name.strip_suffix("_search").unwrap_or(name);
    TABLES.split(',').any(|table| table == searched) && !OF_NO_TENANT.contains(&name)
}

/// A word of a statement: a name with what stands before its dot, or anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Word<'a> {
    of: &'a str,
    text: &'a str,
    quoted: bool,
}

impl Word<'_> {
    fn is(&self, text: &str) -> bool {
        !self.quoted && self.of.is_empty() && self.text.eq_ignore_ascii_case(text)
    }

    fn is_tenant(&self) -> bool {
        self.text == "tenant_id"
    }

    /// Whether it is a value that the program gives.
    fn is_value(&self) -> bool {
        !self.quoted && self.text.starts_with(|first: char| first == '?' || first == '$' || first.is_ascii_digit())
    }

    fn is_name(&self) -> bool {
        self.quoted || self.text.starts_with(|first: char| first == '_' || first.is_ascii_alphabetic())
    }
}

fn words(sql: &str) -> Vec<Word<'_>> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let mut words: Vec<Word<'_>> = Vec::new();
    let mut rest = sql.trim_start();
    let mut after_dot = false;
    while let Some(first) = rest.chars().next() {
        let (text, length, quoted) = match first {
            '"' | '\'' => {
                let end = rest[1..].find(first).map_or(rest.len(), |end| end + 1);
                (&rest[usize::from(first == '"')..end], (end + 1).min(rest.len()), first == '"')
            }
            first if is_name(first) => {
                let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
                (&rest[..end], end, false)
            }
            first => (&rest[..first.len_utf8()], first.len_utf8(), false),
        };
        match (text, words.last_mut()) {
            (".", Some(_)) if !quoted => after_dot = true,
            (_, Some(last)) if after_dot => {
                *last = Word { of: last.text, text, quoted };
                after_dot = false;
            }
            _ => words.push(Word { of: "", text, quoted }),
        }
        rest = rest[length..].trim_start();
    }
    words
}

/// A place where a statement names a table.
#[derive(Debug)]
struct Table<'a> {
    name: &'a str,
    alias: &'a str,
    quoted: bool,
    /// Of an INSERT: whether `tenant_id` is among its columns.
    inserts: Option<bool>,
}

fn tables<'a>(words: &[Word<'a>]) -> Vec<Table<'a>> {
    let after_with = |at: usize| words[at + 1..].first().is_some_and(|next| next.is("AS"));
    let ctes: BTreeSet<&str> = words
        .iter()
        .enumerate()
        .filter(|(at, word)| word.is_name() && after_with(*at) && is_cte(words, *at))
        .map(|(_, word)| word.text)
        .collect();
    let mut tables = Vec::new();
    // For each parenthesis that is open: whether the tables of a FROM are being named in it.
    let mut naming = vec![false];
    for (at, word) in words.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| words[before]);
        let is_before = |texts: &[&str]| before.is_some_and(|word| texts.iter().any(|text| word.is(text)));
        let from = word.is("FROM") && !is_before(&["DISTINCT"]);
        match word.text {
            "(" => naming.push(false),
            ")" if naming.len() > 1 => drop(naming.pop()),
            _ => {
                if let Some(now) = naming.last_mut() {
                    *now = from || (*now && !ENDS_A_FROM.iter().any(|keyword| word.is(keyword)));
                }
            }
        }
        let begins = from
            || word.is("JOIN")
            || (word.is(",") && naming.last() == Some(&true))
            || (word.is("USING") && words.get(at + 1).is_some_and(Word::is_name))
            || (word.is("INTO") && is_before(&["INSERT", "IGNORE", "REPLACE"]))
            || (word.is("UPDATE") && !is_before(&["DO", "FOR", "KEY", "ON"]));
        let mut rest = words[at + 1..].iter().skip_while(|word| word.is("(")).peekable();
        let Some(name) = rest.next().filter(|name| begins && name.is_name() && !name.is("SELECT")) else { continue };
        let inserts = word.is("INTO").then(|| rest.clone().take_while(|word| !word.is(")")).any(Word::is_tenant));
        // A function that gives rows.
        if inserts.is_none() && rest.peek().is_some_and(|next| next.is("(")) || ctes.contains(name.text) {
            continue;
        }
        rest.next_if(|next| next.is("AS"));
        let alias =
            rest.next().filter(|next| next.is_name() && !is_keyword(next)).map_or(name.text, |alias| alias.text);
        tables.push(Table { name: name.text, alias, quoted: name.quoted, inserts });
    }
    tables
}

/// What ends the tables of a FROM.
const ENDS_A_FROM: [&str; 13] = [
    "SELECT",
    "WHERE",
    "GROUP",
    "HAVING",
    "WINDOW",
    "ORDER",
    "LIMIT",
    "OFFSET",
    "UNION",
    "EXCEPT",
    "INTERSECT",
    "SET",
    "RETURNING",
];

/// Whether the name there is that of a `WITH name AS (`.
fn is_cte(words: &[Word<'_>], at: usize) -> bool {
    let opens = words[at + 1..].iter().skip(1).find(|word| !word.is("MATERIALIZED") && !word.is("NOT"));
    let before = at.checked_sub(1).map(|before| words[before]);
    opens.is_some_and(|word| word.is("("))
        && before.is_some_and(|word| word.is("WITH") || word.is(",") || word.is("RECURSIVE"))
}

fn is_keyword(word: &Word<'_>) -> bool {
    const KEYWORDS: [&str; 22] = [
        "WHERE",
        "SET",
        "ON",
        "INNER",
        "LEFT",
        "JOIN",
        "CROSS",
        "GROUP",
        "ORDER",
        "LIMIT",
        "OFFSET",
        "FOR",
        "RETURNING",
        "UNION",
        "USING",
        "VALUES",
        "DEFAULT",
        "SELECT",
        "HAVING",
        "EXCEPT",
        "NATURAL",
        "INDEXED",
    ];
    KEYWORDS.iter().any(|keyword| word.is(keyword))
}

/// What a statement compares tenants with.
#[derive(Debug, Default)]
struct Bound<'a> {
    /// How often the tenant of each name is compared.
    compared: BTreeMap<&'a str, usize>,
    /// Names whose tenant is a given one, also by way of another name.
    given: BTreeSet<&'a str>,
    /// Whether a range of row numbers is given: in the tables of SQLite's text index they begin with the tenant.
    rows: bool,
}

impl<'a> Bound<'a> {
    fn of(words: &[Word<'a>]) -> Self {
        let mut bound = Self::default();
        let mut equal = Vec::new();
        let before = std::iter::once(None).chain(words.iter().map(Some));
        for (window, before) in words.windows(3).zip(before) {
            let [one, operator, other] = window else { continue };
            if before.is_some_and(|before| before.is("SET") || before.is(",")) {
                continue;
            }
            bound.rows |= one.text == "rowid" && operator.is("BETWEEN") && other.is_value();
            let (tenant, other) = if one.is_tenant() { (one, other) } else { (other, one) };
            let compares = operator.is("=") || (operator.is("IN") && one.is_tenant());
            if !(tenant.is_tenant() && compares) {
                continue;
            }
            *bound.compared.entry(tenant.of).or_default() += 1;
            if other.is_tenant() {
                *bound.compared.entry(other.of).or_default() += 1;
                equal.push((tenant.of, other.of));
            } else if other.is_value() || other.is("(") || other.is("ANY") {
                bound.given.insert(tenant.of);
            }
        }
        // `(tenant_id, id) IN (SELECT $1, …)`, whose columns have no name before them.
        for window in words.windows(8) {
            let [tenant, comma, _, close, is_in, open, select, value] = window else { continue };
            let pair = comma.is(",") && close.is(")") && is_in.is("IN") && open.is("(") && select.is("SELECT");
            if tenant.is_tenant() && pair && value.is_value() {
                *bound.compared.entry(tenant.of).or_default() += 1;
                bound.given.insert(tenant.of);
            }
        }
        // As many steps as there are pairs reach everything that can be reached.
        for _ in 0..equal.len() {
            for (one, other) in &equal {
                if bound.given.contains(one) || bound.given.contains(other) {
                    bound.given.extend([*one, *other]);
                }
            }
        }
        bound
    }

    /// How often the tenant of this name is held.
    fn times(&self, name: &str) -> usize {
        if self.given.contains(name) { self.compared.get(name).copied().unwrap_or(0) } else { 0 }
    }
}

/// Watches a connection of a test, which fails with the first statement of Diesel's that is about all tenants.
#[derive(Debug)]
pub(crate) struct Watch;

impl Instrumentation for Watch {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            assert_within_a_tenant(&query.to_string());
        }
    }
}

/// Fails where a statement of Diesel's is about all tenants.
pub(crate) fn assert_within_a_tenant(sql: &str) {
    let found: Vec<Unscoped> = unscoped(sql).into_iter().filter(|table| table.quoted).collect();
    assert!(found.is_empty(), "{found:?} without tenant_id: {sql}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(sql: &str) -> Vec<String> {
        unscoped(sql).into_iter().map(|unscoped| unscoped.table).collect()
    }

    #[test]
    fn a_statement_within_a_tenant_is_found_so() {
        for sql in [
            r#"SELECT "leads"."id" FROM "leads" WHERE (("leads"."tenant_id" = $1) AND ("leads"."id" = $2)) FOR UPDATE"#,
            "SELECT `leads`.`id` FROM `leads` WHERE (`leads`.`tenant_id` = ?) ORDER BY `leads`.`id` LIMIT ?",
            r#"INSERT INTO "tags" ("tenant_id", "id") VALUES ($1, $2) ON CONFLICT ("tenant_id") DO UPDATE SET "id" = $3"#,
            r#"INSERT INTO "cases" ("tenant_id", "tags") SELECT DISTINCT "cases"."tenant_id", $1 FROM "cases" WHERE ("cases"."tenant_id" = $2)"#,
            r#"UPDATE "leads" SET "title" = $1 WHERE ("leads"."tenant_id" = $2) RETURNING "leads"."id""#,
            r#"DELETE FROM "tags" WHERE ("tags"."tenant_id" = $1)"#,
            r#"SELECT 1 FROM ("lead_tags" INNER JOIN "tags" ON (("tags"."tenant_id" = "lead_tags"."tenant_id") AND true))
               WHERE ("lead_tags"."tenant_id" = $1)"#,
            "WITH found AS MATERIALIZED (SELECT id FROM leads WHERE tenant_id = $1) SELECT id FROM found LIMIT 5",
            "SELECT rowid FROM leads_search WHERE leads_search MATCH ? AND rowid BETWEEN ? AND ?",
            "SELECT 1 FROM leads l, json_each(?) WHERE l.tenant_id IN (1, 2) AND l.id IS DISTINCT FROM 7",
            "SELECT value FROM json_each(?)",
            "SELECT `cases`.`id` FROM `cases` WHERE ((tenant_id, id) IN (SELECT ?, value FROM json_each(?)) AND true)",
            "SELECT 1 FROM leads l, unnest($1) WITH ORDINALITY AS x (id, n), tags t WHERE l.tenant_id = $2 AND t.tenant_id = $2",
            "WITH a AS (SELECT id FROM leads WHERE tenant_id = $1), b AS (SELECT 1) UPDATE cases SET tags = $2 FROM a, b \
             WHERE cases.tenant_id = $1",
            "DELETE FROM tags USING cases c WHERE tags.tenant_id = $1 AND c.tenant_id = tags.tenant_id",
            "SELECT id FROM leads WHERE tenant_id = $1 AND EXISTS (SELECT 1 FROM tags WHERE tenant_id = $1)",
            "SELECT id FROM tenants",
            "SELECT number FROM \"marks\"",
            "SELECT 'it''s FROM leads'",
        ] {
            assert_eq!(names(sql), [""; 0], "{sql}");
        }
    }

    #[test]
    fn a_table_of_all_tenants_is_named() {
        for (sql, table) in [
            (r#"SELECT "leads"."tenant_id" FROM "leads" WHERE ("leads"."id" = $1)"#, "leads"),
            ("DELETE FROM `tags` WHERE (`tags`.`id` = ?)", "tags"),
            (r#"UPDATE "leads" SET "tenant_id" = $1 WHERE "leads"."id" = $2"#, "leads"),
            (r#"INSERT INTO "tags" ("id") VALUES ($1)"#, "tags"),
            (
                r#"SELECT 1 FROM "cases" JOIN "tags" ON "tags"."id" = "cases"."id" WHERE "cases"."tenant_id" = $1"#,
                "tags",
            ),
            (r#"SELECT 1 FROM "cases" WHERE "cases"."tenant_id" = $1 AND EXISTS (SELECT 1 FROM "cases")"#, "cases"),
            ("SELECT rowid FROM leads_search WHERE leads_search MATCH ?", "leads_search"),
            ("SELECT 1 FROM leads l, tags t WHERE l.tenant_id = $1 AND t.id = l.id", "tags"),
            ("SELECT 1 FROM leads l JOIN cases c ON c.tenant_id = l.tenant_id, tags WHERE l.tenant_id = $1", "tags"),
            ("DELETE FROM tags USING cases c WHERE tags.tenant_id = $1 AND c.id = tags.id", "cases"),
            ("WITH a AS (SELECT 1) UPDATE cases SET tags = $1 FROM a", "cases"),
            ("INSERT OR IGNORE INTO tags (id) VALUES (?)", "tags"),
        ] {
            assert_eq!(names(sql), [table], "{sql}");
        }
        let joined = r#"SELECT 1 FROM "cases" JOIN "tags" ON "tags"."tenant_id" = "cases"."tenant_id""#;
        assert_eq!(names(joined), ["cases", "tags"], "joined, and no tenant is given");
        let one_for_two = "SELECT id FROM leads WHERE tenant_id = $1 AND EXISTS (SELECT 1 FROM tags WHERE id = $2)";
        assert_eq!(names(one_for_two), ["leads", "tags"], "it may be of either");
    }
}
