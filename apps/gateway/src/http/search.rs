//! `GET /search`: any record by a text that a person knows of it.

use crm_suite::search::{Match, Search, search};

use crate::auth::{Caller, Read, area};
use crate::endpoint::{Answer, Api, Items, Query};

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.tag("Search", "Records of all kinds by what somebody knows of them.");
    api.get("/search", search_records).named("search_records", "Search records of all kinds").about(
        "Over titles and names, e-mail addresses, the digits of phone numbers, external ids and ids: first those that are \
         the text, then those that begin with it, then those that contain it; in any case and without accents. External ids \
         are compared as they stand, from their beginning, and ids as a whole. It shows only what the key may read.",
    );
}

async fn search_records(
    caller: Caller<area::Anywhere, Read>,
    Query((wanted,)): Query<(Search,)>,
) -> Answer<Items<Match>> {
    caller.read(move |connection, scope| Ok(Items(search(connection, scope, &wanted)?))).await
}
