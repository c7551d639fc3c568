//! The contacts that take part in opportunities, and what happens to opportunities when a contact is deleted or merged.

use crm_core::OpportunityId;

use super::queries;
use crate::schema::{opportunities, opportunity_participants};

crm_history::participants!(opportunities, opportunity_participants, OpportunityId, queries::lock);
