//! What lists and the board are filtered by: the address has ids, people read names.

use std::collections::HashMap;

use crm_core::params::{ParamDescription, ParamKind, entries};
use crm_core::text::folded;
use crm_core::{ContactId, OrganizationId, PipelineId, TagId, Uuid};
use crm_exchange::{Kind, Lookup};
use crm_opportunities::Pipeline;
use crm_tags::TagOption;
use maud::{Markup, html};

use crate::fields::words_of;
use crate::form::Typed;
use crate::list::{List, address, at};
use crate::people::{People, Role};
use crate::{Frame, Place, icon::Icon, show, words};

/// What contacts and organizations are called, by their ids.
pub type Called = HashMap<(Lookup, String), String>;

/// Filters that have a place of their own; the others are below "More filters".
fn main_filters(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Lead => &["title", "leadRating", "isArchived"],
        Kind::Opportunity => &["title", "status"],
        Kind::Contact | Kind::Organization => &["name", "email"],
        Kind::Case => &["title", "status"],
    }
}

/// Parameters of the page itself, which are no filters.
pub(crate) const OF_PAGE: &[&str] =
    &["page", "offset", "size", "sort", "orderBy", "includeTotal", "includeToken", "continuationToken", "columns"];

/// How many of several are told; the others are counted.
const TOLD: usize = 3;
/// The most stages to choose from at a time.
const MOST_STAGES: usize = 300;

/// What people choose from, under a heading where there are several: what the address has, and words.
pub(crate) struct Group<'a> {
    heading: Option<&'a str>,
    options: Vec<(String, String)>,
}

impl Group<'_> {
    pub(crate) fn of(options: impl IntoIterator<Item = (String, String)>) -> Vec<Self> {
        vec![Self { heading: None, options: options.into_iter().collect() }]
    }
}

fn options(options: &[(String, String)], chosen: Option<&(String, String)>) -> Markup {
    html! {
        @for option in options {
            option value=(option.0) selected[chosen.is_some_and(|chosen| std::ptr::eq(chosen, option))] { (option.1) }
        }
    }
}

/// Where a filter is drawn: its id, what was typed there, and the id of the words that say what is wrong with it.
pub(crate) struct Spot<'a> {
    pub(crate) id: &'a str,
    pub(crate) typed: Option<&'a str>,
    pub(crate) words: Option<&'a str>,
}

impl Spot<'_> {
    pub(crate) fn invalid(&self) -> Option<&'static str> {
        self.words.map(|_| "true")
    }

    /// A line of text.
    pub(crate) fn line(&self, kind: &str, name: &str, value: &str) -> Markup {
        html! {
            input type=(kind) id=(self.id) name=(name) value=[Some(value).filter(|value| !value.is_empty())]
                aria-describedby=[self.words] aria-invalid=[self.invalid()] autocomplete="off";
        }
    }
}

/// A filter under its label, with what was refused of these parameters, the first of which is the one that is typed.
pub(crate) fn field(
    refused: &Typed,
    id: &str,
    names: &[&str],
    label: (&str, &str),
    control: impl FnOnce(&Spot<'_>) -> Markup,
) -> Markup {
    let problems: Vec<&str> = names.iter().flat_map(|name| refused.problems(name)).collect();
    let words = format!("{id}-words");
    let typed = names.first().and_then(|name| refused.value(name));
    let spot = Spot { id, typed, words: (!problems.is_empty()).then_some(words.as_str()) };
    html! {
        div class={ "field filter" @if !problems.is_empty() { " field-bad" } } {
            label for=(id) title=[Some(label.1).filter(|title| !title.is_empty())] { (label.0) }
            (control(&spot))
            @if !problems.is_empty() {
                div class="words" id=(words) { @for problem in problems { p class="bad" { (Icon::Alert.draw()) (problem) } } }
            }
        }
    }
}

/// A field to choose from. What the address has and is not among it stands there as it is `called`.
pub(crate) fn choice(spot: &Spot<'_>, name: &str, value: &str, called: &str, groups: &[Group<'_>]) -> Markup {
    // Stages of two pipelines can have one key: the first is the one that is chosen.
    let chosen = groups.iter().flat_map(|group| &group.options).find(|(option, _)| option == value);
    html! {
        select id=(spot.id) name=(name) aria-describedby=[spot.words] aria-invalid=[spot.invalid()] {
            option value="" { "any" }
            @if !value.is_empty() && chosen.is_none() { option value=(value) selected { (called) } }
            @for group in groups {
                @match group.heading {
                    Some(heading) => optgroup label=(heading) { (options(&group.options, chosen)) },
                    None => (options(&group.options, chosen)),
                }
            }
        }
    }
}

