//! Settings, forms.

use crm_cases::{CaseTypePatch, types};
use crm_console::form::Typed;
use crm_console::forms::{Editor, breaks};
use crm_core::input::{FromBody, JsonObject};
use crm_core::keys::{Access, Area, Right, Rights};
use crm_core::{CaseTypeId, Condition, DbConnection, Scope, Unmet};
use crm_forms::{Field, FieldType, FormKind, NewForm};
use crm_suite::forms;
use serde_json::{Value, json};

use crate::auth::{InArea, Read, Visitor, Write, area};
use crate::endpoint::{Answer, Api, Form, Html, Query, etag_of};
use crate::error::Failure;

use super::imports::readable;
use super::kind::Numbered;
use super::rows::rows;
use super::{CHANGED_MEANWHILE, Done, again, as_seen, done, frame, seen_by, shown};

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    macro_rules! forms {
        ($($of:ty, $path:literal;)*) => { $(
            api.get($path, form_page::<$of>).undocumented();
            api.post($path, change::<$of>).undocumented();
        )* };
    }
    forms! {
        OfDeals, "/console/settings/forms/opportunities";
        OfContacts, "/console/settings/forms/contacts";
        OfOrganizations, "/console/settings/forms/organizations";
    }
    api.get("/console/settings/forms", first_page).undocumented();
    api.get("/console/settings/case-types/{id}/form", case_form_page).undocumented();
    api.post("/console/settings/case-types/{id}/form", change_case_form).undocumented();
}

/// A form that a kind of records has.
trait Formed: 'static {
    type Area: InArea;
    const KIND: FormKind;
    const PATH: &'static str;
    const TITLE: &'static str;
}

macro_rules! formed {
    ($($name:ident, $area:ident, $kind:ident, $path:literal, $title:literal;)*) => { $(
        struct $name;

        impl Formed for $name {
            type Area = area::$area;
            const KIND: FormKind = FormKind::$kind;
            const PATH: &'static str = $path;
            const TITLE: &'static str = $title;
        }
    )* };
}

formed! {
    OfDeals, Pipeline, Pipeline, "/console/settings/forms/opportunities", "Leads and opportunities";
    OfContacts, Directory, Contacts, "/console/settings/forms/contacts", "Contacts";
    OfOrganizations, Directory, Organizations, "/console/settings/forms/organizations", "Organizations";
}

/// The pages of all forms that somebody may read: those of the types of cases too.
fn tabs(connection: &mut DbConnection, scope: &Scope) -> Result<Vec<(String, String)>, Failure> {
    let may = |area| scope.actor().rights().allow(area, Access::Read);
    let mut tabs = Vec::new();
    for (area, path, title) in [
        (Area::Pipeline, OfDeals::PATH, OfDeals::TITLE),
        (Area::Directory, OfContacts::PATH, OfContacts::TITLE),
        (Area::Directory, OfOrganizations::PATH, OfOrganizations::TITLE),
    ] {
        if may(area) {
            tabs.push((path.to_owned(), title.to_owned()));
        }
    }
    if may(Area::Cases) {
        let types = types::forms(connection, scope)?.into_iter();
        tabs.extend(types.map(|(id, label, _)| (case_path(id), format!("Cases: {label}"))));
    }
    Ok(tabs)
}

fn case_path(id: CaseTypeId) -> String {
    format!("/console/settings/case-types/{id}/form")
}

/// The fields that the form says, as the API takes them.
fn fields_of(form: &Form, list: &str) -> Vec<Value> {
    let all = rows(form, list, |row| row.text("label").is_none() && row.text("id").is_none());
    let field = |row: &super::rows::Row<'_>| {
        let kind = row.raw("type");
        let mut field = json!({
            "label": row.raw("label"), "category": row.raw("category"), "type": kind, "required": row.is_ticked("required"),
        });
        if let Some(id) = row.text("id") {
            field["id"] = id.into();
        }
        let kind = FieldType::from_name(kind);
        let options: Vec<Value> = row.lines("options").map(|line| option(line, kind)).collect();
        if !options.is_empty() {
            let member = if kind.is_some_and(FieldType::has_labels) { "labelOptions" } else { "options" };
            field[member] = options.into();
        }
        field
    };
    all.iter().map(field).collect()
}

/// `gold | Gold | #ffcc00`, or a text that is all of it.
fn option(line: &str, kind: Option<FieldType>) -> Value {
    let parts: Vec<&str> = line.split('|').map(str::trim).collect();
    match parts[..] {
        [text] if kind == Some(FieldType::TagPicker) => json!({ "id": text, "label": text, "color": "#808080" }),
        [text] => text.into(),
        [id, label] => json!({ "id": id, "label": label }),
        [id, label, color, ..] => json!({ "id": id, "label": label, "color": color }),
        [] => Value::Null,
    }
}

/// What a page shows that was not read.
#[derive(Default)]
struct Stated {
    fields: Option<Vec<Value>>,
    breaks: Vec<String>,
    typed: Typed,
}

/// What was sent, or what would break by it, where that was not asked yet.
fn asked_first(form: &Form, before: &[Field], after: &[Value]) -> Vec<String> {
    if form.value("sure").is_some() { Vec::new() } else { breaks(before, after) }
}

/// What was sent, of which nothing was refused yet.
fn sent(form: &Form) -> Typed {
    Typed { values: form.fields().to_vec(), ..Typed::default() }
}

