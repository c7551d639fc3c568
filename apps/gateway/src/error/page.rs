use std::fmt::{Error, Write};

use crm_core::FieldCode;

use super::ProblemCode;

const OPENING: &str = "\
# Errors

Written from the program's own tables by its tests: change those, not this page.

Whatever goes wrong is answered with `application/problem+json` (RFC 9457):

    { \"type\": \"/problems/validation_failed\", \"title\": \"…\", \"status\": 400, \"code\": \"validation_failed\",
      \"detail\": \"…\", \"requestId\": \"…\", \"errors\": [ { \"field\": \"value.code\", \"code\": \"invalid_currency\", \"message\": \"…\" } ] }

`code` is stable; `detail` and `message` are for people and may change. `requestId` is what the server's log calls the
request. A 4xx will be answered the same until the request changes; after a 429 or 503 wait for the seconds in
`Retry-After` and send it again; a 500 is a bug.

A 503 of the database says in `outcome` what became of the request. `notDone`: nothing was done, send it again as it is.
`unknown`: a write had begun when its time was over, and may have been done or may still be. Then read before you send it
again, or send it with the `Idempotency-Key` that it had: with one, what was done is answered and not done twice.

The routes under `/api/v1/ticketing` answer in their own envelope, with the names of the last column.

| status | code | what it is | what to do | on ticketing |
| --- | --- | --- | --- | --- |
";

const FIELDS: &str = "
## Fields

Under `validation_failed`, each entry of `errors` names a field, such as `email[0].value`, or a parameter, with one of these
codes. All that is wrong with a body is told at once.

| code | what it means |
| --- | --- |
";

/// docs/errors.md: every code of a problem, ordered by status, and every code of a field. Ticketing has names of its own
/// for problems.
#[must_use]
pub fn page(on_ticketing: fn(ProblemCode) -> &'static str) -> String {
    let mut page = OPENING.to_owned();
    let mut codes = ProblemCode::ALL.to_vec();
    codes.sort_by_key(|code| code.status());
    // A `String` takes everything.
    let _: Result<(), Error> = codes.iter().try_for_each(|code| {
        let (status, name) = (code.status().as_u16(), code.as_str());
        let ticketing = on_ticketing(*code);
        writeln!(page, "| {status} | `{name}` | {} | {} | `{ticketing}` |", code.title(), code.advice())
    });
    page.push_str(FIELDS);
    let _: Result<(), Error> =
        FieldCode::ALL.iter().try_for_each(|code| writeln!(page, "| `{}` | {} |", code.as_str(), code.meaning()));
    page
}