/// The filter by one of these tags.
pub(crate) fn tag_choice(spot: &Spot<'_>, value: &str, tags: &[TagOption]) -> Markup {
    let of_label = tag(tags, value).map(|tag| tag.id.to_string());
    let options = tags.iter().map(|tag| (tag.id.to_string(), tag.label.clone()));
    choice(spot, "tags", of_label.as_deref().unwrap_or(value), &labels(tags, value), &Group::of(options))
}

/// The tags of a filter by their labels.
fn labels(tags: &[TagOption], value: &str) -> String {
    told(value, |entry| tag(tags, entry).map_or_else(|| unknown("tag", entry), |tag| tag.label.clone()))
}

/// The filter by one of these pipelines, of which one is shown.
pub(crate) fn pipeline_choice(spot: &Spot<'_>, shown: PipelineId, pipelines: &[Pipeline]) -> Markup {
    html! {
        select id=(spot.id) name=(Lookup::Pipeline.members().1) aria-describedby=[spot.words] aria-invalid=[spot.invalid()] {
            @for pipeline in pipelines { option value=(pipeline.id) selected[pipeline.id == shown] { (pipeline.name.as_str()) } }
        }
    }
}

/// The tag that an entry of a filter spells, by its id or label.
fn tag<'t>(tags: &'t [TagOption], entry: &str) -> Option<&'t TagOption> {
    let id = entry.parse::<TagId>().ok();
    let of_id = tags.iter().find(|tag| Some(tag.id) == id);
    of_id.or_else(|| tags.iter().find(|tag| folded(&tag.label) == folded(entry)))
}

fn pipeline<'p>(pipelines: &'p [Pipeline], entry: &str) -> Option<&'p Pipeline> {
    let id = entry.parse::<PipelineId>().ok();
    pipelines.iter().find(|pipeline| Some(pipeline.id) == id)
}

/// What stands for something of which nothing is known: it is gone, or is somebody else's.
pub(crate) fn unknown(what: &str, entry: &str) -> String {
    if entry.parse::<Uuid>().is_ok() { format!("unknown {what}") } else { format!("unknown {what} “{entry}”") }
}

