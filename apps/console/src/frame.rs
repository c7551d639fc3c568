//! What stands around every page.

use crm_core::keys::{Access, Area, Rights};
use crm_exchange::Kind;
use maud::{DOCTYPE, Markup, html};

use crate::icon::Icon;
use crate::{assets, form};

/// Who looks at a page.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The tenant.
    pub tenant: String,
    /// Who it is.
    pub who: Who,
    /// What it may do.
    pub rights: Rights,
    /// Whether it is somebody who administers ticketing, which no right of the others allows.
    pub administers_ticketing: bool,
    /// What the forms of the session carry.
    pub token: String,
}

/// As whom somebody is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// Whoever has the key of this name.
    Key(String),
    /// A person of this name.
    Person(String),
}

/// Where a page is, for the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The overview.
    Overview,
    /// The board.
    Board,
    /// The trash.
    Trash,
    /// Records of a kind.
    Records(Kind),
    /// Records that look like one.
    Duplicates,
    /// Files that become records.
    Imports,
    /// Tags with their colours.
    Tags,
    /// Pipelines with their stages.
    Pipelines,
    /// Forms with their fields.
    Forms,
    /// Case types with their workflows.
    CaseTypes,
    /// Whom the tenant tells of its changes.
    Webhooks,
    /// API keys.
    Keys,
    /// The client maps of ticketing.
    Integrations,
    /// Somewhere that the navigation does not lead to.
    Elsewhere,
}

/// The area of a kind of records.
#[must_use]
pub fn area_of(kind: Kind) -> Area {
    match kind {
        Kind::Lead | Kind::Opportunity => Area::Pipeline,
        Kind::Contact | Kind::Organization => Area::Directory,
        Kind::Case => Area::Cases,
    }
}

struct Entry {
    place: Place,
    words: &'static str,
    icon: Icon,
    path: &'static str,
    needs: Needs,
}

/// What somebody needs to be led to a page.
enum Needs {
    /// One of these areas; nothing where there is none.
    One(&'static [Area]),
    /// To administer ticketing.
    Ticketing,
}

const fn entry(place: Place, words: &'static str, icon: Icon, path: &'static str, areas: &'static [Area]) -> Entry {
    Entry { place, words, icon, path, needs: Needs::One(areas) }
}

const PIPELINE: &[Area] = &[Area::Pipeline];
const DIRECTORY: &[Area] = &[Area::Directory];
const CASES: &[Area] = &[Area::Cases];
const SETTINGS: &[Area] = &[Area::Settings];
const RECORDS: &[Area] = &[Area::Pipeline, Area::Directory, Area::Cases];

/// The groups of the navigation.
#[rustfmt::skip]
const GROUPS: &[(&str, &[Entry])] = &[
    ("", &[
        entry(Place::Overview, "Overview", Icon::Overview, "/console", &[]),
        entry(Place::Board, "Board", Icon::Board, "/console/board", PIPELINE),
    ]),
    ("Records", &[
        entry(Place::Records(Kind::Lead), "Leads", Icon::Lead, "/console/leads", PIPELINE),
        entry(Place::Records(Kind::Opportunity), "Opportunities", Icon::Opportunity, "/console/opportunities", PIPELINE),
        entry(Place::Records(Kind::Contact), "Contacts", Icon::Contact, "/console/contacts", DIRECTORY),
        entry(Place::Records(Kind::Organization), "Organizations", Icon::Organization, "/console/organizations", DIRECTORY),
        entry(Place::Records(Kind::Case), "Cases", Icon::Case, "/console/cases", CASES),
        entry(Place::Duplicates, "Duplicates", Icon::Duplicates, "/console/contacts/duplicates", DIRECTORY),
        entry(Place::Imports, "Import", Icon::Import, "/console/imports", RECORDS),
        entry(Place::Trash, "Trash", Icon::Trash, "/console/trash", &[]),
    ]),
    ("Settings", &[
        entry(Place::Tags, "Tags", Icon::Tag, "/console/settings/tags", RECORDS),
        entry(Place::Pipelines, "Pipelines", Icon::Board, "/console/settings/pipelines", PIPELINE),
        entry(Place::CaseTypes, "Case types", Icon::Workflow, "/console/settings/case-types", CASES),
        entry(Place::Forms, "Forms", Icon::Form, "/console/settings/forms", RECORDS),
        entry(Place::Webhooks, "Webhooks", Icon::Webhook, "/console/settings/webhooks", SETTINGS),
        Entry { place: Place::Integrations, words: "Integrations", icon: Icon::Plug, path: "/console/settings/integrations", needs: Needs::Ticketing },
        entry(Place::Keys, "API keys", Icon::Key, "/console/settings/keys", SETTINGS),
    ]),
];

impl Frame {
    /// Whether something may be done in an area.
    #[must_use]
    pub fn may(&self, area: Area, access: Access) -> bool {
        self.rights.allow(area, access)
    }

