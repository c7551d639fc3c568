use validator::ValidateEmail;

use crate::text::{is_host_label, is_of_mailbox};

/// Whether a text is an e-mail address `local@domain`, of letters of all scripts on both sides (RFC 6531), without
/// characters that nobody sees.
///
/// The rule for ASCII is the validator's, which is that of browsers. It knows domains of other scripts, but not local
/// parts, and takes what IDNA drops from a domain: a letter stands in for each character that it does not know.
pub(crate) fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let local: String = local.chars().map(|c| if is_of_mailbox(c) { 'x' } else { c }).collect();
    (domain.is_ascii() || domain.split('.').all(is_host_label)) && format!("{local}@{domain}").validate_email()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_of_letters_of_all_scripts_that_are_seen() {
        for text in [
            "jane.doe@work.com",
            "josé@example.com",
            "用户@例子.公司",
            "संपर्क@हिन्दी.भारत",
            "jane@münchen.de",
            "jane@xn--mnchen-3ya.de",
            "🙂@example.com",
            "jane@[127.0.0.1]",
        ] {
            assert!(is_email(text), "{text}");
        }
        for (text, why) in [
            ("josé", "no domain"),
            ("@example.com", "no local part"),
            ("jo se@example.com", "a blank"),
            ("jo\u{a0}se@example.com", "a blank of Unicode"),
            ("jo\u{200b}se@example.com", "a character of no width"),
            ("jane@exam\u{200b}ple.com", "U+200B"),
            ("jane@exam\u{feff}ple.com", "U+FEFF"),
            ("jane@exam\u{ad}ple.com", "U+00AD"),
            ("jane@exam\u{2060}ple.com", "U+2060"),
            ("jane@exam\u{34f}ple.com", "U+034F"),
            ("jane@exam\u{3164}ple.com", "a letter that is not seen"),
            ("jane@exämple..com", "an empty label"),
            ("jane@-exämple.com", "a label that begins with a hyphen"),
        ] {
            assert!(!is_email(text), "{text:?}: {why}");
        }
    }
}
