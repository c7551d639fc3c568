//! Merging records of one kind, and what it would come to.

use crm_core::params::{FromParams, ParamReader};
use crm_core::{Condition, DbConnection, RecordId, Scope};
use crm_history::MergeRequest;
use crm_suite::SuiteError;
use crm_suite::merge::{self, Merged, Preview};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::{Caller, InArea, Write};
use crate::endpoint::{Answer, Item, Merge};

/// What a merge of one kind is.
type Merging<T, I> = fn(&mut DbConnection, &Scope, I, &Condition<T>, &MergeRequest<I>) -> Result<Merged<T>, SuiteError>;

/// Whether a merge is only tried.
pub(super) struct DryRun(bool);

impl FromParams for DryRun {
    fn from_params(params: &mut ParamReader) -> Self {
        let dry = params.bool(
            "dryRun",
            "Whether to answer only what the merge would come to: the record as it would be, and how many of each kind would \
             point at it instead. Nothing is changed.",
        );
        Self(dry.unwrap_or(false))
    }
}

/// Merges, or answers what that would come to.
pub(super) async fn merge<A, T, I>(
    caller: Caller<A, Write>,
    (id, DryRun(dry)): (I, DryRun),
    condition: Condition<T>,
    request: MergeRequest<I>,
    merging: Merging<T, I>,
) -> Answer<Merge<T>>
where
    A: InArea,
    T: Serialize + ToSchema + Send + 'static,
    I: RecordId,
{
    caller
        .write(move |connection, scope| {
            let merge = |connection: &mut DbConnection| merging(connection, scope, id, &condition, &request);
            Ok(match dry {
                false => Merge::Done(Item(merge(connection)?.item)),
                true => {
                    let Preview { item, repointed } = merge::preview(connection, scope, merge)?;
                    Merge::Would { item, repointed }
                }
            })
        })
        .await
}
