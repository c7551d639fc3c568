//! The overview: pictures that the server draws, and what changed last.

use std::collections::BTreeMap;

use crm_cases::StatusAges;
use crm_core::keys::{Access, Area};
use crm_core::params::escaped;
use crm_core::values::MoneyTotal;
use crm_exchange::Kind;
use crm_history::Change;
use crm_opportunities::{MonthClosed, Pipeline, StageSummary};
use maud::{Markup, html};
use serde_json::Value;

use crate::happened::{Names, happening};
use crate::people::Role;
use crate::{Frame, Place, list, show, words};

/// What the page shows; what whoever looks may not read is empty.
#[derive(Default)]
pub struct Overview<'a> {
    /// The pipelines.
    pub pipelines: &'a [Pipeline],
    /// What their stages add up to.
    pub sums: &'a [StageSummary],
    /// The last months, oldest first.
    pub months: &'a [MonthClosed],
    /// The statuses that cases are in, with how old these are.
    pub statuses: &'a [StatusAges],
    /// What changed last, newest first.
    pub changes: &'a [Change],
    /// What people call that which the changes have by its id.
    pub names: Names,
    /// What is of the person who looks, by kinds; `None` where it is no person.
    pub mine: Option<&'a [Mine]>,
    /// Whether there is no record that whoever looks may read.
    pub is_empty: bool,
}

/// Records of one kind that are somebody's.
#[derive(Debug, Clone)]
pub struct Mine {
    /// What they are.
    pub kind: Kind,
    /// What somebody is to them.
    pub role: Role,
    /// The id of whose they are.
    pub person: String,
    /// The latest, as the API shows them.
    pub records: Vec<Value>,
    /// Whether there are more.
    pub has_more: bool,
}

/// How wide a bar can be.
const WIDEST: f64 = 100.0;

