//! The board: a pipeline's stages as columns of cards.

use crm_core::Timestamp;
use crm_core::keys::{Access, Area};
use crm_exchange::Kind;
use crm_opportunities::{Opportunity, Pipeline, Stage, StageKey, StageSummary};
use crm_tags::TagOption;
use maud::{Markup, html};

use crate::filters::{field, in_words, pipeline_choice, tag_choice};
use crate::form::Typed;
use crate::icon::Icon;
use crate::people::{People, name};
use crate::record::{lost, new_in};
use crate::{Frame, Place, assets, form, list, show};

/// The most cards of a column; the list has the rest.
pub const MOST_CARDS: i64 = 200;

/// A column.
pub struct Column {
    /// The open opportunities of the stage, the latest first.
    pub cards: Vec<Opportunity>,
    /// Whether there are more.
    pub has_more: bool,
}

/// A board.
pub struct Board<'a> {
    /// All pipelines, to choose from.
    pub pipelines: &'a [Pipeline],
    /// The one that is shown.
    pub pipeline: &'a Pipeline,
    /// A column for each of its stages, in their order.
    pub columns: &'a [Column],
    /// What the stages add up to.
    pub sums: &'a [StageSummary],
    /// The parameters of the address: what is filtered by.
    pub given: &'a [(String, String)],
    /// The tags of opportunities.
    pub tags: &'a [TagOption],
    /// The people that it can be filtered by.
    pub people: &'a [People],
    /// Now.
    pub now: Timestamp,
    /// Whether the address names another pipeline, which is not there.
    pub is_another: bool,
    /// The filters that were refused: then there are no cards.
    pub refused: &'a Typed,
}

/// Its path.
pub const PATH: &str = "/console/board";

impl Board<'_> {
    fn value(&self, name: &str) -> &str {
        self.given.iter().find(|(given, _)| given == name).map_or("", |(_, value)| value)
    }

    /// The address of this board.
    fn address(&self) -> String {
        list::at(PATH, self.given.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }

    /// The list of all that this board would have in the column of a stage.
    fn rest(&self, stage: &str) -> String {
        let pipeline = self.pipeline.id.to_string();
        let filters = self.given.iter().filter(|(name, _)| name != "pipelineId");
        let filters = filters.map(|(name, value)| (name.as_str(), value.as_str()));
        let column = [("pipelineId", pipeline.as_str()), ("stage", stage), ("status", "open")];
        list::address(Kind::Opportunity, column.into_iter().chain(filters))
    }

    /// The page.
    #[must_use]
    pub fn page(&self, frame: &Frame) -> Markup {
        let may_write = frame.may(Area::Pipeline, Access::Write);
        let back = self.address();
        // What the menu of each card is reached by, behind the path of its opportunity.
        let is_plain = back == PATH;
        let move_with =
            may_write.then(|| if is_plain { "/stage".to_owned() } else { list::at("/stage", [("back", &*back)]) });
        let actions = html! {
            @if may_write { a class="button button-main" href=(new_in(Kind::Opportunity, &self.pipeline.id.to_string())) { (Icon::Plus.draw()) "New opportunity" } }
        };
        let content = html! {
            (show::head(self.pipeline.name.as_str(), &actions))
            @if self.is_another {
                div class="notice notice-warn" role="status" { (Icon::Alert.draw()) p { "The pipeline of this address is unknown here: it is gone, or was never one of this tenant. This is “" (self.pipeline.name.as_str()) "”." } }
            }
            (self.refused.summary(&["pipelineId", "title", "owner", "tags"]))
            (self.filters())
            p class="hidden" id="board-help" { "A card is moved by its menu, by dragging, or with Alt and the left and right arrow keys. To the right of the last column it is won or lost: its menu opens there." }
            div class="board" data-board tabindex="0" role="region" aria-label="Stages" aria-describedby=[may_write.then_some("board-help")] {
                @for (stage, column) in self.pipeline.stages.iter().zip(self.columns) {
                    (self.column(stage, column, move_with.as_deref()))
                }
                // Where a card is dropped to be won or lost: shown by the script while one is dragged.
                @if may_write {
                    div class="ends" data-ends hidden {
                        p class="end end-won" data-end="won" { "Won" }
                        p class="end end-lost" data-end="lost" { "Lost" }
                    }
                }
            }
            @if may_write { (self.menu(frame, &back)) }
            p class="hidden" role="status" aria-live="polite" data-board-said {}
            script type="module" src=(assets::path_of("board.js")) {}
        };
        frame.page(Place::Board, "Board", &content)
    }

    fn filters(&self) -> Markup {
        html! {
            form class="filters" method="get" action=(PATH) role="search" aria-label="Filters" {
                @if self.pipelines.len() > 1 {
                    (field(self.refused, "board-pipeline", &["pipelineId"], ("Pipeline", ""), |spot| {
                        pipeline_choice(spot, self.pipeline.id, self.pipelines)
                    }))
                }
                (field(self.refused, "board-title", &["title"], ("Title", ""), |spot| spot.line("text", "title", self.value("title"))))
                @for people in self.people {
                    @let (name, member) = people.role.members();
                    @let label = people.words(&in_words(member));
                    (field(self.refused, &format!("board-{member}"), &[name, member], (&label, ""), |spot| {
                        people.control(spot, self.value(member))
                    }))
                }
                @if !self.tags.is_empty() || !self.value("tags").is_empty() {
                    (field(self.refused, "board-tags", &["tags"], ("Tag", ""), |spot| tag_choice(spot, self.value("tags"), self.tags)))
                }
                button class="button" type="submit" { "Apply" }
            }
        }
    }

    fn column(&self, stage: &Stage, column: &Column, move_with: Option<&str>) -> Markup {
        let sum = self.sums.iter().find(|sum| sum.stage == stage.key && sum.pipeline_id == self.pipeline.id);
        let key = stage.key.as_str();
        let id = format!("stage-{key}");
        html! {
            section class="stage" aria-labelledby=(id) data-stage=(key) {
                header class="stage-head" {
                    h2 id=(id) { (show::dot(Some(stage.color.as_str()))) (stage.label.as_str()) }
                    span class="quiet number" data-count { (sum.map_or(0, |sum| sum.count)) }
                    p class="quiet small" data-sums {
                        @if let Some(sum) = sum {
                            @for total in &sum.values { span class="sum" { (show::grouped(&total.amount().to_string())) " " (total.currency().code()) } " " }
                        }
                        @if let Some(probability) = stage.probability { "· " (probability) " %" }
                    }
                }
                ol class="cards" data-cards {
                    @for card in &column.cards { (self.card(card, move_with)) }
                }
                @if column.has_more {
                    p class="small" { a href=(self.rest(key)) { "More of them" } }
                }
            }
        }
    }

    /// A card. There may be a thousand of them: nothing stands there twice, and the script names the link by the title.
    fn card(&self, card: &Opportunity, move_with: Option<&str>) -> Markup {
        let path = show::path(Kind::Opportunity, &card.id.to_string());
        let days = (self.now.as_datetime() - card.stage_since.as_datetime()).num_days().max(0);
        html! {
            li class="deal" {
                a href=(path) { (card.title.as_str()) }
                @if let Some(move_with) = move_with { a href={ (path) (move_with) } aria-label="Move" { "⋯" } }
                @if let Some(organization) = &card.organization { p { (organization.name) } }
                @if !card.tags.is_empty() { p { @for tag in &card.tags { span class="pill" { (show::dot(Some(&tag.color))) (tag.label) } " " } } }
                div {
                    @if let Some(value) = &card.value { b { (show::grouped(&value.amount().to_string())) " " (value.currency().code()) } }
                    span title="Days in this stage" { (days) " d" }
                    @if let Some(owner) = card.owner.as_ref().map(name) { span { (owner) } }
                }
            }
        }
    }

    /// The one menu of all cards: the script fills it in for the one that it is opened for.
    fn menu(&self, frame: &Frame, back: &str) -> Markup {
        html! {
            dialog class="dialog" data-menu aria-labelledby="menu-title" {
                div class="head" {
                    h2 id="menu-title" { "Move" }
                    form method="dialog" { button class="button" type="submit" { "Close" } }
                }
                (ways(frame, "/console/opportunities", self.pipeline, None, back))
            }
        }
    }
}

