//! Settings, API keys.

use crm_testkit::both_databases;
use serde_json::json;

use crate::browser::{Browser, between};
use crate::client::Api;

const KEYS: &str = "/console/settings/keys";

both_databases! {
    fn keys_are_made_replaced_and_deleted(database) {
        let api = Api::start(database);
        let mut browser = Browser::signed_in(&api.acme, &api.acme.keys.primary);
        browser.get(KEYS);
        let fields = [("name", "Shop <b>&"), ("scopes", "cases:read"), ("scopes", "pipeline:write"), ("expiresOn", "2099-12-31")];
        let made = browser.post(KEYS, &fields);
        assert_eq!((made.status, made.header("cache-control")), (200, "no-store"), "{}", made.text);
        assert!(made.text.contains("Shop &lt;b&gt;&amp;") && !made.text.contains("<b>"), "{}", made.text);
        assert!(made.text.contains("title=\"cases:read\">Read cases</span>"), "{}", made.text);
        for (words, scope) in [("Change leads and opportunities", "pipeline:write"), ("Change everything", "*:write")] {
            assert!(made.text.contains(&format!("<span>{words} <code class=\"quiet\">{scope}</code></span>")), "{scope}: {}", made.text);
        }
        let secret = |text: &str| between(text, "readonly value=\"", "\"").unwrap().to_owned();
        let key = secret(&made.text);
        let of_key = api.acme.with_key(Some(&key));
        assert_eq!(of_key.get("/cases/cases").status, 200);
        assert_eq!(of_key.get("/me").item(200)["scopes"], json!(["pipeline:write", "cases:read"]));
        let listed = api.acme.get("/settings/keys");
        let listed = listed.items().iter().find(|listed| listed["name"] == "Shop <b>&").unwrap();
        assert_eq!(listed["expiresOn"], "2099-12-31T23:59:59.000Z");
        let id = listed["id"].as_str().unwrap();
        let shown = browser.get(KEYS);
        assert!(!shown.text.contains(&key) && shown.text.contains(&key[..11]), "shown once; then how it begins");

        let replaced = browser.post(&format!("{KEYS}/{id}/rotate"), &[("graceMinutes", "60")]);
        assert_eq!(replaced.status, 200, "{}", replaced.text);
        let new = secret(&replaced.text);
        assert!(new != key && api.acme.with_key(Some(&new)).get("/cases/cases").status == 200);
        assert_eq!(of_key.get("/cases/cases").status, 200, "in its grace");
        let deleted = browser.post(&format!("{KEYS}/{id}/delete"), &[]);
        assert_eq!((deleted.status, deleted.header("location")), (303, "/console/settings/keys?done=deleted"));
        assert!(browser.get(deleted.header("location")).text.contains("The key is deleted"));
        assert_eq!(browser.post(&format!("{KEYS}/{id}/delete"), &[]).status, 404);
    }

    fn what_is_wrong_stands_beside_its_field(database) {
        let api = Api::start(database);
        let mut browser = Browser::signed_in(&api.acme, &api.acme.keys.primary);
        browser.get(KEYS);
        let before = api.acme.get("/settings/keys").text;
        let refused = browser.post(KEYS, &[("name", " "), ("expiresOn", "2001-01-01")]);
        assert_eq!(refused.status, 400);
        let words = between(&refused.text, "id=\"f-name-words\"", "</div>").unwrap();
        assert!(words.contains("class=\"bad\""), "{words}");
        assert!(refused.text.contains("must name at least one scope"), "{}", refused.text);
        let refused = browser.post(KEYS, &[("name", "Kept"), ("scopes", "cases:read"), ("expiresOn", "2001-01-01")]);
        assert!(refused.text.contains("must lie in the future") && refused.text.contains("value=\"Kept\""), "{}", refused.text);
        assert!(refused.text.contains("value=\"cases:read\" checked"), "{}", refused.text);
        assert_eq!(api.acme.get("/settings/keys").text, before, "nothing was made");
    }

    fn what_the_scopes_do_not_allow_is_neither_offered_nor_taken(database) {
        let api = Api::start(database);
        let key = |scopes: &[&str]| {
            let made = api.acme.post("/settings/keys", &json!({ "name": "K", "scopes": scopes }));
            made.item(201)["key"].as_str().unwrap().to_owned()
        };
        let mut reader = Browser::signed_in(&api.acme, &api.acme.keys.secondary);
        let page = reader.get(KEYS);
        assert!(page.status == 200 && !page.text.contains("/rotate") && !page.text.contains("New key"), "{}", page.text);
        assert_eq!(reader.post(KEYS, &[("name", "x"), ("scopes", "*:write")]).status, 403);
        let mut stranger = Browser::signed_in(&api.acme, &key(&["pipeline:read"]));
        let page = stranger.get(KEYS);
        assert_eq!(page.status, 403);
        assert!(page.text.contains("This needs the scope settings:read."), "{}", page.text);
        // Who may make keys gives no more than he has.
        let mut some = Browser::signed_in(&api.acme, &key(&["settings:write", "cases:read"]));
        let page = some.get(KEYS);
        assert!(page.text.contains("value=\"cases:read\"") && !page.text.contains("value=\"cases:write\""), "{}", page.text);
        let refused = some.post(KEYS, &[("name", "x"), ("scopes", "*:write")]);
        assert!(refused.status == 403 && refused.text.contains("*:write"), "{}", refused.text);
    }

    fn files_are_kept_for_ever_under_their_version(database) {
        let api = Api::start(database);
        let mut browser = Browser::new(&api.acme);
        let page = browser.get("/console/sign-in");
        let style = between(&page.text, "rel=\"stylesheet\" href=\"", "\"").unwrap().to_owned();
        let plain = browser.get(&style);
        assert_eq!((plain.status, plain.header("content-type")), (200, "text/css; charset=utf-8"));
        assert_eq!(plain.header("cache-control"), "public, max-age=31536000, immutable");
        let gzip = browser.send("GET", &style, None, &[("Accept-Encoding", "gzip")]);
        assert_eq!((gzip.status, gzip.header("vary").contains("Accept-Encoding")), (200, true));
        assert!(gzip.header("etag") != plain.header("etag") && !plain.header("etag").is_empty());
        let again = browser.send("GET", &style, None, &[("If-None-Match", plain.header("etag"))]);
        assert_eq!((again.status, again.text.as_str()), (304, ""));
        assert_eq!(browser.get("/console/files/000000000000/console.css").status, 404, "of another version");
        assert_eq!(browser.get("/console/nowhere").status, 404);
    }
}
