//! `/docs`: a page to read and try the API (docs/operations.md). It is Swagger UI from a crate that carries it,
//! so that a browser needs no other host, and the policy in its header makes sure that it asks none.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LOCATION, REFERRER_POLICY,
    VARY,
};
use actix_web::web::Bytes;

use crate::endpoint::{Answer, Api, OperationDoc, Raw, Reply, Typed, etag_of_bytes};
use crate::error::Failure;
use crate::wire::Rendered;

use super::process::Process;

/// Nothing but this host's own files and API. The page has pictures as `data:` in its styles.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Declares the routes of this area, in the group of [`process`](super::process).
pub(super) fn routes(api: &mut Api) {
    api.get("/docs", docs_page)
        .named("docs_page", "A page to read and try the API")
        .about(
            "An HTML page for browsers. It loads nothing from other hosts; a key that is entered stays in the browser.",
        )
        .media_type("text/html");
    api.get("/", home).undocumented();
    api.get("/docs/page.css", docs_style).undocumented();
    api.get("/docs/page.js", docs_script).undocumented();
    api.get("/docs/swagger-ui.css", swagger_style).undocumented();
    api.get("/docs/swagger-ui-bundle.js", swagger_script).undocumented();
}

/// Whoever opens the server's address in a browser sees what there is.
async fn home(_: Process) -> Answer<Elsewhere> {
    Typed::of(Elsewhere("console")).map_err(|failure| failure.into_problem("-"))
}

async fn docs_page(_: Process) -> Answer<File> {
    own("text/html; charset=utf-8", include_str!("docs/page.html"))
}

async fn docs_style(_: Process) -> Answer<File> {
    own("text/css; charset=utf-8", include_str!("docs/page.css"))
}

async fn docs_script(_: Process) -> Answer<File> {
    own("text/javascript; charset=utf-8", include_str!("docs/page.js"))
}

async fn swagger_style(_: Process) -> Answer<File> {
    vendored("text/css; charset=utf-8", "swagger-ui.css")
}

async fn swagger_script(_: Process) -> Answer<File> {
    vendored("text/javascript; charset=utf-8", "swagger-ui-bundle.js")
}

fn own(content_type: &'static str, text: &'static str) -> Answer<File> {
    answer(File { content_type, is_gzipped: false, bytes: Bytes::from_static(text.as_bytes()) })
}

fn vendored(content_type: &'static str, name: &str) -> Answer<File> {
    let found = utoipa_swagger_ui::serve(name, Default::default());
    let file = found.map_err(|error| error.to_string()).and_then(|file| file.ok_or_else(|| "is missing".to_owned()));
    match file {
        Ok(file) => {
            let bytes = match file.bytes {
                Cow::Borrowed(bytes) => Bytes::from_static(bytes),
                Cow::Owned(bytes) => bytes.into(),
            };
            answer(File { content_type, is_gzipped: file.gzpipped, bytes })
        }
        Err(error) => Err(Failure::Bug(format!("{name} of Swagger UI: {error}")).into_problem("-")),
    }
}

fn answer(file: File) -> Answer<File> {
    Typed::of(file).map_err(|failure| failure.into_problem("-"))
}

/// A file of the page: 200 with its ETag.
struct File {
    content_type: &'static str,
    /// Compressed once, by the build: every browser takes it so.
    is_gzipped: bool,
    bytes: Bytes,
}

impl Reply for File {
    fn render(self) -> Result<Rendered, Failure> {
        let Self { content_type, is_gzipped, bytes } = self;
        let fixed = |name: HeaderName, value: &'static str| (name, HeaderValue::from_static(value));
        let etag = HeaderValue::from_str(&etag_of_bytes(&bytes)).map_err(|error| Failure::Bug(error.to_string()))?;
        let mut headers = vec![
            fixed(CONTENT_TYPE, content_type),
            fixed(CONTENT_SECURITY_POLICY, POLICY),
            fixed(REFERRER_POLICY, "no-referrer"),
            (ETAG, etag),
        ];
        if is_gzipped {
            headers.push(fixed(CONTENT_ENCODING, "gzip"));
            headers.push(fixed(VARY, "Accept-Encoding"));
        }
        Ok(Rendered { status: StatusCode::OK, headers, body: bytes, repeated: None })
    }

    fn describe(operation: &mut OperationDoc) {
        Raw::describe(operation);
    }
}

/// Another page, relative to the one that was asked for, so that a path before ours stays: 307.
struct Elsewhere(&'static str);

impl Reply for Elsewhere {
    fn render(self) -> Result<Rendered, Failure> {
        let headers = vec![(LOCATION, HeaderValue::from_static(self.0))];
        Ok(Rendered { status: StatusCode::TEMPORARY_REDIRECT, headers, body: Bytes::new(), repeated: None })
    }

    fn describe(operation: &mut OperationDoc) {
        Raw::describe(operation);
    }
}
