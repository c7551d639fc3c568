//! A PostgreSQL URL, read here before libpq sees any of it.
//!
//! libpq takes the first `@` or `/` for the end of a part, whatever was meant, and then prints the rest of a password
//! as the name of a host. Here each character stands for itself or is percent-encoded (RFC 3986), and libpq gets
//! what was understood, name by name.

use std::fmt;
use std::str::FromStr;

use percent_encoding::percent_decode_str;

use super::NotADatabaseUrl;

/// What a parameter may be.
enum Values {
    Any,
    /// Never shown, also when somebody else prints it.
    Secret,
    Number,
    OneOf(&'static [&'static str]),
}

use Values::{Any, Number, OneOf, Secret};

const CERTIFICATES: [&str; 3] = ["disable", "allow", "require"];
const PREFERENCES: [&str; 3] = ["disable", "prefer", "require"];
const VERSIONS: [&str; 4] = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];

/// libpq's parameters, less those that make no session for SQL of it.
const PARAMETERS: &[(&str, Values)] = &[
    ("application_name", Any),
    ("channel_binding", OneOf(&PREFERENCES)),
    ("client_encoding", Any),
    ("connect_timeout", Number),
    ("dbname", Any),
    ("fallback_application_name", Any),
    ("gssdelegation", OneOf(&["0", "1"])),
    ("gssencmode", OneOf(&PREFERENCES)),
    ("gsslib", Any),
    ("host", Any),
    ("hostaddr", Any),
    ("keepalives", OneOf(&["0", "1"])),
    ("keepalives_count", Number),
    ("keepalives_idle", Number),
    ("keepalives_interval", Number),
    ("krbsrvname", Any),
    ("load_balance_hosts", OneOf(&["disable", "random"])),
    ("max_protocol_version", Any),
    ("min_protocol_version", Any),
    ("oauth_client_id", Any),
    ("oauth_client_secret", Secret),
    ("oauth_issuer", Any),
    ("oauth_scope", Any),
    ("options", Any),
    ("passfile", Any),
    ("password", Secret),
    ("port", Any),
    ("require_auth", Any),
    ("requirepeer", Any),
    ("scram_client_key", Secret),
    ("scram_server_key", Secret),
    ("service", Any),
    ("sslcert", Any),
    ("sslcertmode", OneOf(&CERTIFICATES)),
    ("sslcompression", OneOf(&["0", "1"])),
    ("sslcrl", Any),
    ("sslcrldir", Any),
    ("sslkey", Any),
    ("ssl_max_protocol_version", OneOf(&VERSIONS)),
    ("ssl_min_protocol_version", OneOf(&VERSIONS)),
    ("sslmode", OneOf(&["disable", "allow", "prefer", "require", "verify-ca", "verify-full"])),
    ("sslnegotiation", OneOf(&["postgres", "direct"])),
    ("sslpassword", Secret),
    ("sslrootcert", Any),
    ("sslsni", OneOf(&["0", "1"])),
    ("target_session_attrs", OneOf(&["any", "read-write", "read-only", "primary", "standby", "prefer-standby"])),
    ("tcp_user_timeout", Number),
    ("user", Any),
];

/// Bounds on a network or a server that is silent, unless the URL sets its own. A connection that a firewall has
/// forgotten is found dead within some seconds, idle or not. (libpq's names; the third from last is in milliseconds,
/// the others in seconds.)
const LIMITS: [(&str, &str); 6] = [
    ("connect_timeout", "2"),
    ("keepalives", "1"),
    ("keepalives_idle", "3"),
    ("tcp_user_timeout", "3000"),
    ("keepalives_interval", "1"),
    ("keepalives_count", "3"),
];

/// Where a PostgreSQL database is, and how to get in. It has no `Debug` or `Display` that shows a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    text: String,
    /// libpq's names with what the URL says, decoded; none twice.
    parameters: Vec<(&'static str, String)>,
    pooler: Pooler,
}

