//! Texts of all languages: how they are compared and searched, and whether there is anything to see in them.
//!
//! Written once, beside the text, and not asked of a database: the two fold and collate differently, and neither by
//! Unicode's rules.

use std::borrow::Cow;

use icu_casemap::CaseMapperBorrowed;
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory, GeneralCategoryGroup};
use icu_properties::{CodePointMapData, CodePointSetData};

/// What a text is compared by, kept unique by and ordered by: NFC with full case folding, so that `Σ`, `σ` and `ς` are
/// one and `ß` is `ss`. Accents count. Folding what is folded changes nothing.
#[must_use]
pub fn folded(text: &str) -> String {
    // Most texts: the rules do nothing else to ASCII.
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    ComposingNormalizerBorrowed::new_nfc().normalize(&decomposed(text)).into_owned()
}

/// What a name is told from others by: [`folded`], with one space for all blanks between its words.
#[must_use]
pub fn name_key(text: &str) -> String {
    folded(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// What a text is searched by: [`folded`], and without the marks U+0300–U+036F, so that `alvaro` finds `Álvaro`.
/// The marks of other scripts make other letters and stay: `が` is not `か`.
#[must_use]
pub fn searchable(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let letters: String = decomposed(text).chars().filter(|c| !matches!(c, '\u{300}'..='\u{36f}')).collect();
    ComposingNormalizerBorrowed::new_nfc().normalize(&letters).into_owned()
}

/// Each of these texts [`searchable`]: the entries of a filter that names whole values.
#[must_use]
pub fn all_searchable(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| searchable(text)).collect()
}

/// Decomposed before the folding as well, because one mark (U+0345) folds to a letter, and after it, because the
/// foldings of some letters are composed.
fn decomposed(text: &str) -> String {
    let nfd = DecomposingNormalizerBorrowed::new_nfd();
    nfd.normalize(&CaseMapperBorrowed::new().fold_string(&nfd.normalize(text))).into_owned()
}

/// The same text with the domains in it spelled in Unicode: `xn--mnchen-3ya.de` and `münchen.de` name one host. What
/// stands before an `@` is no domain.
#[must_use]
pub fn with_unicode_domains(text: &str) -> Cow<'_, str> {
    const PREFIX: &str = "xn--";
    let domain = text.rfind('@').map_or(0, |at| at + 1);
    let (before, domain) = text.split_at(domain);
    if !domain.as_bytes().windows(PREFIX.len()).any(|bytes| bytes.eq_ignore_ascii_case(PREFIX.as_bytes())) {
        return Cow::Borrowed(text);
    }
    let mut spelled = before.to_owned();
    for part in domain.split_inclusive(|c: char| !c.is_alphanumeric() && c != '-') {
        let label = part.trim_end_matches(|c: char| !c.is_alphanumeric() && c != '-');
        match idna::domain_to_unicode(label) {
            (unicode, Ok(())) if label.len() > PREFIX.len() => spelled.push_str(&unicode),
            _ => spelled.push_str(label),
        }
        spelled.push_str(&part[label.len()..]);
    }
    Cow::Owned(spelled)
}

/// Whether a person sees anything of this text: one character that is no blank, no control or format character, no
/// mark without a letter, and none that Unicode says to ignore.
#[must_use]
pub fn is_visible(text: &str) -> bool {
    // The blank of Braille is a symbol to Unicode.
    let unseen = GeneralCategoryGroup::Control
        .union(GeneralCategoryGroup::Format)
        .union(GeneralCategoryGroup::Separator)
        .union(GeneralCategoryGroup::NonspacingMark)
        .union(GeneralCategoryGroup::EnclosingMark);
    text.chars().any(|c| !unseen.contains(category(c)) && !is_ignorable(c) && c != '\u{2800}')
}

/// Whether a text is a label of a host's name: not empty, and without a hyphen at its ends.
#[must_use]
pub(crate) fn is_host_label(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_of_host) && !text.starts_with('-') && !text.ends_with('-')
}

