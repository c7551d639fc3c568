//! A browser without script: it keeps cookies, follows nothing by itself, and sends forms as they stand on its page.

use std::collections::BTreeMap;

use crate::client::{Answer, Client};

/// Somebody at the console.
#[derive(Clone)]
pub(crate) struct Browser {
    client: Client,
    pub(crate) cookies: BTreeMap<String, String>,
    /// The token of the forms on the last page that had one.
    pub(crate) token: String,
}

impl Browser {
    /// A new one.
    pub(crate) fn new(client: &Client) -> Self {
        Self { client: client.with_key(None), cookies: BTreeMap::new(), token: String::new() }
    }

    /// One that has signed in with this key.
    pub(crate) fn signed_in(client: &Client, key: &str) -> Self {
        let mut browser = Self::new(client);
        let answer = browser.sign_in(key);
        assert_eq!((answer.status, answer.header("location")), (303, "/console"), "{}", answer.text);
        browser
    }

    pub(crate) fn sign_in(&mut self, key: &str) -> Answer {
        assert_eq!(self.get("/console/sign-in").status, 200);
        self.post("/console/sign-in", &[("key", key)])
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, None, &[])
    }

    /// Sends a form with the token of the last page.
    pub(crate) fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.token.clone();
        let all: Vec<(&str, &str)> = [("_token", token.as_str())].into_iter().chain(fields.iter().copied()).collect();
        self.post_exactly(path, &all)
    }

    pub(crate) fn post_exactly(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let pairs: Vec<String> =
            fields.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        self.send("POST", path, Some(&pairs.join("&")), &[("Content-Type", "application/x-www-form-urlencoded")])
    }

    /// Sends a form with a file, as a browser does where nobody chose one too: then it has no name.
    pub(crate) fn send_file(&mut self, path: &str, fields: &[(&str, &str)], name: &str, content: &[u8]) -> Answer {
        const LINE: &str = "---------------------------9051914041544843365972754266";
        let mut body = Vec::new();
        let token = self.token.clone();
        for (name, value) in [("_token", token.as_str())].iter().chain(fields) {
            body.extend(
                format!("--{LINE}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes(),
            );
        }
        let disposition = format!("Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"");
        body.extend(format!("--{LINE}\r\n{disposition}\r\nContent-Type: application/octet-stream\r\n\r\n").bytes());
        body.extend(content);
        body.extend(format!("\r\n--{LINE}--\r\n").bytes());
        let kind = format!("multipart/form-data; boundary={LINE}");
        self.send_bytes("POST", path, Some(&body), &[("Content-Type", &kind)])
    }

    pub(crate) fn send(&mut self, method: &str, path: &str, body: Option<&str>, headers: &[(&str, &str)]) -> Answer {
        self.send_bytes(method, path, body.map(str::as_bytes), headers)
    }

    fn send_bytes(&mut self, method: &str, path: &str, body: Option<&[u8]>, headers: &[(&str, &str)]) -> Answer {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let mut all = headers.to_vec();
        all.push(("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"));
        if !cookies.is_empty() {
            all.push(("Cookie", &cookies));
        }
        let answer = self.client.try_send_bytes(method, path, &all, body).unwrap();
        for cookie in answer.headers.get_all("set-cookie") {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap_or_default();
            if rest.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        if let Some(token) = between(&answer.text, "name=\"_token\" value=\"", "\"") {
            token.clone_into(&mut self.token);
        }
        answer
    }
}

/// What stands between two texts.
pub(crate) fn between<'t>(text: &'t str, before: &str, behind: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(behind).map(|(found, _)| found)
}

/// As in an address.
pub(crate) fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