/// What stands between this program and the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pooler {
    /// Nothing, or something that gives each connection a session of the server's for as long as it lasts.
    #[default]
    Session,
    /// A pooler that gives a session for the time of a transaction only, such as PgBouncer with `pool_mode = transaction`:
    /// what one transaction leaves in its session, the next one of the same connection does not find.
    Transaction,
}

impl FromStr for PostgresUrl {
    type Err = NotADatabaseUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = ["postgres://", "postgresql://"].iter().find_map(|scheme| text.strip_prefix(scheme));
        let rest = rest.filter(|rest| !rest.is_empty()).ok_or(NotADatabaseUrl::Scheme)?;
        let mut url = Self { text: text.to_owned(), parameters: Vec::new(), pooler: Pooler::Session };
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = place.split_once('/').unwrap_or((place, ""));
        let (user, hosts) = authority.split_once('@').map_or((None, authority), |(user, hosts)| (Some(user), hosts));
        user.map_or(Ok(()), |user| url.set_user(user))?;
        url.set_hosts(hosts)?;
        url.set_non_empty("dbname", &decoded(database, "", "the database's name")?)?;
        for parameter in query.split('&').filter(|_| !query.is_empty()) {
            url.set_parameter(parameter)?;
        }
        Ok(url)
    }
}

impl PostgresUrl {
    /// The whole URL as it was written, for who connects with another program.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// The same database through such a pooler.
    #[must_use]
    pub fn through(self, pooler: Pooler) -> Self {
        Self { pooler, ..self }
    }

    /// What stands in between.
    #[must_use]
    pub fn pooler(&self) -> Pooler {
        self.pooler
    }

    /// What libpq connects with: `name='value'` for each parameter.
    pub(super) fn connection_string(&self) -> String {
        let limits = LIMITS.iter().filter(|(name, _)| self.get(name).is_none());
        let own = self.parameters.iter().map(|(name, value)| (*name, value.as_str()));
        let pairs = own.chain(limits.copied()).map(|(name, value)| {
            let value = value.replace('\\', "\\\\").replace('\'', "\\'");
            format!("{name}='{value}'")
        });
        pairs.collect::<Vec<_>>().join(" ")
    }

    /// A message of libpq's or the server's without what nobody should read in a log: the secrets of this URL, and its
    /// user where the message quotes it.
    pub(super) fn scrub(&self, message: &str) -> String {
        let is_secret =
            |name: &str| PARAMETERS.iter().any(|(known, values)| *known == name && matches!(values, Secret));
        let secrets = self.parameters.iter().filter(|(name, value)| is_secret(name) && !value.is_empty());
        let scrubbed = secrets.fold(message.replace(&self.text, "…"), |text, (_, secret)| text.replace(secret, "…"));
        self.get("user").map_or(scrubbed.clone(), |user| scrubbed.replace(&format!("\"{user}\""), "\"…\""))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// Checks a value and takes it in the place of one that came before, as libpq does.
    fn set(&mut self, name: &str, value: String) -> Result<(), NotADatabaseUrl> {
        let Some((name, values)) = PARAMETERS.iter().find(|(known, _)| *known == name) else {
            // Not named: what stands after a `?` may be the end of a password.
            return Err(NotADatabaseUrl::Malformed("a parameter after ? is unknown"));
        };
        let is_valid = match values {
            Any if *name == "port" => value.split(',').all(|port| port.is_empty() || is_port(port)),
            Any | Secret => true,
            Number => (1..=9).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_digit()),
            OneOf(words) => words.contains(&value.as_str()),
        };
        if !is_valid {
            return Err(NotADatabaseUrl::Parameter(name));
        }
        self.parameters.retain(|(known, _)| known != name);
        self.parameters.push((name, value));
        Ok(())
    }

    fn set_non_empty(&mut self, name: &str, value: &str) -> Result<(), NotADatabaseUrl> {
        if value.is_empty() { Ok(()) } else { self.set(name, value.to_owned()) }
    }