    /// A page of the console.
    #[must_use]
    pub fn page(&self, place: Place, title: &str, content: &Markup) -> Markup {
        let body = html! {
            a class="skip" href="#content" { "Skip to the content" }
            div class="shell" {
                (self.side(place))
                main id="content" tabindex="-1" { (content) }
            }
        };
        document(title, &body)
    }

    fn side(&self, place: Place) -> Markup {
        html! {
            header class="side" id="menu" {
                div class="brand" {
                    a class="brand-name" href="/console" { (brand()) span { "CRM" } }
                    span class="brand-tenant" title=(self.tenant) { (self.tenant) }
                    // Where there is little room, the navigation is shown once somebody asks for it.
                    a class="button menu-open" href="#menu" { "Menu" }
                    a class="button menu-close" href="#content" { "Close the menu" }
                }
                form class="search" method="get" action="/console/search" role="search" aria-label="Everything" {
                    (Icon::Search.draw())
                    input id="search" type="search" name="q" placeholder="Search" aria-label="Search everything" autocomplete="off";
                    kbd aria-hidden="true" { "/" }
                }
                nav aria-label="Main" { (self.groups(place)) }
                div class="side-foot" {
                    a class="nav-link" href="/docs" { (Icon::Document.draw()) span { "API document" } }
                    form method="post" action="/console/sign-out" {
                        (form::token(self))
                        button class="nav-link" type="submit" { (Icon::SignOut.draw()) span { "Sign out" } }
                    }
                    p class="who" {
                        @match &self.who {
                            Who::Key(name) => { "Signed in with the key " strong { (name) } },
                            Who::Person(name) => { "Signed in as " strong { (name) } },
                        }
                    }
                }
            }
        }
    }

    fn is_led_to(&self, entry: &Entry) -> bool {
        match entry.needs {
            Needs::One(areas) => areas.is_empty() || areas.iter().any(|area| self.may(*area, Access::Read)),
            Needs::Ticketing => self.administers_ticketing,
        }
    }

    fn groups(&self, place: Place) -> Markup {
        html! {
            @for (name, entries) in GROUPS {
                @let offered: Vec<&Entry> = entries.iter().filter(|entry| self.is_led_to(entry)).collect();
                @if !offered.is_empty() {
                    @if !name.is_empty() { p class="nav-head" { (name) } }
                    ul {
                        @for entry in offered {
                            li {
                                a class="nav-link" href=(entry.path) aria-current=[(entry.place == place).then_some("page")] {
                                    (entry.icon.draw()) span { (entry.words) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The mark of the console.
#[must_use]
pub fn brand() -> Markup {
    html! {
        svg class="mark" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true" focusable="false" {
            path class="mark-back" d="M5 0h10a5 5 0 0 1 5 5v10a5 5 0 0 1-5 5H5a5 5 0 0 1-5-5V5a5 5 0 0 1 5-5z" {}
            path class="mark-front" d="M5.5 6.2h9M5.5 10h6M5.5 13.8h3" {}
        }
    }
}

/// A whole document.
#[must_use]
pub fn document(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · CRM" }
                link rel="stylesheet" href=(assets::path_of("console.css"));
                link rel="icon" type="image/svg+xml" href=(assets::path_of("icon.svg"));
                script type="module" src=(assets::path_of("console.js")) {}
            }
            body { (body) }
        }
    }
}
