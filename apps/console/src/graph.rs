//! A workflow as a picture: statuses where the graph editor put them, transitions as arrows between them.

use std::collections::HashMap;

use crm_cases::workflow::Workflow;
use maud::{Markup, html};
use serde_json::Value;

/// The size of a status, and how far from each other those stand that have no place.
const WIDTH: f64 = 168.0;
const HEIGHT: f64 = 46.0;
const APART: f64 = 210.0;
const BELOW: f64 = 110.0;
/// Beyond this nothing is placed: a picture that shows it shows nothing else.
const FARTHEST: f64 = 20_000.0;
/// How far the arrows of one pair of statuses are apart.
const BEND: f64 = 34.0;
/// The most characters of a name in the picture.
const LONGEST: usize = 22;

/// A status in the picture.
struct Place {
    id: String,
    label: String,
    color: Option<String>,
    is_ghost: bool,
    ends: bool,
    x: f64,
    y: f64,
}

impl Place {
    fn middle(&self) -> (f64, f64) {
        (self.x + WIDTH / 2.0, self.y + HEIGHT / 2.0)
    }

    /// Where a line from its middle in this direction leaves it.
    fn border(&self, towards: (f64, f64)) -> (f64, f64) {
        let (x, y) = self.middle();
        let (dx, dy) = (towards.0 - x, towards.1 - y);
        let reach = |half: f64, distance: f64| if distance.abs() < 0.01 { f64::MAX } else { half / distance.abs() };
        let part = reach(WIDTH / 2.0, dx).min(reach(HEIGHT / 2.0, dy)).min(1.0);
        (x + dx * part, y + dy * part)
    }
}