/// The entries of a filter in words.
pub(crate) fn told(value: &str, word: impl Fn(&str) -> String) -> String {
    let all = entries(value);
    let first: Vec<String> = all.iter().take(TOLD).map(|entry| word(entry.trim())).collect();
    match all.len().saturating_sub(TOLD) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// An id of a contact or organization as records have it.
#[must_use]
pub fn record_id(lookup: Lookup, entry: &str) -> Option<String> {
    match lookup {
        Lookup::Contact => entry.trim().parse::<ContactId>().ok().map(|id| id.to_string()),
        Lookup::Organization => entry.trim().parse::<OrganizationId>().ok().map(|id| id.to_string()),
        Lookup::CaseType | Lookup::Pipeline => None,
    }
}

/// What the contacts or organizations with the ids of a filter are called.
#[must_use]
pub fn called(names: &Called, lookup: Lookup, ids: &str) -> String {
    told(ids, |entry| {
        let name = record_id(lookup, entry).and_then(|id| names.get(&(lookup, id)));
        name.cloned().unwrap_or_else(|| format!("unknown {} (#{entry})", lookup.members().0))
    })
}

/// What is found by its name where this parameter has ids.
fn looked_up(filter: &str) -> Option<Lookup> {
    [Lookup::Contact, Lookup::Organization].into_iter().find(|lookup| lookup.members().1 == filter)
}

/// The parameters of a filter, the one that is typed first.
fn names(filter: &'static str) -> Vec<&'static str> {
    let looked_up = looked_up(filter).map(Lookup::members);
    let of_people = [Role::Owner, Role::Assignee].map(Role::members).into_iter().find(|(_, member)| *member == filter);
    looked_up.or(of_people).map_or_else(|| vec![filter], |(name, member)| vec![name, member])
}

/// A filter as people say it.
pub(crate) fn in_words(filter: &str) -> String {
    let words = match filter {
        "assigneeId" => "Assignee",
        "contactId" => "Contact (name or # and number)",
        "createdAfterDate" => "Made on or after",
        "createdBeforeDate" => "Made on or before",
        "empty" => "Fields that are empty",
        "ids" => "Numbers",
        "notEmpty" => "Fields that are filled in",
        "organizationId" => "Organization (name or # and number)",
        "ownerId" => "Owner",
        "searchValue" => "Name, e-mail or organization",
        "updatedAfterDate" => "Changed on or after",
        "updatedBeforeDate" => "Changed on or before",
        other => return words::of_name(other),
    };
    words.to_owned()
}

fn is_of_words(kind: &ParamKind) -> bool {
    matches!(kind, ParamKind::Word(_) | ParamKind::Words(_) | ParamKind::Bool)
}

/// A word of the API as people say it.
fn option_words(word: &str) -> String {
    match word {
        "true" => "yes".to_owned(),
        "false" => "no".to_owned(),
        other => words_of(other),
    }
}

impl List<'_> {
    pub(crate) fn has_filters(&self) -> bool {
        self.given_but(OF_PAGE).next().is_some()
    }

    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.given.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// The form with the filters, after what is wrong with what it has no field of.
    pub(crate) fn filters(&self) -> Markup {
        let names: Vec<&str> = self.filters.iter().flat_map(|filter| names(filter.name)).collect();
        html! {
            (self.refused.summary(&names))
            (self.form())
        }
    }

    fn form(&self) -> Markup {
        let main = main_filters(self.kind);
        let is_filter = |filter: &&ParamDescription| !OF_PAGE.contains(&filter.name);
        let of = |name: &&str| self.filters.iter().find(|filter| filter.name == *name);
        let (main, others): (Vec<_>, Vec<_>) = (
            main.iter().filter_map(of).collect(),
            self.filters.iter().filter(is_filter).filter(|filter| !main.contains(&filter.name)).collect(),
        );
        let is_open = others.iter().any(|filter| self.value(filter.name).is_some());
        let is_known = |name: &str| self.filters.iter().any(|filter| filter.name == name);
        html! {
            form class="filters" method="get" action={ "/console/" (self.kind.plural()) } role="search" aria-label="Filters" {
                // What has no field of its own here stays as it is.
                @for (name, value) in self.given_but(&["page", "offset", "continuationToken", "columns"]) {
                    @let is_kept = (!is_known(name) || OF_PAGE.contains(&name)) && self.refused.problems(name).next().is_none();
                    @if is_kept { input type="hidden" name=(name) value=(value); }
                }
                @for filter in main { (self.filter(filter)) }
                details class="pop" {
                    summary { "More filters" @if is_open { " " span class="pill pill-accent" { "on" } } }
                    div class="pop-box pop-wide" { @for filter in others { (self.filter(filter)) } }
                }
                (self.chooser())
                button class="button" type="submit" { "Apply" }
                @if self.has_filters() { a class="button button-plain" href=(address(self.kind, [])) { "Clear" } }
            }
        }
    }

    /// What is filtered by, each to be taken away.
    pub(crate) fn active(&self) -> Markup {
        html! {
            @if self.has_filters() {
                ul class="active no-print" aria-label="Filters that are on" {
                    @for (name, value) in self.given_but(OF_PAGE) {
                        @let words = format!("{}: {}", self.label(name), self.words(name, value));
                        @let left = ["page", "offset", "continuationToken", name];
                        li {
                            a class="pill pill-accent" href=(address(self.kind, self.given_but(&left))) title={ (words) " – take it away" } {
                                span class="active-words" { (words) } span aria-hidden="true" { "×" } span class="hidden" { " – take it away" }
                            }
                        }
                    }
                }
            }
        }
    }

    fn label(&self, filter: &str) -> String {
        let of_column = |_: &str| self.columns.find(filter).ok().map(|column| column.label().to_owned());
        let label = filter.strip_prefix("customFields.").and_then(of_column).unwrap_or_else(|| in_words(filter));
        label.split(" (").next().unwrap_or(&label).to_owned()
    }

    /// Those who are filtered by.
    fn people(&self, filter: &str) -> Option<&People> {
        self.people.iter().find(|people| people.role.members().1 == filter)
    }

    /// The value of a filter in words.
    fn words(&self, filter: &str, value: &str) -> String {
        if let Some(people) = self.people(filter) {
            return people.called(value);
        }
        if let Some(lookup) = looked_up(filter) {
            return called(self.called, lookup, value);
        }
        match filter {
            "tags" => labels(self.tags, value),
            "pipelineId" => told(value, |entry| {
                let found = pipeline(self.pipelines, entry);
                found.map_or_else(|| unknown("pipeline", entry), |pipeline| pipeline.name.to_string())
            }),
            "stage" => told(value, |entry| self.stage(entry)),
            "caseType" => told(value, |entry| {
                let found = self.case_types().into_iter().find(|(id, _)| id == entry);
                found.map_or_else(|| format!("unknown case type (#{entry})"), |(_, label)| label)
            }),
            "empty" | "notEmpty" => told(value, words::of_name),
            _ if self.filters.iter().any(|known| known.name == filter && is_of_words(&known.kind)) => {
                told(value, option_words)
            }
            // As a list has them, a comma that is a part of one is written with a mark before it.
            _ if self.filters.iter().any(|known| known.name == filter && known.kind == ParamKind::Texts) => {
                told(value, str::to_owned)
            }
            _ => value.to_owned(),
        }
    }

    /// The pipelines that are filtered by, or else all.
    fn pipelines(&self) -> Vec<&Pipeline> {
        let wanted = self.value("pipelineId").map(entries).unwrap_or_default();
        let chosen: Vec<&Pipeline> = wanted.iter().filter_map(|entry| pipeline(self.pipelines, entry.trim())).collect();
        if chosen.is_empty() { self.pipelines.iter().collect() } else { chosen }
    }

    /// What the stages with a key are called, in the pipelines that are filtered by.
    fn stage(&self, key: &str) -> String {
        let pipelines = self.pipelines();
        let stages = pipelines.iter().flat_map(|pipeline| &pipeline.stages);
        let mut labels: Vec<&str> =
            stages.filter(|stage| stage.key.as_str() == key).map(|stage| stage.label.as_str()).collect();
        labels.sort_unstable();
        labels.dedup();
        if labels.is_empty() { unknown("stage", key) } else { labels.join(" / ") }
    }

    /// Of one pipeline there are never that many.
    fn has_too_many_stages(&self) -> bool {
        self.pipelines().iter().map(|pipeline| pipeline.stages.len()).sum::<usize>() > MOST_STAGES
    }

    /// The filter by stages where a pipeline is to be chosen first.
    fn stages_later(&self, spot: &Spot<'_>, value: &str) -> Markup {
        let hint = format!("{}-hint", spot.id);
        let described = spot.words.map_or_else(|| hint.clone(), |words| format!("{words} {hint}"));
        html! {
            select id=(spot.id) name="stage" aria-describedby=(described) aria-invalid=[spot.invalid()] {
                option value="" { "any" }
                @if !value.is_empty() { option value=(value) selected { (self.words("stage", value)) } }
            }
            p class="quiet small" id=(hint) { "There are more than " (MOST_STAGES) " stages: choose a pipeline and apply, and its own are here." }
        }
    }

    fn case_types(&self) -> Vec<(String, String)> {
        let mut types: Vec<(String, String)> =
            self.columns.names(Lookup::CaseType).map(|(id, label)| (id.to_owned(), label.to_owned())).collect();
        types.sort_by_cached_key(|(id, label)| (folded(label), id.clone()));
        types
    }

    /// What a filter is chosen from; nothing where it is typed.
    fn offered(&self, filter: &ParamDescription) -> Option<Vec<Group<'_>>> {
        match (filter.name, &filter.kind) {
            ("pipelineId", _) => {
                let options =
                    self.pipelines.iter().map(|pipeline| (pipeline.id.to_string(), pipeline.name.to_string()));
                Some(Group::of(options))
            }
            ("stage", _) => {
                let pipelines = self.pipelines();
                let are_several = pipelines.len() > 1;
                let group = |pipeline: &'_ Pipeline| {
                    let stages = pipeline.stages.iter();
                    stages.map(|stage| (stage.key.to_string(), stage.label.to_string())).collect()
                };
                let groups = pipelines.into_iter().map(|pipeline| Group {
                    heading: are_several.then(|| pipeline.name.as_str()),
                    options: group(pipeline),
                });
                Some(groups.collect())
            }
            ("caseType", _) => Some(Group::of(self.case_types())),
            (_, ParamKind::Word(options) | ParamKind::Words(options)) => {
                Some(Group::of(options.iter().map(|option| ((*option).to_owned(), option_words(option)))))
            }
            (_, ParamKind::Bool) => {
                Some(Group::of(["true", "false"].map(|option| (option.to_owned(), option_words(option)))))
            }
            _ => None,
        }
    }

    fn filter(&self, filter: &ParamDescription) -> Markup {
        if matches!(filter.kind, ParamKind::Prefixed(_)) {
            return html! {};
        }
        let value = self.value(filter.name).unwrap_or_default();
        let id = format!("filter-{}", filter.name);
        let (people, words) = (self.people(filter.name), in_words(filter.name));
        let label = people.map_or_else(|| words.clone(), |people| people.words(&words));
        field(self.refused, &id, &names(filter.name), (&label, filter.description), |spot| {
            html! {
                @if let Some(people) = people { (people.control(spot, value)) }
                @else if filter.name == "tags" { (tag_choice(spot, value, self.tags)) }
                @else if filter.name == "stage" && self.has_too_many_stages() { (self.stages_later(spot, value)) }
                @else if let Some(lookup) = looked_up(filter.name) { (self.lookup(spot, lookup, value)) }
                @else if let Some(groups) = self.offered(filter) {
                    @let of_id = pipeline(self.pipelines, value).map(|pipeline| pipeline.id.to_string());
                    (choice(spot, filter.name, of_id.as_deref().unwrap_or(value), &self.words(filter.name, value), &groups))
                }
                @else if filter.kind == ParamKind::Timestamp && spot.words.is_none() {
                    (spot.line("date", filter.name, value.get(..10).unwrap_or(value)))
                }
                // A field for days would show nothing of what is none.
                @else { (spot.line("text", filter.name, value)) }
            }
        })
    }

    /// A name to search for. What stands there already keeps its ids.
    fn lookup(&self, spot: &Spot<'_>, lookup: Lookup, ids: &str) -> Markup {
        let (name, member) = lookup.members();
        let stood = if ids.is_empty() { String::new() } else { called(self.called, lookup, ids) };
        html! {
            @if !ids.is_empty() { input type="hidden" name=(member) value=(ids); }
            (spot.line("text", name, spot.typed.unwrap_or(&stood)))
        }
    }

    fn chooser(&self) -> Markup {
        html! {
            details class="pop" {
                summary { "Columns" }
                fieldset class="pop-box pop-tall" {
                    legend class="hidden" { "Columns" }
                    @for column in self.columns.all() {
                        @if column.name() != self.kind.required() {
                            label class="box" {
                                input type="checkbox" name="columns" value=(column.name()) checked[self.chosen.iter().any(|name| name == column.name())];
                                span { (column.label()) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What a name can mean.
pub struct Found {
    /// As the address has it.
    pub value: String,
    /// What it is called.
    pub title: String,
    /// What tells it from others of that name.
    pub beside: String,
}

/// Asks which contact, organization or person is meant, where a name is that of several or of none.
pub struct Which<'a> {
    /// Where it is.
    pub place: Place,
    /// The path of what is filtered.
    pub path: &'a str,
    /// What is looked for, and the filter that has its ids.
    pub members: (&'static str, &'static str),
    /// What was typed.
    pub text: &'a str,
    /// The other parameters of the address.
    pub given: &'a [(String, String)],
    /// Those that it could be.
    pub found: &'a [Found],
    /// Whether there can be more of them.
    pub is_cut: bool,
}

impl Which<'_> {
    /// The page.
    #[must_use]
    pub fn page(&self, frame: &Frame) -> Markup {
        let (what, member) = self.members;
        let title = format!("Which {what}?");
        let given = || self.given.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let content = html! {
            (show::head(&title, &html! {}))
            @if self.found.is_empty() { p class="lead" { "No " (what) " is called “" bdi { (self.text) } "”." } }
            @else {
                p class="lead" { "“" bdi { (self.text) } "” can be one of these. " @if self.is_cut { "There can be more: type more of the name." } }
                ul class="rows card" {
                    @for hit in self.found {
                        li {
                            a href=(at(self.path, given().chain([(member, hit.value.as_str())]))) { (hit.title) }
                            span class="quiet small" { (hit.beside) }
                        }
                    }
                }
            }
            form class="filters" method="get" action=(self.path) role="search" aria-label={ "Search for another " (what) } {
                @for (name, value) in given() { input type="hidden" name=(name) value=(value); }
                div class="field filter" {
                    label for="which" { (words::of_name(what)) }
                    input type="text" id="which" name=(what) value=(self.text) autocomplete="off";
                }
                button class="button" type="submit" { (Icon::Search.draw()) "Search" }
                a class="button button-plain" href=(at(self.path, given())) { "Without this filter" }
            }
        };
        frame.page(self.place, &title, &content)
    }
}
