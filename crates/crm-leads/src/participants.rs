//! The contacts that take part in leads, and what happens to leads when a contact is deleted or merged.

use crm_core::LeadId;

use crate::queries;
use crate::schema::{lead_participants, leads};

crm_history::participants!(leads, lead_participants, LeadId, queries::lock);
