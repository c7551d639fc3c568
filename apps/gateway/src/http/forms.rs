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

/// Writes the two routes of one form: a handler's name is its operation's id, so that each has its own.
macro_rules! form {
    ($api:ident, $path:literal, $area:ident, $kind:ident, $of:literal, $get:ident, $put:ident) => {
        async fn $get(caller: Caller<area::$area, Read>) -> Answer<Items<Field>> {
            caller
                .read(|connection, scope| Ok(Items(forms::get(connection, scope, FormKind::$kind)?.fields().to_vec())))
                .await
        }

        async fn $put(
            caller: Caller<area::$area, Write>,
            condition: Precondition<FormItems>,
            body: Body<NewForm>,
        ) -> Answer<Items<Field>> {
            replace(caller, FormKind::$kind, condition, body).await
        }

        $api.get($path, $get).summary(concat!("Read the form of ", $of));
        $api.put($path, $put)
            .summary(concat!("Replace the form of ", $of))
            .about(
                "A custom field that is left out keeps its values, which come back with it; until then they are \
                 neither returned nor accepted.",
            )
            .problem(ProblemCode::FieldInUse);
    };
}

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.tag(
        "Forms",
        "Which fields a kind of record has: its own ones, and custom fields of nineteen types, whose values \
         are in `customFields`.",
    );
    form!(
        api,
        "/pipeline/forms/opportunities",
        Pipeline,
        Pipeline,
        "leads and opportunities",
        get_pipeline_form,
        replace_pipeline_form
    );
    form!(api, "/directory/forms/contacts", Directory, Contacts, "contacts", get_contact_form, replace_contact_form);
    form!(
        api,
        "/directory/forms/organizations",
        Directory,
        Organizations,
        "organizations",
        get_organization_form,
        replace_organization_form
    );
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
