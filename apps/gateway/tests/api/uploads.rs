//! `/imports`: files become records while their sender looks on, goes away, ends it or takes it back.

use std::collections::BTreeSet;
use std::io::Write;
use std::time::{Duration, Instant};

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::access::{as_person, key, token};
use crate::browser::Browser;
use crate::client::{Answer, Api, Client};
use crate::dump::dump;
use crate::raw::{connect, rest, status};
use crate::resources::{RESOURCES, prepare};
use crate::ticketing_errors::SECRET;

const CONTACTS: &str = "/directory/contacts";
pub(crate) const CSV: (&str, &str) = ("Content-Type", "text/csv");
pub(crate) const LINES: (&str, &str) = ("Content-Type", "application/x-ndjson");

fn upload(client: &Client, query: &str, kind: (&str, &str), body: &str) -> Answer {
    client.send("POST", &format!("/imports?{query}"), &[kind], Some(body))
}

/// The path of an import that was taken.
#[track_caller]
fn taken(answer: &Answer) -> String {
    let item = answer.item(202);
    let path = answer.header("location").to_owned();
    assert_eq!(path, format!("/imports/{}", item["id"].as_str().unwrap()));
    path
}

/// An import when it is over.
#[track_caller]
fn over(client: &Client, path: &str) -> Value {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let item = client.get(path).item(200).clone();
        if !["queued", "running", "undoing"].contains(&item["state"].as_str().unwrap()) {
            return item;
        }
        assert!(Instant::now() < until, "{item}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Sends a file and waits for the end of its import.
#[track_caller]
pub(crate) fn import(client: &Client, query: &str, kind: (&str, &str), body: &str) -> Value {
    over(client, &taken(&upload(client, query, kind, body)))
}

/// How many rows were read, made a record, changed one, changed nothing, failed.
fn counts(item: &Value) -> [u64; 5] {
    ["read", "created", "updated", "unchanged", "failed"].map(|name| item[name].as_u64().unwrap())
}

/// The answer to a file that becomes nothing.
pub(crate) fn one(client: &Client) -> Answer {
    upload(client, "kind=contact", CSV, "name\n\"\"\n")
}

/// The id of an import that is over.
pub(crate) fn existing(client: &Client) -> String {
    over(client, &taken(&one(client)))["id"].as_str().unwrap().to_owned()
}

fn names(client: &Client) -> BTreeSet<String> {
    let page = client.get(&format!("{CONTACTS}?size=200"));
    page.items().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

/// What is stored of imports under way.
fn stored(api: &Api<'_>) -> Vec<String> {
    let is_stored = |line: &String| ["imports", "import_parts"].iter().any(|table| line.starts_with(table));
    dump(api.database).into_iter().filter(is_stored).collect()
}

both_databases! {
    /// CSV becomes contacts: what fails is told with its row, mended and sent again.
    fn a_file_becomes_records_and_what_failed_is_mended_and_sent_again(database) {
        let api = Api::start(database);
        let file = "Name;E-mail 1;Tags;note;Junk\r\nAnn;a@x.com;vip;\"x; y\";1\r\nBob;nonsense;;\"two\nlines\";2\r\nCarl;c@x.com\r\n";
        let map = r#"{"E-mail 1":"email.Work","Junk":null}"#;
        let query = format!("kind=contact&createMissing=tag,organization&map={}", encoded(map));
        let answer = upload(&api.acme, &query, CSV, file);
        let begun = answer.item(202).clone();
        assert_eq!((&begun["state"], &begun["total"], &begun["kind"]), (&json!("queued"), &json!(3), &json!("contact")));
        let path = taken(&answer);
        let item = over(&api.acme, &path);
        assert_eq!(counts(&item), [3, 1, 0, 0, 2], "{item}");
        assert_eq!((&item["state"], &item["error"], &item["undone"]), (&json!("done"), &Value::Null, &Value::Null));
        assert!(item["startedOn"].is_string() && item["finishedOn"].is_string());
        let lines: Vec<&Value> = item["problems"].as_array().unwrap().iter().map(|problem| &problem["line"]).collect();
        assert_eq!(lines, [3, 5], "{item}");
        let ann = api.acme.get(CONTACTS).items()[0].clone();
        assert_eq!((&ann["note"], &ann["email"][0]["label"]), (&json!("x; y"), &json!("Work")));
        assert_eq!(ann["tags"][0]["label"], "vip");
        let told = api.acme.get(&format!("{CONTACTS}/{}/history", ann["id"].as_str().unwrap())).items()[0].clone();
        assert_eq!(told["requestId"], item["id"], "its changes are told with its id");

        let problems = api.acme.get(&format!("{path}/problems"));
        assert_eq!(problems.status, 200, "{}", problems.text);
        assert_eq!(problems.header("content-type"), "text/csv; charset=utf-8");
        assert!(problems.text.starts_with("Name,E-mail 1,Tags,note,Junk,problem\r\nBob,nonsense,\"\",\"two\nlines\",2,line 3: "), "{}", problems.text);
        let ragged = "Carl,c@x.com,\"\",\"\",\"\",\"line 5: has 2 cells, and the header 5\"\r\n";
        assert!(problems.text.ends_with(ragged), "the problem stands in its column: {}", problems.text);
        let mended = problems.text.replace("nonsense", "b@x.com");
        assert_eq!(counts(&import(&api.acme, &query, CSV, &mended)), [2, 2, 0, 0, 0]);
        assert_eq!(names(&api.acme), ["Ann", "Bob", "Carl"].map(str::to_owned).into());
        let listed = api.acme.get("/imports").items().clone();
        assert_eq!(listed.len(), 2);
        assert_eq!(listed[1]["id"], item["id"], "the latest first");
        assert!(stored(&api).iter().all(|line| !line.starts_with("import_parts")), "what was read is not kept");
    }

    /// What is wrong with a ragged row stands in its column, whatever the row has too little or too much of: mended, the file
    /// comes again.
    fn rows_that_are_ragged_are_mended_in_their_columns(database) {
        let api = Api::start(database);
        let file = "name,email,note\nRag\nLong,l@x.com,a,b,c\nname,email,note\nAnn,a@x.com,\n";
        let item = import(&api.acme, "kind=contact", CSV, file);
        assert_eq!(counts(&item), [4, 1, 0, 0, 3], "{item}");
        let path = format!("/imports/{}/problems", item["id"].as_str().unwrap());
        let problems = api.acme.get(&path).text;
        let lines = [
            "name,email,note,problem", "Rag,\"\",\"\",\"line 2: has 1 cells, and the header 3\"",
            "Long,l@x.com,a,\"line 3: has 5 cells, and the header 3\",b,c", "name,email,note,line 4: is the header again",
        ];
        assert_eq!(problems.lines().collect::<Vec<_>>(), lines);
        let again = import(&api.acme, "kind=contact", CSV, &problems);
        assert_eq!(counts(&again), [3, 1, 0, 0, 2], "what has too many cells, and the header, are not mended: {again}");
        // Those that are mended stand where they stood.
        let mended = problems.replace(",b,c", "").replace("Rag", "").replace("name,email,note,line", "Named,,,line");
        assert_eq!(counts(&import(&api.acme, "kind=contact", CSV, &mended)), [3, 2, 0, 0, 1], "{mended}");
        assert_eq!(names(&api.acme), ["Ann", "Long", "Named", "Rag"].map(str::to_owned).into());
    }

    /// A name, or a value that rows match by, that is no text which a database has fails its row, on either database, and no
    /// other; a line of JSON is read as strictly as a body.
    fn a_row_whose_text_is_none_fails_alone(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        let failed = |query: &str, kind, file: &str, member: &str| {
            let item = import(&api.acme, query, kind, file);
            assert_eq!((&item["state"], counts(&item)), (&json!("done"), [3, 2, 0, 0, 1]), "{query}: {item}");
            let problem = item["problems"][0]["problem"].as_str().unwrap();
            assert!(problem.contains(member), "{query}: {problem}");
        };
        for (query, header, wrong, good, member) in [
            ("kind=lead", "title,organization", "x,a\0b", "x,", "organization"),
            ("kind=lead&createMissing=organization,tag", "title,organization", "x,a\0b", "x,", "organization"),
            ("kind=lead&createMissing=tag", "title,tags", "x,a\0b", "x,", "tags"),
            ("kind=lead", "title,owner", "x,a\0b", "x,o", "owner"),
            ("kind=lead", "title,contact", "x,a\0b", "x,", "contact"),
            ("kind=case", "title,caseType", "x,a\0b", "x,", "caseType"),
            ("kind=opportunity", "title,pipeline", "x,a\0b", "x,", "pipeline"),
            ("kind=lead&mode=upsert", "title,externalId", "x,a\0b", "x,#", "externalId"),
            ("kind=contact&mode=upsert&matchBy=email", "name,email", "x,a\0b@x.com", "x,#@x.com", "email"),
            ("kind=organization&mode=upsert&matchBy=name", "name,note", "a\0b,x", "#,x", "name"),
        ] {
            let good = |number: &str| good.replace('#', &format!("{number}-{member}"));
            failed(query, CSV, &format!("{header}\n{}\n{wrong}\n{}\n", good("one"), good("two")), member);
        }
        failed("kind=lead", LINES, "{\"title\":\"a\"}\n{\"title\":\"b\",\"organization\":{\"name\":\"a\\u0000b\"}}\n{\"title\":\"c\"}\n", "organization");
        failed("kind=contact&mode=upsert", LINES, "{\"name\":\"A\",\"externalId\":\"l1\"}\n{\"name\":\"B\",\"externalId\":\"\\u0000\"}\n{\"name\":\"C\",\"externalId\":\"l2\"}\n", "externalId");
        failed("kind=contact", LINES, "{\"name\":\"A\"}\n{\"name\":\"A\",\"name\":\"B\"}\n{\"name\":\"C\"}\n", "the key \"name\" stands twice");
        failed("kind=contact", LINES, &format!("{{\"name\":\"A\"}}\n{{\"name\":\"A\",\"x\":{}}}\n{{\"name\":\"C\"}}\n", "[".repeat(100) + &"]".repeat(100)), "nests deeper");
    }

    /// A name may have as many dots as a cell has characters: what is looked for behind them has an end.
    fn a_column_of_dots_costs_nothing(database) {
        let api = Api::start(database);
        let dots = format!("name,{}\nAnn,x\n", ".".repeat(1_000_000));
        assert_eq!(upload(&api.acme, "kind=contact", CSV, &dots).status, 400);
    }

    /// A row that its record has already is no change, also where the row before has just made it so and the clock stands still.
    fn a_row_that_changes_nothing_is_unchanged(database) {
        let api = Api::start_with(database, &[("CRM_NOW", "2030-01-01T12:00:00.000Z"), ("CRM_ALLOW_RESET", "true")]);
        let file = "name,externalId,note\nAnn,a,x\nAnn,a,x\n";
        let query = "kind=contact&mode=upsert";
        assert_eq!(counts(&import(&api.acme, query, CSV, file)), [2, 1, 0, 1, 0]);
        assert_eq!(counts(&import(&api.acme, query, CSV, file)), [2, 0, 0, 2, 0]);
        assert_eq!(counts(&import(&api.acme, query, CSV, &file.replace(",x", ",y"))), [2, 0, 1, 1, 0]);
        // What is moved in counts too.
        let moved = "title,externalId,isArchived\nL,a,true\nL,a,true\nL,a,false\n";
        assert_eq!(counts(&import(&api.acme, "kind=lead&mode=upsert", CSV, moved)), [3, 1, 1, 1, 0]);
        let lost = "title,externalId,status,lostReason\nO,a,lost,price\nO,a,lost,price\nO,a,open,\n";
        assert_eq!(counts(&import(&api.acme, "kind=opportunity&mode=upsert", CSV, lost)), [3, 1, 1, 1, 0]);
    }

    /// An answer that shows an import has the ETag of a read of it.
    fn what_shows_an_import_has_its_etag(database) {
        let api = Api::start(database);
        let sent = upload(&api.acme, "kind=contact", CSV, "name\nAnn\n");
        assert_eq!(sent.item(202)["problems"], json!([]));
        assert!(sent.header("etag").starts_with('"'), "{}", sent.text);
        let path = taken(&sent);
        over(&api.acme, &path);
        let stale = api.acme.send("POST", &format!("{path}/undo"), &[("If-Match", sent.header("etag"))], None);
        assert_eq!(stale.status, 412, "it has gone on: {}", stale.text);
        let read = api.acme.get(&path);
        let undone = api.acme.send("POST", &format!("{path}/undo"), &[("If-Match", read.header("etag"))], None);
        assert_eq!(undone.status, 202, "{}", undone.text);
        over(&api.acme, &path);
        let again = api.acme.post(&format!("{path}/undo"), &Value::Null);
        assert_eq!(again.status, 202, "{}", again.text);
        assert_eq!(again.header("etag"), api.acme.get(&path).header("etag"));
    }

    /// People are told by their ids alone too, and so is why an opportunity was lost.
    fn a_person_is_a_column_by_the_id_alone(database) {
        let api = Api::start(database);
        let file = "title,creator,Owner,owner.name,lastUpdatedBy\nA,ann,bob,Bob,carl\n";
        assert_eq!(counts(&import(&api.acme, "kind=lead", CSV, file)), [1, 1, 0, 0, 0]);
        let lead = api.acme.get("/pipeline/leads").items()[0].clone();
        assert_eq!((&lead["creator"]["id"], &lead["owner"]["id"], &lead["owner"]["name"]), (&json!("ann"), &json!("bob"), &json!("Bob")));
        upload(&api.acme, "kind=lead", CSV, "title,owner,owner.id\nA,ann,bob\n").refuses(&[("owner.id", "duplicate")]);
    }

    /// Every kind, as JSON lines with all that a body has: made, then found unchanged, then changed.
    fn lines_of_json_are_upserted(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        for resource in RESOURCES {
            let kind = resource.bulk.1;
            let record = |number: usize| {
                let mut record: Value = (resource.full)();
                record["externalId"] = json!(format!("e{number}"));
                record
            };
            // More than one part, and one that is no record.
            let mut lines: Vec<String> = (0..260).map(|number| record(number).to_string()).collect();
            lines.insert(100, "nonsense".to_owned());
            let (query, file) = (format!("kind={kind}&mode=upsert"), lines.join("\n"));
            let item = import(&api.acme, &query, LINES, &file);
            assert_eq!(counts(&item), [261, 260, 0, 0, 1], "{kind}: {item}");
            assert_eq!(counts(&import(&api.acme, &query, LINES, &file)), [261, 0, 0, 260, 1], "{kind}: as they are");
            let mut changed = record(0);
            changed[resource.note] = json!("Other");
            assert_eq!(counts(&import(&api.acme, &query, LINES, &changed.to_string())), [1, 0, 1, 0, 0], "{kind}");
            let path = format!("/imports/{}/problems", item["id"].as_str().unwrap());
            let problems = api.acme.get(&path);
            assert_eq!(problems.header("content-type"), "application/x-ndjson", "{kind}");
            let line: Value = serde_json::from_str(&problems.text).unwrap();
            assert_eq!(line["line"], "nonsense", "{kind}");
            assert!(line["problem"].as_str().unwrap().starts_with("line 101: is no JSON"), "{line}");
        }
    }

    /// CSV of every kind.
    fn each_kind_comes_as_csv(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        for resource in RESOURCES {
            let file = format!("externalId,{}\na,One\nb,Two\nb,Three\nc,\n", resource.text);
            let item = import(&api.acme, &format!("kind={}&mode=upsert", resource.bulk.1), CSV, &file);
            assert_eq!(counts(&item), [4, 2, 1, 0, 1], "{}: {item}", resource.path);
            let read = api.acme.get(&format!("{}/external/b", resource.path)).item(200).clone();
            assert_eq!(read[resource.text], "Three");
        }
    }

    /// What cannot be taken is refused at once, and leaves nothing.
    fn what_cannot_be_taken_is_refused_at_once(database) {
        let api = Api::start(database);
        let kind = "kind=contact";
        for (query, file, field, code, why) in [
            ("mode=create", "name\nAnn\n", "kind", "required", "without a kind"),
            ("kind=thing", "name\nAnn\n", "kind", "invalid_value", "an unknown kind"),
            ("kind=lead&mode=upsert&matchBy=email", "title\nA\n", "matchBy", "invalid_value", "leads by e-mail"),
            ("kind=contact&delimiter=x", "name\nAnn\n", "delimiter", "invalid_value", "no delimiter"),
            ("kind=contact&createMissing=lead", "name\nAnn\n", "createMissing", "invalid_value", "nothing that is made"),
            ("kind=contact&map=%5B%5D", "name\nAnn\n", "map", "wrong_type", "a list as a map"),
            ("kind=contact&map=%7B%22a%22%3A1%7D", "name\nAnn\n", "map", "wrong_type", "a number as a name"),
            ("kind=contact&map=%7B%22a%22%3A%22note%22%7D", "name\nAnn\n", "a", "unknown_field", "a name that is not there"),
            ("kind=contact&other=1", "name\nAnn\n", "other", "unknown_field", "a parameter that there is not"),
            (kind, "", "body", "required", "nothing"),
            (kind, "\r\n\r\n", "body", "required", "nothing but ends of lines"),
            ("kind=contact&mode=create&matchBy=email", "name\nAnn\n", "matchBy", "conflicting", "what is made, matched"),
            ("kind=contact&map=%7B%22a%22%3A%22note%22%2C%22a%22%3A%22name%22%7D", "a\nAnn\n", "map", "wrong_type", "a name twice in a map"),
            ("kind=contact&map=%7B%22a%22%3A%22note%22%2C%22a%20%22%3A%22name%22%7D", "a\nAnn\n", "map", "duplicate", "the same but for a blank"),
            (kind, "nmae\nAnn\n", "nmae", "unknown_field", "an unknown column"),
            (kind, "name,Name\nAnn,Bob\n", "Name", "duplicate", "a column twice"),
            (kind, "email\na@x.com\n", "name", "required", "without the name"),
            ("kind=contact&mode=update&matchBy=email", "name\nAnn\n", "email", "required", "without what rows match by"),
            (kind, "\"name\nAnn\n", "body", "invalid_value", "a quote in the header that is never closed"),
        ] {
            let answer = upload(&api.acme, query, CSV, file);
            answer.problem(400, "validation_failed");
            let told = answer.body["errors"].as_array().unwrap();
            assert!(told.iter().any(|error| error["field"] == field && error["code"] == code), "{why}: {}", answer.text);
        }
        for (name, nearest) in [("nmae", "name"), ("Full name", "name"), ("E-mail 1", "email"), ("Phone (private)", "phone")] {
            let near = upload(&api.acme, kind, CSV, &format!("name,{name}\nAnn,x\n").replace("name,Full name", "note,Full name"));
            assert!(near.text.contains(&format!("did you mean {nearest}?")), "{name}: {}", near.text);
        }
        for name in ["zzzz".to_owned(), "ж".repeat(300)] {
            let near = upload(&api.acme, kind, CSV, &format!("name,{name}\nAnn,x\n"));
            assert!(near.text.contains("did you mean "), "always the nearest: {}", near.text);
        }
        let line = r#"{"name":"Ann"}"#;
        upload(&api.acme, "kind=contact&delimiter=tab", LINES, line).refuses(&[("delimiter", "conflicting")]);
        upload(&api.acme, "kind=contact&map=%7B%22n%22%3A%22name%22%7D", LINES, line).refuses(&[("map", "conflicting")]);
        for (header, why) in [
            ("application/json", "JSON"),
            ("text/csv; charset=klingon", "a charset that there is not"),
            ("", "nothing said"),
        ] {
            upload(&api.acme, kind, ("Content-Type", header), "name\nAnn\n").problem(415, "unsupported_media_type");
            assert!(names(&api.acme).is_empty(), "{why}");
        }
        let coded = [CSV, ("Content-Encoding", "gzip")];
        api.acme.send("POST", "/imports?kind=contact", &coded, Some("name\nAnn\n")).problem(415, "unsupported_media_type");
        assert_eq!((stored(&api), names(&api.acme)), (Vec::new(), BTreeSet::new()));
        let latin = b"name\nJ\xfcrgen\n";
        let mut stream = connect(&api.serving.url);
        let head = head(&api.acme, "kind=contact", "text/csv; charset=windows-1252", &format!("Content-Length: {}", latin.len()));
        stream.write_all(&[head.as_bytes(), latin].concat()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let answer = rest(&mut stream);
        assert_eq!(status(&answer), 202, "{answer}");
        let path = answer.to_lowercase().split("location: ").nth(1).unwrap().split("\r\n").next().unwrap().to_owned();
        over(&api.acme, &path);
        assert_eq!(names(&api.acme), BTreeSet::from(["Jürgen".to_owned()]));
    }

    /// A file that cannot be read to its end has failed, with its place, and nothing is made of it.
    fn a_file_that_breaks_makes_nothing(database) {
        let api = Api::start(database);
        let many: String = (0..600).map(|number| format!("N{number},x\n")).collect();
        for (file, told, why) in [
            ("name,note\nAnn,x\nBob,\"y\nCarl,z\n".to_owned(), "line 3, column 2: a quote that opens here is never closed", "a quote open to the end"),
            (format!("name,note\n{many}Ann,{}\n", "x".repeat(2 * 1024 * 1024)), "line 602, column 2: a row has more than", "a cell of 2 MiB behind whole parts"),
        ] {
            let item = import(&api.acme, "kind=contact", CSV, &file);
            assert_eq!((item["state"].as_str(), counts(&item)), (Some("failed"), [0; 5]), "{why}: {item}");
            assert!(item["error"].as_str().unwrap().starts_with(told), "{why}: {item}");
            assert!(names(&api.acme).is_empty(), "{why}");
        }
        wait_until(|| stored(&api).iter().all(|line| !line.starts_with("import_parts")));
    }

    /// A dry run says what would happen, and changes nothing.
    fn a_dry_run_changes_nothing(database) {
        let api = Api::start(database);
        let changes = |line: &String| !line.starts_with("import");
        let before: Vec<String> = dump(database).into_iter().filter(changes).collect();
        let file = "name,organization,tags\nAnn,Acme,vip\nBob,Acme,\n,Acme,\n";
        let query = "kind=contact&dryRun=true&createMissing=organization,tag";
        let item = import(&api.acme, query, CSV, file);
        assert_eq!((counts(&item), &item["dryRun"]), ([3, 2, 0, 0, 1], &json!(true)));
        assert_eq!(item["problems"][0]["line"], 4);
        let after: Vec<String> = dump(database).into_iter().filter(changes).collect();
        assert_eq!(after, before);
        let path = format!("/imports/{}/undo", item["id"].as_str().unwrap());
        let undone = api.acme.post(&path, &Value::Null).item(202).clone();
        assert_eq!(undone["undone"], json!({ "deleted": 0, "restored": 0, "leftAsIs": 0 }));
    }

    /// Cancelled between two parts: what was made stays, what was not read is not.
    fn an_import_ends_when_it_is_cancelled(database) {
        let api = Api::start(database);
        let path = taken(&upload(&api.acme, "kind=contact", CSV, &many(3_000)));
        wait_until(|| api.acme.get(&path).item(200)["read"].as_u64() > Some(0));
        let running = api.acme.get(&path).item(200).clone();
        assert_eq!((&running["state"], &running["total"]), (&json!("running"), &json!(3_000)), "{running}");
        api.acme.post(&format!("{path}/undo"), &Value::Null).problem(409, "import_under_way");
        assert_eq!(api.acme.delete(&path).status, 204);
        let item = api.acme.get(&path).item(200).clone();
        assert_eq!(item["state"], "cancelled");
        let [read, created, ..] = counts(&item);
        assert!(read < 3_000 && read == created, "{item}");
        assert_eq!(api.acme.get(&format!("{CONTACTS}?size=1&includeTotal=true")).body["total"], created);
        wait_until(|| stored(&api).iter().all(|line| !line.starts_with("import_parts")));
        assert_eq!(api.acme.delete(&path).status, 204, "once more");
        assert_eq!(counts(api.acme.get(&path).item(200)), counts(&item));
        let undone = taken_back(&api.acme, &path);
        assert_eq!(undone["undone"], json!({ "deleted": created, "restored": 0, "leftAsIs": 0 }));
        assert!(api.acme.get(CONTACTS).items().is_empty());
    }

    /// What was made goes into the trash, what was changed becomes what it was, unless somebody changed it since.
    fn an_import_is_taken_back(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        for resource in RESOURCES {
            let kind = resource.bulk.1;
            let record = |number: usize| {
                let mut record: Value = (resource.full)();
                record["externalId"] = json!(format!("e{number}"));
                record
            };
            for number in 0..3 {
                api.acme.post(resource.path, &record(number)).item(201);
            }
            let read = |number: usize| api.acme.get(&format!("{}/external/e{number}", resource.path)).item(200).clone();
            let before: Vec<Value> = (0..3).map(read).collect();
            let lines: Vec<String> = (0..5)
                .map(|number| {
                    let mut line = if number < 3 { (resource.patch)() } else { record(number) };
                    line["externalId"] = json!(format!("e{number}"));
                    line.to_string()
                })
                .collect();
            let item = import(&api.acme, &format!("kind={kind}&mode=upsert"), LINES, &lines.join("\n"));
            assert_eq!(counts(&item), [5, 2, 3, 0, 0], "{kind}: {item}");
            // Somebody goes on with the second, and the third is gone.
            let second = format!("{}/{}", resource.path, before[1]["id"].as_str().unwrap());
            let theirs = api.acme.patch(&second, &json!({ resource.text: "Theirs" })).item(200).clone();
            assert_eq!(api.acme.delete(&format!("{}/{}", resource.path, before[2]["id"].as_str().unwrap())).status, 204);
            let made = read(4)["id"].as_str().unwrap().to_owned();
            let path = format!("/imports/{}", item["id"].as_str().unwrap());
            let undone = taken_back(&api.acme, &path);
            assert_eq!(undone["undone"], json!({ "deleted": 2, "restored": 1, "leftAsIs": 2 }), "{kind}: {undone}");
            let same = |one: &Value| {
                let mut one = one.clone();
                let of_change = ["lastUpdatedOn", "lastUpdatedBy"];
                one.as_object_mut().unwrap().retain(|name, _| !of_change.contains(&name.as_str()));
                // Changes tell of others by their ids.
                let participants = one["participants"].as_array_mut();
                participants.into_iter().flatten().for_each(|participant| participant["name"] = Value::Null);
                one
            };
            assert_eq!(same(&read(0)), same(&before[0]), "{kind}: as it was");
            assert_eq!(read(1), theirs, "{kind}: as they left it");
            assert_eq!(api.acme.get(&format!("/trash/{kind}/{made}")).status, 200, "{kind}: in the trash");
            assert_eq!(taken_back(&api.acme, &path)["undone"], undone["undone"], "{kind}: once more");
        }
    }

    /// A case goes back to the status that it had, where its workflow has a way; where there is none it stays as it is.
    fn cases_go_back_where_there_is_a_way(database) {
        let api = Api::start(database);
        let node = |id: &str| json!({ "id": id, "data": { "label": id } });
        let edge = |from: &str, to: &str| json!({ "id": format!("{from}{to}"), "source": from, "target": to, "data": {} });
        let workflow = json!({
            "status": [node("New"), node("Open"), node("Done")],
            "transition": [edge("New", "Open"), edge("Open", "New"), edge("New", "Done")],
        });
        let made = api.acme.post("/cases/types/cases", &json!({ "label": "Mostly one way", "workflow": workflow }));
        let of_type = made.item(201)["id"].clone();
        let read = |id: &str| api.acme.get(&format!("/cases/cases/external/{id}")).item(200).clone();
        let seen = |id: &str| [read(id)["status"].clone(), read(id)["title"].clone()];
        for id in ["back", "stays"] {
            api.acme.post("/cases/cases", &json!({ "title": id, "externalId": id, "caseTypeId": of_type, "status": "New" })).item(201);
        }
        let file = "externalId,title,status\nback,There,Open\nstays,Gone,Done\n";
        let item = import(&api.acme, "kind=case&mode=update&matchBy=externalId", CSV, file);
        assert_eq!(counts(&item), [2, 0, 2, 0, 0], "{item}");
        assert_eq!((seen("back"), seen("stays")), ([json!("Open"), json!("There")], [json!("Done"), json!("Gone")]));
        let undone = taken_back(&api.acme, &format!("/imports/{}", item["id"].as_str().unwrap()));
        assert_eq!(undone["undone"], json!({ "deleted": 0, "restored": 1, "leftAsIs": 1 }), "{undone}");
        assert_eq!((seen("back"), seen("stays")), ([json!("New"), json!("back")], [json!("Done"), json!("Gone")]));
    }

    /// What was made by the way goes too, where nobody uses it.
    fn what_rows_name_is_taken_back_with_them(database) {
        let api = Api::start(database);
        let file = "name,organization,tags\nAnn,Acme,vip; gold\nBob,Globex,vip\n";
        let item = import(&api.acme, "kind=contact&createMissing=organization,tag", CSV, file);
        assert_eq!(counts(&item), [2, 2, 0, 0, 0], "{item}");
        let tags = api.acme.get("/directory/tags/contacts").items().clone();
        let gold = tags.iter().find(|tag| tag["label"] == "gold").unwrap();
        api.acme.post(CONTACTS, &json!({ "name": "Mine", "tags": [gold["id"]] })).item(201);
        let undone = taken_back(&api.acme, &format!("/imports/{}", item["id"].as_str().unwrap()));
        assert_eq!(undone["undone"], json!({ "deleted": 5, "restored": 0, "leftAsIs": 1 }), "{undone}");
        assert!(api.acme.get("/directory/organizations").items().is_empty());
        let left = api.acme.get("/directory/tags/contacts").items().clone();
        assert_eq!((left.len(), &left[0]["label"]), (1, &json!("gold")), "which somebody uses");
        assert_eq!(names(&api.acme), BTreeSet::from(["Mine".to_owned()]));
    }

    /// A file that ends half-way, or does not come, leaves nothing.
    fn a_file_that_does_not_come_leaves_nothing(database) {
        let api = Api::start(database);
        let file = many(20_000);
        for (length, why) in [("Content-Length: 9000000", "with a length"), ("Transfer-Encoding: chunked", "in chunks")] {
            let mut stream = connect(&api.serving.url);
            stream.write_all(head(&api.acme, "kind=contact", "text/csv", length).as_bytes()).unwrap();
            if length.starts_with('T') {
                stream.write_all(format!("{:x}\r\n{file}\r\n", file.len()).as_bytes()).unwrap();
            } else {
                stream.write_all(file.as_bytes()).unwrap();
            }
            wait_until(|| stored(&api).iter().any(|line| line.starts_with("import_parts")));
            assert!(api.acme.get("/imports").items().is_empty(), "{why}: nobody is shown it before it has come");
            drop(stream);
            wait_until(|| stored(&api).is_empty());
            assert!(names(&api.acme).is_empty(), "{why}");
        }
    }

    /// A file of more than 256 MiB is refused before it comes; one that does not come in its time leaves nothing.
    fn a_file_has_a_longest_length_and_a_slowest_pace(database) {
        let api = Api::start(database);
        let sent = |length: usize, file: &str| {
            let mut stream = connect(&api.serving.url);
            let head = head(&api.acme, "kind=contact", "text/csv", &format!("Content-Length: {length}"));
            stream.write_all(format!("{head}{file}").as_bytes()).unwrap();
            rest(&mut stream)
        };
        let longest = 256 * 1024 * 1024;
        let began = Instant::now();
        let refused = sent(longest + 1, "");
        assert!(status(&refused) == 413 && refused.contains("body_too_large"), "{refused}");
        assert!(began.elapsed() < Duration::from_secs(8), "nobody waits for what is not wanted");
        // As long as it may be, of which something came, and then nothing for ten seconds.
        let refused = sent(longest, &many(100));
        assert!(status(&refused) == 408 && refused.contains("request_timeout"), "{refused}");
        assert_eq!((stored(&api), names(&api.acme)), (Vec::new(), BTreeSet::new()));
    }

    /// Who may write the kind may import it; what the API only shows takes settings:write as well; whoever may not read it
    /// sees nothing of it.
    fn imports_need_the_scopes_of_their_kind(database) {
        let api = Api::start_with(database, &[("CRM_JWT_SECRET", SECRET)]);
        let (_, directory) = key(&api.acme, &["directory:write"]);
        let (_, reader) = key(&api.acme, &["directory:read"]);
        let (_, cases) = key(&api.acme, &["cases:write"]);
        let (_, moving) = key(&api.acme, &["directory:write", "settings:write"]);
        let file = "name\nAnn\n";
        let path = taken(&upload(&directory, "kind=contact", CSV, file));
        over(&directory, &path);
        for (client, code) in [(&cases, "missing_scope"), (&reader, "missing_scope"), (&api.acme.read_only(), "read_only_key")] {
            upload(client, "kind=contact", CSV, file).problem(403, code);
            client.delete(&path).problem(403, code);
            client.post(&format!("{path}/undo"), &Value::Null).problem(403, code);
        }
        for at in [path.clone(), format!("{path}/problems")] {
            let refused = cases.get(&at);
            assert_eq!(refused.problem(403, "missing_scope").body["scope"], "directory:read");
            assert_eq!(reader.get(&at).status, 200);
        }
        assert!(cases.get("/imports").items().is_empty());
        assert_eq!(reader.get("/imports").items().len(), 1);
        let moved = "name,createdOn\nOld,2020-02-03T04:05:06.789Z\n";
        // What the API only shows is read-only to whoever may not move data: an export can be sent back.
        let line = r#"{"name":"As a line","createdOn":"2020-02-03T04:05:06.789Z"}"#;
        for (media, body) in [(CSV, moved.replace("Old", "As CSV")), (LINES, line.to_owned())] {
            assert_eq!(counts(&import(&directory, "kind=contact", media, &body)), [1, 1, 0, 0, 0]);
        }
        for name in ["As%20CSV", "As%20a%20line"] {
            let made = api.acme.get(&format!("{CONTACTS}?name={name}")).items()[0].clone();
            assert!(made["createdOn"].as_str().unwrap() > "2024", "{made}");
        }
        let exported = directory.get(&format!("{CONTACTS}/export?format=csv")).text.replace("As CSV", "As it comes back");
        let back = counts(&import(&directory, "kind=contact&mode=update&matchBy=id", CSV, &exported));
        assert_eq!(back, [3, 0, 1, 2, 0]);
        assert_eq!(counts(&import(&moving, "kind=contact", CSV, moved)), [1, 1, 0, 0, 0]);
        let old = api.acme.get(&format!("{CONTACTS}?name=Old")).items()[0].clone();
        assert_eq!(old["createdOn"], "2020-02-03T04:05:06.789Z");

        // What is made of what rows name takes the scope of that, and so does taking it back.
        let (_, pipeline) = key(&api.acme, &["pipeline:write"]);
        let (_, both) = key(&api.acme, &["pipeline:write", "directory:write"]);
        let query = "kind=lead&createMissing=organization";
        let leads = "title,organization,tags\nA,Globex,vip\n";
        for query in [query, "kind=lead&createMissing=tag,organization", "kind=lead&createMissing=organization&dryRun=true"] {
            let refused = upload(&pipeline, query, CSV, leads);
            assert_eq!(refused.problem(403, "missing_scope").body["scope"], "directory:write");
        }
        assert!(api.acme.get("/directory/organizations").items().is_empty());
        let tagged = import(&pipeline, "kind=lead&createMissing=tag", CSV, "title,tags\nA,gold\n");
        assert_eq!(counts(&tagged), [1, 1, 0, 0, 0], "{tagged}");
        let made = import(&both, query, CSV, "title,organization\nA,Globex\n");
        assert_eq!(counts(&made), [1, 1, 0, 0, 0], "{made}");
        let undo = format!("/imports/{}/undo", made["id"].as_str().unwrap());
        assert_eq!(pipeline.post(&undo, &Value::Null).problem(403, "missing_scope").body["scope"], "directory:write");
        assert_eq!(both.post(&undo, &Value::Null).status, 202);

        // A person is the author of what their file does, whomever it names.
        let lee = token(&json!("acme"), &["crm_user"], "lee");
        let line = r#"{"name":"Zoe","lastUpdatedBy":{"id":"somebody"}}"#;
        let answer = api.acme.with_key(None).send("POST", "/imports?kind=contact", &[("Authorization", &lee), LINES], Some(line));
        over(&api.acme, &taken(&answer));
        let zoe = api.acme.get(&format!("{CONTACTS}?name=Zoe")).items()[0].clone();
        assert_eq!((&zoe["lastUpdatedBy"]["id"], &zoe["creator"]["id"]), (&json!("lee"), &json!("lee")));
        assert_eq!(as_person(&api.acme, &lee, "GET", &path, None).status, 200);
    }

    /// Nor does anybody have made in the console what his key may not make, by a file that is tried or imported.
    fn the_console_makes_no_more_than_the_key_may(database) {
        let api = Api::start(database);
        let made = api.acme.post("/settings/keys", &json!({ "name": "Sales", "scopes": ["pipeline:write"] }));
        let mut browser = Browser::signed_in(&api.acme, made.item(201)["key"].as_str().unwrap());
        browser.get("/console/imports");
        let form = [("kind", "lead"), ("charset", "utf-8")];
        let sent = browser.send_file("/console/imports", &form, "leads.csv", b"title,organization\nA,Globex\n");
        assert_eq!(sent.status, 303, "{}", sent.text);
        let file = sent.header("location").to_owned();
        browser.get(&file);
        let columns = [("column.0", "title"), ("column.1", "organization"), ("mode", "create"), ("createMissing", "organization")];
        for action in ["try", "import"] {
            let refused = browser.post(&file, &[&columns[..], &[("action", action)]].concat());
            assert_eq!(refused.status, 403, "{action}: {}", refused.text);
        }
        assert!(api.acme.get("/imports").items().is_empty());
        assert!(api.acme.get("/directory/organizations").items().is_empty());
    }

    /// Another tenant's import does not exist.
    fn another_tenants_import_does_not_exist(database) {
        let api = Api::start(database);
        let other = api.tenant("other");
        let theirs = taken(&upload(&other, "kind=contact", CSV, "name\nAnn\n"));
        over(&other, &theirs);
        let never = "/imports/0d5e6f78-9012-4345-8789-abcdef012345";
        for (method, end) in [("GET", ""), ("GET", "/problems"), ("DELETE", ""), ("POST", "/undo")] {
            let [foreign, none] = [theirs.as_str(), never].map(|path| api.acme.send(method, &format!("{path}{end}"), &[], None));
            foreign.problem(404, "not_found");
            assert_eq!(foreign.body["detail"], none.body["detail"], "{method} {end}");
        }
        assert!(api.acme.get("/imports").items().is_empty() && names(&api.acme).is_empty());
        assert_eq!(other.get(&theirs).item(200)["state"], "done");
        assert_eq!(names(&other), BTreeSet::from(["Ann".to_owned()]));
    }

    /// A file that is sent again under its key is taken once.
    fn a_file_is_taken_once_by_its_key(database) {
        let api = Api::start(database);
        let send = |body: &str| {
            let headers = [CSV, ("Idempotency-Key", "once")];
            api.acme.send("POST", "/imports?kind=contact", &headers, Some(body))
        };
        let first = send("name\nAnn\n");
        let again = send("name\nAnn\n");
        assert_eq!((again.status, again.header("idempotent-replayed")), (202, "true"), "{}", again.text);
        assert_eq!(again.header("location"), first.header("location"));
        send("name\nBob\n").problem(422, "idempotency_key_reused");
        over(&api.acme, &taken(&first));
        wait_until(|| stored(&api).len() == 1);
        assert_eq!(names(&api.acme), BTreeSet::from(["Ann".to_owned()]));
    }

    /// A tenant has five under way at the most, each of which goes on.
    fn a_tenant_has_five_imports_under_way_at_the_most(database) {
        let api = Api::start(database);
        let begin = || {
            let mut stream = connect(&api.serving.url);
            stream.write_all(head(&api.acme, "kind=contact", "text/csv", "Transfer-Encoding: chunked").as_bytes()).unwrap();
            let file = many(20_000);
            stream.write_all(format!("{:x}\r\n{file}\r\n", file.len()).as_bytes()).unwrap();
            stream
        };
        let under_way = || stored(&api).iter().filter(|line| line.starts_with("imports")).count();
        let streams: Vec<_> = (1..=5)
            .map(|number| {
                let stream = begin();
                wait_until(|| under_way() == number);
                stream
            })
            .collect();
        upload(&api.acme, "kind=contact", CSV, "name\nAnn\n").problem(409, "limit_reached");
        let other = api.tenant("other");
        assert_eq!(upload(&other, "kind=contact", CSV, "name\nAnn\n").status, 202, "another tenant");
        for mut stream in streams.into_iter().take(1) {
            stream.write_all(b"0\r\n\r\n").unwrap();
            let answer = rest(&mut stream);
            assert_eq!(status(&answer), 202, "{answer}");
        }
        wait_until(|| upload(&api.acme, "kind=contact&dryRun=true", CSV, "name\nAnn\n").status == 202);
    }

    /// What a gateway left behind when it was killed, the next one finishes.
    fn an_import_goes_on_after_a_crash(database) {
        let api = Api::start(database);
        let path = taken(&upload(&api.acme, "kind=contact", CSV, &many(1_000)));
        wait_until(|| api.acme.get(&path).item(200)["read"].as_u64() > Some(0));
        let api = api.restart();
        let item = over(&api.acme, &path);
        assert_eq!(counts(&item), [1_000, 1_000, 0, 0, 0], "{item}");
        assert_eq!(api.acme.get(&format!("{CONTACTS}?size=1&includeTotal=true")).body["total"], 1_000);
    }
}

/// A file of so many contacts.
fn many(rows: usize) -> String {
    let rows = (0..rows).map(|number| format!("e{number},Contact {number},c{number}@example.com\n"));
    ["externalId,name,email\n".to_owned()].into_iter().chain(rows).collect()
}

/// Takes an import back, and gives it when that is done.
#[track_caller]
fn taken_back(client: &Client, path: &str) -> Value {
    let answer = client.post(&format!("{path}/undo"), &Value::Null);
    assert_eq!(answer.header("location"), path, "{}", answer.text);
    answer.item(202);
    over(client, path)
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

#[track_caller]
fn wait_until(is_so: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < until, "it did not come to that");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The head of an upload as bytes.
fn head(client: &Client, query: &str, content_type: &str, length: &str) -> String {
    let key = &client.keys.primary;
    format!(
        "POST /imports?{query} HTTP/1.1\r\nHost: x\r\nOcp-Apim-Subscription-Key: {key}\r\nContent-Type: {content_type}\r\n\
         {length}\r\nConnection: close\r\n\r\n"
    )
}
