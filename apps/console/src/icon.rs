//! Symbols, drawn for this console on a grid of 16 by 16.

use maud::{Markup, html};

/// A symbol. It says nothing by itself: a word stands beside it, or in the label of what it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Icon {
    /// The overview.
    Overview,
    /// The board.
    Board,
    /// Leads.
    Lead,
    /// Opportunities.
    Opportunity,
    /// Contacts.
    Contact,
    /// Organizations.
    Organization,
    /// Cases.
    Case,
    /// Records that look like one.
    Duplicates,
    /// A file that comes in.
    Import,
    /// The trash.
    Trash,
    /// Tags.
    Tag,
    /// Forms.
    Form,
    /// Workflows.
    Workflow,
    /// Webhooks.
    Webhook,
    /// Integrations.
    Plug,
    /// The settings.
    Settings,
    /// Keys.
    Key,
    /// Searching.
    Search,
    /// Signing out.
    SignOut,
    /// Something new.
    Plus,
    /// Something was done.
    Check,
    /// Something is wrong.
    Alert,
    /// Something that can be changed where it stands.
    Pencil,
    /// The API's document.
    Document,
}

impl Icon {
    fn path(self) -> &'static str {
        match self {
            Self::Overview => "M2.5 13.5V9M6.2 13.5V5M9.8 13.5V7.5M13.5 13.5v-11",
            Self::Board => "M2.5 2.5h3v11h-3zM6.5 2.5h3v7h-3zM10.5 2.5h3v9h-3z",
            Self::Lead => "M8 1.8v3M8 11.2v3M1.8 8h3M11.2 8h3M3.6 3.6l2 2M10.4 10.4l2 2M12.4 3.6l-2 2M5.6 10.4l-2 2",
            Self::Opportunity => "M14 8A6 6 0 1 1 8 2M11 8a3 3 0 1 1-3-3M8 8l5.5-5.5M11 2.5V5h2.5",
            Self::Contact => "M8 8a2.8 2.8 0 1 0 0-5.6A2.8 2.8 0 0 0 8 8zM2.8 13.8c.4-2.6 2.5-4 5.2-4s4.8 1.4 5.2 4",
            Self::Organization => {
                "M2.5 13.8V3.2l6-1.4v12M8.5 6h5v7.8M1.5 13.8h13M5 5.5h1M5 8h1M5 10.5h1M11 8.5h.6M11 11h.6"
            }
            Self::Case => {
                "M2 4h12v2.6a1.5 1.5 0 0 0 0 2.8V12H2V9.4a1.5 1.5 0 0 0 0-2.8zM9.5 4v1.5M9.5 7.2v1.6M9.5 10.5V12"
            }
            Self::Duplicates => "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
            Self::Import => "M8 2v7.5M5 6.8 8 9.8l3-3M2.5 10.5v3h11v-3",
            Self::Tag => "M2.5 2.5h5.3l5.7 5.7-5.3 5.3-5.7-5.7zM5.4 5.4h.01",
            Self::Form => "M2.5 3h11M2.5 6.5h11v3h-11zM2.5 13h6",
            Self::Workflow => "M2 2.5h4.5v3.5H2zM9.5 10H14v3.5H9.5zM4.2 6v5.8h5.3M7 9.6l2.5 2.2L7 14",
            Self::Webhook => "M2 13.5 13.8 8 2 2.5l2 5.5zM4 8h5",
            Self::Plug => "M5.5 2v3.5M10.5 2v3.5M3.5 5.5h9V8a4.5 4.5 0 0 1-9 0zM8 12.5V15",
            Self::Trash => "M2.5 4h11M6 4V2.3h4V4M4 4l.7 9.7h6.6L12 4M6.6 6.8v4.2M9.4 6.8v4.2",
            Self::Settings => {
                "M2 4.5h6M11.5 4.5H14M9.8 6.2a1.7 1.7 0 1 0 0-3.4 1.7 1.7 0 0 0 0 3.4zM2 11.5h2.5M8 11.5h6M6.2 13.2a1.7 1.7 0 1 0 0-3.4 1.7 1.7 0 0 0 0 3.4z"
            }
            Self::Key => "M5.2 13.4a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.2zM7 9l6.6-6.6M11 5l2 2",
            Self::Search => "M7 11.8a4.8 4.8 0 1 0 0-9.6 4.8 4.8 0 0 0 0 9.6zM10.5 10.5l3.3 3.3",
            Self::SignOut => "M6.5 2.5h-4v11h4M6.5 8h7M10.8 5.2 13.5 8l-2.7 2.8",
            Self::Plus => "M8 3v10M3 8h10",
            Self::Check => "M3 8.5l3.2 3.2L13 4.8",
            Self::Alert => "M8 2.2 14.2 13H1.8zM8 6.4v3.2M8 11.3v.3",
            Self::Pencil => "M2.5 13.5l.8-3.3 7.5-7.5 2.5 2.5-7.5 7.5zM9 4.5 11.5 7",
            Self::Document => "M3.5 1.8h6l3 3v9.4h-9zM9.5 1.8v3h3M5.8 8h4.4M5.8 10.8h4.4",
        }
    }

    /// Draws it.
    #[must_use]
    pub fn draw(self) -> Markup {
        html! {
            svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false" {
                path d=(self.path()) {}
            }
        }
    }
}
