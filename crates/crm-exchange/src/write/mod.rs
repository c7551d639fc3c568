//! The forms in which tables are written.

mod csv;
mod xlsx;

pub(crate) use csv::Csv;
pub(crate) use xlsx::Xlsx;
