//! Settings, integrations: the client maps of ticketing, for whom the routes of ticketing would show them to.

use crm_console::integrations::{list, page};
use crm_core::ClientMapId;

use crate::auth::{Read, Visitor, area};
use crate::endpoint::{Answer, Api, Html, PathId};
use crate::error::{Problem, ProblemCode};

use super::frame;

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.get("/console/settings/integrations", integrations_page).undocumented();
    api.get("/console/settings/integrations/{id}", integration_page).undocumented();
}

/// Refuses keys, which open nothing of ticketing, and whose roles do not.
fn may_look(visitor: &Visitor<area::Anywhere, Read>) -> Result<(), Problem> {
    if visitor.administers_ticketing() {
        return Ok(());
    }
    let detail = "Integrations are shown to people with the role 'ticket_admin' or 'tenant_admin' who sign in with their account; \
                  no key opens them.";
    Err(Problem::new(ProblemCode::MissingRole, detail))
}

async fn integrations_page(visitor: Visitor<area::Anywhere, Read>) -> Answer<Html> {
    may_look(&visitor)?;
    let frame = frame(&visitor);
    let page = visitor.read(move |connection, scope| {
        Ok(Html::page(list(&frame, &ticketing_clientmap::list(connection, scope, None)?)))
    });
    page.await
}

async fn integration_page(visitor: Visitor<area::Anywhere, Read>, PathId(id): PathId<ClientMapId>) -> Answer<Html> {
    may_look(&visitor)?;
    let frame = frame(&visitor);
    let page = visitor
        .read(move |connection, scope| Ok(Html::page(page(&frame, &ticketing_clientmap::get(connection, scope, id)?))));
    page.await
}
