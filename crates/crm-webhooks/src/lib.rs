#![doc = include_str!("../README.md")]

pub mod deliveries;
mod error;
mod event;
mod model;
mod row;
mod schema;
mod secret;
mod service;
mod url;

pub use error::WebhookError;
pub use event::{Event, Events, NotAnEvent, event_name};
pub use model::{DisabledReason, FieldNames, NewWebhook, Webhook, WebhookPatch, WebhookWithSecret};
pub use secret::{SigningError, SigningSecret};
pub use service::{
    Endpoint, MOST_WEBHOOKS, create, delete, endpoint, get, keys_in_use, list, reseal, rotate_secret, update,
};
pub use url::WebhookUrl;
