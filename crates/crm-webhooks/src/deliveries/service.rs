use crm_core::page::{Page, PageRequest};
use crm_core::{Db, DbConnection, Scope, WebhookId};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use crate::WebhookError;
use crate::deliveries::row::LogRow;
use crate::deliveries::{Delivery, DeliveryFilter, DeliverySort, DeliveryState};
use crate::schema::deliveries;
use crate::service::find;

/// A page of what was and is to be delivered to a webhook.
///
/// # Errors
/// [`WebhookError::NotFound`]; the database's.
pub fn list(
    connection: &mut DbConnection,
    scope: &Scope,
    webhook: WebhookId,
    filter: &DeliveryFilter,
    request: &PageRequest<DeliverySort>,
) -> Result<Page<Delivery>, WebhookError> {
    find(connection, scope, webhook)?;
    let matching = || matching(scope, webhook, filter);
    let page = request.load(connection, scope, matching, |row: &LogRow, _, _| {
        (crm_core::page::SortKey::Moment(row.created_on), row.id)
    })?;
    page.try_map(|rows| rows.into_iter().map(|row| Ok(row.into_delivery()?)).collect())
}

pub(crate) fn matching(
    scope: &Scope,
    webhook: WebhookId,
    filter: &DeliveryFilter,
) -> deliveries::BoxedQuery<'static, Db> {
    let of_webhook =
        deliveries::table.filter(deliveries::tenant_id.eq(scope.tenant())).filter(deliveries::webhook_id.eq(webhook));
    let mut query = of_webhook.into_boxed::<Db>();
    if let Some(states) = &filter.states {
        let words: Vec<&'static str> = states.iter().map(|state| state.as_str()).collect();
        if !states.contains(&DeliveryState::Delivered) {
            // In the words of the index, which is about the few that have not arrived.
            query = query.filter(sql::<Bool>("state <> 'delivered'"));
        }
        crm_core::any_of!(query, deliveries::state, Some(words));
    }
    query
}
