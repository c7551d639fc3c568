use fake::faker::address::en::{BuildingNumber, StreetName};
use fake::faker::name::en::{FirstName, LastName};
use fake::rand::SeedableRng;
use fake::rand::rngs::ChaCha8Rng;
use fake::{Dummy, Fake, RngExt};

/// Towns with the beginning of their postal codes.
const TOWNS: &[(&str, &str, &str)] = &[
    ("Portland", "OR", "972"),
    ("Denver", "CO", "802"),
    ("Austin", "TX", "787"),
    ("Columbus", "OH", "432"),
    ("Milwaukee", "WI", "532"),
    ("Raleigh", "NC", "276"),
    ("Savannah", "GA", "314"),
    ("Boise", "ID", "837"),
    ("Hartford", "CT", "061"),
    ("Omaha", "NE", "681"),
    ("Tucson", "AZ", "857"),
    ("Duluth", "MN", "558"),
    ("Burlington", "VT", "054"),
    ("Sacramento", "CA", "958"),
];

/// Chance that repeats itself: the same seed throws the same numbers, on every machine and in every version of
/// the generator.
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number from 0 to one below `end`; 0 where `end` is not above 0.
    pub(super) fn below(&mut self, end: i64) -> i64 {
        if end > 0 { self.0.random_range(0..end) } else { 0 }
    }

    /// Whether something comes to pass that does so in this many of 100 cases.
    pub(super) fn percent(&mut self, chance: u32) -> bool {
        self.0.random_range(0..100) < chance
    }

    /// The place of one of so many; `None` of none.
    pub(super) fn place(&mut self, length: usize) -> Option<usize> {
        (length > 0).then(|| self.0.random_range(0..length))
    }

    /// One of a list, which must not be empty.
    pub(super) fn one<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.0.random_range(0..list.len())]
    }

    /// Each of a list by its chance of so many in 100.
    pub(super) fn some<'a>(&mut self, list: &[(&'a str, u32)]) -> Vec<&'a str> {
        list.iter().filter(|(_, chance)| self.percent(*chance)).map(|(word, _)| *word).collect()
    }

    fn fake<F>(&mut self, faker: &F) -> String
    where
        String: Dummy<F>,
    {
        faker.fake_with_rng(&mut self.0)
    }

    pub(super) fn first_name(&mut self) -> String {
        self.fake(&FirstName())
    }

    pub(super) fn last_name(&mut self) -> String {
        self.fake(&LastName())
    }

    /// The name of a town.
    pub(super) fn town(&mut self) -> &'static str {
        self.one(TOWNS).0
    }

    pub(super) fn address(&mut self) -> String {
        let (number, street) = (self.fake(&BuildingNumber()), self.fake(&StreetName()));
        let (town, state, post) = *self.one(TOWNS);
        format!("{number} {street}, {town}, {state} {post}{:02}, USA", self.below(100))
    }

    /// A number that nobody has: 555-0100 to 555-0199 are kept for fiction in every area.
    pub(super) fn phone(&mut self) -> String {
        format!("+1 {} 555 01{:02}", 201 + self.below(780), self.below(100))
    }
}

/// A name as part of an address: `O'Keefe & Sons` gives `o-keefe-sons`.
pub(super) fn slug(name: &str) -> String {
    let words = name.split(|character: char| !character.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}
