use crate::workflow::Status;

/// A change of status.
#[derive(Debug)]
pub(crate) struct Step {
    /// Where the case comes to.
    pub(crate) status: Status,
    /// The label of the transition that it walks, where it walks one that has a label.
    pub(crate) transition: Option<String>,
}
