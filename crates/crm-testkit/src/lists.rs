//! What every list must do, whatever it lists (docs/compatibility.md, "Lists").

use std::fmt::Debug;

use crm_core::page::Page;

/// The parameters of a list, as a query string has them.
pub type Params<'a> = [(&'a str, &'a str)];

/// Walks a list in pages of this size by its tokens, to its end.
pub fn walk<T>(params: &Params<'_>, size: usize, list: &mut impl FnMut(&Params<'_>) -> Page<T>) -> Vec<T> {
    let size_text = size.to_string();
    let mut token: Option<String> = None;
    let mut seen = Vec::new();
    for number in 1.. {
        let mut asked = params.to_vec();
        asked.push(("size", &size_text));
        if let Some(token) = &token {
            asked.push(("continuationToken", token));
        }
        let page = list(&asked);
        assert_eq!(page.page, number, "the pages of a walk are numbered");
        assert!(page.items.len() <= size, "a page has at most its size");
        assert_eq!(page.has_more, page.continuation_token.is_some(), "a token is there while another page is");
        assert!(!page.has_more || page.items.len() == size, "only the last page is short");
        seen.extend(page.items);
        token = page.continuation_token;
        if token.is_none() {
            break;
        }
    }
    seen
}

/// Asserts that each of these orders, both ways, gives the same records in the same sequence however they are
/// asked for: all at once, by tokens, by page numbers and by offsets, in pages of several sizes; and that the
/// total counts them. The list must have at most 200 records.
pub fn assert_every_way_agrees<T: Debug + PartialEq>(orders: &[&str], mut list: impl FnMut(&Params<'_>) -> Page<T>) {
    for order in orders {
        for direction in ["asc", "desc"] {
            let params = [("orderBy", *order), ("sort", direction)];
            let all = list(&[params[0], params[1], ("size", "200"), ("includeTotal", "true")]);
            assert!(!all.has_more, "the test has too many records");
            assert_eq!(all.total, i64::try_from(all.items.len()).ok(), "{order} {direction}: total");
            for size in [1, 2, 3, 7] {
                let by_token = walk(&params, size, &mut list);
                assert_eq!(by_token, all.items, "{order} {direction}: by token, {size} at a time");
                for paging in ["page", "offset"] {
                    let mut by_number = Vec::new();
                    for page in 0..=all.items.len() / size {
                        let start = if paging == "page" { page + 1 } else { page * size };
                        let (start, size) = (start.to_string(), size.to_string());
                        let asked = [params[0], params[1], (paging, start.as_str()), ("size", size.as_str())];
                        by_number.extend(list(&asked).items);
                    }
                    assert_eq!(by_number, all.items, "{order} {direction}: by {paging}, {size} at a time");
                }
            }
        }
    }
}
