//! The colours of the style sheet can be told apart, in both modes (WCAG 2.2: 1.4.3, 1.4.11).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;

type Colors = HashMap<String, [f64; 3]>;

fn style() -> &'static str {
    crm_console::assets().iter().find(|asset| asset.name == "console.css").unwrap().text
}

/// The custom properties of the first `:root` behind `place` that are plain colours.
fn colors(place: &str) -> Colors {
    let (_, rest) = style().split_once(place).unwrap();
    let (_, rest) = rest.split_once(":root {").unwrap();
    let (block, _) = rest.split_once('}').unwrap();
    let pairs = block.split(';').filter_map(|line| line.trim().split_once(": "));
    let plain = pairs.filter(|(_, value)| value.starts_with('#') && value.len() == 7);
    plain.map(|(name, value)| (name.trim_start_matches("--").to_owned(), channels(value))).collect()
}

fn channels(hex: &str) -> [f64; 3] {
    [1, 3, 5].map(|at| {
        let channel = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
        if channel <= 0.040_45 { channel / 12.92 } else { ((channel + 0.055) / 1.055).powf(2.4) }
    })
}

fn luminance([red, green, blue]: [f64; 3]) -> f64 {
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// Text and what it stands on.
const TEXTS: &[(&str, &str)] = &[
    ("text", "ground"),
    ("text", "surface"),
    ("text", "sunken"),
    ("quiet", "ground"),
    ("quiet", "surface"),
    ("quiet", "sunken"),
    ("accent", "ground"),
    ("accent", "surface"),
    ("accent", "sunken"),
    ("accent-text", "accent"),
    ("accent-soft-text", "accent-soft"),
    ("good", "good-soft"),
    ("bad", "bad-soft"),
    ("bad", "surface"),
    ("bad-text", "bad"),
    ("warn", "warn-soft"),
];

/// What one must see to know where something is: edges of fields, the focus, bars.
const SHAPES: &[(&str, &str)] = &[
    ("edge-strong", "surface"),
    ("edge-strong", "ground"),
    ("accent", "surface"),
    ("accent", "sunken"),
    ("good", "surface"),
];

#[test]
fn texts_and_shapes_can_be_told_from_what_they_stand_on() {
    for (mode, colors) in [("light", colors("/* The one style")), ("dark", colors("prefers-color-scheme: dark"))] {
        let of = |name: &str| colors.get(name).copied().unwrap_or_else(|| panic!("{mode}: --{name}"));
        for (pairs, least) in [(TEXTS, 4.5), (SHAPES, 3.0)] {
            for (front, back) in pairs {
                let found = contrast(of(front), of(back));
                assert!(found >= least, "{mode}: --{front} on --{back} has {found:.2}, and needs {least}");
            }
        }
    }
}

#[test]
fn contrast_is_measured_as_the_guidelines_do() {
    let of = |one: &str, other: &str| contrast(channels(one), channels(other));
    assert!((of("#000000", "#ffffff") - 21.0).abs() < 0.01);
    assert!((of("#767676", "#ffffff") - 4.54).abs() < 0.01);
    assert!((of("#777777", "#ffffff") - 4.48).abs() < 0.01);
}

/// Every colour is one of the properties, so that the test above has seen it.
#[test]
fn there_are_no_other_colors() {
    let (_, rest) = style().split_once("*, *::before").unwrap();
    let (screen, _) = rest.split_once("@media print").unwrap();
    let after_print = rest.split_once("/* Lists */").unwrap().1;
    for part in [screen, after_print] {
        let other = part.lines().find(|line| line.contains(": #") || line.contains("rgb("));
        assert_eq!(other, None);
    }
}

#[test]
fn files_are_small_and_ask_no_other_host() {
    for asset in crm_console::assets() {
        let most = if asset.media_type.starts_with("text/css") { 30 } else { 15 } * 1024;
        assert!(asset.text.len() <= most, "{} has {} bytes", asset.name, asset.text.len());
        let foreign = asset.text.replace("http://www.w3.org/2000/svg", "");
        assert!(
            !foreign.contains("http:") && !foreign.contains("https:") && !foreign.contains("//cdn"),
            "{}",
            asset.name
        );
        assert!(!foreign.contains("@import") && !foreign.contains("innerHTML") && !foreign.contains("eval("));
    }
}