    fn set_user(&mut self, text: &str) -> Result<(), NotADatabaseUrl> {
        let (user, password) = text.split_once(':').map_or((text, None), |(user, password)| (user, Some(password)));
        self.set_non_empty("user", &decoded(user, "", "the user")?)?;
        let Some(password) = password else { return Ok(()) };
        self.set("password", decoded(password, ":", "the password")?)
    }

    /// One or more of `host`, `host:port`, `[address]:port`, separated by commas.
    fn set_hosts(&mut self, text: &str) -> Result<(), NotADatabaseUrl> {
        let (mut hosts, mut ports) = (Vec::new(), Vec::new());
        for one in text.split(',') {
            let (host, port) = match one.strip_prefix('[').map(|rest| rest.split_once(']')) {
                Some(Some((address, rest))) => {
                    (decoded(address, ":", "the host")?, rest.strip_prefix(':').or(rest.is_empty().then_some("")))
                }
                Some(None) => return Err(NotADatabaseUrl::Malformed("the host has no closing ]")),
                None => {
                    let (host, port) = one.split_once(':').unwrap_or((one, ""));
                    (decoded(host, "", "the host")?, Some(port))
                }
            };
            let port = port.filter(|port| port.is_empty() || is_port(port));
            ports.push(port.ok_or(NotADatabaseUrl::Malformed("the port is no number from 1 to 65535"))?);
            hosts.push(host);
        }
        // As many ports as hosts, since a single one would be for all of them.
        for (name, list) in [("host", hosts.join(",")), ("port", ports.join(","))] {
            self.set_non_empty(name, if list.trim_matches(',').is_empty() { "" } else { &list })?;
        }
        Ok(())
    }

    fn set_parameter(&mut self, text: &str) -> Result<(), NotADatabaseUrl> {
        let (name, value) =
            text.split_once('=').ok_or(NotADatabaseUrl::Malformed("what stands after ? is no list of parameters"))?;
        let value = decoded(value, ":/", "the value of a parameter")?;
        // The name that JDBC has for it, which libpq takes too.
        if (name, value.as_str()) == ("ssl", "true") {
            return self.set("sslmode", "require".to_owned());
        }
        self.set(name, value)
    }
}

