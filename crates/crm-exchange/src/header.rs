use std::collections::{HashMap, HashSet};

use crm_core::{FieldCode, FieldErrors};

use crate::row::Row;
use crate::sheet::PROBLEM;
use crate::{Column, Columns, Kind};

/// The header of a table that came: which column each of its cells is.
#[derive(Debug, Clone)]
pub struct Header {
    kind: Kind,
    /// `None` where a column is left out.
    columns: Vec<Option<Column>>,
}

impl Header {
    /// Reads a header. `map` gives names of its own another name, or none, which leaves their column out. A column
    /// without a name is left out too: spreadsheets end in them; and so is `problem`, unless a field is called so.
    ///
    /// # Errors
    /// Every name that no column has, with the nearest one; that stands twice; that is mapped and not there.
    pub fn read<T: AsRef<str>>(
        columns: &Columns,
        names: impl IntoIterator<Item = T>,
        map: &[(String, Option<String>)],
    ) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::new();
        let map: HashMap<&str, Option<&str>> = map.iter().map(|(from, to)| (from.trim(), to.as_deref())).collect();
        let (mut read, mut seen, mut mapped) = (Vec::new(), HashSet::new(), HashSet::new());
        for name in names {
            if errors.is_full() {
                break;
            }
            let name = name.as_ref().trim();
            let wanted = match map.get_key_value(name) {
                None => Some(name),
                Some((from, to)) => {
                    mapped.insert(*from);
                    *to
                }
            };
            let column = match wanted.filter(|wanted| !wanted.is_empty()) {
                None => None,
                Some(wanted) => match columns.find(wanted) {
                    // What was wrong with each row, where those that failed come once more.
                    Err(_) if wanted == PROBLEM => None,
                    Err(unknown) => {
                        errors.push(name, FieldCode::UnknownField, unknown);
                        None
                    }
                    Ok(column) if !seen.insert(column.name().to_owned()) => {
                        let message = format_args!("is the column {}, which stands before", column.name());
                        errors.push(name, FieldCode::Duplicate, message);
                        None
                    }
                    Ok(column) => Some(column),
                },
            };
            read.push(column);
        }
        for name in map.keys().filter(|name| !mapped.contains(*name)) {
            errors.push(name, FieldCode::UnknownField, "is mapped, and no column of the file");
        }
        if errors.is_empty() { Ok(Self { kind: columns.kind(), columns: read }) } else { Err(errors) }
    }

    /// The columns, in the order of the cells; `None` where one is left out.
    #[must_use]
    pub fn columns(&self) -> &[Option<Column>] {
        &self.columns
    }

    /// Whether the table has the column of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.columns.iter().flatten().any(|column| column.name() == name)
    }

    /// What a row says. Cells beyond the header are left out.
    #[must_use]
    pub fn row<T: AsRef<str>>(&self, cells: impl IntoIterator<Item = T>) -> Row {
        let mut row = Row::default();
        for (column, cell) in self.columns.iter().zip(cells) {
            if let Some(column) = column {
                column.read(self.kind, cell.as_ref(), &mut row);
            }
        }
        row.settle();
        row
    }
}