/// Whether a host's label may have this character: letters and digits of any script with their marks, and a hyphen. None
/// that nobody sees, by which one address would pass for another.
fn is_of_host(c: char) -> bool {
    c == '-' || ((c.is_alphanumeric() || GeneralCategoryGroup::Mark.contains(category(c))) && !is_ignorable(c))
}

/// Whether the local part of an address may have this character beyond ASCII (RFC 6531 takes any; we take what is seen).
#[must_use]
pub(crate) fn is_of_mailbox(c: char) -> bool {
    let unseen = GeneralCategoryGroup::Other.union(GeneralCategoryGroup::Separator);
    !c.is_ascii() && !unseen.contains(category(c)) && !is_ignorable(c)
}

fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}

fn is_ignorable(c: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_is_compared_whatever_its_case_and_its_composition_and_searched_without_accents() {
        for (text, compared, searched, why) in [
            ("Álvaro", "álvaro", "alvaro", "an accent"),
            ("A\u{301}lvaro", "álvaro", "alvaro", "the same accent, decomposed"),
            ("STRASSE", "strasse", "strasse", "ASCII"),
            ("Straße", "strasse", "strasse", "a sharp s"),
            ("STRAẞE", "strasse", "strasse", "its capital"),
            ("ΌΣΟΣ ὅσος", "όσοσ ὅσοσ", "οσοσ οσοσ", "the three sigmas, and breathings"),
            ("İstanbul", "i\u{307}stanbul", "istanbul", "a capital i with a dot"),
            ("ﬁx", "fix", "fix", "a ligature"),
            ("ガが", "ガが", "ガが", "a voiced kana is another letter"),
            ("か\u{3099}", "が", "が", "and is composed"),
            ("한국", "한국", "한국", "Hangul stays composed"),
            ("\u{212a}elvin", "kelvin", "kelvin", "a sign that is a letter"),
            ("й", "й", "и", "a breve is an accent"),
            ("\u{301}", "\u{301}", "", "an accent alone"),
            ("e\u{345}", "eι", "eι", "the one mark that folds to a letter"),
        ] {
            assert_eq!(folded(text), compared, "{why}");
            assert_eq!(searchable(text), searched, "{why}");
        }
    }

    #[test]
    fn a_domain_is_one_in_both_of_its_spellings() {
        for (text, spelled) in [
            ("info@xn--mnchen-3ya.de", "info@münchen.de"),
            ("info@XN--MNCHEN-3YA.de", "info@münchen.de"),
            ("https://xn--mnchen-3ya.de:80/xn--x", "https://münchen.de:80/xn--x"),
            ("xn--mnchen-3ya", "münchen"),
            ("xn--mnchen-3ya@example.com", "xn--mnchen-3ya@example.com"),
            ("@xn--a.com", "@xn--a.com"),
            ("xn--", "xn--"),
            ("Info@Example.com", "Info@Example.com"),
        ] {
            assert_eq!(with_unicode_domains(text), spelled);
        }
    }

    #[test]
    fn something_is_to_be_seen_of_a_text_or_nothing() {
        for text in ["a", "名", "\u{200b}a", "🙂", "\u{915}\u{94d}", "!", "\u{e000}"] {
            assert!(is_visible(text), "{text:?}");
        }
        for text in [
            "",
            " ",
            "\u{200b}",
            "\u{feff}",
            "\u{ad}",
            "\u{2060}\u{34f}",
            "\u{3164}",
            "\u{2800}",
            "\u{301}",
            "\u{e0020}",
        ] {
            assert!(!is_visible(text), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn folding_what_is_folded_changes_nothing(text in any::<String>()) {
            prop_assert_eq!(folded(&folded(&text)), folded(&text));
            prop_assert_eq!(searchable(&searchable(&text)), searchable(&text));
            prop_assert_eq!(searchable(&folded(&text)), searchable(&text));
        }

        #[test]
        fn a_text_is_the_same_however_it_is_composed(text in any::<String>()) {
            let nfd = DecomposingNormalizerBorrowed::new_nfd().normalize(&text).into_owned();
            prop_assert_eq!(folded(&nfd), folded(&text));
            prop_assert_eq!(searchable(&nfd), searchable(&text));
        }
    }
}
