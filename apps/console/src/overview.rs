//! The overview: pictures that the server draws, and what changed last.

use crm_core::keys::{Access, Area};
use crm_core::values::MoneyTotal;
use crm_history::Change;
use crm_opportunities::{Pipeline, StageSummary};
use maud::{Markup, html};

use crate::record::happening;
use crate::{Frame, Place, show};

/// What is won and lost in a month: `2026-11`, how many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Month {
    /// The month.
    pub name: String,
    /// How many were won in it.
    pub won: usize,
    /// How many were lost.
    pub lost: usize,
}

/// What the page shows; what whoever looks may not read is empty.
#[derive(Default)]
pub struct Overview<'a> {
    /// The pipelines.
    pub pipelines: &'a [Pipeline],
    /// What their stages add up to.
    pub sums: &'a [StageSummary],
    /// The last months, oldest first.
    pub months: &'a [Month],
    /// The statuses of open cases with how many have them.
    pub statuses: &'a [(String, usize)],
    /// What changed last, newest first.
    pub changes: &'a [Change],
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
            div class="tiles" {
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

    fn pipeline(&self, pipeline: &Pipeline) -> Markup {
        let sums: Vec<&StageSummary> = self.sums.iter().filter(|sum| sum.pipeline_id == pipeline.id).collect();
        let most = sums.iter().map(|sum| sum.count).max().unwrap_or(0);
        html! {
            section class="card tile-wide" {
                h2 { a href={ "/console/board?pipelineId=" (pipeline.id) } { (pipeline.name.as_str()) } }
                table class="bars" {
                    caption class="hidden" { "Open opportunities by stage" }
                    thead { tr { th scope="col" { "Stage" } th scope="col" { "Open" } th scope="col" class="number" { "Value" } th scope="col" class="number" { "Weighted" } } }
                    tbody {
                        @for sum in sums {
                            tr {
                                th scope="row" { (sum.label.as_str()) }
                                td { (bar(share(sum.count, most))) span class="number" { (sum.count) } }
                                td { (totals(&sum.values)) }
                                td class="quiet" { (totals(&sum.weighted_values)) }
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
                                th scope="row" { (month.name) }
                                td class="good" { (bar(ratio(month.won, most))) span class="number" { (month.won) } }
                                td class="bad" { (bar(ratio(month.lost, most))) span class="number" { (month.lost) } }
                            }
                        }
                    }
                }
            }
        }
    }

    fn cases(&self) -> Markup {
        let most = self.statuses.iter().map(|(_, count)| *count).max().unwrap_or(0);
        html! {
            section class="card" {
                h2 { a href="/console/cases" { "Latest cases by status" } }
                @if self.statuses.is_empty() { p class="quiet" { "There are no cases yet." } }
                @else {
                    table class="bars" {
                        caption class="hidden" { "Cases by status" }
                        thead { tr { th scope="col" { "Status" } th scope="col" { "Cases" } } }
                        tbody {
                            @for (status, count) in self.statuses {
                                tr { th scope="row" { (status) } td { (bar(ratio(*count, most))) span class="number" { (count) } } }
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
                        @let kind = crm_exchange::Kind::NAMES.iter().find(|(name, _)| *name == change.kind.as_str()).map(|(_, kind)| *kind);
                        li {
                            p class="small" {
                                @match kind {
                                    Some(kind) => a href=(show::path(kind, &change.record_id)) { (show::names(kind).0) " #" (change.record_id) },
                                    None => (change.kind.as_str()),
                                }
                            }
                            ol { (happening(change)) }
                        }
                    }
                }
            }
        }
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

fn ratio(part: usize, most: usize) -> f64 {
    share(i64::try_from(part).unwrap_or(i64::MAX), i64::try_from(most).unwrap_or(i64::MAX))
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
