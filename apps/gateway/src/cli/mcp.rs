use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Uri;
use actix_web::web;
use anyhow::{Context, anyhow, bail};
use clap::Args;
use crm_mcp::{Document, Request, Response, Server, Unreachable, serve_stdio};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

use crate::config::{BadSetting, secret};

/// Longer than a gateway takes for an answer, whatever its database does.
const PATIENCE: Duration = Duration::from_secs(35);
/// The most bytes of an answer: a page of a list has no more than 8 MiB of content.
const MOST_BYTES: u64 = 32 * 1024 * 1024;

#[derive(Args)]
pub(super) struct Mcp {
    /// Where the gateway listens, such as https://crm.example.com
    #[arg(long, value_name = "URL")]
    url: String,
    /// The key that requests are sent with: better in the variable than here, where every user of the machine sees it
    #[arg(long, env = "CRM_KEY", hide_env_values = true, value_name = "KEY")]
    key: Option<String>,
    /// A file with that key
    #[arg(long, env = "CRM_KEY_FILE", value_name = "FILE")]
    key_file: Option<String>,
}

/// Serves a model's program over standard input and output, with requests to a gateway elsewhere.
pub(super) fn run(Mcp { url, key, key_file }: &Mcp) -> anyhow::Result<()> {
    let key = secret("CRM_KEY", key.as_deref(), key_file.as_deref())?;
    let key = key.ok_or_else(|| BadSetting::new("CRM_KEY", "is needed: a key of the tenant"))?;
    let remote = Remote::new(url, key)?;
    let document = remote.document()?;
    let server = Server::new(Arc::new(remote), Arc::new(document));
    let served = actix_web::rt::System::new().block_on(serve_stdio(server));
    served.map_err(|error| anyhow!("the protocol failed: {error}"))
}

/// A gateway elsewhere, and the key to it.
#[derive(Clone)]
struct Remote {
    base: String,
    key: String,
    agent: Agent,
}

impl Remote {
    fn new(url: &str, key: String) -> Result<Self, BadSetting> {
        let is_web = |uri: Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
        if !url.parse().is_ok_and(is_web) {
            return Err(BadSetting::new("--url", "must be http://… or https://…"));
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls =
            TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).unversioned_rustls_crypto_provider(provider);
        let agent = Agent::config_builder()
            .tls_config(tls.build())
            .timeout_global(Some(PATIENCE))
            // The key is for the gateway that was named.
            .max_redirects(0)
            .http_status_as_error(false)
            .build();
        Ok(Self { base: url.trim_end_matches('/').to_owned(), key, agent: agent.into() })
    }

    /// What that gateway says of itself: its version may be another one.
    fn document(&self) -> anyhow::Result<Document> {
        let url = format!("{}/openapi.json", self.base);
        let mut answer = self.agent.get(&url).call().with_context(|| format!("{url} does not answer"))?;
        if answer.status() != 200 {
            bail!("{url} answers with the status {}: is it a gateway?", answer.status().as_u16());
        }
        let text = answer.body_mut().with_config().limit(MOST_BYTES).read_to_vec()?;
        Document::parse(&text).with_context(|| format!("{url} is no API document"))
    }

    fn send(&self, request: &Request) -> Result<Response, ureq::Error> {
        let mut written = ureq::http::Request::builder()
            .method(request.method.as_str())
            .uri(format!("{}{}", self.base, request.path))
            .header("ocp-apim-subscription-key", &self.key);
        for (name, value) in &request.headers {
            written = written.header(*name, value);
        }
        let mut answer = match &request.body {
            Some(body) => {
                let written = written.header("content-type", "application/json").body(body.to_string())?;
                self.agent.run(written)?
            }
            None => self.agent.run(written.body(())?)?,
        };
        let text = answer.body_mut().with_config().limit(MOST_BYTES).read_to_vec()?;
        let etag = answer.headers().get("etag").and_then(|etag| etag.to_str().ok()).map(str::to_owned);
        let body = serde_json::from_slice(&text).unwrap_or_default();
        Ok(Response { status: answer.status().as_u16(), etag, body })
    }
}

impl crm_mcp::Api for Remote {
    fn call(&self, request: Request) -> BoxFuture<'_, Result<Response, Unreachable>> {
        let remote = self.clone();
        let sent = web::block(move || remote.send(&request));
        async move {
            match sent.await {
                Ok(Ok(response)) => Ok(response),
                Ok(Err(error)) => Err(Unreachable(format!("The gateway does not answer: {error}."))),
                Err(_) => Err(Unreachable("The request was given up.".to_owned())),
            }
        }
        .boxed()
    }
}
