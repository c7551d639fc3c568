use crm_core::params::{FromParams, ParamReader};
use percent_encoding::percent_decode_str;

use crate::error::{Problem, ProblemCode};

/// Names and values, in their order.
pub(super) type Pairs = Vec<(String, String)>;

/// Counts the parameters before any of them is looked at.
pub(super) fn check_count(query: &str) -> Result<(), Problem> {
    if pairs(query).nth(ParamReader::MOST).is_none() {
        return Ok(());
    }
    let detail = format!("The query string has more than {} parameters.", ParamReader::MOST);
    Err(Problem::new(ProblemCode::MalformedQuery, detail))
}

fn pairs(query: &str) -> impl Iterator<Item = &str> {
    query.split('&').filter(|pair| !pair.is_empty())
}

/// Splits and decodes a query string. Nothing is dropped or replaced: a repeated parameter stays for
/// [`ParamReader`] to refuse, and bytes that are no UTF-8 are an error (actix would put U+FFFD).
pub(super) fn decode(query: &str) -> Result<Pairs, Problem> {
    check_count(query)?;
    decode_pairs(query, ParamReader::MOST)
}

/// The same of up to `most` pairs: also of a form.
pub(super) fn decode_pairs(text: &str, most: usize) -> Result<Pairs, Problem> {
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced)
            .decode_utf8()
            .map(|decoded| decoded.into_owned())
            .map_err(|_| Problem::new(ProblemCode::MalformedQuery, "A query parameter is not percent-encoded UTF-8."))
    };
    if pairs(text).nth(most).is_some() {
        return Err(Problem::new(ProblemCode::MalformedQuery, format!("There are more than {most} fields.")));
    }
    pairs(text)
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        })
        .collect()
}

/// Refuses every parameter: the route has none.
pub(super) fn refuse(pairs: Pairs) -> Result<(), Problem> {
    Ok(ParamReader::new(pairs).read::<Nothing>().map(|Nothing| ())?)
}

struct Nothing;

impl FromParams for Nothing {
    fn from_params(_: &mut ParamReader) -> Self {
        Self
    }
}
