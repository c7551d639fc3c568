//! Pages of a list: where one starts, in which order, and the token that names the next
//! (docs/compatibility.md, "Lists").

mod order;
mod row_id;
mod sql;
mod together;
mod weight;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::dsl::{CountStar, Select, count_star};
use diesel::query_dsl::methods::{FilterDsl, LimitDsl, LoadQuery, OffsetDsl, OrderDsl, SelectDsl};
use diesel::result::Error as DieselError;
use diesel::{QueryResult, RunQueryDsl, Selectable};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{FieldCode, FieldErrors};
use crate::params::{FromParams, ParamReader};
use crate::{Db, DbConnection, Scope, TenantId, columns};

pub use order::{Direction, SortColumn, SortField, SortKey, SortKind};
pub use row_id::{RowId, RowIdKind};
pub use sql::{AfterRow, Contains, SortOrder, contains_pattern};
pub use together::Together;
pub use weight::{Content, MOST_CONTENT, NoneHeavy, NotHeavy, Weight, fitting};

/// What a boxed query is to a page: whatever is done to it, it keeps its type.
pub trait Boxed:
    FilterDsl<AfterRow, Output = Self>
    + FilterDsl<NoneHeavy, Output = Self>
    + OrderDsl<SortOrder, Output = Self>
    + LimitDsl<Output = Self>
    + OffsetDsl<Output = Self>
{
}

impl<Q> Boxed for Q where
    Q: FilterDsl<AfterRow, Output = Q>
        + FilterDsl<NoneHeavy, Output = Q>
        + OrderDsl<SortOrder, Output = Q>
        + LimitDsl<Output = Q>
        + OffsetDsl<Output = Q>
{
}

/// Where a page starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// After this many rows.
    Offset(i64),
    /// After the row with this key and id.
    After {
        /// The value of the sort expression in the last row of the page before.
        key: SortKey,
        /// Its id.
        id: RowId,
    },
}

/// The most items of a page.
pub const MOST_ITEMS: i64 = 200;

/// Which page of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest<S> {
    /// The field that the list is ordered by; ties are broken by the id.
    pub order_by: S,
    /// Which way it runs, the id as well.
    pub direction: Direction,
    /// Where the page starts.
    pub start: Start,
    /// The most items of this page, 1 to [`MOST_ITEMS`].
    pub size: i64,
    /// The number of the page, for the envelope.
    pub page: i64,
    /// Whether the exact number of matches is wanted.
    pub include_total: bool,
    /// Whether the last page has a token too, to go on from there once more was added behind it.
    pub include_token: bool,
    /// Everything that was asked for except where the page starts, for the link to the next one.
    given: Vec<(String, String)>,
    /// Binds a token to the filters and the order that it was made for.
    fingerprint: String,
}

/// The farthest row that an offset reaches: beyond it a token is the way to go.
const FARTHEST_OFFSET: i64 = 1_000_000_000;

impl<S: SortField> FromParams for PageRequest<S> {
    fn from_params(params: &mut ParamReader) -> Self {
        let page = params.integer(
            "page",
            1,
            FARTHEST_OFFSET / MOST_ITEMS,
            "The page, counted from 1; each before it counts as full.",
        );
        let offset = params.integer("offset", 0, FARTHEST_OFFSET, "How many records to skip, in place of `page`.");
        let size = params
            .integer("size", 1, MOST_ITEMS, "The most records of a page; it ends at 8 MiB of content before.")
            .unwrap_or(10);
        let (order_by, direction) = order(params);
        let include_total =
            params.bool("includeTotal", "Whether to count all matches; without it no count is run.").unwrap_or(false);
        let include_token = params
            .bool(
                "includeToken",
                "Whether the last page has a token too. With `orderBy=lastUpdatedOn&sort=asc` it leads to what is changed \
                 from then on.",
            )
            .unwrap_or(false);
        let token = params.token(
            "continuationToken",
            "The token of the page before, with the same filters and order. Records that come and go meanwhile \
             never make another one appear twice or be skipped.",
        );
        if page.is_some() && offset.is_some() {
            params.errors().push("offset", FieldCode::Conflicting, "give either page or offset");
        }
        let fingerprint = fingerprint(params, order_by, direction);
        let mut request = Self {
            order_by,
            direction,
            start: Start::Offset(offset.unwrap_or_else(|| (page.unwrap_or(1) - 1) * size)),
            size,
            page: page.unwrap_or_else(|| offset.unwrap_or(0) / size + 1),
            include_total,
            include_token,
            given: params.given_except(&["page", "offset", "continuationToken"]).cloned().collect(),
            fingerprint,
        };
        if token.is_some_and(|token| request.go_on(&token).is_none()) {
            params.errors().push("continuationToken", FieldCode::InvalidToken, INVALID_TOKEN);
        }
        request
    }
}