impl Overview<'_> {
    /// The page.
    #[must_use]
    pub fn page(&self, frame: &Frame) -> Markup {
        let sees_deals = frame.may(Area::Pipeline, Access::Read);
        let sees_cases = frame.may(Area::Cases, Access::Read);
        let content = html! {
            (show::head("Overview", &html! {}))
            (self.first_steps(frame))
            div class="tiles" {
                @if let Some(mine) = self.mine { (yours(mine)) }
                @if sees_deals {
                    @for pipeline in self.pipelines { (self.pipeline(pipeline)) }
                    (self.closed())
                }
                @if sees_cases { (self.cases()) }
                (self.changed())
            }
        };
        frame.page(Place::Overview, "Overview", &content)
    }

    /// Where somebody begins who has just come: shown as long as there is nothing to see.
    fn first_steps(&self, frame: &Frame) -> Markup {
        let steps = [
            (Area::Pipeline, "/console/settings/pipelines", "Name the stages that your sales go through"),
            (Area::Directory, "/console/imports", "Bring your contacts in from a spreadsheet"),
            (Area::Pipeline, "/console/opportunities/new", "Make the first opportunity"),
            (Area::Settings, "/console/settings/keys", "Make a key for a colleague, or for a program"),
        ];
        let mine: Vec<_> = steps.into_iter().filter(|(area, ..)| frame.may(*area, Access::Write)).collect();
        html! {
            @if self.is_empty && !mine.is_empty() {
                section class="card spaced" aria-labelledby="first-steps" {
                    h2 id="first-steps" { "First steps" }
                    ol { @for (_, path, words) in mine { li { a href=(path) { (words) } } } }
                }
            }
        }
    }

    fn pipeline(&self, pipeline: &Pipeline) -> Markup {
        let sums: Vec<&StageSummary> = self.sums.iter().filter(|sum| sum.pipeline_id == pipeline.id).collect();
        let code = main_currency(&sums);
        let of = |totals: &[MoneyTotal]| amount(totals, code.as_deref());
        let most = sums.iter().map(|sum| of(&sum.values)).fold(0.0, f64::max);
        // Where nothing has a value, how many there are is what can be compared.
        let counts = sums.iter().map(|sum| sum.count).max().unwrap_or(0);
        html! {
            section class="card tile-wide" {
                h2 { a href={ "/console/board?pipelineId=" (pipeline.id) } { (pipeline.name.as_str()) } }
                table class="bars" {
                    caption class="hidden" { "Open opportunities by stage" }
                    thead { tr { th scope="col" { "Stage" } th scope="col" class="number" { "Open" } th scope="col" { "Value" } th scope="col" { "Weighted" } } }
                    tbody {
                        @for sum in sums {
                            tr {
                                th scope="row" { (sum.label.as_str()) }
                                td class="number" { (sum.count) }
                                td { (bar(if most > 0.0 { of(&sum.values) / most } else { share(sum.count, counts) })) (totals(&sum.values)) }
                                td class="quiet weighted" { @if most > 0.0 { (bar(of(&sum.weighted_values) / most)) } (totals(&sum.weighted_values)) }
                            }
                        }
                    }
                }
            }
        }
    }

    fn closed(&self) -> Markup {
        let most = self.months.iter().flat_map(|month| [month.won, month.lost]).max().unwrap_or(0);
        html! {
            section class="card" {
                h2 { "Won and lost by month" }
                table class="bars" {
                    caption class="hidden" { "Opportunities won and lost by month" }
                    thead { tr { th scope="col" { "Month" } th scope="col" { "Won" } th scope="col" { "Lost" } } }
                    tbody {
                        @for month in self.months {
                            tr {
                                th scope="row" { (month.month) }
                                td class="good" { (bar(share(month.won, most))) span class="number" { (month.won) } }
                                td class="bad" { (bar(share(month.lost, most))) span class="number" { (month.lost) } }
                            }
                        }
                    }
                }
            }
        }
    }

    fn cases(&self) -> Markup {
        let most = self.statuses.iter().map(StatusAges::count).max().unwrap_or(0);
        html! {
            section class="card" {
                h2 { a href="/console/cases" { "Cases by status and age" } }
                @if self.statuses.is_empty() { p class="quiet" { "There are no cases yet." } }
                @else {
                    table class="bars" {
                        caption class="hidden" { "Cases by status, and when they were made" }
                        thead { tr {
                            th scope="col" { "Status" } th scope="col" { "Cases" } th scope="col" class="number" { "7 days" }
                            th scope="col" class="number" { "30 days" } th scope="col" class="number" { "Older" }
                        } }
                        tbody {
                            @for ages in self.statuses {
                                tr {
                                    th scope="row" { a href=(list::address(Kind::Case, [("status", escaped(ages.status.as_str()).as_str())])) { (ages.status) } }
                                    td { (bar(share(ages.count(), most))) span class="number" { (ages.count()) } }
                                    @for count in [ages.week, ages.month, ages.older] { td class="number quiet" { (count) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    fn changed(&self) -> Markup {
        html! {
            section class="card" {
                h2 { "Changed last" }
                @if self.changes.is_empty() { p class="quiet" { "Nothing has happened yet." } }
                ol class="timeline" {
                    @for change in self.changes {
                        @let kind = Kind::NAMES.iter().find(|(name, _)| *name == change.kind.as_str()).map(|(_, kind)| *kind);
                        li {
                            p class="small" {
                                @match kind {
                                    Some(kind) => a href=(show::path(kind, &change.record_id)) { (show::names(kind).0) " #" (change.record_id) },
                                    None => (words::of_name(change.kind.as_str())),
                                }
                                @if let Some(name) = self.names.thing(change) { " " (name) }
                            }
                            ol { (happening(change, &self.names)) }
                        }
                    }
                }
            }
        }
    }
}

/// What is of whoever looks.
fn yours(mine: &[Mine]) -> Markup {
    html! {
        section class="card" {
            h2 { "Yours" }
            @if mine.is_empty() { p class="quiet" { "Nothing is yours yet." } }
            @for Mine { kind, role, person, records, has_more } in mine {
                h3 { (show::names(*kind).1) @if *role == Role::Assignee { " assigned to you" } }
                ul class="rows" {
                    @for record in records {
                        li {
                            a href=(show::path(*kind, record["id"].as_str().unwrap_or_default())) { (show::title(record)) }
                            span class="small" { (show::state(*kind, record)) (show::moment_of(&record["createdOn"])) }
                        }
                    }
                }
                @if *has_more {
                    p class="small" { a href=(list::address(*kind, [(role.members().1, escaped(person).as_str())])) { (all_words(*role)) } }
                }
            }
        }
    }
}

fn all_words(role: Role) -> &'static str {
    match role {
        Role::Owner => "All of yours",
        Role::Assignee => "All that are assigned to you",
    }
}

/// Sums of several currencies, in whole units.
fn totals(all: &[MoneyTotal]) -> Markup {
    html! {
        div class="sums" {
            @for total in all {
                span class="number" { (show::grouped(&total.amount().round().to_string())) " " (total.currency().code()) }
            }
        }
    }
}

/// The currency with the largest sum: a bar compares amounts of one alone.
fn main_currency(sums: &[&StageSummary]) -> Option<String> {
    let mut all: BTreeMap<&str, f64> = BTreeMap::new();
    for total in sums.iter().flat_map(|sum| &sum.values) {
        *all.entry(total.currency().code()).or_default() += number(total);
    }
    all.into_iter().max_by(|one, other| one.1.total_cmp(&other.1)).map(|(code, _)| code.to_owned())
}

/// The amount of this currency, as long as a bar is.
fn amount(totals: &[MoneyTotal], code: Option<&str>) -> f64 {
    totals.iter().find(|total| Some(total.currency().code()) == code).map_or(0.0, number).max(0.0)
}

fn number(total: &MoneyTotal) -> f64 {
    total.amount().to_string().parse().unwrap_or(0.0)
}

#[expect(clippy::cast_precision_loss, reason = "it is the length of a bar")]
fn share(part: i64, most: i64) -> f64 {
    if most <= 0 { 0.0 } else { part as f64 / most as f64 }
}

fn bar(share: f64) -> Markup {
    html! {
        svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" focusable="false" {
            rect class="bar-back" width="100" height="8" rx="2" {}
            rect class="bar-front" width=(format!("{:.1}", share * WIDEST)) height="8" rx="2" {}
        }
    }
}
