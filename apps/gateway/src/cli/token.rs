use anyhow::{Context, bail};
use clap::Args;
use crm_core::PublicTenantId;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Map, Value, json};

use crate::config::{Settings, TokenConfig, TokenKey};

use super::print;

#[derive(Args)]
pub(super) struct Token {
    /// The tenant it is for
    #[arg(long, value_name = "ID")]
    tenant: PublicTenantId,
    /// A role of its holder: ticket_admin or tenant_admin open the ticketing routes; may be repeated
    #[arg(long = "role", required = true, value_name = "ROLE")]
    roles: Vec<String>,
    /// How many seconds it is valid
    #[arg(long, default_value_t = 3600, value_parser = clap::value_parser!(u32).range(1..), value_name = "SECONDS")]
    ttl: u32,
}

/// Prints a token as an issuer with this gateway's settings would give it.
pub(super) fn run(settings: &Settings, token: &Token) -> anyhow::Result<()> {
    let Some(TokenConfig { key: TokenKey::Secret(secret), issuer, audience, tenant_claim }) = settings.tokens()? else {
        bail!("CRM_JWT_SECRET is not set: tokens of another issuer can only be signed by that issuer");
    };
    let Token { tenant, roles, ttl } = token;
    let now = settings.clock()?.now().as_datetime().timestamp();
    let mut claims = Map::new();
    claims.insert("sub".to_owned(), Value::from("crm-gateway token"));
    claims.insert("typ".to_owned(), Value::from("Bearer"));
    claims.insert("iat".to_owned(), Value::from(now));
    claims.insert("exp".to_owned(), Value::from(now + i64::from(*ttl)));
    claims.insert("realm_access".to_owned(), json!({ "roles": roles }));
    claims.extend(issuer.map(|issuer| ("iss".to_owned(), Value::from(issuer))));
    claims.extend(audience.map(|audience| ("aud".to_owned(), Value::from(audience))));
    claims.insert(tenant_claim, json!(tenant));
    let key = EncodingKey::from_secret(secret.reveal().as_bytes());
    print(jsonwebtoken::encode(&Header::default(), &claims, &key).context("the token cannot be signed")?)
}