const INVALID_TOKEN: &str = "is malformed or was made for another list, filter or order: start again without it";

/// The order of a list.
fn order<S: SortField>(params: &mut ParamReader) -> (S, Direction) {
    let direction = params
        .word(
            "sort",
            &[
                ("asc", Direction::Asc),
                ("desc", Direction::Desc),
                ("ASC", Direction::Asc),
                ("DESC", Direction::Desc),
            ],
            "Which way the list runs, also in capitals; `desc` unless given. Records without a value come last both ways.",
        )
        .unwrap_or(Direction::Desc);
    let order_by = params.word("orderBy", S::NAMES, "The field that the list is ordered by; `createdOn` unless given.");
    (order_by.unwrap_or(S::NAMES[0].1), direction)
}

/// All of a list, which is read in parts: its order, and no page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole<S>(PageRequest<S>);

impl<S: SortField> Whole<S> {
    /// The first part.
    #[must_use]
    pub fn first(self) -> PageRequest<S> {
        self.0
    }
}

impl<S: SortField> FromParams for Whole<S> {
    fn from_params(params: &mut ParamReader) -> Self {
        let (order_by, direction) = order(params);
        Self(PageRequest { order_by, direction, size: PART, ..PageRequest::first(1) })
    }
}

/// How many records a part has at the most.
const PART: i64 = 1_000;

/// What must be the same from page to page, hashed: the order and every filter, whatever the order in
/// which they were written.
fn fingerprint<S: SortField>(params: &ParamReader, order_by: S, direction: Direction) -> String {
    const NOT_FILTERS: &[&str] =
        &["page", "offset", "size", "sort", "orderBy", "includeTotal", "includeToken", "continuationToken"];
    let mut filters: Vec<_> = params.given_except(NOT_FILTERS).collect();
    filters.sort();
    let mut hash = Sha256::new();
    let direction_name = if direction == Direction::Asc { "asc" } else { "desc" };
    for part in [S::LIST, order_by.column().sql(direction), direction_name]
        .into_iter()
        .chain(filters.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]))
    {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    URL_SAFE_NO_PAD.encode(&hash.finalize()[..12])
}

/// The next page of a list that was asked for with these parameters, as [`Page::next`] has it.
#[must_use]
pub fn next_page(given: &[(String, String)], token: &str) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let given = given.iter().map(|(name, value)| format!("{}={}&", encoded(name), encoded(value)));
    format!("?{}continuationToken={}", given.collect::<String>(), encoded(token))
}

/// The continuation token: opaque to clients, versioned by its first member's name.
#[derive(Debug, Serialize, Deserialize)]
struct Token {
    #[serde(rename = "v1")]
    fingerprint: String,
    #[serde(rename = "k")]
    key: SortKey,
    #[serde(rename = "i")]
    id: RowId,
    #[serde(rename = "p")]
    page: i64,
}

impl Token {
    fn read(text: &str) -> Option<Self> {
        let token: Self = read_token(text)?;
        let sane = match &token.key {
            SortKey::Text(text) => !text.contains('\0'),
            SortKey::Number(_) | SortKey::Moment(_) => true,
        };
        (sane && token.page >= 1).then_some(token)
    }
}

/// A continuation token with this in it.
///
/// # Errors
/// Where it is no JSON, which would be a bug.
pub fn write_token(content: &impl Serialize) -> QueryResult<String> {
    let json = serde_json::to_vec(content).map_err(|error| DieselError::SerializationError(Box::new(error)))?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}

/// What is in a continuation token.
#[must_use]
pub fn read_token<T: DeserializeOwned>(token: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token).ok()?).ok()
}

