//! A file is sent, looked at, tried, imported, mended and taken back.

use std::time::{Duration, Instant};

use crm_exchange::imports;
use crm_testkit::both_databases;
use serde_json::json;

use crate::browser::{Browser, between};
use crate::client::{Answer, Api};
use crate::dump::dump;

const PAGE: &str = "/console/imports";
const FILE: &str = "name,Email,Colour,note\nAnn,ann@example.com,red,\"a\"\"<script>\"\nBob,no address,blue,b\nCem,cem@example.com,red,c\n";

/// Sends a file, of contacts.
fn send(browser: &mut Browser, name: &str, content: &str) -> Answer {
    browser.get(PAGE);
    browser.send_file(PAGE, &[("kind", "contact"), ("charset", "utf-8")], name, content.as_bytes())
}

/// The page of an import, once it is over.
fn over(browser: &mut Browser, path: &str) -> Answer {
    let began = Instant::now();
    loop {
        let page = browser.get(path);
        assert_eq!(page.status, 200, "{}", page.text);
        if !page.text.contains("data-open=\"yes\"") {
            return page;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{}", page.text);
        std::thread::sleep(Duration::from_millis(50));
    }
}

both_databases! {
    fn a_file_is_tried_imported_and_taken_back(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        let mut browser = Browser::signed_in(acme, &acme.keys.primary);
        let sent = send(&mut browser, "people.csv", FILE);
        assert_eq!(sent.status, 303, "{}", sent.text);
        let file = sent.header("location").to_owned();
        assert!(file.starts_with("/console/imports/files/"), "{file}");
        assert!(acme.get("/imports").items().is_empty(), "nobody is shown it as an import");

        let page = browser.get(&file);
        assert!(page.text.contains("3 rows") && page.text.contains("a&quot;&lt;script&gt;") && !page.text.contains("<script>"), "{}", page.text);
        let chosen = |index: usize| {
            let select = between(&page.text, &format!("name=\"column.{index}\""), "</select>").unwrap().to_owned();
            between(&select, "value=\"", "\" selected").map(|text| text.rsplit('"').next().unwrap().to_owned())
        };
        assert_eq!([0, 1, 2, 3].map(chosen).map(Option::unwrap_or_default), ["name", "email", "", "note"], "matched by name");

        let columns = [("column.0", "name"), ("column.1", "email"), ("column.2", ""), ("column.3", "note"), ("mode", "create")];
        let tried = browser.post(&file, &[&columns[..], &[("action", "try")]].concat());
        assert_eq!(tried.status, 303, "{}", tried.text);
        let page = over(&mut browser, tried.header("location"));
        assert!(page.text.contains("3 of 3 rows") && page.text.contains("only tried") && page.text.contains("<th scope=\"row\">Email</th>"), "{}", page.text);
        assert!(acme.get("/directory/contacts").items().is_empty(), "a try makes nothing");
        let run = between(&page.text, "name=\"as\" value=\"", "\"").unwrap().to_owned();

        let started = browser.post(&format!("{file}/start"), &[("as", &run)]);
        assert_eq!(started.status, 303, "{}", started.text);
        let import = started.header("location").to_owned();
        let page = over(&mut browser, &import);
        assert!(page.text.contains("3 of 3 rows") && page.text.contains("All rows that failed") && !page.text.contains("only tried"), "{}", page.text);
        let names: Vec<String> = acme.get("/directory/contacts?orderBy=name&sort=asc").items().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect();
        assert_eq!(names, ["Ann", "Cem"]);
        let failed = browser.get(&format!("{import}/problems"));
        assert!(failed.header("content-type").starts_with("text/csv") && failed.text.contains("Bob,no address,blue,b,"), "{}", failed.text);
        assert_eq!(browser.get(&file).status, 404, "the file has become the import");

        browser.get(&import);
        let undone = browser.post(&format!("{import}/undo"), &[]);
        assert_eq!((undone.status, undone.header("location")), (303, import.as_str()));
        let page = over(&mut browser, &import);
        assert!(page.text.contains("2 in the trash"), "{}", page.text);
        assert!(acme.get("/directory/contacts").items().is_empty());
        assert!(browser.get(PAGE).text.contains("taken back"));
    }

    fn problems_are_grouped_in_the_words_of_the_file_and_what_was_chosen_comes_back(database) {
        let api = Api::start(database);
        let mut browser = Browser::signed_in(&api.acme, &api.acme.keys.primary);
        let mut text = "Who,Where to <write>,Company\n".to_owned();
        for number in 0..8 {
            text.push_str(&format!("P{number},no address,{}\n", if number < 2 { format!("Nowhere {number}") } else { String::new() }));
        }
        let file = send(&mut browser, "people.csv", &text).header("location").to_owned();
        browser.get(&file);
        let choices = [
            ("column.0", "name"), ("column.1", "email"), ("column.2", "organization"), ("mode", "upsert"), ("matchBy", "email"), ("createMissing", "tag"),
        ];
        let tried = browser.post(&file, &[&choices[..], &[("action", "try")]].concat());
        assert_eq!(tried.status, 303, "{}", tried.text);
        let page = over(&mut browser, tried.header("location"));
        let problems = between(&page.text, "aria-labelledby=\"problems\"", "</section>").unwrap();
        let rows: Vec<&str> = between(problems, "<tbody>", "</tbody>").unwrap().split("<tr>").skip(1).collect();
        assert_eq!(rows.len(), 2, "a kind of problem is one row: {problems}");
        assert!(rows[0].starts_with("<th scope=\"row\">Where to &lt;write&gt;</th>") || rows[1].starts_with("<th scope=\"row\">Where to &lt;write&gt;</th>"), "{problems}");
        let company = rows.iter().find(|row| row.starts_with("<th scope=\"row\">Company</th>")).unwrap();
        assert!(company.contains("nothing is called Nowhere 0<span class=\"quiet\">, and others alike</span>") && company.contains("<td>2, 3</td>"), "{company}");
        assert!(problems.contains("rows that failed") && !problems.contains("email[0]"), "{problems}");

        // The way back to the columns has what was chosen.
        let back = between(&page.text, "href=\"/console/imports/files/", "\"").unwrap();
        let columns = browser.get(&format!("/console/imports/files/{}", back.replace("&amp;", "&")));
        for (name, value) in choices {
            let is_chosen = match name {
                "createMissing" => columns.text.contains("value=\"tag\" checked") && !columns.text.contains("value=\"organization\" checked"),
                name => between(&columns.text, &format!("name=\"{name}\""), "</select>").unwrap().contains(&format!("value=\"{value}\" selected")),
            };
            assert!(is_chosen, "{name}: {}", columns.text);
        }
        // What was tried of another file says nothing of this one.
        let other = send(&mut browser, "other.csv", "Who,Mail\nAnn,a@example.com\n").header("location").to_owned();
        let run = back.split("as=").nth(1).unwrap();
        let columns = browser.get(&format!("{other}?as={run}"));
        assert!(between(&columns.text, "name=\"mode\"", "</select>").unwrap().contains("value=\"create\" selected"), "{}", columns.text);
    }

    fn what_is_wrong_stands_beside_its_column(database) {
        let api = Api::start(database);
        let mut browser = Browser::signed_in(&api.acme, &api.acme.keys.primary);
        let file = send(&mut browser, "people.csv", FILE).header("location").to_owned();
        browser.get(&file);
        let refused = browser.post(&file, &[("column.0", "name"), ("column.1", "name"), ("column.3", "nothing"), ("action", "import")]);
        assert_eq!(refused.status, 400, "{}", refused.text);
        assert!(refused.text.contains("is the column name, which stands before") && refused.text.contains("is no column"), "{}", refused.text);
        assert!(between(&refused.text, "name=\"column.1\"", "</select>").unwrap().contains("value=\"name\" selected"), "what was chosen stays");
        let refused = browser.post(&file, &[("column.1", "email"), ("mode", "sideways"), ("matchBy", "moon"), ("action", "try")]);
        assert!(refused.status == 400 && refused.text.contains("none of those that are offered"), "{}", refused.text);
        let refused = browser.post(&file, &[("column.1", "email"), ("action", "import")]);
        assert!(refused.status == 400 && refused.text.contains("no record is made without it"), "{}", refused.text);
        assert!(api.acme.get("/imports").items().is_empty());
        for (name, content, words) in [("a.csv", "name\n\"Ann", "quote"), ("a.csv", "", "header")] {
            let refused = send(&mut browser, name, content);
            assert!(refused.status == 400 && refused.text.contains(words), "{words}: {} {}", refused.status, refused.text);
        }
        browser.get(PAGE);
        let refused = browser.send_file(PAGE, &[("kind", "contact")], "", b"");
        assert!(refused.status == 400 && between(&refused.text, "id=\"f-file-words\"", "</div>").unwrap().contains("is required"), "{}", refused.text);
        let refused = browser.send_file(PAGE, &[("kind", "key"), ("charset", "klingon")], "a.csv", b"name\nAnn");
        assert!(refused.status == 400 && refused.text.contains("none that you may import"), "{}", refused.text);
    }

    fn lines_of_json_and_old_encodings_come_too(database) {
        let api = Api::start(database);
        let mut browser = Browser::signed_in(&api.acme, &api.acme.keys.primary);
        let file = send(&mut browser, "people.jsonl", "{\"name\":\"Zoë\"}\n{\"name\":\"Ada\"}\n").header("location").to_owned();
        assert!(browser.get(&file).text.contains("{&quot;name&quot;:&quot;Zoë&quot;}"));
        let import = browser.post(&file, &[("action", "import")]).header("location").to_owned();
        assert!(over(&mut browser, &import).text.contains("2 of 2 rows"));
        browser.get(PAGE);
        let sent = browser.send_file(PAGE, &[("kind", "organization"), ("charset", "windows-1252")], "a.csv", b"name;industry\nM\xfcller;x\n");
        let page = browser.get(sent.header("location"));
        assert!(page.text.contains("Müller") && page.text.contains("Import organizations"), "{}", page.text);
        let forgotten = browser.post(&format!("{}/forget", sent.header("location")), &[]);
        assert_eq!(forgotten.header("location"), PAGE);
        assert_eq!(browser.get(sent.header("location")).status, 404);
    }

    /// No more than five wait, and what waits holds no import of the API up.
    fn the_oldest_file_makes_room(database) {
        let api = Api::start(database);
        let mut browser = Browser::signed_in(&api.acme, &api.acme.keys.primary);
        let files: Vec<String> = (0..7).map(|number| send(&mut browser, "a.csv", &format!("name\nP{number}\n")).header("location").to_owned()).collect();
        let there: Vec<bool> = files.iter().map(|file| browser.get(file).status == 200).collect();
        assert_eq!(there, [false, false, true, true, true, true, true]);
        let made = api.acme.send("POST", "/imports?kind=contact", &[("Content-Type", "text/csv")], Some("name\nAnn\n"));
        assert_eq!(made.status, 202, "{}", made.text);
    }

    /// At the bound, and past it.
    fn what_nobody_imports_is_forgotten_after_a_day(database) {
        let api = Api::start(database);
        let mut browser = Browser::signed_in(&api.acme, &api.acme.keys.primary);
        let file = send(&mut browser, "a.csv", "name\nAnn\n").header("location").to_owned();
        let forget = |hours: i64| {
            let mut connection = database.connect();
            let then = crm_core::Timestamp::from_datetime(crm_core::Timestamp::now().as_datetime() + chrono::Duration::hours(hours));
            let old = imports::tenants_with_old(&mut connection, then).unwrap();
            for tenant in &old {
                connection.write(|connection| imports::forget_old(connection, *tenant, then)).unwrap();
            }
            old.len()
        };
        assert_eq!((forget(23), browser.get(&file).status), (0, 200));
        assert_eq!((forget(25), browser.get(&file).status), (1, 404));
    }

    /// It may hold what is erased.
    fn a_file_that_waits_goes_with_what_is_erased(database) {
        let api = Api::start(database);
        let mut browser = Browser::signed_in(&api.acme, &api.acme.keys.primary);
        api.acme.post("/directory/contacts", &json!({ "name": "Unmistakable Ann" })).item(201);
        let file = send(&mut browser, "a.csv", "name\nUnmistakable Ann\n").header("location").to_owned();
        assert_eq!(api.acme.delete("/directory/contacts/1").status, 204);
        assert_eq!(api.acme.delete("/trash/contact/1?erase=true").status, 204);
        assert_eq!(browser.get(&file).status, 404);
        let began = Instant::now();
        while dump(database).iter().any(|row| row.starts_with("import_parts: ") && row.contains("Unmistakable")) {
            assert!(began.elapsed() < Duration::from_secs(20), "its rows are still there");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn another_tenant_s_files_do_not_exist(database) {
        let api = Api::start(database);
        let other = api.tenant("other");
        let mut theirs = Browser::signed_in(&other, &other.keys.primary);
        let file = send(&mut theirs, "secret.csv", "name\nSecret\n").header("location").to_owned();
        let second = send(&mut theirs, "secret.csv", "name\nSecret\n").header("location").to_owned();
        let run = theirs.post(&second, &[("column.0", "name"), ("action", "import")]).header("location").to_owned();
        over(&mut theirs, &run);
        let mut browser = Browser::signed_in(&api.acme, &api.acme.keys.primary);
        browser.get(PAGE);
        let before = dump(database);
        for path in [file.clone(), run.clone(), format!("{run}/problems")] {
            assert_eq!(browser.get(&path).status, 404, "{path}");
        }
        browser.get(PAGE);
        let id = run.rsplit('/').next().unwrap().to_owned();
        for path in [file.clone(), format!("{file}/start"), format!("{file}/forget"), format!("{run}/cancel"), format!("{run}/undo")] {
            let answer = browser.post(&path, &[("as", &id), ("column.0", "name"), ("action", "import")]);
            assert_eq!(answer.status, 404, "{path}: {}", answer.text);
        }
        assert!(!browser.get(PAGE).text.contains("<tbody>"));
        assert!(dump(database) == before);
    }

    fn who_may_write_some_kinds_imports_those(database) {
        let api = Api::start(database);
        let made = api.acme.post("/settings/keys", &json!({ "name": "K", "scopes": ["cases:write", "directory:read"] }));
        let key = made.item(201)["key"].as_str().unwrap().to_owned();
        let mut all = Browser::signed_in(&api.acme, &api.acme.keys.primary);
        let file = send(&mut all, "a.csv", "name\nAnn\n").header("location").to_owned();
        let run = all.post(&file, &[("column.0", "name"), ("action", "import")]).header("location").to_owned();
        let waiting = send(&mut all, "a.csv", "name\nAnn\n").header("location").to_owned();
        over(&mut all, &run);
        let mut some = Browser::signed_in(&api.acme, &key);
        let page = some.get(PAGE);
        let offered = between(&page.text, "name=\"kind\"", "</select>").unwrap();
        assert!(offered.contains("value=\"case\"") && !offered.contains("value=\"contact\""), "{offered}");
        assert!(send(&mut some, "a.csv", "name\nAnn\n").text.contains("none that you may import"));
        let page = some.get(&run);
        assert!(page.status == 200 && !page.text.contains("/undo"), "{}", page.text);
        assert_eq!(some.get(&waiting).status, 403);
        some.get(PAGE);
        for path in [waiting.clone(), format!("{waiting}/forget"), format!("{waiting}/start"), format!("{run}/undo"), format!("{run}/cancel")] {
            assert_eq!(some.post(&path, &[("column.0", "name"), ("action", "import")]).status, 403, "{path}");
        }
    }

    /// As every other form.
    fn no_file_is_taken_without_the_token_of_its_session(database) {
        let api = Api::start(database);
        let mut browser = Browser::signed_in(&api.acme, &api.acme.keys.primary);
        browser.get(PAGE);
        let before = dump(database);
        for token in ["", "wrong"] {
            token.clone_into(&mut browser.token);
            let answer = browser.send_file(PAGE, &[("kind", "contact")], "a.csv", b"name\nAnn");
            assert!(answer.status == 403 && answer.text.contains("foreign_form"), "{}", answer.text);
        }
        assert!(dump(database) == before);
    }
}
