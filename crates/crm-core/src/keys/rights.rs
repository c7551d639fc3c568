use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::error::{FieldCode, FieldErrors};
use crate::input::{At, FromJson, read_list};

/// A part of the API that rights are given for. Forms, tags, pipelines and case types belong to the area of their records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Area {
    /// Leads and opportunities.
    Pipeline,
    /// Contacts and organizations.
    Directory,
    /// Cases.
    Cases,
    /// Keys, and whatever else a tenant's administrators look after.
    Settings,
}

impl Area {
    /// Every area.
    pub const ALL: [Self; 4] = [Self::Pipeline, Self::Directory, Self::Cases, Self::Settings];

    /// Its name in a scope.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pipeline => "pipeline",
            Self::Directory => "directory",
            Self::Cases => "cases",
            Self::Settings => "settings",
        }
    }
}

/// What may be done in an area. Writing includes reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// Nothing is changed.
    Read,
    /// Records are made, changed and deleted.
    Write,
}

impl Access {
    /// Its name in a scope.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// One right, a "scope" on the wire: `cases:read`, or `*:read` for every area, those included that later versions add.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Right {
    /// The area; `None` is all of them.
    pub area: Option<Area>,
    /// What may be done there.
    pub access: Access,
}

impl Right {
    /// Every right there is, in the order in which they are written.
    fn all() -> impl Iterator<Item = Self> {
        let areas = std::iter::once(None).chain(Area::ALL.into_iter().map(Some));
        areas.flat_map(|area| [Access::Read, Access::Write].map(|access| Self { area, access }))
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.area.map_or("*", Area::as_str), self.access.as_str())
    }
}

/// Why a text is no [`Right`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be *, pipeline, directory, cases or settings with :read or :write, such as cases:read")]
pub struct NotARight;

impl FromStr for Right {
    type Err = NotARight;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::all().find(|right| right.to_string() == text).ok_or(NotARight)
    }
}

/// What a key or a person may do: the strongest right of each area, and of all areas.
///
/// ```
/// use crm_core::keys::{Access, Area, Rights};
/// let rights: Rights = "*:read cases:write".parse()?;
/// assert!(rights.allow(Area::Cases, Access::Write) && rights.allow(Area::Pipeline, Access::Read));
/// assert!(!rights.allow(Area::Pipeline, Access::Write));
/// # Ok::<_, crm_core::keys::NotARight>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Rights {
    everywhere: Option<Access>,
    areas: [Option<Access>; 4],
}

impl Rights {
    /// Reading and writing everywhere: the primary key's.
    pub const WRITE_ALL: Self = Self { everywhere: Some(Access::Write), areas: [None; 4] };
    /// Reading everywhere: the secondary key's.
    pub const READ_ALL: Self = Self { everywhere: Some(Access::Read), areas: [None; 4] };

    /// Whether `access` is allowed in this area.
    #[must_use]
    pub fn allow(self, area: Area, access: Access) -> bool {
        self.in_area(area) >= Some(access)
    }

    /// Whether anything may be changed anywhere.
    #[must_use]
    pub fn may_write(self) -> bool {
        Area::ALL.into_iter().any(|area| self.allow(area, Access::Write))
    }

    /// The first right of `others` that these do not include: nobody gives what he has not.
    #[must_use]
    pub fn lacking(self, others: Self) -> Option<Right> {
        others.iter().find(|right| match right.area {
            Some(area) => !self.allow(area, right.access),
            None => self.everywhere < Some(right.access),
        })
    }

    /// Adds a right.
    #[must_use]
    pub fn with(mut self, right: Right) -> Self {
        let strongest = match right.area {
            None => &mut self.everywhere,
            Some(area) => &mut self.areas[area as usize],
        };
        *strongest = (*strongest).max(Some(right.access));
        self
    }

    /// Adds all of `others`.
    #[must_use]
    pub fn and(self, others: Self) -> Self {
        others.iter().fold(self, Self::with)
    }