/// `#` and six hexadecimal digits, and nothing else that somebody stored as a colour.
pub(crate) fn color(value: &Value) -> Option<&str> {
    let is_color = |text: &&str| {
        text.strip_prefix('#')
            .is_some_and(|digits| digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    value.as_str().filter(is_color)
}

fn places(document: &Value, workflow: &Workflow) -> Vec<Place> {
    let nodes = document["status"].as_array().map_or(&[][..], Vec::as_slice);
    let at = |node: &Value, axis: &str| node["position"][axis].as_f64().filter(|at| at.abs() <= FARTHEST);
    let placed = nodes.iter().filter_map(|node| at(node, "x").zip(at(node, "y")));
    let (left, bottom) = placed.fold((f64::MAX, f64::MIN), |(left, bottom), (x, y)| (left.min(x), bottom.max(y)));
    let (left, bottom) = if left == f64::MAX { (0.0, -BELOW) } else { (left, bottom) };
    let mut next = (left, bottom + BELOW);
    let mut all = Vec::with_capacity(workflow.statuses().len());
    for (index, status) in workflow.statuses().iter().enumerate() {
        let node = nodes.get(index).filter(|_| status.node.is_some());
        let (x, y) = node.and_then(|node| at(node, "x").zip(at(node, "y"))).unwrap_or_else(|| {
            let here = next;
            next.0 += APART;
            here
        });
        all.push(Place {
            id: status.node.clone().unwrap_or_else(|| status.label.clone()),
            label: status.label.clone(),
            color: node.and_then(|node| color(&node["data"]["color"])).map(str::to_owned),
            is_ghost: status.node.is_none(),
            ends: status.records_resolution,
            x,
            y,
        });
    }
    all
}

/// An arrow from one status to another, or to itself.
struct Arrow {
    line: String,
    /// Start, control and end of its curve; of one that comes back only where its name stands, three times.
    curve: [(f64, f64); 3],
}

impl Arrow {
    fn new(source: &Place, target: &Place, turn: f64) -> Self {
        if std::ptr::eq(source, target) {
            let (x, y) = (source.x + WIDTH * 0.7, source.y);
            let high = y - 44.0 - turn * BEND;
            let line = format!("M{x:.1} {y:.1}C{x:.1} {high:.1} {:.1} {high:.1} {:.1} {y:.1}", x + 40.0, x + 40.0);
            return Self { line, curve: [(x + 20.0, high + 8.0); 3] };
        }
        let (from, to) = (source.middle(), target.middle());
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = dx.hypot(dy).max(1.0);
        // To the left of the way, so that there and back are two.
        let bend = BEND * (turn + 0.5);
        let control = ((from.0 + to.0) / 2.0 + dy / length * bend, (from.1 + to.1) / 2.0 - dx / length * bend);
        let (start, end) = (source.border(control), target.border(control));
        let line =
            format!("M{:.1} {:.1}Q{:.1} {:.1} {:.1} {:.1}", start.0, start.1, control.0, control.1, end.0, end.1);
        Self { line, curve: [start, control, end] }
    }

    /// The point of its curve that is this part of the way along.
    fn at(&self, part: f64) -> (f64, f64) {
        let [start, control, end] = self.curve;
        let rest = 1.0 - part;
        let on =
            |start: f64, control: f64, end: f64| rest * rest * start + 2.0 * part * rest * control + part * part * end;
        (on(start.0, control.0, end.0), on(start.1, control.1, end.1))
    }
}

/// How wide a character of a name is, and how high a line.
const LETTER: f64 = 6.6;
const LINE: f64 = 17.0;
/// Where along an arrow its name can stand, the best first.
const PARTS: [f64; 9] = [0.5, 0.4, 0.6, 0.3, 0.7, 0.22, 0.78, 0.15, 0.85];

/// A box that something takes in the picture: left, top, right, bottom.
type Taken = [f64; 4];

fn overlap(one: &Taken, other: &Taken) -> bool {
    one[0] < other[2] && other[0] < one[2] && one[1] < other[3] && other[1] < one[3]
}

/// How far along its arrow a name stands best: where it covers no status, and no name that has its place already.
fn part_of(arrow: &Arrow, name: &str, taken: &mut Vec<Taken>) -> f64 {
    let letters = u32::try_from(name.chars().count()).unwrap_or(u32::MAX);
    let half = f64::from(letters) * LETTER / 2.0;
    let around = |part: f64| {
        let (x, y) = arrow.at(part);
        [x - half, y - LINE / 2.0, x + half, y + LINE / 2.0]
    };
    let is_free = |part: &f64| !taken.iter().any(|other| overlap(&around(*part), other));
    let part = PARTS.into_iter().find(is_free).unwrap_or(PARTS[0]);
    taken.push(around(part));
    part
}

fn short(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A workflow that a case is in.
#[derive(Debug)]
pub struct Picture {
    /// Its document.
    pub document: Value,
    /// Its graph.
    pub workflow: Workflow,
    /// The status of the case.
    pub here: String,
}

impl Picture {
    /// The picture with the present status marked.
    #[must_use]
    pub fn draw(&self) -> Markup {
        draw(&self.document, &self.workflow, Some(&self.here))
    }
}

/// The picture of a workflow whose document this is: to be edited, or with the status marked where a case is.
#[must_use]
pub fn draw(document: &Value, workflow: &Workflow, here: Option<&str>) -> Markup {
    let label = match here {
        None => "The workflow; the tables below have the same in words".to_owned(),
        Some(here) => format!("The workflow: the case is at “{here}”"),
    };
    let marked = here.and_then(|here| workflow.status(here));
    let marked = workflow.statuses().iter().position(|status| marked == Some(status));
    let all = places(document, workflow);
    let edge =
        |of: fn(&Place) -> f64, pick: fn(f64, f64) -> f64, none: f64| all.iter().map(of).reduce(pick).unwrap_or(none);
    let (left, top) = (edge(|place| place.x, f64::min, 0.0) - 40.0, edge(|place| place.y, f64::min, 0.0) - 80.0);
    let (right, bottom) =
        (edge(|place| place.x, f64::max, 0.0) + WIDTH + 40.0, edge(|place| place.y, f64::max, 0.0) + HEIGHT + 60.0);
    let mut seen: HashMap<(usize, usize), f64> = HashMap::new();
    let mut taken: Vec<Taken> = all.iter().map(|place| [place.x, place.y, place.x + WIDTH, place.y + HEIGHT]).collect();
    html! {
        svg class="graph" viewBox=(format!("{left:.0} {top:.0} {:.0} {:.0}", right - left, bottom - top)) role="img" aria-label=(label) data-graph[here.is_none()] {
            defs { marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto-start-reverse" { path class="graph-head" d="M0 0L8 4L0 8z" {} } }
            @for transition in workflow.transitions() {
                @if let (Some(source), Some(target)) = (all.get(transition.source), all.get(transition.target)) {
                    @let turn = seen.entry((transition.source, transition.target)).and_modify(|turn| *turn += 1.0).or_insert(0.0);
                    @let arrow = Arrow::new(source, target, *turn);
                    @let label = transition.label.as_deref();
                    @let part = label.map_or(PARTS[0], |label| part_of(&arrow, &short(label), &mut taken));
                    g data-source=(source.id) data-target=(target.id) data-turn=(format!("{turn:.0}")) data-part=(part) {
                        path class={ "graph-line" @if transition.records_comment { " graph-comment" } } d=(arrow.line) marker-end="url(#arrow)" {}
                        @if let Some(label) = label {
                            @let name = arrow.at(part);
                            text class="graph-name" x=(format!("{:.1}", name.0)) y=(format!("{:.1}", name.1)) text-anchor="middle" dominant-baseline="middle" { title { (label) } (short(label)) }
                        }
                    }
                }
            }
            @for (index, place) in all.iter().enumerate() { (status(place, marked == Some(index), here.is_none())) }
        }
    }
}

fn status(place: &Place, is_here: bool, is_edited: bool) -> Markup {
    let (x, y) = (place.x, place.y);
    html! {
        g class={ "graph-status" @if place.is_ghost { " graph-ghost" } @if is_here { " graph-here" } } data-status=(place.id) transform=(format!("translate({x:.1} {y:.1})")) data-x=(format!("{x:.1}")) data-y=(format!("{y:.1}")) {
            title { (place.label) @if place.ends { " (resolves)" } @if place.is_ghost { " (only transitions name it)" } @if is_here { " (the case is here)" } }
            rect class="graph-box" width=(WIDTH) height=(HEIGHT) rx="8" {}
            @if let Some(color) = &place.color { rect width="8" height=(HEIGHT) rx="4" fill=(color) {} }
            text x=(WIDTH / 2.0) y=(HEIGHT / 2.0) text-anchor="middle" dominant-baseline="middle" { (short(&place.label)) @if place.ends { " ✓" } }
            @if is_edited && !place.is_ghost { circle class="graph-handle" cx=(WIDTH) cy=(HEIGHT / 2.0) r="7" data-handle-of=(place.id) {} }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(x: f64, y: f64) -> Place {
        Place { id: String::new(), label: String::new(), color: None, is_ghost: false, ends: false, x, y }
    }

    /// Two arrows that cross in their middles.
    #[test]
    fn names_do_not_cover_each_other() {
        let corners = [place(0.0, 0.0), place(600.0, 400.0), place(600.0, 0.0), place(0.0, 400.0)];
        let arrows = [Arrow::new(&corners[0], &corners[1], 0.0), Arrow::new(&corners[2], &corners[3], 0.0)];
        let mut taken = Vec::new();
        let parts = arrows.each_ref().map(|arrow| part_of(arrow, "Send it back", &mut taken));
        assert!(parts[0] == PARTS[0] && parts[1] != PARTS[0], "{parts:?}");
        assert!(!overlap(&taken[0], &taken[1]), "{taken:?}");
        // Where everything is taken it stands in the middle.
        let mut all = vec![[-1e4, -1e4, 1e4, 1e4]];
        assert_eq!(part_of(&arrows[0], "Send it back", &mut all).to_bits(), PARTS[0].to_bits());
    }

    #[test]
    fn an_arrow_begins_and_ends_at_its_curve() {
        let arrow = Arrow::new(&place(0.0, 0.0), &place(600.0, 0.0), 0.0);
        let [start, _, end] = arrow.curve;
        assert!(arrow.at(0.0) == start && arrow.at(1.0) == end);
    }
}