fn values(fields: &[Field]) -> Result<Vec<Value>, Failure> {
    fields.iter().map(shown).collect()
}

fn has_right(scope: &Scope, area: Option<Area>) -> bool {
    scope.actor().rights().lacking(Rights::default().with(Right { area, access: Access::Write })).is_none()
}

/// The first form that may be read.
async fn first_page(visitor: Visitor<area::OfKind, Read>) -> Answer<Html> {
    readable(&visitor)?;
    let page = visitor.read(|connection, scope| {
        let first = tabs(connection, scope)?.into_iter().next().map(|(path, _)| path);
        Ok(Html::see_other(first.unwrap_or_else(|| "/console/settings/case-types".to_owned())))
    });
    page.await
}

async fn form_page<F: Formed>(visitor: Visitor<F::Area, Read>, _: Query<(Done,)>) -> Answer<Html> {
    show::<F, _>(&visitor, Stated::default()).await
}

async fn show<F: Formed, D>(visitor: &Visitor<F::Area, D>, stated: Stated) -> Answer<Html> {
    let (frame, notice) = (frame(visitor), done(visitor));
    let page = visitor.read(move |connection, scope| {
        let form = forms::get(connection, scope, F::KIND)?;
        let fields = stated.fields.clone().map_or_else(|| values(form.fields()), Ok)?;
        let editor = Editor {
            title: F::TITLE,
            path: F::PATH,
            list: "fields",
            tabs: &tabs(connection, scope)?,
            seen: &seen_by(&stated.typed, &form.fields())?,
            fields: &fields,
            breaks: &stated.breaks,
            notice,
            typed: &stated.typed,
            may_write: has_right(scope, F::Area::AREA),
        };
        Ok(Html::page(editor.page(&frame)))
    });
    page.await
}

async fn change<F: Formed>(visitor: Visitor<F::Area, Write>) -> Answer<Html> {
    let form = visitor.form().clone();
    let fields = fields_of(&form, "fields");
    let caller = visitor.caller();
    let before = caller.find(|connection, scope| Ok(forms::get(connection, scope, F::KIND)?.fields().to_vec())).await?;
    let broken = asked_first(&form, &before, &fields);
    if !broken.is_empty() {
        return show::<F, _>(&visitor, Stated { fields: Some(fields), breaks: broken, typed: sent(&form) }).await;
    }
    let body = JsonObject::from_iter([("fields".to_owned(), Value::from(fields.clone()))]);
    let was = form.value("seen").map(str::to_owned);
    let changed = visitor.write(move |connection, scope| {
        let was = was.clone();
        let condition = Condition::new(move |now: &crm_forms::Form| match (&was, etag_of(&now.fields())) {
            (Some(was), Ok(etag)) if etag != *was => Err(Unmet(CHANGED_MEANWHILE.to_owned())),
            _ => Ok(()),
        });
        forms::replace(connection, scope, F::KIND, &condition, &NewForm::from_body(&body)?)?;
        Ok(Html::see_other(format!("{}?done=saved", F::PATH)))
    });
    let show = |typed| show::<F, _>(&visitor, Stated { fields: Some(fields), breaks: Vec::new(), typed });
    again(visitor.form(), changed.await, show).await
}

async fn case_form_page(
    visitor: Visitor<area::Cases, Read>,
    Numbered(id): Numbered<CaseTypeId>,
    _: Query<(Done,)>,
) -> Answer<Html> {
    show_case(&visitor, id, Stated::default()).await
}

async fn show_case<D>(visitor: &Visitor<area::Cases, D>, id: CaseTypeId, stated: Stated) -> Answer<Html> {
    let (frame, notice) = (frame(visitor), done(visitor));
    let page = visitor.read(move |connection, scope| {
        let of_type = types::get(connection, scope, id)?;
        let fields = stated.fields.clone().map_or_else(|| values(&of_type.form), Ok)?;
        let editor = Editor {
            title: &format!("Cases: {}", of_type.label.as_str()),
            path: &case_path(id),
            list: "form",
            tabs: &tabs(connection, scope)?,
            seen: &seen_by(&stated.typed, &of_type)?,
            fields: &fields,
            breaks: &stated.breaks,
            notice,
            typed: &stated.typed,
            may_write: has_right(scope, Some(Area::Cases)),
        };
        Ok(Html::page(editor.page(&frame)))
    });
    page.await
}

async fn change_case_form(visitor: Visitor<area::Cases, Write>, Numbered(id): Numbered<CaseTypeId>) -> Answer<Html> {
    let form = visitor.form().clone();
    let fields = fields_of(&form, "form");
    let caller = visitor.caller();
    let before = caller.find(move |connection, scope| Ok(types::get(connection, scope, id)?.form)).await?;
    let broken = asked_first(&form, &before, &fields);
    if !broken.is_empty() {
        return show_case(&visitor, id, Stated { fields: Some(fields), breaks: broken, typed: sent(&form) }).await;
    }
    let body = JsonObject::from_iter([("form".to_owned(), Value::from(fields.clone()))]);
    let was = form.value("seen").map(str::to_owned);
    let changed = visitor.write(move |connection, scope| {
        types::update(connection, scope, id, &as_seen(was.clone()), &CaseTypePatch::from_body(&body)?)?;
        Ok(Html::see_other(format!("{}?done=saved", case_path(id))))
    });
    let show = |typed| show_case(&visitor, id, Stated { fields: Some(fields), breaks: Vec::new(), typed });
    again(visitor.form(), changed.await, show).await
}
