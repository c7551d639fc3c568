use serde_json::Value;

use crm_core::input::{At, FromJson};
use crm_core::values::{Url, read_text};
use crm_core::{FieldCode, FieldErrors, checked_text};

/// Where a webhook is received: `https://` with a host, or `http://`, which the program that sends permits for addresses
/// of its own network. Without a user, a password or a fragment. Kept as it was sent.
///
/// Which addresses may be connected to is no matter of this type: it depends on what the name stands for when it is used.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WebhookUrl(String);

checked_text!(WebhookUrl);

impl WebhookUrl {
    /// Whether a text, trimmed already, is such an address. The host may be a name without a dot: the network of the program
    /// may have some.
    #[must_use]
    pub fn is_valid(text: &str) -> bool {
        let Some((scheme, rest)) = text.split_once("://") else { return false };
        let is_web = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic()) && !text.contains(['#', '\\', '"', '<', '>']);
        let host = authority.split(':').next().unwrap_or_default();
        let dotted = if host.contains('.') || authority.starts_with('[') {
            authority.to_owned()
        } else {
            format!("x.{authority}")
        };
        is_web
            && is_plain
            && !authority.contains('@')
            && !host.is_empty()
            && Url::is_valid(&format!("{scheme}://{dotted}"))
    }
}

impl FromJson for WebhookUrl {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let text = read_text(value, at, Url::LIMIT, true, errors)?;
        if !Self::is_valid(text) {
            let message =
                "must be an address such as https://hooks.example.com/crm, in ASCII, without a user or fragment";
            errors.push(at, FieldCode::InvalidUrl, message);
            return None;
        }
        Some(Self(text.to_owned()))
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for WebhookUrl {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some(
                "Where it is received: `https://`, a host and a path. In ASCII, without a user or fragment.",
            ))
            .examples([Value::from("https://hooks.example.com/crm")])
            .pattern(Some("^[Hh][Tt][Tt][Pp][Ss]?://[!-~]+$"))
            .max_length(Some(Url::LIMIT))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for WebhookUrl {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_of_the_web_without_a_user() {
        for text in [
            "https://hooks.example.com/crm",
            "HTTPS://EXAMPLE.COM",
            "http://10.0.0.7:8080/a?b=c",
            "https://[2001:db8::1]:8443/x",
            "http://receiver/hook",
            "http://receiver:8080",
            "https://xn--mnchen-3ya.de/",
        ] {
            assert!(WebhookUrl::is_valid(text), "{text}");
        }
        for (text, why) in [
            ("", "nothing"),
            ("example.com", "no scheme"),
            ("ftp://example.com", "another scheme"),
            ("https://", "no host"),
            ("https:///path", "no host"),
            ("https://user:password@example.com", "a user"),
            ("https://example.com@127.0.0.1/", "a user that looks like a host"),
            ("https://example.com#part", "a fragment"),
            ("https://example.com\\@127.0.0.1", "a backslash, which some take for a slash"),
            ("https://exa mple.com", "white space"),
            ("https://münchen.de", "not ASCII"),
            ("https://example.com:0", "no port"),
            ("https://example.com:99999", "no port"),
            ("https://:8080", "no host"),
            ("https://[::1", "a bracket that is not closed"),
        ] {
            assert!(!WebhookUrl::is_valid(text), "{text}: {why}");
        }
    }
}
