//! Databases on the coordinator of a Citus cluster: each is made on every node, and its tables are distributed.

use crm_core::{DatabaseUrl, DbConnection, distribute};
use diesel::connection::SimpleConnection;
use diesel::sql_types::{Bool, Integer, Text};
use diesel::{QueryableByName, RunQueryDsl};

/// Into how many parts: each is as many tables as there are on a plain server, so that more would only take longer.
const SHARDS: i32 = 2;

/// A server among those of the cluster.
#[derive(Debug, Clone, QueryableByName)]
pub(crate) struct Node {
    #[diesel(sql_type = Text)]
    host: String,
    #[diesel(sql_type = Integer)]
    port: i32,
    #[diesel(sql_type = Bool)]
    is_coordinator: bool,
}

/// The servers of the cluster that this one leads, itself first; none where it leads none.
pub(crate) fn nodes(server: &str) -> Vec<Node> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = Bool)]
        found: bool,
    }
    let mut connection = super::connected(server).unwrap();
    let asked = diesel::sql_query("SELECT to_regclass('pg_dist_node') IS NOT NULL AS found");
    let Found { found } = asked.get_result(&mut connection).unwrap();
    if !found {
        return Vec::new();
    }
    let nodes = "SELECT nodename AS host, nodeport AS port, groupid = 0 AS is_coordinator FROM pg_dist_node \
                 WHERE noderole = 'primary' AND isactive ORDER BY groupid";
    diesel::sql_query(nodes).load(&mut connection).unwrap()
}

impl Node {
    /// The URL of this server, with the user and settings of that one.
    fn url(&self, server: &str) -> String {
        let Self { host, port, .. } = self;
        let start = server.find("://").map_or(0, |at| at + 3);
        let end = server[start..].find(['/', '?']).map_or(server.len(), |at| start + at);
        let user = server[start..end].rfind('@').map_or("", |at| &server[start..=start + at]);
        format!("{}{user}{host}:{port}{}", &server[..start], &server[end..])
    }
}

/// Does it on every server of the cluster.
fn on_each(server: &str, nodes: &[Node], sql: &str) {
    for node in nodes {
        let mut connection = super::connected(&node.url(server)).unwrap();
        // Whether the coordinator passes the statement on to the others is up to its settings.
        connection.batch_execute("SET citus.enable_create_database_propagation = off").unwrap();
        connection.batch_execute(sql).unwrap();
    }
}

/// Makes an empty database that all servers know, as the first of them spreads its tables. One test at a time: a node that
/// joins is told of the users, which all databases of a server share.
pub(crate) fn create(server: &str, nodes: &[Node], name: &str) {
    let mut turn = super::connected(server).unwrap();
    turn.batch_execute("SELECT pg_advisory_lock(1)").unwrap();
    on_each(server, nodes, &format!("CREATE DATABASE {name}"));
    let database = super::with_database(server, name);
    on_each(&database, nodes, "CREATE EXTENSION citus");
    let mut coordinator = super::connected(&database).unwrap();
    for Node { host, port, is_coordinator } in nodes {
        let function = if *is_coordinator { "citus_set_coordinator_host" } else { "citus_add_node" };
        coordinator.batch_execute(&format!("SELECT {function}('{host}', {port})")).unwrap();
    }
}

/// Drops a database from all servers.
pub(crate) fn drop(server: &str, nodes: &[Node], name: &str) {
    on_each(server, nodes, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
}

/// Distributes the tables of a migrated database.
pub(crate) fn distribute(url: &DatabaseUrl) {
    let mut connection: DbConnection = url.connect().unwrap();
    let done = connection.write(|connection| {
        distribute::prepare(connection)?;
        distribute::distribute(connection, SHARDS)
    });
    assert!(!done.unwrap().is_empty(), "no table is distributed");
}
