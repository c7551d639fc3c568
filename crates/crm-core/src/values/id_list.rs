use serde_json::Value;

use crate::error::{FieldCode, FieldErrors};
use crate::ids::RecordId;
use crate::input::{At, FromJson, read_list};

/// The records that an action is about: 1 to `MOST` ids in the order given; one that is given twice counts once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdList<I, const MOST: usize>(Vec<I>);

impl<I, const MOST: usize> IdList<I, MOST> {
    /// The ids, each once.
    #[must_use]
    pub fn as_slice(&self) -> &[I] {
        &self.0
    }
}

impl<I: RecordId + PartialEq, const MOST: usize> FromJson for IdList<I, MOST> {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let given: Vec<I> = read_list(value, at, MOST, errors)?;
        if given.is_empty() {
            errors.push(at, FieldCode::Required, format_args!("must have 1 to {MOST} ids"));
            return None;
        }
        let mut seen = std::collections::HashSet::with_capacity(given.len());
        Some(Self(given.into_iter().filter(|id| seen.insert(id.as_i64())).collect()))
    }
}

#[cfg(feature = "openapi")]
impl<I: utoipa::ToSchema, const MOST: usize> utoipa::PartialSchema for IdList<I, MOST> {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        let ids = utoipa::openapi::schema::ArrayBuilder::new().items(I::schema());
        ids.min_items(Some(1)).max_items(Some(MOST)).into()
    }
}

#[cfg(feature = "openapi")]
impl<I: utoipa::ToSchema, const MOST: usize> utoipa::ToSchema for IdList<I, MOST> {}
