use std::net::Ipv6Addr;

use serde_json::Value;

use crate::checked_text;
use crate::error::{FieldCode, FieldErrors};
use crate::input::{At, FromJson};
use crate::text::is_host_label;
use crate::values::text::{is_blank, read_text};

/// The address of a web page, with or without its scheme: `https://www.linkedin.com/in/janedoe`, `johndoe.com`
/// (docs/compatibility.md, "Contacts and organizations"). Kept as it was sent; a blank one means none.
///
/// At most 2 048 characters without white space; the scheme, where there is one, is `http` or `https`, because
/// a page that links a `javascript:` address runs it; the host has a dot, or is an IPv6 address in brackets.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Url(String);

checked_text!(Url);

impl Url {
    /// The most characters it holds.
    pub const LIMIT: usize = 2_048;

    /// Whether a text, trimmed already, is an address.
    #[must_use]
    pub fn is_valid(text: &str) -> bool {
        let rest = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") => rest,
            // Behind the host "://" may stand in a query, as in a link that redirects.
            Some((before, _)) if before.contains(['/', '?', '#']) => text,
            Some(_) => return false,
            None => text,
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        // The colons of an IPv6 address stand in brackets.
        let behind = authority.rfind(']').map_or(0, |bracket| bracket + 1);
        let port = authority[behind..].find(':').map(|colon| behind + colon);
        let (host, port) = port.map_or((authority, "80"), |colon| (&authority[..colon], &authority[colon + 1..]));
        !text.contains(char::is_whitespace) && is_host(host) && port.parse().is_ok_and(|port: u16| port > 0)
    }
}

/// Labels of letters, digits and hyphens, of any script, with a dot between two of them; or an IPv6 address in brackets
/// (RFC 3986).
fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    // Underscores are no letters of names of hosts, and some hosts have them.
    let is_label = |label: &str| is_host_label(&label.replace('_', "x"));
    host.contains('.') && host.split('.').all(is_label)
}

impl FromJson for Url {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let text = read_text(value, at, Self::LIMIT, true, errors)?;
        if !Self::is_valid(text) {
            errors.push(
                at,
                FieldCode::InvalidUrl,
                "must be a web address such as https://www.example.com or example.com",
            );
            return None;
        }
        Some(Self(text.to_owned()))
    }

    fn means_nothing(value: &Value) -> bool {
        is_blank(value)
    }
}

#[cfg(feature = "openapi")]
crate::openapi::string_schema!(Url, "A web address; the scheme is optional.", "https://www.example.com", max_length: 2_048);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_with_a_dot_and_at_most_a_web_scheme() {
        for text in [
            "johndoe.com",
            "https://www.linkedin.com/in/janedoe",
            "HTTP://EXAMPLE.COM",
            "example.com:8080/a?b=c#d",
            "example.com/r?to=https://other.com",
            "münchen.de",
            "हिन्दी.भारत",
            "http://[2001:db8::1]",
            "https://[::1]:8443/a?b=[c]:d",
            "[2001:db8::1]/a",
            "www.acme.com/a(b)~c",
        ] {
            assert!(Url::is_valid(text), "{text}");
        }
        for (text, why) in [
            ("", "nothing"),
            ("localhost", "no dot"),
            ("not a url", "white space"),
            ("example.com/a b", "white space behind the host"),
            ("javascript://example.com/%0aalert(1)", "a scheme that a page would run"),
            ("javascript:alert(1)", "no host"),
            ("ftp://example.com", "another scheme"),
            ("https://", "no host"),
            ("https:///path.html", "no host"),
            ("example..com", "an empty label"),
            (".com", "an empty label"),
            ("-a.com", "a label that begins with a hyphen"),
            ("example.com:0", "no port"),
            ("example.com:99999", "no port"),
            ("user@example.com", "an e-mail address"),
            ("exam\u{200b}ple.com", "a character that nobody sees"),
            ("exam\u{34f}ple.com", "a mark that nobody sees"),
            ("http://[2001:db8::1", "a bracket that is not closed"),
            ("http://[example.com]", "no IPv6 address in the brackets"),
            ("http://[fe80::1%25eth0]", "a zone, which means something on one machine only"),
            ("http://[::1]:0", "no port"),
            ("http://[::1]8080", "no colon before the port"),
            ("http://2001:db8::1", "an IPv6 address without brackets"),
        ] {
            assert!(!Url::is_valid(text), "{text}: {why}");
        }
    }
}
