//! Settings, integrations: the client maps of ticketing, to look at. Programs make and change them, over the routes of ticketing.

use maud::{Markup, html};
use ticketing_clientmap::{ClientMap, Configuration, FieldMapping, MapStatus, SyncStatus};

use crate::{Frame, Place, show};

const PATH: &str = "/console/settings/integrations";

/// All of the tenant.
#[must_use]
pub fn list(frame: &Frame, maps: &[ClientMap]) -> Markup {
    let content = html! {
        (show::head("Integrations", &html! {}))
        p class="lead" { "Other systems that tickets come from and go to. The programs that carry them set this up and report their runs." }
        @if maps.is_empty() { div class="empty" { p { "No other system is connected yet." } } }
        @else {
            div class="table-box" tabindex="0" role="region" aria-label="Integrations" {
                table {
                    thead { tr {
                        th scope="col" { "Client" } th scope="col" { "Type" } th scope="col" { "Way" } th scope="col" { "State" }
                        th scope="col" { "Last run" } th scope="col" { "How it went" } th scope="col" class="number" { "Fields" }
                    } }
                    tbody { @for map in maps { tr {
                        th scope="row" { a href={ (PATH) "/" (map.id) } { (map.client_name.as_str()) } }
                        td { (map.client_type.as_str()) }
                        td { (map.mapping_type.as_str()) }
                        td { (state(map.status)) }
                        td { (last_run(map)) }
                        td { (went(map.sync_status)) }
                        td class="number" { (mappings(map).len()) }
                    } } }
                }
            }
        }
    };
    frame.page(Place::Integrations, "Integrations", &content)
}

/// One of them, with how fields are called on the other side.
#[must_use]
pub fn page(frame: &Frame, map: &ClientMap) -> Markup {
    let mappings = mappings(map);
    let title = map.client_name.as_str();
    let content = html! {
        (show::head(title, &html! { a class="button" href=(PATH) { "All integrations" } }))
        section class="card" {
            dl class="facts" {
                dt { "State" } dd { (state(map.status)) }
                dt { "Last run" } dd { (last_run(map)) " " (went(map.sync_status)) }
                dt { "Client" } dd { (map.client_id.as_str()) }
                dt { "Type" } dd { (map.client_type.as_str()) }
                dt { "Way" } dd {
                    (map.mapping_type.as_str())
                    @let ends = [map.source_system.as_ref(), map.target_system.as_ref()].map(|end| end.map_or("–", |end| end.as_str()));
                    @if ends != ["–", "–"] { ": " (ends[0]) " → " (ends[1]) }
                }
                @if let Some(usecase) = &map.usecase { dt { "Use case" } dd { (usecase.as_str()) } }
                dt { "Made" } dd { (show::moment(map.created_at)) }
                dt { "Changed" } dd { (show::moment(map.updated_at)) }
            }
        }
        section class="card" aria-labelledby="mappings" {
            h2 id="mappings" { "Fields" }
            @if mappings.is_empty() { p class="quiet" { "Nothing is said of fields: they are called the same on both sides." } }
            @else {
                div class="table-box" tabindex="0" role="region" aria-label="Fields on both sides" {
                    table {
                        thead { tr { th scope="col" { "From" } th scope="col" { "To" } th scope="col" { "Turned by" } } }
                        tbody { @for FieldMapping { source_field, target_field, transform } in &mappings { tr {
                            th scope="row" { (source_field) }
                            td { (target_field) }
                            td { (transform.as_deref().unwrap_or("–")) }
                        } } }
                    }
                }
            }
        }
    };
    frame.page(Place::Integrations, title, &content)
}

fn mappings(map: &ClientMap) -> Vec<FieldMapping> {
    map.configuration.as_ref().map(Configuration::field_mappings).unwrap_or_default()
}

fn last_run(map: &ClientMap) -> Markup {
    html! { @match map.last_sync_at { Some(moment) => (show::moment(moment)), None => span class="quiet" { "never" } } }
}

fn state(status: MapStatus) -> Markup {
    let class = match status {
        MapStatus::Active => "pill pill-good",
        MapStatus::Inactive => "pill",
    };
    html! { span class=(class) { (status.as_str().replace('_', " ")) } }
}

fn went(status: SyncStatus) -> Markup {
    let class = match status {
        SyncStatus::Success => "pill pill-good",
        SyncStatus::Failed => "pill pill-bad",
        SyncStatus::Pending | SyncStatus::InProgress | SyncStatus::Disabled => "pill",
    };
    html! { span class=(class) { (status.as_str().replace('_', " ")) } }
}