/// One page of a list, as it is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// The records of this page.
    pub items: Vec<T>,
    /// The number of the page.
    pub page: i64,
    /// The most records of a page.
    pub size: i64,
    /// Whether another page exists.
    pub has_more: bool,
    /// What to pass back for the next page; present while `hasMore`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub continuation_token: Option<String>,
    /// The exact number of matches, where `includeTotal=true` asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub total: Option<i64>,
    /// The next page as a reference to be resolved against the address of this one (RFC 3986, section 4.2), while there is
    /// more.
    #[serde(skip)]
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// The same page of what `turn` makes of its items, all at once.
    ///
    /// # Errors
    /// Those of `turn`.
    pub fn try_map<U, E>(self, turn: impl FnOnce(Vec<T>) -> Result<Vec<U>, E>) -> Result<Page<U>, E> {
        let Self { items, page, size, has_more, continuation_token, total, next } = self;
        Ok(Page { items: turn(items)?, page, size, has_more, continuation_token, total, next })
    }
}

impl<S: SortField> PageRequest<S> {
    /// The page of what `matching` selects of the scope's tenant: one statement, two more where the tenant has records
    /// so long that a page could be too much, and one more that counts all where that is asked for. `place` gives the
    /// value that a row is ordered by, and its id.
    ///
    /// A page ends at its size or at [`MOST_CONTENT`], whichever comes first.
    ///
    /// # Errors
    /// The database's.
    pub fn load<Q, R, I: Into<RowId>>(
        &self,
        connection: &mut DbConnection,
        scope: &Scope,
        matching: impl Fn() -> Q,
        place: impl FnOnce(&R, S, Direction) -> (SortKey, I),
    ) -> QueryResult<Page<R>>
    where
        R: Selectable<Db>,
        Q: Boxed + SelectDsl<R::SelectExpression> + SelectDsl<Content> + SelectDsl<CountStar>,
        Select<Q, R::SelectExpression>: LoadQuery<'static, DbConnection, R>,
        Select<Q, Content>: LoadQuery<'static, DbConnection, i64>,
        Select<Q, CountStar>: LoadQuery<'static, DbConnection, i64>,
    {
        self.load_of(connection, Some(scope.tenant()), matching, place, |_| Ok(None))
    }

    /// As [`load`](Self::load), with a way to know how many match that is faster than to count them: `None` where there is
    /// none for this filter.
    ///
    /// # Errors
    /// The database's.
    pub fn load_with_total<Q, R, I: Into<RowId>>(
        &self,
        connection: &mut DbConnection,
        scope: &Scope,
        matching: impl Fn() -> Q,
        place: impl FnOnce(&R, S, Direction) -> (SortKey, I),
        total: impl FnOnce(&mut DbConnection) -> QueryResult<Option<i64>>,
    ) -> QueryResult<Page<R>>
    where
        R: Selectable<Db>,
        Q: Boxed + SelectDsl<R::SelectExpression> + SelectDsl<Content> + SelectDsl<CountStar>,
        Select<Q, R::SelectExpression>: LoadQuery<'static, DbConnection, R>,
        Select<Q, Content>: LoadQuery<'static, DbConnection, i64>,
        Select<Q, CountStar>: LoadQuery<'static, DbConnection, i64>,
    {
        self.load_of(connection, Some(scope.tenant()), matching, place, total)
    }

