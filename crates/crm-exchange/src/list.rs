//! Lists in one cell: entries with `;` between them. A backslash takes its meaning from the `;`, `:`, `*` or backslash
//! behind it.

use std::borrow::Cow;

/// What stands between two entries.
const BETWEEN: char = ';';

/// The entries of a cell, without blanks around them and without empty ones, still escaped.
pub(crate) fn entries(cell: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(cell);
    std::iter::from_fn(move || {
        let text = rest?;
        let (entry, behind) = split_at(text, |text| text.starts_with(BETWEEN).then_some(BETWEEN.len_utf8()));
        rest = behind;
        Some(entry.trim())
    })
    .filter(|entry| !entry.is_empty())
}

/// The label and the value of an entry such as `Work: jane@work.com`, still escaped.
pub(crate) fn labeled(entry: &str) -> (Option<&str>, &str) {
    match split_at(entry, |text| text.starts_with(": ").then_some(2)) {
        (label, Some(value)) if !label.trim().is_empty() => (Some(label.trim()), value.trim()),
        _ => (None, entry),
    }
}

/// What stands before the first place where `separator` says how long it is, and what behind it; escaped characters are
/// none.
fn split_at(text: &str, separator: impl Fn(&str) -> Option<usize>) -> (&str, Option<&str>) {
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if character == '\\' {
            escaped = true;
        } else if let Some(length) = separator(&text[at..]) {
            return (&text[..at], Some(&text[at + length..]));
        }
    }
    (text, None)
}

/// The text that an escaped one stands for.
pub(crate) fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, characters.peek()) {
            ('\\', Some(';' | ':' | '*' | '\\')) => plain.extend(characters.next()),
            _ => plain.push(character),
        }
    }
    Cow::Owned(plain)
}

/// Adds an entry to a cell.
pub(crate) fn push(cell: &mut String, is_marked: bool, label: Option<&str>, value: &str) {
    if !cell.is_empty() {
        cell.push_str("; ");
    }
    if is_marked {
        cell.push('*');
    }
    if let Some(label) = label {
        push_escaped(cell, label);
        cell.push_str(": ");
    }
    push_escaped(cell, value);
}

fn push_escaped(cell: &mut String, text: &str) {
    for (index, character) in text.chars().enumerate() {
        if matches!(character, ';' | ':' | '\\') || (character == '*' && index == 0) {
            cell.push('\\');
        }
        cell.push(character);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for (label, value) in [
            (None, "jane@work.com"),
            (Some("Work"), "jane@work.com"),
            (Some("a: b; c"), "x; y: z"),
            (Some("*"), "*1 \\ 2"),
            (None, "\\;"),
            (None, "sip:5"),
            (None, "\\"),
        ] {
            let mut cell = String::new();
            push(&mut cell, false, label, value);
            push(&mut cell, true, None, "other");
            let read: Vec<&str> = entries(&cell).collect();
            assert_eq!(read.len(), 2, "{cell:?}");
            let (read_label, read_value) = labeled(read[0]);
            assert_eq!((read_label.map(unescaped).as_deref(), &*unescaped(read_value)), (label, value), "{cell:?}");
            assert_eq!(read[1], "*other");
        }
    }

    #[test]
    fn what_people_write_is_read_as_it_is_meant() {
        let read = |cell: &str| entries(cell).map(|entry| unescaped(entry).into_owned()).collect::<Vec<_>>();
        assert_eq!(read(" vip ;; new lead; "), ["vip", "new lead"]);
        assert_eq!(read(""), [""; 0]);
        assert_eq!(read("C:\\Users"), ["C:\\Users"], "a backslash before another character is itself");
        assert_eq!(labeled("a:b"), (None, "a:b"), "no blank behind the colon");
        assert_eq!(labeled(": x"), (None, ": x"), "nothing before it");
    }
}
