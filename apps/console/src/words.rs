//! Names of the API as people read them.

/// Those whose words are not in their letters.
const WORDS: &[(&str, &str)] = &[
    ("caseTypeId", "Case type"),
    ("contactId", "Contact"),
    ("firstResolutionOn", "First resolved"),
    ("isArchived", "Archived"),
    ("isConverted", "Converted"),
    ("isDefault", "Default"),
    ("lastResolutionOn", "Last resolved"),
    ("leadId", "Lead"),
    ("linkedin", "LinkedIn"),
    ("opportunityId", "Opportunity"),
    ("organizationId", "Organization"),
    ("pipelineId", "Pipeline"),
    ("url", "URL"),
];

/// A name in words: `seniorityLevel` is “Seniority level”, and `customFields.region` “Region”.
#[must_use]
pub fn of_name(name: &str) -> String {
    let name = name.strip_prefix("customFields.").unwrap_or(name);
    if let Some((_, words)) = WORDS.iter().find(|(known, _)| *known == name) {
        return (*words).to_owned();
    }
    let mut words = String::new();
    for (index, letter) in name.chars().enumerate() {
        match letter {
            letter if index == 0 => words.extend(letter.to_uppercase()),
            letter if letter.is_uppercase() => {
                words.push(' ');
                words.extend(letter.to_lowercase());
            }
            letter => words.push(letter),
        }
    }
    words
}
