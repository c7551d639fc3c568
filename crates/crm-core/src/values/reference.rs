use serde::Serialize;

/// A record that another one points at, as responses show it: `{ id, name }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reference<I> {
    /// The id of the record.
    pub id: I,
    /// Its name at the time of the response.
    #[cfg_attr(feature = "openapi", schema(examples("Acme Corporation")))]
    pub name: String,
}
