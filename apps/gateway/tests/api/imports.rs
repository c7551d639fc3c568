//! `crm-gateway import`: files as people have them become records, or are refused with their line and column.

use std::path::{Path, PathBuf};
use std::process::Output;

use crm_testkit::{TestDatabase, both_databases};
use serde_json::{Value, json};

use crate::client::Api;
use crate::process::gateway;
use crate::resources::RESOURCES;

const CONTACTS: &str = "/directory/contacts";

/// A folder for the files of one test.
struct Files(PathBuf);

impl Files {
    fn new(name: &str, database: &TestDatabase) -> Self {
        let folder =
            std::env::temp_dir().join(format!("crm-import-{name}-{:?}-{}", database.kind(), std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // What is left there is in a folder for such things.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn import(database: &TestDatabase, file: &Path, arguments: &[&str]) -> Output {
    let mut command = gateway(database);
    command.args(["import", file.to_str().unwrap(), "--tenant", "acme"]).args(arguments).output().unwrap()
}

/// How many rows came to which end, as the command says.
#[track_caller]
fn counts(output: &Output) -> [u64; 4] {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let count = |word: &str| -> u64 {
        let before = text.split(&format!(" {word}")).next().unwrap();
        before.rsplit(' ').next().unwrap().parse().unwrap_or_else(|_| panic!("{word} of {output:?}"))
    };
    ["created", "updated", "unchanged", "failed"].map(count)
}

#[track_caller]
fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn utf16(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xfeff_u16).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

/// A file as people have it, what else is said of it, the names that come of it, how many rows fail, and a sentence.
type Real = (Vec<u8>, &'static [&'static str], &'static [&'static str], u64, &'static str);

fn real_files() -> Vec<Real> {
    let text = |text: &str| text.as_bytes().to_vec();
    vec![
        (text("name\nAnn\nBob\n"), &[], &["Ann", "Bob"], 0, "plain"),
        (text("NAME\nAnn"), &[], &["Ann"], 0, "in capitals, without an end of line"),
        (text("\u{feff}name\r\nAnn\r\n"), &[], &["Ann"], 0, "a byte order mark, CR LF"),
        (text("name\r\nAnn\nBob\rCarl"), &[], &["Ann", "Bob", "Carl"], 0, "ends of lines of all kinds"),
        (text("name;note\nAnn;\"a;b\"\n"), &[], &["Ann"], 0, "semicolons"),
        (text("name\tnote\nAnn\ta,b\n"), &[], &["Ann"], 0, "tabs"),
        (text("name,note\nAnn,a;b\n"), &["--delimiter", ","], &["Ann"], 0, "a delimiter that is said"),
        (b"name\nJ\xfcrgen \x80\n".to_vec(), &["--charset", "windows-1252"], &["Jürgen €"], 0, "windows-1252"),
        (utf16("name\nÄnne 😀\n"), &[], &["Änne 😀"], 0, "UTF-16, as Excel saves Unicode text"),
        (
            text("name,note\n\"Ann \"\"A\"\"\",\"two\nlines\"\n"),
            &[],
            &["Ann \"A\""],
            0,
            "quotes and line ends in quotes",
        ),
        (text("name\n\n\nAnn\n\n"), &[], &["Ann"], 0, "empty lines"),
        (text("name,note\nAnn\nBob,x\nCarl,x,y\n"), &[], &["Bob"], 2, "ragged rows fail by themselves"),
        (text("name,\nAnn,\n"), &[], &["Ann"], 0, "a column without a name, as spreadsheets end"),
        (text("name\nAnn\nname\nBob\n"), &[], &["Ann", "Bob"], 1, "the header again"),
        (text("name,jobTitle\n=1+1,@SUM(A1)\n"), &[], &["=1+1"], 0, "formulas are texts"),
        (text("name,email\nAnn,a@x.com; Home: b@x.com\nBob,nonsense\n"), &[], &["Ann"], 1, "addresses in one cell"),
        (text("name,email.Work,email.Home\nAnn,a@x.com,b@x.com\n"), &[], &["Ann"], 0, "addresses by label"),
        (
            text("Full,E-mail 1,Junk\nAnn,a@x.com,y\n"),
            &["--map", r#"{"Full":"name","E-mail 1":"email.Work","Junk":null}"#],
            &["Ann"],
            0,
            "other names",
        ),
        (text("name\nA\0B\nAnn\n"), &[], &["Ann"], 1, "NUL in a name"),
        (text("name\n\" \"\nAnn\n"), &[], &["Ann"], 1, "a blank name"),
        (text("name,organization\nAnn,Acme\nBob,Acme\n"), &[], &[], 2, "an organization that there is not"),
        (
            text("name,organization,tags\nAnn,Acme,vip; new\nBob,ACME,new\n"),
            &["--create-missing", "organization,tag"],
            &["Ann", "Bob"],
            0,
            "what is missing is made once",
        ),
        (text("name,tags\nAnn,nowhere\n"), &[], &[], 1, "a tag that there is not"),
        (
            text("name,createdOn\nAnn,2020-02-03T04:05:06.789Z\nBob,43864\n"),
            &[],
            &["Ann"],
            1,
            "a moment, and a spreadsheet's number of a day",
        ),
        (
            text("name,owner.id,owner.email\nAnn,u1,u1@x.com\nBob,,u2@x.com\n"),
            &[],
            &["Ann", "Bob"],
            0,
            "parts of a user",
        ),
        (
            text("id,name,lastUpdatedOn\n77,Ann,2020-01-01\n"),
            &[],
            &["Ann"],
            0,
            "columns that are only shown are left out",
        ),
    ]
}

both_databases! {
    fn files_as_people_have_them_are_imported(database) {
        let api = Api::start(database);
        let files = Files::new("real", database);
        for (bytes, arguments, names, failed, why) in real_files() {
            let before = api.acme.get(&format!("{CONTACTS}?size=200&sort=asc")).items().len();
            let file = files.write("contacts.csv", &bytes);
            let output = import(database, &file, &[&["--kind", "contact"], arguments].concat());
            let created = u64::try_from(names.len()).unwrap();
            assert_eq!(counts(&output), [created, 0, 0, failed], "{why}: {output:?}");
            assert_eq!(output.status.code(), Some(i32::from(failed > 0)), "{why}");
            let page = api.acme.get(&format!("{CONTACTS}?size=200&sort=asc&orderBy=name"));
            assert_eq!(page.items().len(), before + names.len(), "{why}");
            for name in names {
                assert!(page.items().iter().any(|item| item["name"] == *name), "{why}: {name}");
            }
            for item in page.items() {
                assert_eq!(api.acme.delete(&format!("{CONTACTS}/{}", item["id"].as_str().unwrap())).status, 204);
            }
        }
        assert_eq!(api.acme.get("/directory/organizations").items().len(), 1, "made once, however it is written");
    }

    /// Refused before a row is taken, or ended at the place that cannot be read.
    fn files_that_nobody_can_read_are_refused_with_their_place(database) {
        let api = Api::start(database);
        let files = Files::new("hostile", database);
        let long = format!("name,note\nAnn,{}\n", "x".repeat(10 * 1024 * 1024));
        let wide = format!("name{}\n", ",x".repeat(2_000));
        for (bytes, arguments, told, why) in [
            (b"".to_vec(), vec![], "has no header", "empty"),
            (b"\r\n\n".to_vec(), vec![], "has no header", "nothing but ends of lines"),
            (b"Ann,a@x.com\nBob,b@x.com\n".to_vec(), vec![], "Ann: is no column", "no header"),
            (b"nmae\nAnn\n".to_vec(), vec![], "did you mean name?", "a typing error"),
            (b"name,Name\nAnn,Bob\n".to_vec(), vec![], "is the column name, which stands before", "a column twice"),
            (b"email\na@x.com\n".to_vec(), vec![], "name: is no column of the file", "without the name"),
            (b"name\nAnn\n".to_vec(), vec!["--mode", "upsert"], "externalId: is no column of the file", "without what rows match by"),
            (b"name\nAnn\n".to_vec(), vec!["--map", "{\"Other\":\"note\"}"], "is mapped, and no column", "a name that is not there"),
            (b"name\nAnn\n".to_vec(), vec!["--map", "[]"], "--map is no JSON object", "a map that is none"),
            (b"name\nAnn\n".to_vec(), vec!["--charset", "klingon"], "is no charset", "a charset that is none"),
            (b"name\n\"Ann\nBob\n".to_vec(), vec![], "line 2, column 1: a quote that opens here is never closed", "a quote open to the end"),
            (b"name\nJ\xfcrgen\n".to_vec(), vec![], "is no text of the charset", "windows-1252 that says it is UTF-8"),
            (long.into_bytes(), vec![], "line 2, column 2: a row has more than", "10 MB in one cell"),
            (wide.into_bytes(), vec![], "line 1, column 1001: a row has more than", "2 000 columns"),
        ] {
            let file = files.write("contacts.csv", &bytes);
            let output = import(database, &file, &[vec!["--kind", "contact"], arguments].concat());
            let text = refusal(&output);
            assert!(text.contains(told), "{why}: {text}");
            assert!(api.acme.get(CONTACTS).items().is_empty(), "{why}");
        }
        let none = import(database, &files.0.join("nowhere.csv"), &["--kind", "contact"]);
        assert!(refusal(&none).contains("nowhere.csv"));
    }

    /// What failed can be mended in the file of problems and sent again; a dry run changes nothing.
    fn what_failed_is_mended_and_sent_again(database) {
        let api = Api::start(database);
        let files = Files::new("mended", database);
        let file = files.write("contacts.csv", b"name,email,note\nAnn,a@x.com,\"x, y\"\nBob,nonsense,\"two\nlines\"\n");
        let dry = import(database, &file, &["--kind", "contact", "--dry-run"]);
        assert_eq!(counts(&dry), [1, 0, 0, 1]);
        assert!(api.acme.get(CONTACTS).items().is_empty(), "a dry run");
        let output = import(database, &file, &["--kind", "contact"]);
        assert_eq!(counts(&output), [1, 0, 0, 1]);
        let problems = files.0.join("contacts.csv.problems");
        let text = std::fs::read_to_string(&problems).unwrap();
        assert!(text.starts_with("name,email,note,problem\r\nBob,nonsense,\"two\nlines\",line 3: "), "{text}");
        let mended = files.write("mended.csv", text.replace("nonsense", "b@x.com").as_bytes());
        let again = import(database, &mended, &["--kind", "contact", "--map", "{\"problem\":null}"]);
        assert_eq!(counts(&again), [1, 0, 0, 0], "{again:?}");
        let bob = api.acme.get(&format!("{CONTACTS}?name=bob")).items()[0].clone();
        assert_eq!((&bob["note"], &bob["email"][0]["value"]), (&json!("two\nlines"), &json!("b@x.com")));
    }

    /// Every kind, as JSON lines with all that a body has: made, then found unchanged, then changed.
    fn lines_of_json_are_upserted(database) {
        let api = Api::start(database);
        crate::resources::prepare(&api.acme);
        let files = Files::new("lines", database);
        for resource in RESOURCES {
            let kind = resource.bulk.1;
            let record = |number: usize| {
                let mut record: Value = (resource.full)();
                record["externalId"] = json!(format!("e{number}"));
                record["createdOn"] = json!("2020-02-03T04:05:06.789Z");
                record
            };
            // More than one part, and one that is no record.
            let mut lines: Vec<String> = (0..620).map(|number| record(number).to_string()).collect();
            lines.insert(300, "nonsense".to_owned());
            let file = files.write("records.ndjson", lines.join("\n").as_bytes());
            let upsert = ["--kind", kind, "--mode", "upsert"];
            assert_eq!(counts(&import(database, &file, &upsert)), [620, 0, 0, 1], "{kind}");
            assert_eq!(counts(&import(database, &file, &upsert)), [0, 0, 620, 1], "{kind}: as they are");
            let read = api.acme.get(&format!("{}/external/e619", resource.path)).item(200).clone();
            assert_eq!(read["createdOn"], "2020-02-03T04:05:06.789Z", "{kind}");
            for (member, sent) in (resource.full)().as_object().unwrap() {
                if member != "tags" {
                    assert_eq!(&read[member], sent, "{kind}: {member}");
                }
            }
            let mut changed = record(0);
            changed[resource.note] = json!("Other");
            let file = files.write("one.ndjson", changed.to_string().as_bytes());
            assert_eq!(counts(&import(database, &file, &upsert)), [0, 1, 0, 0], "{kind}");
        }
    }

    /// What the API only shows comes along: archived leads, won and lost opportunities with when they were closed.
    fn what_is_moved_keeps_its_state(database) {
        let api = Api::start(database);
        let files = Files::new("moved", database);
        let leads = files.write("leads.csv", b"title,isArchived\nOld,true\nNew,false\nWrong,perhaps\n");
        assert_eq!(counts(&import(database, &leads, &["--kind", "lead"])), [2, 0, 0, 1]);
        assert_eq!(api.acme.get("/pipeline/leads?isArchived=true").items()[0]["title"], "Old");
        let file = b"externalId,title,status,closedOn,lostReason.reasonId\nw,Won,won,2021-01-02T03:04:05.678Z,\nl,Lost,lost,2021-02-03T00:00:00.000Z,price\no,Open,open,,\n";
        let opportunities = files.write("opportunities.csv", file);
        let upsert = ["--kind", "opportunity", "--mode", "upsert"];
        let output = import(database, &opportunities, &upsert);
        assert_eq!(counts(&output), [3, 0, 0, 0], "{output:?}");
        let won = api.acme.get("/pipeline/opportunities/external/w").item(200).clone();
        assert_eq!((&won["status"], &won["closedOn"]), (&json!("won"), &json!("2021-01-02T03:04:05.678Z")));
        assert_eq!(api.acme.get("/pipeline/opportunities/external/l").item(200)["status"], "lost");
        assert_eq!(counts(&import(database, &opportunities, &upsert)), [0, 0, 3, 0]);
    }

    /// Cases come with when they were resolved, where that can be.
    fn cases_keep_when_they_were_resolved(database) {
        let api = Api::start(database);
        let files = Files::new("resolved", database);
        let (made, first, last) = ("2021-01-01T00:00:00.000Z", "2021-01-02T03:04:05.678Z", "2021-01-04T00:00:00.000Z");
        let rows = [
            ("twice", "Closed", first, last),
            ("open again", "Reopened", first, first),
            ("never", "Open", "", ""),
            ("at once", "Closed", "", ""),
            ("in no order", "Closed", last, first),
            ("before it was made", "Closed", "2020-12-31T23:59:59.999Z", last),
            ("half", "Open", first, ""),
            ("no moment", "Closed", first, "yesterday"),
        ];
        let head = "externalId,title,status,createdOn,firstResolutionOn,lastResolutionOn\n".to_owned();
        let csv = rows.iter().fold(head, |csv, (id, status, first, last)| csv + &format!("{id},{id},{status},{made},{first},{last}\n"));
        let file = files.write("cases.csv", csv.as_bytes());
        let upsert = ["--kind", "case", "--mode", "upsert"];
        let output = import(database, &file, &upsert);
        assert_eq!(counts(&output), [4, 0, 0, 4], "{output:?}");
        for (id, expected) in [
            ("twice", [json!(first), json!(last)]),
            ("open%20again", [json!(first), json!(first)]),
            ("never", [json!(null), json!(null)]),
            ("at%20once", [json!(made), json!(made)]),
        ] {
            let case = api.acme.get(&format!("/cases/cases/external/{id}"));
            let case = case.item(200);
            assert_eq!([&case["firstResolutionOn"], &case["lastResolutionOn"]], [&expected[0], &expected[1]], "{id}");
            assert_eq!((&case["createdOn"], &case["lastUpdatedOn"]), (&json!(made), &json!(made)), "{id}");
        }
        assert_eq!(counts(&import(database, &file, &upsert)), [0, 0, 4, 4], "nothing changes");
        let other = json!({ "externalId": "never", "firstResolutionOn": first, "lastResolutionOn": last });
        let cleared = json!({ "externalId": "twice", "firstResolutionOn": null, "lastResolutionOn": null });
        let file = files.write("cases.ndjson", format!("{other}\n{cleared}\n").as_bytes());
        let update = ["--kind", "case", "--mode", "update", "--match-by", "externalId"];
        assert_eq!(counts(&import(database, &file, &update)), [0, 2, 0, 0]);
        let resolved = |id: &str| api.acme.get(&format!("/cases/cases/external/{id}")).item(200)["lastResolutionOn"].clone();
        assert_eq!([resolved("never"), resolved("twice")], [json!(last), json!(null)]);
    }

    /// What the command line does is done by nobody with a key, and by no person unless the row names one.
    fn the_command_line_has_no_key(database) {
        let api = Api::start(database);
        let files = Files::new("nobody", database);
        let made = files.write("made.csv", b"externalId,name,lastUpdatedBy\na,Ann,\nb,Bob,u1\n");
        assert_eq!(counts(&import(database, &made, &["--kind", "contact"])), [2, 0, 0, 0]);
        let changed = files.write("changed.csv", b"externalId,name\na,Anna\n");
        assert_eq!(counts(&import(database, &changed, &["--kind", "contact", "--mode", "upsert"])), [0, 1, 0, 0]);
        let history = |id: &str| api.acme.get(&format!("{CONTACTS}/{id}/history?sort=asc")).items().clone();
        let told = |change: &Value| [&change["action"], &change["key"], &change["by"]["id"]].map(Value::clone);
        let ann = history("1");
        assert_eq!(ann.iter().map(told).collect::<Vec<_>>(), [
            [json!("created"), Value::Null, Value::Null],
            [json!("updated"), Value::Null, Value::Null],
        ]);
        assert!(ann.iter().all(|change| change["by"].is_null()), "{ann:?}");
        assert_eq!(told(&history("2")[0]), [json!("created"), Value::Null, json!("u1")]);
    }

    /// What is matched is said as over HTTP: not where records are made, and only by what they have.
    fn what_rows_match_by_is_checked(database) {
        let files = Files::new("matched", database);
        crate::client::Keys::of_new_tenant(database, "acme");
        let file = files.write("contacts.csv", b"name,email\nAnn,ann@example.com\n");
        for (arguments, why) in [
            (&["--kind", "contact", "--mode", "create", "--match-by", "email"][..], "what is created matches nothing"),
            (&["--kind", "contact", "--match-by", "id"], "what is created matches nothing"),
            (&["--kind", "contact", "--mode", "upsert", "--match-by", "name"], "is nothing that these records match by"),
            (&["--kind", "lead", "--mode", "update", "--match-by", "email"], "is nothing that these records match by"),
        ] {
            let refused = import(database, &file, arguments);
            assert_eq!(refused.status.code(), Some(2), "{refused:?}");
            let refused = String::from_utf8(refused.stderr).unwrap();
            assert!(refused.contains("--match-by: ") && refused.contains(why), "{arguments:?}: {refused}");
        }
        assert_eq!(counts(&import(database, &file, &["--kind", "contact", "--mode", "upsert", "--match-by", "email"])), [1, 0, 0, 0]);
    }

    /// A gateway on the same database goes on writing.
    fn a_gateway_serves_meanwhile(database) {
        let (api, files) = (Api::start(database), Files::new("meanwhile", database));
        let rows: String = (0..3_000).map(|row| format!("Contact {row},{row}@example.com,t\n")).collect();
        let file = files.write("many.csv", format!("name,email,tags\n{rows}").as_bytes());
        let arguments = ["import", file.to_str().unwrap(), "--tenant", "acme", "--kind", "contact", "--create-missing", "tag"];
        let mut importing = gateway(database).args(arguments).stdout(std::process::Stdio::null()).spawn().unwrap();
        let mut made = 0;
        while importing.try_wait().unwrap().is_none() {
            api.acme.post("/pipeline/leads", &json!({ "title": "Meanwhile" })).item(201);
            made += 1;
        }
        assert!(importing.wait().unwrap().success());
        // The first may have come before it began, and the last when it was over.
        assert!(made > 2, "{made} writes while 3 000 rows came in");
        let contacts = api.acme.get(&format!("{CONTACTS}?size=1&includeTotal=true"));
        assert_eq!(contacts.body["total"], 3_000, "{}", contacts.text);
    }
}
