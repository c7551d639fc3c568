//! The server of the Model Context Protocol, whatever messages come by.

use std::sync::Arc;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, Implementation, ListToolsResult, PaginatedRequestParams,
    ServerCapabilities, ServerConfig, Tool as Described, ToolAnnotations,
};
use rmcp::service::RequestContext;
use rmcp::transport::stdio;
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt};
use serde_json::Value;

use crate::answer::result;
use crate::api::{Api, Request};
use crate::document::Document;
use crate::schema;
use crate::tools::{self, Effect, Tool};

/// What a model is told before it sees a tool.
const INSTRUCTIONS: &str = "A CRM: leads (chances that nobody has judged yet), opportunities (deals on their way through the \
    stages of a pipeline, until they are won or lost), contacts (people), organizations (companies), and cases (requests for help, \
    which walk the workflow of their type). Find a record with search, read it with get_record, and list records with \
    list_records. What fields there are in this company, and which options they have, describe_forms tells: look there before you \
    make or change something. Ids are texts of digits, unique within their kind. A result that is an error is a problem with a \
    `code`, a `detail` for people, and often `errors`, one for each field that is wrong: mend those and call again. A result that \
    has a continuationToken goes on: call the same tool with it for the rest.";

/// The tools over an API, on behalf of one key or token.
#[derive(Clone)]
pub struct Server {
    api: Arc<dyn Api>,
    document: Arc<Document>,
}

impl Server {
    /// Over this API, which is described by this document.
    #[must_use]
    pub fn new(api: Arc<dyn Api>, document: Arc<Document>) -> Self {
        Self { api, document }
    }

    /// What the key or token may do, as the API knows it.
    async fn rights(&self) -> Result<Vec<String>, ErrorData> {
        let answer = self.api.call(Request::get("/me")).await;
        let answer = answer.map_err(|why| ErrorData::internal_error(why.to_string(), None))?;
        if answer.status != 200 {
            let detail =
                answer.body.get("detail").and_then(Value::as_str).unwrap_or("The gateway does not say who asks.");
            return Err(ErrorData::invalid_request(detail.to_owned(), Some(answer.body)));
        }
        let scopes = answer.body.get("item").and_then(|me| me.get("scopes")?.as_array());
        Ok(scopes.into_iter().flatten().filter_map(|scope| scope.as_str().map(str::to_owned)).collect())
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("crm-gateway", env!("CARGO_PKG_VERSION")).with_title("CRM"))
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let rights = self.rights().await?;
        Ok(ListToolsResult::with_all_items(
            tools::all().filter_map(|tool| described(tool, &self.document, &rights)).collect(),
        ))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(tool) = tools::named(&request.name) else {
            let name = Value::String(request.name.chars().take(100).collect());
            return Err(ErrorData::invalid_params(format!("There is no tool {name}."), None));
        };
        let outcome = tool.run(&*self.api, &self.document, request.arguments.unwrap_or_default()).await;
        Ok(result(outcome).into())
    }
}

/// A tool as it is listed to somebody with these rights; `None` where they may not use it.
fn described(tool: &'static Tool, document: &Document, rights: &[String]) -> Option<Described> {
    let schema = tool.schema(document, rights)?;
    let effect = tool.effect;
    // The tools reach nothing but this CRM.
    let annotations = ToolAnnotations::with_title(tool.title).read_only(effect == Effect::Reads).open_world(false);
    let annotations = match effect {
        Effect::Reads => annotations,
        Effect::Adds | Effect::Changes | Effect::Removes => annotations
            .destructive(matches!(effect, Effect::Changes | Effect::Removes))
            .idempotent(effect == Effect::Changes),
    };
    let described = Described::new(tool.name, tool.description, schema).with_title(tool.title);
    Some(described.with_raw_output_schema(Arc::new(schema::result(tool.gives))).with_annotations(annotations))
}

/// Serves whoever started this process, over its standard input and output, until the input ends.
///
/// # Errors
/// When what comes is not the protocol.
pub async fn serve_stdio(server: Server) -> Result<(), String> {
    let running = server.serve(stdio()).await.map_err(|error| error.to_string())?;
    running.waiting().await.map(|_| ()).map_err(|error| error.to_string())
}
