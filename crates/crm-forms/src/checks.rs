/// Declares `check_new` and `check_patch`, the rules of the form of a kind of records for what a new one or a patch brings
/// (docs/compatibility.md, "Forms and custom fields"); both give the custom fields to store. What is listed is what the form
/// can require: members with the names that a form has for them, those first that it can narrow to options.
///
/// `form_checks!(NewLead, LeadPatch { options: origin "origin"; values: note "note"; lists: tags "tags"; })`
#[macro_export]
macro_rules! form_checks {
    ($new:ty, $patch:ty {
        options: $($option:ident $option_name:literal),*;
        values: $($value:ident $value_name:literal),*;
        lists: $($list:ident $list_name:literal),*;
    }) => {
        /// Checks a new record; gives the custom fields to store.
        pub(crate) fn check_new(
            new: &$new,
            form: &$crate::Form,
            errors: &mut ::crm_core::FieldErrors,
        ) -> $crate::CustomFields {
            $(form.check_own($option_name, new.$option.as_ref().map(|chosen| chosen.as_str()), errors);)*
            let is_set = |field: &str| match field {
                $($option_name => new.$option.is_some(),)*
                $($value_name => new.$value.is_some(),)*
                $($list_name => !new.$list.is_empty(),)*
                // What nobody here knows is never there, so that a field which is forgotten here is found.
                _ => false,
            };
            form.require_new(is_set, errors);
            form.check_new(Some(&new.custom_fields), errors)
        }

        /// Checks a patch of a record with these custom fields; gives those to store.
        pub(crate) fn check_patch(
            patch: &$patch,
            stored: &$crate::CustomFields,
            form: &$crate::Form,
            errors: &mut ::crm_core::FieldErrors,
        ) -> $crate::CustomFields {
            $(form.check_own($option_name, patch.$option.value().map(|chosen| chosen.as_str()), errors);)*
            let is_cleared = |field: &str| match field {
                $($option_name => patch.$option.is_clear(),)*
                $($value_name => patch.$value.is_clear(),)*
                $($list_name => patch.$list.is_clear_or(|list| list.is_empty()),)*
                _ => false,
            };
            form.require_patch(is_cleared, errors);
            form.check_patched(stored, &patch.custom_fields, errors)
        }
    };
}