    /// As [`load_with_total`](Self::load_with_total), of what belongs to no tenant where there is none, and so has no long records.
    pub(crate) fn load_of<Q, R, I: Into<RowId>>(
        &self,
        connection: &mut DbConnection,
        tenant: Option<TenantId>,
        matching: impl Fn() -> Q,
        place: impl FnOnce(&R, S, Direction) -> (SortKey, I),
        total: impl FnOnce(&mut DbConnection) -> QueryResult<Option<i64>>,
    ) -> QueryResult<Page<R>>
    where
        R: Selectable<Db>,
        Q: Boxed + SelectDsl<R::SelectExpression> + SelectDsl<Content> + SelectDsl<CountStar>,
        Select<Q, R::SelectExpression>: LoadQuery<'static, DbConnection, R>,
        Select<Q, Content>: LoadQuery<'static, DbConnection, i64>,
        Select<Q, CountStar>: LoadQuery<'static, DbConnection, i64>,
    {
        let (items, has_more) = self.rows(connection, tenant, &matching)?;
        let total = match self.include_total {
            true => match total(connection)? {
                Some(total) => Some(total),
                None => Some(SelectDsl::select(matching(), count_star()).get_result(connection)?),
            },
            false => None,
        };
        let last = items.last().filter(|_| has_more || self.include_token);
        let continuation_token = match (last, &self.start) {
            (Some(last), _) => {
                let (key, id) = place(last, self.order_by, self.direction);
                Some(self.token(key, id.into())?)
            }
            // Nothing came since the page before: what comes next is looked for from there again.
            (None, Start::After { key, id }) if self.include_token => Some(self.token(key.clone(), *id)?),
            (None, _) => None,
        };
        let next = continuation_token.as_ref().filter(|_| has_more).map(|token| next_page(&self.given, token));
        Ok(Page { items, page: self.page, size: self.size, has_more, continuation_token, total, next })
    }

    /// The rows of this page of several lists, and whether each has another: one statement, two where nothing matches. Only a
    /// tenant with records so long that a page could be too much is asked list by list. `of` tells to which list a row belongs.
    ///
    /// # Errors
    /// The database's.
    pub fn load_each<Q, R>(
        &self,
        connection: &mut DbConnection,
        scope: &Scope,
        lists: &[impl Fn() -> Q],
        of: impl Fn(&R) -> Option<usize>,
    ) -> QueryResult<Vec<(Vec<R>, bool)>>
    where
        R: Selectable<Db>,
        Q: Boxed + SelectDsl<R::SelectExpression> + SelectDsl<Content>,
        Select<Q, R::SelectExpression>: LoadQuery<'static, DbConnection, R>,
        Select<Q, Content>: LoadQuery<'static, DbConnection, i64>,
        Together<Select<Q, R::SelectExpression>>: LoadQuery<'static, DbConnection, R>,
        Together<Select<Q, Content>>: LoadQuery<'static, DbConnection, i64>,
    {
        let mut found: Vec<(Vec<R>, bool)> = lists.iter().map(|_| (Vec::new(), false)).collect();
        if lists.is_empty() {
            return Ok(found);
        }
        let query = |matching: &dyn Fn() -> Q| self.apply(matching()).limit(self.size + 1);
        let light = |matching: &dyn Fn() -> Q| match S::WEIGHT {
            Some(weight) => FilterDsl::filter(query(matching), NoneHeavy { tenant: scope.tenant(), weight }),
            None => query(matching),
        };
        let all = lists.iter().map(|matching| SelectDsl::select(light(matching), columns::<R>())).collect();
        let rows: Vec<R> = Together(all).load(connection)?;
        if let Some(weight) = S::WEIGHT.filter(|_| rows.is_empty()) {
            let one_of = |matching: &dyn Fn() -> Q| SelectDsl::select(self.apply(matching()).limit(1), Content(weight));
            let any: Vec<i64> = Together(lists.iter().map(|matching| one_of(matching)).collect()).load(connection)?;
            if any.is_empty() {
                return Ok(found);
            }
            return lists.iter().map(|matching| self.rows(connection, Some(scope.tenant()), matching)).collect();
        }
        for row in rows {
            if let Some((list, _)) = of(&row).and_then(|index| found.get_mut(index)) {
                list.push(row);
            }
        }
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        for (list, has_more) in &mut found {
            *has_more = list.len() > size;
        }
        Ok(found)
    }

    fn token(&self, key: SortKey, id: RowId) -> QueryResult<String> {
        let token = Token { fingerprint: self.fingerprint.clone(), key, id, page: self.page + 1 };
        write_token(&token)
    }