impl fmt::Display for PostgresUrl {
    /// Without user and password, for people and logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let get = |name| self.get(name).unwrap_or_default();
        let port = self.get("port").map(|port| format!(":{port}")).unwrap_or_default();
        write!(f, "postgres://{}{port}/{}", get("host"), get("dbname"))
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

/// A part of the URL, whose characters stand for themselves where RFC 3986 lets them in every part, and those of `also`.
fn decoded(text: &str, also: &str, what: &'static str) -> Result<String, NotADatabaseUrl> {
    let malformed = || NotADatabaseUrl::Malformed(what);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;%".contains(c) || also.contains(c);
    let is_encoded = |rest: &str| rest.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    if !text.chars().all(is_plain) || !text.split('%').skip(1).all(is_encoded) {
        return Err(malformed());
    }
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| malformed())?;
    if decoded.contains('\0') { Err(malformed()) } else { Ok(decoded.into_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn understood(text: &str) -> String {
        let url: PostgresUrl = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        let limits = LIMITS.map(|(name, value)| format!("{name}='{value}'")).join(" ");
        url.connection_string().replace(&limits, "").trim_end().to_owned()
    }

    #[test]
    fn a_url_is_what_libpq_would_read() {
        for (url, expected) in [
            ("postgres:///", ""),
            ("postgresql://localhost", "host='localhost'"),
            ("postgres://u@h/d", "user='u' host='h' dbname='d'"),
            ("postgres://u:p%40%2F%3A%3F%23@h:5433/d", "user='u' password='p@/:?#' host='h' port='5433' dbname='d'"),
            ("postgres://u:a:b@h/d", "user='u' password='a:b' host='h' dbname='d'"),
            ("postgres://u:%27%5C@h/d", r"user='u' password='\'\\' host='h' dbname='d'"),
            ("postgres://[::1]:1,[::2]/d", "host='::1,::2' port='1,' dbname='d'"),
            (
                "postgres://a:1,b:65535/d?target_session_attrs=read-write",
                "host='a,b' port='1,65535' dbname='d' target_session_attrs='read-write'",
            ),
            ("postgres://a,b/d", "host='a,b' dbname='d'"),
            ("postgres:///d?host=/run/postgresql&user=u", "dbname='d' host='/run/postgresql' user='u'"),
            ("postgres://%2Frun%2Fpostgresql/d", "host='/run/postgresql' dbname='d'"),
            ("postgres://u:one@h/d?password=two", "user='u' host='h' dbname='d' password='two'"),
            (
                "postgres://h/d?sslmode=verify-full&sslrootcert=/etc/ca.pem",
                "host='h' dbname='d' sslmode='verify-full' sslrootcert='/etc/ca.pem'",
            ),
            ("postgres://h/d?ssl=true", "host='h' dbname='d' sslmode='require'"),
            ("postgres://h/d?options=-csearch_path%3Dcrm", "host='h' dbname='d' options='-csearch_path=crm'"),
        ] {
            assert_eq!(understood(url), expected, "{url}");
        }
    }

    #[test]
    fn the_url_may_set_its_own_limits() {
        let url: PostgresUrl = "postgres://h/d?keepalives_idle=60&tcp_user_timeout=0".parse().unwrap();
        let text = url.connection_string();
        assert!(text.contains("keepalives_idle='60'") && text.contains("tcp_user_timeout='0'"), "{text}");
        assert!(!text.contains("keepalives_idle='3'") && !text.contains("'3000'"), "{text}");
        assert!(text.contains("keepalives_count='3'") && text.contains("connect_timeout='2'"), "{text}");
    }

    #[test]
    fn what_is_not_well_formed_is_refused_in_words_that_show_nothing_of_it() {
        for url in [
            "postgres://u:canary@x@h/d",
            "postgres://u:canary/x@h/d",
            "postgres://u:1234/canary@h/d",
            "postgres://u:canary?x@h/d",
            "postgres://u:1234?canary@h/d",
            "postgres://u:1234?user=canary@h/d",
            "postgres://u:1234?canary=x@h/d",
            "postgres://u:canary#x@h/d",
            "postgres://u:canary%@h/d",
            "postgres://u:canary%zz@h/d",
            "postgres://u:canary%00@h/d",
            "postgres://u:canary%ff@h/d",
            "postgres://u:canary x@h/d",
            "postgres://u:canary\n@h/d",
            "postgres://u:canaryü@h/d",
            "postgres://u:can[ary@h/d",
            "postgres://u:canary\"@h/d",
            "postgres://h:canary/d",
            "postgres://h:0/d",
            "postgres://h:65536/d",
            "postgres://h:99999/d?password=canary",
            "postgres://h:+1/d",
            "postgres://[::1/d",
            "postgres://[::1]canary/d",
            "postgres://h/d?password=canary@x",
            "postgres://h/d?password=canary#x",
            "postgres://h/d?canary",
            "postgres://h/d?canary=x",
            "postgres://h/d?passwort=canary",
            "postgres://h/d?password=canary&",
            "postgres://h/d?sslmode=canary",
            "postgres://h/d?connect_timeout=canary",
            "postgres://h/d?port=99999",
            "postgres://h/d?options=-c=x",
        ] {
            let error = url.parse::<PostgresUrl>().expect_err(url).to_string();
            assert!(error.contains("percent-encode special characters") && !error.contains("canary"), "{url}: {error}");
        }
    }

    #[test]
    fn a_message_is_shown_without_the_secrets() {
        let url: PostgresUrl = "postgres://root:can%40ary@h/d?sslpassword=other".parse().unwrap();
        let message = "for user \"root\" with can@ary and other";
        assert_eq!(url.scrub(message), "for user \"…\" with … and …");
        assert_eq!(format!("{url} {url:?}"), "postgres://h/d postgres://h/d");
    }
}