/// Where an opportunity of a pipeline can go: to a stage, to be won, to be lost. What has these leads `back` then.
fn ways(frame: &Frame, path: &str, pipeline: &Pipeline, here: Option<&StageKey>, back: &str) -> Markup {
    html! {
        form class="together" method="post" action={ (path) "/stage" } data-to="stage" {
            (form::token(frame))
            input type="hidden" name="back" value=(back);
            select name="stage" aria-label="Stage" {
                @for stage in &pipeline.stages { option value=(stage.key.as_str()) selected[Some(&stage.key) == here] { (stage.label.as_str()) } }
            }
            button class="button" type="submit" { "Move" }
        }
        form method="post" action={ (path) "/status" } data-to="won" {
            (form::token(frame))
            input type="hidden" name="back" value=(back);
            input type="hidden" name="status" value="won";
            button class="button button-main" type="submit" { "Won" }
        }
        div data-to="lost" { (lost(frame, &format!("{path}/status"), Some(back), &Typed::default())) }
    }
}

/// The page where a card is moved, for whom the board has no menu: a browser without script.
#[must_use]
pub fn card_page(frame: &Frame, card: &Opportunity, pipeline: &Pipeline, back: &str) -> Markup {
    let title = format!("Move {}", card.title.as_str());
    let path = show::path(Kind::Opportunity, &card.id.to_string());
    let content = html! {
        nav class="crumbs" aria-label="Where you are" {
            a class="with-icon" href=(back) { (Icon::Board.draw()) "Board" }
            span aria-hidden="true" { "/" }
            a href=(path) { "Opportunity #" (card.id) }
        }
        (show::head(&title, &html! {}))
        div class="card ways" { (ways(frame, &path, pipeline, Some(&card.stage), back)) }
    };
    frame.page(Place::Board, &title, &content)
}

/// What is shown where there is no pipeline.
#[must_use]
pub fn none(frame: &Frame) -> Markup {
    let content = html! {
        (show::head("Board", &html! {}))
        div class="empty" {
            p { "There is no pipeline yet." }
            @if frame.may(Area::Pipeline, Access::Write) {
                p { a class="button button-main" href="/console/settings/pipelines/new" { (Icon::Plus.draw()) "New pipeline" } }
            }
        }
    };
    frame.page(Place::Board, "Board", &content)
}
