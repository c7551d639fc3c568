//! Texts as people of all languages write them: what a filter finds, on both databases, is what the folding says.

use std::cell::RefCell;

use crm_core::text::{folded, is_visible, searchable};
use crm_testkit::both_databases;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use crate::common::{Desk, problems, read};

/// Letters that differ in a way that folding takes away or must keep, and what a pattern or an index could trip over.
const LETTERS: &[&str] = &[
    "a",
    "A",
    "á",
    "Á",
    "a\u{301}",
    "\u{301}",
    "ß",
    "ẞ",
    "ss",
    "Σ",
    "σ",
    "ς",
    "ἀ",
    "ᾳ",
    "i",
    "I",
    "İ",
    "ı",
    "ﬃ",
    "か",
    "が",
    "か\u{3099}",
    "\u{3099}",
    "한",
    "ㅎ",
    "й",
    "\u{1d160}",
    "\u{958}",
    "🙂",
    "\u{200d}",
    " ",
    "%",
    "_",
    "\\",
    "\"",
    "'",
    "*",
];

fn text(letters: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(LETTERS), letters).prop_map(|letters| letters.concat())
}

both_databases! {
    /// Contacts are found whose folded name contains the folded text: by the index of trigrams, and by reading the texts,
    /// where one is too short for it.
    fn a_filter_finds_what_the_folding_says(database) {
        let desk = RefCell::new((Desk::new(database, "acme"), Vec::<String>::new()));
        let mut runner = TestRunner::new(Config { cases: 150, failure_persistence: None, ..Config::default() });
        let case = |(name, part): (String, String)| {
            let (desk, names) = &mut *desk.borrow_mut();
            let name = name.trim();
            if is_visible(name) {
                assert_eq!(desk.contact(json!({ "name": name })).name.as_str(), name, "as it was sent");
                names.push(name.to_owned());
            }
            let letters = searchable(&part);
            if !letters.is_empty() {
                let expected: Vec<&String> = names.iter().filter(|name| searchable(name).contains(&letters)).collect();
                let found = desk.contact_names(&[("name", &part), ("sort", "asc"), ("size", "200")]);
                prop_assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{:?}", part);
            }
            Ok(())
        };
        runner.run(&(text(1..9), text(1..5)), case).unwrap();
        let (desk, names) = &mut *desk.borrow_mut();
        names.sort_by_key(|name| folded(name));
        let ordered = desk.contact_names(&[("orderBy", "name"), ("sort", "asc"), ("size", "200")]);
        let keys = |names: &[String]| names.iter().map(|name| folded(name)).collect::<Vec<_>>();
        assert_eq!(keys(&ordered), keys(names), "by the code points of the folded text");
    }

    /// Both directions, in every text that organizations and contacts are searched by.
    fn every_text_is_searched_without_accents(database) {
        let mut desk = Desk::new(database, "acme");
        desk.organization(json!({ "name": "Straße Álvaro", "address": "Rue de l'Évêché 1", "industry": "Énergie, Eau",
            "website": "https://xn--mnchen-3ya.de", "email": [{ "value": "José@Bücher.example" }], "phone": [{ "value": "appelez René" }] }));
        desk.organization(json!({ "name": "STRASSE ALVARO", "address": "RUE DE L'EVECHE 1", "industry": "energie, eau",
            "website": "https://münchen.de", "email": [{ "value": "jose@XN--BCHER-KVA.example" }], "phone": [{ "value": "APPELEZ RENE" }] }));
        desk.contact(json!({ "name": "Ὀδυσσεύς", "organizationId": 1 }));
        let both = ["Straße Álvaro", "STRASSE ALVARO"];
        for query in [
            ("name", "alvaro"), ("name", "ÁLVARO"), ("name", "A\u{301}lvaro"), ("name", "strasse"), ("name", "Straße"), ("name", "STRAẞE"), ("name", "ß"),
            ("address", "évêché"), ("address", "eveche"), ("industry", "Energie\\, Eau"), ("industry", "x,énergie\\, EAU"),
            ("email", "josé@"), ("email", "JOSE@"), ("email", "bücher.example"), ("email", "xn--bcher-kva.example"), ("email", "é@XN--BCHER-KVA"),
            ("phone", "rené"), ("phone", "rene"), ("searchValue", "alvaro"), ("searchValue", "bücher"), ("searchValue", "xn--mnchen-3ya"), ("searchValue", "münchen"),
        ] {
            assert_eq!(desk.organization_names(&[query, ("sort", "asc")]), both, "{query:?}");
        }
        for query in [("name", "οδυσσευσ"), ("name", "ΟΔΥΣΣΕΎΣ"), ("name", "ς"), ("searchValue", "straße"), ("searchValue", "ALVARO")] {
            assert_eq!(desk.contact_names(&[query]), ["Ὀδυσσεύς"], "{query:?}");
        }
        for query in [("industry", "energie"), ("industry", "Energie, Eau"), ("name", "か")] {
            assert!(desk.organization_names(&[query]).is_empty(), "{query:?}");
        }
    }

    /// A name of as many characters as a name may have, each of which becomes as many as folding ever makes, and nothing
    /// that compresses: it is kept, found, and a page goes on behind it.
    fn the_longest_texts_are_kept_and_ordered(database) {
        let mut desk = Desk::new(database, "acme");
        let longest = |seed: usize| -> String {
            // The notes of music that compose to themselves decomposed, three characters of four bytes each.
            (0..255).map(|place| char::from_u32(0x1d15e + u32::try_from((seed + place * place * 31 + place / 7) % 7).unwrap()).unwrap()).collect()
        };
        let industry = longest(9);
        for seed in 0..3 {
            desk.organization(json!({ "name": longest(seed), "industry": industry }));
            desk.contact(json!({ "name": longest(seed), "jobTitle": "ﬃ".repeat(255) }));
        }
        assert_eq!(folded(&longest(0)).chars().count(), 3 * 255 - longest(0).matches(['\u{1d15e}', '\u{1d15f}']).count());
        assert_eq!(desk.organization_names(&[("name", &longest(1))]), [longest(1)]);
        assert_eq!(desk.organization_names(&[("industry", &industry)]).len(), 3);
        let query = [("orderBy", "name"), ("size", "1")];
        let first = desk.contacts(&query);
        let token = first.continuation_token.unwrap();
        let second = desk.contacts(&[query[0], query[1], ("continuationToken", &token)]);
        assert!(folded(second.items[0].name.as_str()) < folded(first.items[0].name.as_str()));
    }
}

/// Values of a list are one that differ in case, in composition, or in how their domain is spelled; accents tell them apart.
#[test]
fn values_of_a_list_are_compared_folded() {
    for (values, expected) in [
        (["jane@münchen.de", "JANE@xn--mnchen-3ya.DE"], vec!["email[1].value duplicate"]),
        (["jos\u{e9}@a.com", "jose\u{301}@a.com"], vec!["email[1].value duplicate"]),
        (["jos\u{e9}@a.com", "jose@a.com"], vec![]),
        (
            ["jane@exam\u{200b}ple.com", "jane@exam\u{ad}ple.com"],
            vec!["email[0].value invalid_email", "email[1].value invalid_email"],
        ),
    ] {
        let body = json!({ "name": "A", "email": values.map(|value| json!({ "value": value })) });
        let problems = read::<crm_directory::NewContact>(body).err().map_or(Vec::new(), |errors| problems(&errors));
        assert_eq!(problems, expected, "{values:?}");
    }
}
