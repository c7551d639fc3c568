//! What lists are filtered by.

use crm_console::filters::Called;
use crm_console::form::Typed;
use crm_console::list::List;
use crm_console::people::{MOST_OFFERED, People, Role};
use crm_core::params::ParamReader;
use crm_core::values::User;
use crm_directory::ContactFilter;
use crm_exchange::{Columns, Kind};

use super::frame;

fn user(id: &str, name: &str) -> User {
    User::new(id).unwrap().named(name).unwrap()
}

/// The filter by owners on a page with these people, and the words of those that are on.
fn by_owner(people: People, ids: &str) -> (String, String) {
    let given: Vec<(String, String)> =
        [("ownerId".to_owned(), ids.to_owned())].into_iter().filter(|_| !ids.is_empty()).collect();
    let list = List {
        kind: Kind::Contact,
        columns: &Columns::of(Kind::Contact, &[]),
        chosen: &[],
        given: &given,
        filters: &ParamReader::describing::<ContactFilter>(),
        orders: &["name"],
        order_by: "name",
        is_descending: true,
        records: &[],
        next: None,
        is_first: true,
        tags: &[],
        pipelines: &[],
        called: &Called::new(),
        people: &[people],
        refused: &Typed::default(),
        selected: &Typed::default(),
    };
    let page = list.page(&frame("*:read"), None).into_string();
    let filter = page.split("<label for=\"filter-ownerId\"").nth(1).unwrap().split("</div>").next().unwrap().to_owned();
    let words = page.split("<span class=\"active-words\">").nth(1).map(|rest| rest.split("</span>").next().unwrap());
    (filter, words.unwrap_or_default().to_owned())
}

#[test]
fn people_are_offered_by_what_they_are_called() {
    for (people, ids, options, words, why) in [
        (vec![], "", "", "", "nobody"),
        (
            vec![],
            "x",
            "<option value=\"x\" selected>unknown owner “x”</option>",
            "Owner: unknown owner “x”",
            "somebody unknown",
        ),
        (vec![user("2", "Ada")], "", "<option value=\"2\">Ada</option>", "", "one"),
        (
            vec![user("2", "Zoë"), user("1", "ada")],
            "2",
            "<option value=\"1\">ada</option><option value=\"2\" selected>Zoë</option>",
            "Owner: Zoë",
            "in the order of names",
        ),
        (
            vec![user("2", "Ada"), user("1", "ADA")],
            "1,2",
            "<option value=\"1,2\" selected>ADA (1), Ada (2)</option><option value=\"1\">ADA (1)</option><option value=\"2\">Ada (2)</option>",
            "Owner: ADA (1), Ada (2)",
            "of one name",
        ),
        (
            vec![user("a,b\\c", "")],
            "a\\,b\\\\c",
            "<option value=\"a\\,b\\\\c\" selected>a,b\\c</option>",
            "Owner: a,b\\c",
            "an id that is no entry as it stands",
        ),
        (
            vec![user("1", "<b>\"&")],
            "1",
            "<option value=\"1\" selected>&lt;b&gt;&quot;&amp;</option>",
            "Owner: &lt;b&gt;&quot;&amp;",
            "a name that attacks",
        ),
        (vec![user("1", "日本語 עברית")], "", "<option value=\"1\">日本語 עברית</option>", "", "any script"),
    ] {
        let (filter, told) = by_owner(People::new(Role::Owner, people), ids);
        let select =
            format!("<select id=\"filter-ownerId\" name=\"ownerId\"><option value=\"\">any</option>{options}</select>");
        assert!(filter.ends_with(&select) && filter.contains(">Owner</label>"), "{why}: {filter}");
        assert_eq!(told, words, "{why}");
    }
}

#[test]
fn more_people_than_are_offered_are_typed() {
    let many =
        || (0..=MOST_OFFERED).map(|number| user(&format!("u{number:03}"), &format!("Person {number}"))).collect();
    let (filter, _) = by_owner(People::new(Role::Owner, many()), "");
    assert!(filter.contains(">Owner (name, e-mail or id)</label>"), "{filter}");
    assert!(
        filter.ends_with("<input type=\"text\" id=\"filter-ownerId\" name=\"owner\" autocomplete=\"off\">"),
        "{filter}"
    );
    let people = People::new(Role::Owner, many());
    assert_eq!(people.unknown("u001,u200, x"), ["u200", "x"], "the first are known");
    let (filter, told) = by_owner(people.knowing(vec![user("u200", "The <last>")]), "u001,u200,x");
    let words = "Person 1, The &lt;last&gt;, unknown owner “x”";
    assert_eq!(told, format!("Owner: {words}"));
    let both = format!(
        "<input type=\"hidden\" name=\"ownerId\" value=\"u001,u200,x\"><input type=\"text\" id=\"filter-ownerId\" name=\"owner\" value=\"{words}\" autocomplete=\"off\">"
    );
    assert!(filter.ends_with(&both), "{filter}");
}
