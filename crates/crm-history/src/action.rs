use crate::named::named;

named! {
    /// What was done.
    Action;
    /// It was made.
    Created "created";
    /// It was changed.
    Updated "updated";
    /// It was deleted.
    Deleted "deleted";
    /// It was brought back after it had been deleted.
    Restored "restored";
    /// Every value of it was taken out for good.
    Erased "erased";
    /// A lead was made into an opportunity.
    Converted "converted";
    /// It was put aside.
    Archived "archived";
    /// It was taken up again.
    Unarchived "unarchived";
    /// An opportunity was moved to another stage.
    StageChanged "stageChanged";
    /// An opportunity was won, lost or reopened, or a case went on to another status.
    StatusChanged "statusChanged";
    /// Somebody wrote a comment on it, or changed or deleted one.
    Commented "commented";
    /// Others were merged into it.
    Merged "merged";
    /// It was merged into another.
    MergedInto "mergedInto";
}