    /// The rights, each that another one includes left out.
    pub fn iter(self) -> impl Iterator<Item = Right> {
        let everywhere = self.everywhere.map(|access| Right { area: None, access });
        let own = Area::ALL.into_iter().filter_map(move |area| {
            let access = self.areas[area as usize].filter(|access| Some(*access) > self.everywhere)?;
            Some(Right { area: Some(area), access })
        });
        everywhere.into_iter().chain(own)
    }

    fn in_area(self, area: Area) -> Option<Access> {
        self.everywhere.max(self.areas[area as usize])
    }
}

impl FromIterator<Right> for Rights {
    fn from_iter<I: IntoIterator<Item = Right>>(rights: I) -> Self {
        rights.into_iter().fold(Self::default(), Self::with)
    }
}

impl fmt::Display for Rights {
    /// With blanks between them, as they are stored: `*:read cases:write`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, right) in self.iter().enumerate() {
            write!(f, "{}{right}", if index > 0 { " " } else { "" })?;
        }
        Ok(())
    }
}

impl FromStr for Rights {
    type Err = NotARight;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split_ascii_whitespace().map(str::parse).collect()
    }
}

impl Serialize for Rights {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(|right| right.to_string()))
    }
}

impl FromJson for Right {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let right = value.as_str().map(str::parse);
        match right {
            Some(Ok(right)) => return Some(right),
            Some(Err(NotARight)) => errors.push(at.to_string(), FieldCode::InvalidValue, NotARight.to_string()),
            None => errors.push(at.to_string(), FieldCode::WrongType, "must be a string"),
        }
        None
    }
}

impl FromJson for Rights {
    /// A list with at least one right; of one that another includes nothing is left.
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let rights: Vec<Right> = read_list(value, at, Right::all().count(), errors)?;
        if rights.is_empty() {
            errors.push(at.to_string(), FieldCode::Required, "must name at least one scope");
            return None;
        }
        Some(rights.into_iter().collect())
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Rights {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        let words: Vec<String> = Right::all().map(|right| right.to_string()).collect();
        let right = utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .enum_values(Some(words));
        utoipa::openapi::schema::ArrayBuilder::new()
            .items(right)
            .min_items(Some(1))
            .max_items(Some(Right::all().count()))
            .description(Some("What may be done where. `write` includes `read`, and `*` is every area."))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Rights {}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(text: &str) -> Rights {
        text.parse().unwrap()
    }

    #[test]
    fn what_another_right_includes_is_not_written() {
        for (text, written) in [
            ("cases:read cases:write", "cases:write"),
            ("*:write pipeline:read", "*:write"),
            ("*:read settings:write pipeline:read", "*:read settings:write"),
            ("cases:read pipeline:read", "pipeline:read cases:read"),
        ] {
            assert_eq!(rights(text).to_string(), written, "{text}");
        }
    }

    #[test]
    fn writing_includes_reading_and_a_star_every_area() {
        let all = rights("*:read cases:write");
        for area in Area::ALL {
            assert!(all.allow(area, Access::Read), "{area:?}");
            assert_eq!(all.allow(area, Access::Write), area == Area::Cases, "{area:?}");
        }
        assert!(!rights("cases:write").allow(Area::Pipeline, Access::Read));
        assert!(rights("cases:write").may_write() && !Rights::READ_ALL.may_write());
    }

    #[test]
    fn nobody_has_what_he_lacks() {
        for (own, others, lacking) in [
            ("*:write", "*:write", None),
            ("*:write", "cases:read", None),
            ("cases:write", "cases:read", None),
            ("cases:read", "cases:write", Some("cases:write")),
            ("*:read", "*:read pipeline:write", Some("pipeline:write")),
            // All areas of today are not all of tomorrow.
            ("pipeline:write directory:write cases:write settings:write", "*:read", Some("*:read")),
        ] {
            let found = rights(own).lacking(rights(others)).map(|right| right.to_string());
            assert_eq!(found.as_deref(), lacking, "{own} gives {others}");
        }
    }

    #[test]
    fn only_known_rights_are_read() {
        for text in
            ["", "*", "read", "cases", "cases:", "cases:admin", "Cases:read", "cases:read ", "leads:read", "*:*"]
        {
            assert_eq!(text.parse::<Right>(), Err(NotARight), "{text:?}");
        }
    }
}
