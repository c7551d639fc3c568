/// Declares a hand-written piece of SQL to be an expression on any table: the type, and the SQL type of what
/// it yields. The type itself implements `QueryFragment<Db>`; see [`page::Contains`](crate::page::Contains).
///
/// Diesel cannot check that the columns it names exist where it is used: a test of each list does.
#[macro_export]
macro_rules! sql_fragment {
    ($type:ty, $sql_type:ty) => {
        impl ::diesel::expression::Expression for $type {
            type SqlType = $sql_type;
        }
        impl<Source> ::diesel::expression::SelectableExpression<Source> for $type {}
        impl<Source> ::diesel::expression::AppearsOnTable<Source> for $type {}
        impl<Group> ::diesel::expression::ValidGrouping<Group> for $type {
            type IsAggregate = ::diesel::expression::is_aggregate::No;
        }
        impl ::diesel::query_builder::QueryId for $type {
            type QueryId = ();
            const HAS_STATIC_QUERY_ID: bool = false;
        }
    };
}
