//! The forms of each kind of record (docs/compatibility.md, "Forms and custom fields").

use crm_forms::{Field, Form, FormKind, NewForm};
use crm_suite::forms;

use crate::auth::{Caller, InArea, Read, Write, area};
use crate::endpoint::{Answer, Api, Body, Items, Precondition, Tagged};
use crate::error::ProblemCode;

/// A form as its routes show it.
struct FormItems;

impl Tagged for FormItems {
    type Value = Form;

    fn etag(form: &Form) -> Result<String, serde_json::Error> {
        Items::etag(&form.fields().to_vec())
    }
}

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.tag(
        "Forms",
        "Which fields a kind of record has: its own ones, and custom fields of nineteen types, whose values \
         are in `customFields`.",
    );
    of_kind::<area::Pipeline>(
        api,
        "/pipeline/forms/opportunities",
        FormKind::Pipeline,
        ("pipeline", "leads and opportunities"),
    );
    of_kind::<area::Directory>(api, "/directory/forms/contacts", FormKind::Contacts, ("contact", "contacts"));
    of_kind::<area::Directory>(
        api,
        "/directory/forms/organizations",
        FormKind::Organizations,
        ("organization", "organizations"),
    );
}

/// The same two for each form, which has a word for itself and one for the records.
fn of_kind<A: InArea>(api: &mut Api, path: &str, kind: FormKind, (one, many): (&str, &str)) {
    api.get(path, move |caller: Caller<A, Read>| get(caller, kind))
        .named(&format!("get_{one}_form"), &format!("Read the form of {many}"));
    api.put(path, move |caller: Caller<A, Write>, condition, body| replace(caller, kind, condition, body))
        .named(&format!("replace_{one}_form"), &format!("Replace the form of {many}"))
        .about(
            "A custom field that is left out keeps its values, which come back with it; until then they are \
             neither returned nor accepted.",
        )
        .problem(ProblemCode::FieldInUse);
}

async fn get<A: InArea>(caller: Caller<A, Read>, kind: FormKind) -> Answer<Items<Field>> {
    caller.read(move |connection, scope| Ok(Items(forms::get(connection, scope, kind)?.fields().to_vec()))).await
}

async fn replace<A: InArea>(
    caller: Caller<A, Write>,
    kind: FormKind,
    Precondition(condition): Precondition<FormItems>,
    Body(new): Body<NewForm>,
) -> Answer<Items<Field>> {
    caller
        .write(move |connection, scope| {
            Ok(Items(forms::replace(connection, scope, kind, &condition, &new)?.fields().to_vec()))
        })
        .await
}
