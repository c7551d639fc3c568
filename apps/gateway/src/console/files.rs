//! The files that pages refer to: kept by browsers for ever, since their addresses change with them.

use std::sync::OnceLock;

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::web::Bytes;

use crate::endpoint::{Answer, Api, Call, Extract, OperationDoc, Raw, Reply, Stored, StoredForms, Typed};
use crate::error::{Failure, Problem};
use crate::middleware::takes_gzip;
use crate::wire::Rendered;

use super::own;

const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.get("/console/files/{version}/{name}", file).undocumented();
}

/// A file of the console.
struct Wanted {
    path: String,
    name: String,
    takes_gzip: bool,
}

impl Extract for Wanted {
    async fn extract(call: &mut Call) -> Result<Self, Problem> {
        let name = call.request.match_info().get("name").unwrap_or_default().to_owned();
        Ok(Self { path: call.request.path().to_owned(), name, takes_gzip: takes_gzip(&call.request) })
    }

    fn describe(_: &mut OperationDoc) {}
}

struct Kept(Stored);

impl Reply for Kept {
    fn render(self) -> Result<Rendered, Failure> {
        let mut rendered = self.0.render()?;
        rendered.headers.push((CACHE_CONTROL, FOR_EVER));
        Ok(rendered)
    }

    fn describe(operation: &mut OperationDoc) {
        Raw::describe(operation);
    }
}

/// Each with its name; compressed once.
fn stored() -> &'static [(&'static str, StoredForms)] {
    static STORED: OnceLock<Vec<(&'static str, StoredForms)>> = OnceLock::new();
    STORED.get_or_init(|| {
        let forms = crm_console::assets().iter().filter_map(|asset| {
            let text = Bytes::from_static(asset.text.as_bytes());
            Some((asset.name, StoredForms::new(asset.media_type, text).ok()?))
        });
        forms.collect()
    })
}

async fn file(wanted: Wanted) -> Answer<Kept> {
    let Wanted { path, name, takes_gzip } = wanted;
    let found = stored().iter().find(|(known, _)| *known == name && crm_console::path_of(known) == path);
    let (_, forms) = found.ok_or_else(|| Problem::unknown_route(&path))?;
    Typed::of(Kept(forms.form(takes_gzip))).map_err(own)
}
