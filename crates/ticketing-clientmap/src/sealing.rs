//! Secrets inside a stored configuration: each is sealed in its place, and everything else stays as it was sent. What is shown
//! of a configuration has masks there either way, so that showing one needs no key.

use std::sync::Arc;

use crm_core::input::JsonObject;
use crm_core::secrets::{Secrets, SecretsError};
use crm_core::{ClientMapId, Scope, TenantId};
use serde_json::Value;

use crate::masking::is_secret;

/// Where the sealed secrets of a configuration lie, and what opens them.
#[derive(Clone)]
pub(crate) struct Seal {
    secrets: Option<Arc<Secrets>>,
    key: String,
    tenant: TenantId,
    record: ClientMapId,
}

impl Seal {
    /// How the configuration of a record is sealed whose row names this key.
    pub(crate) fn of(scope: &Scope, record: ClientMapId, key: &str) -> Self {
        Self { secrets: scope.secrets().cloned(), key: key.to_owned(), tenant: scope.tenant(), record }
    }

    /// The configuration with its secrets in clear.
    pub(crate) fn open(&self, mut object: JsonObject) -> Result<JsonObject, SecretsError> {
        let unknown = || SecretsError::UnknownKey(self.key.clone());
        each_secret(&mut object, &mut String::new(), &mut |path, value| {
            let secrets = self.secrets.as_ref().ok_or_else(unknown)?;
            let sealed = value.as_str().ok_or(SecretsError::Damaged)?;
            let opened = secrets.open(&context(self.tenant, self.record, path), sealed)?;
            *value = serde_json::from_str(&opened).map_err(|_| SecretsError::Damaged)?;
            Ok(())
        })?;
        Ok(object)
    }
}

/// The configuration of a record with each secret sealed in its place.
pub(crate) fn sealed(
    mut object: JsonObject,
    secrets: &Secrets,
    tenant: TenantId,
    record: ClientMapId,
) -> Result<JsonObject, SecretsError> {
    each_secret(&mut object, &mut String::new(), &mut |path, value| {
        *value = Value::from(secrets.seal(&context(tenant, record, path), &value.to_string())?);
        Ok(())
    })?;
    Ok(object)
}

fn context(tenant: TenantId, record: ClientMapId, path: &str) -> Vec<u8> {
    format!("client map {} {record} {path}", tenant.as_i64()).into_bytes()
}

/// Calls `work` with each member that is shown as a mask, and the JSON Pointer to it (RFC 6901).
fn each_secret(
    object: &mut JsonObject,
    path: &mut String,
    work: &mut impl FnMut(&str, &mut Value) -> Result<(), SecretsError>,
) -> Result<(), SecretsError> {
    for (name, value) in object.iter_mut() {
        let length = path.len();
        path.push('/');
        path.push_str(&name.replace('~', "~0").replace('/', "~1"));
        if is_secret(name) { work(path, value) } else { each_inside(value, path, work) }?;
        path.truncate(length);
    }
    Ok(())
}

fn each_inside(
    value: &mut Value,
    path: &mut String,
    work: &mut impl FnMut(&str, &mut Value) -> Result<(), SecretsError>,
) -> Result<(), SecretsError> {
    match value {
        Value::Object(object) => each_secret(object, path, work),
        Value::Array(entries) => entries.iter_mut().enumerate().try_for_each(|(index, entry)| {
            let length = path.len();
            path.push_str(&format!("/{index}"));
            each_inside(entry, path, work)?;
            path.truncate(length);
            Ok(())
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}
