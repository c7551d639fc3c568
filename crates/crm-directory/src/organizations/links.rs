//! What other records need of organizations: their names, and whether they exist.

use crm_core::{DbConnection, ForKeyShareExt, OrganizationId, Scope};
use diesel::prelude::*;

use super::filter::SEARCHED;
use super::queries;
use crate::links::{links, without};
use crate::schema::organizations;

links!(organizations, OrganizationId, "organization");
crm_forms::custom_fields_in_use!(SEARCHED);
