//! What a handler needs, in its signature and nowhere else: `Caller<area::Cases, Write>`.

use crm_core::keys::{Access, Area, Right};

/// The areas of the API, as types.
pub mod area {
    /// Leads and opportunities, with their forms, tags and pipelines.
    pub struct Pipeline;
    /// Contacts and organizations, with their forms and tags.
    pub struct Directory;
    /// Cases, with their types and tags.
    pub struct Cases;
    /// What a tenant's administrators look after.
    pub struct Settings;
    /// No area: whoever has a key or token may.
    pub struct Anywhere;
    /// That of a kind of records which the handler finds out on the way, and [checks](crate::auth::Permit) then.
    pub struct OfKind;
}

/// In which area a handler does something.
pub trait InArea: 'static {
    /// `None` where no right is needed.
    const AREA: Option<Area>;
    /// Of which areas one is needed, where it is found out on the way.
    const ONE_OF: &'static [Area] = &[];
}

macro_rules! areas {
    ($($area:ident),*) => { $(impl InArea for area::$area { const AREA: Option<Area> = Some(Area::$area); })* };
}

areas!(Pipeline, Directory, Cases, Settings);

impl InArea for area::Anywhere {
    const AREA: Option<Area> = None;
}

impl InArea for area::OfKind {
    const AREA: Option<Area> = None;
    const ONE_OF: &'static [Area] = &[Area::Pipeline, Area::Directory, Area::Cases];
}

/// The handler only reads.
pub struct Read;
/// The handler may write.
pub struct Write;

/// What a handler does in its area.
pub trait Does: 'static {
    /// The access that it needs.
    const ACCESS: Access;
}

impl Does for Read {
    const ACCESS: Access = Access::Read;
}

impl Does for Write {
    const ACCESS: Access = Access::Write;
}

/// The right that a handler of this kind needs; `None` where any key or token will do.
pub(crate) fn needed<A: InArea, D: Does>() -> Option<Right> {
    A::AREA.map(|area| Right { area: Some(area), access: D::ACCESS })
}
