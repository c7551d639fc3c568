//! The forms of each kind of record (contract/tags-forms-bulk, "Forms").

use crm_forms::{Field, FormKind, NewForm};
use crm_suite::forms;

use crate::auth::Caller;
use crate::endpoint::{Answer, Api, Body, Items};
use crate::error::ProblemCode;

/// Writes the two routes of one form: a handler's name is its operation's id, so that each has its own.
macro_rules! form {
    ($api:ident, $path:literal, $kind:ident, $of:literal, $get:ident, $put:ident) => {
        async fn $get(caller: Caller) -> Answer<Items<Field>> {
            caller
                .read(|connection, scope| Ok(Items(forms::get(connection, scope, FormKind::$kind)?.fields().to_vec())))
                .await
        }

        async fn $put(caller: Caller, Body(new): Body<NewForm>) -> Answer<Items<Field>> {
            caller
                .write(move |connection, scope| {
                    Ok(Items(forms::replace(connection, scope, FormKind::$kind, &new)?.fields().to_vec()))
                })
                .await
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
        "leads and opportunities",
        get_pipeline_form,
        replace_pipeline_form
    );
    form!(api, "/directory/forms/contacts", Contacts, "contacts", get_contact_form, replace_contact_form);
    form!(
        api,
        "/directory/forms/organizations",
        Organizations,
        "organizations",
        get_organization_form,
        replace_organization_form
    );
}