    /// The rows of the page, and whether another follows.
    fn rows<Q, R>(
        &self,
        connection: &mut DbConnection,
        tenant: Option<TenantId>,
        matching: &impl Fn() -> Q,
    ) -> QueryResult<(Vec<R>, bool)>
    where
        R: Selectable<Db>,
        Q: Boxed + SelectDsl<R::SelectExpression> + SelectDsl<Content>,
        Select<Q, R::SelectExpression>: LoadQuery<'static, DbConnection, R>,
        Select<Q, Content>: LoadQuery<'static, DbConnection, i64>,
    {
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        let query = || self.apply(matching()).limit(self.size + 1);
        let light = match (S::WEIGHT, tenant) {
            (Some(weight), Some(tenant)) => FilterDsl::filter(query(), NoneHeavy { tenant, weight }),
            (None, _) | (_, None) => query(),
        };
        let mut rows: Vec<R> = SelectDsl::select(light, columns::<R>()).load(connection)?;
        let has_more = rows.len() > size;
        rows.truncate(size);
        let Some(weight) = S::WEIGHT.filter(|_| rows.is_empty()) else { return Ok((rows, has_more)) };
        // Nothing matches, or the tenant has heavy records: they are weighed before one is read.
        let contents: Vec<i64> = SelectDsl::select(query(), Content(weight)).load(connection)?;
        let fitting = fitting(&contents[..contents.len().min(size)]);
        if fitting == 0 {
            return Ok((rows, false));
        }
        let page = self.apply(matching()).limit(i64::try_from(fitting).unwrap_or(self.size));
        Ok((SelectDsl::select(page, columns::<R>()).load(connection)?, contents.len() > fitting))
    }

    /// The request for the page after this one, where there is one.
    #[must_use]
    pub fn following<T>(&self, page: &Page<T>) -> Option<Self> {
        let token = Token::read(page.continuation_token.as_deref()?)?;
        let start = Start::After { key: token.key, id: token.id };
        Some(Self { start, page: token.page, ..self.clone() })
    }

    /// The page of a list that is known to have no match, without a statement.
    #[must_use]
    pub fn nothing<T>(&self) -> Page<T> {
        let (page, size, total) = (self.page, self.size, self.include_total.then_some(0));
        Page { items: Vec::new(), page, size, has_more: false, continuation_token: None, total, next: None }
    }

    /// Turns a filtered query into that of this page and all that follow: ordered and started.
    fn apply<Q: Boxed>(&self, query: Q) -> Q {
        let column = self.order_by.column().sql(self.direction);
        let (id_column, direction) = (S::ID_COLUMN, self.direction);
        let query = query.order(SortOrder { column, id_column, direction });
        match &self.start {
            Start::Offset(0) => query,
            Start::Offset(offset) => query.offset(*offset),
            Start::After { key, id } => {
                FilterDsl::filter(query, AfterRow { column, id_column, direction, key: key.clone(), id: *id })
            }
        }
    }

    /// The page behind the one that had this [token](Page::continuation_token), of the same list, size and order.
    ///
    /// # Errors
    /// `invalid_token` where it is none of this list and order.
    pub fn after(mut self, token: &str) -> Result<Self, FieldErrors> {
        let invalid = || FieldErrors::of("continuationToken", FieldCode::InvalidToken, INVALID_TOKEN);
        self.go_on(token).map(|()| self).ok_or_else(invalid)
    }

    /// Starts where a token says, which is `None` where it belongs to something else.
    fn go_on(&mut self, token: &str) -> Option<()> {
        let fits = |token: &Token| {
            token.fingerprint == self.fingerprint
                && token.key.kind() == self.order_by.column().kind
                && token.id.kind() == S::ID
        };
        let token = Token::read(token).filter(fits)?;
        self.page = token.page;
        self.start = Start::After { key: token.key, id: token.id };
        Some(())
    }

    /// The same request in another order, from the begin.
    #[must_use]
    pub fn ordered_by(self, order_by: S, direction: Direction) -> Self {
        let fingerprint = fingerprint(&ParamReader::new(Vec::new()), order_by, direction);
        Self { order_by, direction, start: Start::Offset(0), page: 1, given: Vec::new(), fingerprint, ..self }
    }

    /// A request for the first page in the default order, for Rust callers.
    #[must_use]
    pub fn first(size: i64) -> Self {
        let reader = ParamReader::new(Vec::new());
        Self {
            order_by: S::NAMES[0].1,
            direction: Direction::Desc,
            start: Start::Offset(0),
            size: size.clamp(1, MOST_ITEMS),
            page: 1,
            include_total: false,
            include_token: false,
            given: Vec::new(),
            fingerprint: fingerprint(&reader, S::NAMES[0].1, Direction::Desc),
        }
    }
}
