//! Answers that show a secret, once.

use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, LOCATION};
use crm_core::keys::{Key, KeyWithSecret};
use crm_webhooks::{Webhook, WebhookWithSecret};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Failure;
use crate::wire::Rendered;

use super::etag::Tagged;
use super::headers;
use super::operation::OperationDoc;
use super::reply::{Item, ItemEnvelope, Reply, header, json};

/// What has a secret that is shown once.
pub trait Secretive: Serialize + ToSchema + Clone {
    /// What it is at every other time.
    type Described: Serialize;

    /// The same without the secret: what is shown at every other time, and what the ETag stands for.
    fn described(&self) -> &Self::Described;

    /// The same with null in the place of the secret: what a repeat of the request is answered.
    #[must_use]
    fn without_secret(self) -> Self;
}

impl Secretive for KeyWithSecret {
    type Described = Key;

    fn described(&self) -> &Key {
        &self.described
    }

    fn without_secret(self) -> Self {
        Self { key: None, ..self }
    }
}

impl Secretive for WebhookWithSecret {
    type Described = Webhook;

    fn described(&self) -> &Webhook {
        &self.described
    }

    fn without_secret(self) -> Self {
        Self { secret: None, ..self }
    }
}

/// A record with its secret: 200.
#[derive(Debug)]
pub struct Shown<T>(pub T);

/// A new record with its secret: 201 with its `Location`.
#[derive(Debug)]
pub struct ShownNew<T> {
    /// Its path.
    pub location: String,
    /// The record.
    pub item: T,
}

fn shown<T: Secretive>(status: StatusCode, item: T) -> Result<Rendered, Failure>
where
    Item<T::Described>: Tagged<Value = T::Described>,
{
    let etag = Item::<T::Described>::etag(item.described())?;
    let repeated = serde_json::to_vec(&ItemEnvelope { item: item.clone().without_secret() })?;
    let mut rendered = json(status, &ItemEnvelope { item })?;
    rendered.headers.push((ETAG, header(&etag)?));
    rendered.repeated = Some(repeated.into());
    Ok(rendered)
}

impl<T: Secretive> Reply for Shown<T>
where
    Item<T::Described>: Tagged<Value = T::Described>,
{
    fn render(self) -> Result<Rendered, Failure> {
        shown(StatusCode::OK, self.0)
    }

    fn describe(operation: &mut OperationDoc) {
        operation.item_response::<T>(
            StatusCode::OK,
            "The record with its secret, which is shown this once.",
            &[headers::ETAG],
        );
    }
}

impl<T: Secretive> Reply for ShownNew<T>
where
    Item<T::Described>: Tagged<Value = T::Described>,
{
    fn render(self) -> Result<Rendered, Failure> {
        let mut rendered = shown(StatusCode::CREATED, self.item)?;
        rendered.headers.push((LOCATION, header(&self.location)?));
        Ok(rendered)
    }

    fn describe(operation: &mut OperationDoc) {
        let text = "The new record with its secret, which is shown this once.";
        operation.item_response::<T>(StatusCode::CREATED, text, &[headers::ETAG, headers::LOCATION]);
    }
}
