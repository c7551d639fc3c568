//! The columns of a record's own fields.

use crm_core::values::LabeledValueKind;

use crate::Kind;
use crate::row::Lookup;

/// What one of a record's own members is, which decides its columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One text: also numbers of records, moments and days.
    Text,
    /// `true` or `false`.
    Boolean,
    /// A list of addresses or numbers.
    Labeled(LabeledValueKind),
    /// Tags by their labels.
    Tags,
    /// A list that no cell shows well: users, participants.
    Json,
    /// An object, a column for each of these members: name, what stands in a label, whether it is a number.
    Parts(&'static [(&'static str, &'static str, bool)]),
    /// Another record: a column with its id and one with its name.
    Record(Lookup),
}

/// Who may send it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Whoever makes or changes a record.
    Written,
    /// Who moves data from another system: the API itself shows it only.
    Moved,
    /// Nobody: it is shown, and ignored where it comes back.
    Shown,
}

/// A member of a record, with the label that its columns have where the form has none for it.
pub(crate) type Own = (&'static str, &'static str, Shape, Access);

const fn written(member: &'static str, label: &'static str, shape: Shape) -> Own {
    (member, label, shape, Access::Written)
}

const fn moved(member: &'static str, label: &'static str, shape: Shape) -> Own {
    (member, label, shape, Access::Moved)
}

const fn shown(member: &'static str, label: &'static str, shape: Shape) -> Own {
    (member, label, shape, Access::Shown)
}

pub(crate) const MONEY: Shape = Shape::Parts(&[("amount", "amount", true), ("code", "currency", false)]);
pub(crate) const RANGE: Shape = Shape::Parts(&[("start", "from", false), ("end", "to", false)]);
const USER: Shape = Shape::Parts(&[("id", "id", false), ("name", "name", false), ("email", "e-mail", false)]);
const LOST: Shape = Shape::Parts(&[("reasonId", "reason", false), ("comment", "comment", false)]);
const EMAILS: Shape = Shape::Labeled(LabeledValueKind::Email);
const PHONES: Shape = Shape::Labeled(LabeledValueKind::Phone);

const ID: Own = shown("id", "Id", Shape::Text);
const EXTERNAL_ID: Own = written("externalId", "External id", Shape::Text);
const TITLE: Own = written("title", "Title", Shape::Text);
const NAME: Own = written("name", "Name", Shape::Text);
const NOTE: Own = written("note", "Note", Shape::Text);
const ORGANIZATION: Own = written("organizationId", "Organization", Shape::Record(Lookup::Organization));
const CONTACT: Own = written("contactId", "Contact", Shape::Record(Lookup::Contact));
const EMAIL: Own = written("email", "Email", EMAILS);
const PHONE: Own = written("phone", "Phone", PHONES);
const VALUE: Own = written("value", "Value", MONEY);
const ORIGIN: Own = written("origin", "Origin", Shape::Text);
const RATING: Own = written("leadRating", "Lead rating", Shape::Text);
const OWNER: Own = written("owner", "Owner", USER);
const CREATOR: Own = written("creator", "Creator", USER);
const LAST_UPDATED_BY: Own = written("lastUpdatedBy", "Last updated by", USER);
const FOLLOWERS: Own = written("followers", "Followers", Shape::Json);
const PARTICIPANTS: Own = written("participants", "Participants", Shape::Json);
const TAGS: Own = written("tags", "Tags", Shape::Tags);
const CREATED_ON: Own = moved("createdOn", "Created on", Shape::Text);
const LAST_UPDATED_ON: Own = shown("lastUpdatedOn", "Last updated on", Shape::Text);

/// Every member but the tenant, which is the same in all rows, and the custom fields, which come before the last of these.
pub(crate) fn own(kind: Kind) -> &'static [Own] {
    match kind {
        Kind::Lead => LEAD,
        Kind::Opportunity => OPPORTUNITY,
        Kind::Contact => CONTACTS,
        Kind::Organization => ORGANIZATIONS,
        Kind::Case => CASE,
    }
}

const LEAD: &[Own] = &[
    ID,
    EXTERNAL_ID,
    TITLE,
    VALUE,
    ORGANIZATION,
    CONTACT,
    ORIGIN,
    RATING,
    OWNER,
    CREATOR,
    LAST_UPDATED_BY,
    FOLLOWERS,
    PARTICIPANTS,
    TAGS,
    NOTE,
    moved("isArchived", "Archived", Shape::Boolean),
    shown("isConverted", "Converted", Shape::Boolean),
    shown("opportunityId", "Opportunity id", Shape::Text),
    shown("convertedOn", "Converted on", Shape::Text),
    CREATED_ON,
    LAST_UPDATED_ON,
];

const OPPORTUNITY: &[Own] = &[
    ID,
    EXTERNAL_ID,
    TITLE,
    VALUE,
    written("pipelineId", "Pipeline", Shape::Record(Lookup::Pipeline)),
    written("stage", "Stage", Shape::Text),
    moved("status", "Status", Shape::Text),
    moved("lostReason", "Lost", LOST),
    moved("closedOn", "Closed on", Shape::Text),
    ORGANIZATION,
    CONTACT,
    ORIGIN,
    RATING,
    OWNER,
    CREATOR,
    LAST_UPDATED_BY,
    FOLLOWERS,
    PARTICIPANTS,
    TAGS,
    NOTE,
    shown("leadId", "Lead id", Shape::Text),
    CREATED_ON,
    LAST_UPDATED_ON,
];

const CONTACTS: &[Own] = &[
    ID,
    EXTERNAL_ID,
    NAME,
    EMAIL,
    PHONE,
    ORGANIZATION,
    written("jobTitle", "Job title", Shape::Text),
    written("department", "Department", Shape::Text),
    written("seniorityLevel", "Seniority level", Shape::Text),
    written("linkedin", "LinkedIn", Shape::Text),
    OWNER,
    CREATOR,
    LAST_UPDATED_BY,
    TAGS,
    NOTE,
    CREATED_ON,
    LAST_UPDATED_ON,
];

const ORGANIZATIONS: &[Own] = &[
    ID,
    EXTERNAL_ID,
    NAME,
    written("address", "Address", Shape::Text),
    EMAIL,
    PHONE,
    written("website", "Website", Shape::Text),
    written("industry", "Industry", Shape::Text),
    written("size", "Size", Shape::Text),
    written("annualRevenue", "Annual revenue", Shape::Text),
    OWNER,
    CREATOR,
    LAST_UPDATED_BY,
    TAGS,
    NOTE,
    CREATED_ON,
    LAST_UPDATED_ON,
];

const CASE: &[Own] = &[
    ID,
    EXTERNAL_ID,
    TITLE,
    written("caseTypeId", "Case type", Shape::Record(Lookup::CaseType)),
    written("status", "Status", Shape::Text),
    written("priority", "Priority", Shape::Text),
    written("expectedDate", "Expected date", Shape::Text),
    written("description", "Description", Shape::Text),
    ORGANIZATION,
    CONTACT,
    written("assignee", "Assignee", USER),
    OWNER,
    CREATOR,
    LAST_UPDATED_BY,
    TAGS,
    moved("firstResolutionOn", "First resolution on", Shape::Text),
    moved("lastResolutionOn", "Last resolution on", Shape::Text),
    CREATED_ON,
    LAST_UPDATED_ON,
];
