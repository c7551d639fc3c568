//! docs/errors.md is the table of problems, as this program has it.

use std::fs;

use crm_gateway::{error, ticketing};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md");

#[test]
fn the_page_of_errors_is_current() {
    let page = error::page(ticketing::code);
    #[expect(clippy::disallowed_methods, reason = "tests have no other settings")]
    if std::env::var("CRM_UPDATE_DOCS").is_ok() {
        fs::write(PAGE, &page).unwrap();
    }
    let committed = fs::read_to_string(PAGE).unwrap_or_default();
    assert!(
        committed == page,
        "if you are here because this failed: the table of problems changed. Write docs/errors.md anew with \
         CRM_UPDATE_DOCS=1 cargo test -p crm-gateway --test surface the_page_of_errors"
    );
}
