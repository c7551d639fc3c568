//! The tags of a new or changed record, resolved so that their problems stand beside those of other fields.

use crm_core::{DbConnection, FieldErrors, Patch, Scope};
use crm_tags::{TagError, TagKind, TagOption, TagRefs};

use crate::DirectoryError;

/// The tags that these references name; problems are noted in `errors`.
pub(crate) fn new_tags(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: TagKind,
    refs: &TagRefs,
    errors: &mut FieldErrors,
) -> Result<Vec<TagOption>, DirectoryError> {
    if refs.is_empty() {
        return Ok(Vec::new());
    }
    match crm_tags::resolve(connection, scope, kind, refs) {
        Ok(tags) => Ok(tags),
        Err(TagError::Invalid(problems)) => {
            errors.append(problems);
            Ok(Vec::new())
        }
        Err(error) => Err(error.into()),
    }
}

/// The tags after a patch, or `None` where it leaves them; problems are noted in `errors`.
pub(crate) fn patched_tags(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: TagKind,
    patch: &Patch<TagRefs>,
    errors: &mut FieldErrors,
) -> Result<Option<Vec<TagOption>>, DirectoryError> {
    match patch {
        Patch::Keep => Ok(None),
        Patch::Clear => Ok(Some(Vec::new())),
        Patch::Set(refs) => new_tags(connection, scope, kind, refs, errors).map(Some),
    }
}
