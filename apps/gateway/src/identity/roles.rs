use std::str::FromStr;

use crm_core::keys::{Right, Rights};

use super::tokens::Identity;

/// `CRM_ROLES`: what the roles of a token allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles(Vec<(String, Rights)>);

impl Roles {
    /// What they are where nobody chose.
    pub const DEFAULT: &'static str =
        "crm_admin=*:write; crm_user=pipeline:write,directory:write,cases:write; crm_viewer=*:read";

    /// All that the roles of this token allow together.
    #[must_use]
    pub fn rights(&self, identity: &Identity) -> Rights {
        self.allow(|role| identity.has_role(role))
    }

    /// All that these allow together.
    #[must_use]
    pub fn rights_of(&self, roles: &[String]) -> Rights {
        self.allow(|role| roles.iter().any(|has| has == role))
    }

    /// Those of a token that allow something.
    #[must_use]
    pub fn known_of(&self, identity: &Identity) -> Vec<String> {
        self.0.iter().filter(|(role, _)| identity.has_role(role)).map(|(role, _)| role.clone()).collect()
    }

    fn allow(&self, has: impl Fn(&str) -> bool) -> Rights {
        self.0.iter().filter(|(role, _)| has(role)).fold(Rights::default(), |all, (_, rights)| all.and(*rights))
    }
}

impl FromStr for Roles {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let entries = text.split(';').map(str::trim).filter(|entry| !entry.is_empty());
        let mut roles: Vec<(String, Rights)> = Vec::new();
        for entry in entries {
            let (role, scopes) = entry.split_once('=').ok_or_else(|| format!("{entry:?} is no role=scope,scope"))?;
            let scopes = scopes.split(',').map(|scope| scope.trim().parse::<Right>());
            let rights =
                scopes.collect::<Result<Rights, _>>().map_err(|error| format!("a scope in {entry:?} {error}"))?;
            let role = role.trim();
            if role.is_empty() || roles.iter().any(|(other, _)| other == role) {
                return Err(format!("{entry:?} names no role, or one that stands twice"));
            }
            roles.push((role.to_owned(), rights));
        }
        if roles.is_empty() { Err("must name at least one role".to_owned()) } else { Ok(Self(roles)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_told() {
        for text in ["", " ; ", "admin", "=*:read", "admin=", "admin=everything", "a=*:read;a=*:write", "a=cases:read,"]
        {
            assert!(text.parse::<Roles>().is_err(), "{text:?}");
        }
        assert!(Roles::DEFAULT.parse::<Roles>().is_ok());
        assert!(" a = *:read , cases:write ;".parse::<Roles>().is_ok());
    }
}
