//! Questions to the server, one, page by page or many at once, and the files their
//! answers are kept in, without secrets.

use std::collections::BTreeSet;

use futures_util::{StreamExt, stream};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::{Value as Json, json};

use super::Place;
use crate::connect::ConnectError;
use crate::connect::vault::calls::{Call, Verb};
use crate::connect::vault::client::Reply;

/// Requests under way at the same time.
const CONCURRENCY: usize = 8;
/// Names asked for at once, where lists come in pages.
const PAGE: usize = 1_000;
/// Pages of one list; more is a gap.
const MAX_PAGES: usize = 10_000;
/// Members that could hold a secret; emptied before anything is kept.
const SECRETS: &[&str] = &[
    "bindpass",
    "client_secret",
    "oidc_client_secret",
    "password",
    "private_key",
    "secret_key",
    "secret_id",
    "token",
    "token_reviewer_jwt",
    "client_token",
    "credentials",
    "api_token",
    "service_account_jwt",
    "private_key_pem",
    "integration_key",
];
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// What came of one question.
pub(super) enum Found {
    /// An answer, without secrets.
    Answer(Json),
    /// Nothing of that name, or an empty list.
    Nothing,
    /// The server does not offer it: another edition or version.
    Unoffered,
}

impl Found {
    fn answer(self) -> Option<Json> {
        match self {
            Found::Answer(answer) => Some(answer),
            Found::Nothing | Found::Unoffered => None,
        }
    }
}

/// A path segment as a file name.
pub(super) fn encode(segment: &str) -> String {
    match segment {
        "." => "%2E".to_owned(),
        ".." => "%2E%2E".to_owned(),
        _ => utf8_percent_encode(segment, SEGMENT).to_string(),
    }
}

fn file(path: &str) -> String {
    path.split('/')
        .filter(|part| !part.is_empty())
        .map(encode)
        .collect::<Vec<_>>()
        .join("/")
}

/// Empties members that could hold a secret.
fn scrub(value: &mut Json) {
    match value {
        Json::Object(members) => {
            for (name, value) in members {
                if SECRETS.contains(&name.as_str()) && value.is_string() {
                    *value = Json::String(String::new());
                } else {
                    scrub(value);
                }
            }
        }
        Json::Array(list) => list.iter_mut().for_each(scrub),
        _ => {}
    }
}

pub(super) fn names(answer: &Json) -> Vec<String> {
    answer["data"]["keys"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|key| key.as_str().map(str::to_owned))
        .collect()
}

fn encode_query(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

fn url(path: &str) -> String {
    let slash = if path.ends_with('/') { "/" } else { "" };
    format!("{}{slash}", file(path))
}

impl Place<'_> {
    pub(super) fn keep(&self, path: &str, text: Vec<u8>) -> Result<(), ConnectError> {
        let path = format!("{}/{path}", self.directory);
        Ok(self.walk.session.store.put(&path, text)?)
    }

    /// Asks; an answer comes without secrets.
    async fn ask(&self, call: &Call, path: &str, body: Option<&Json>) -> Result<Found, String> {
        match call.verb {
            Verb::Read => self.request(Method::GET, url(path), body).await,
            Verb::LookUp => self.request(Method::POST, url(path), body).await,
            Verb::List if self.walk.pages => self.pages(path).await,
            Verb::List => {
                let path = format!("{}?list=true", url(path));
                self.request(Method::GET, path, body).await
            }
        }
    }

    /// A list, page by page. Lists that come whole whatever is asked for end by
    /// bringing nothing new.
    async fn pages(&self, path: &str) -> Result<Found, String> {
        let mut all: Option<Json> = None;
        let mut known = BTreeSet::new();
        let mut after = String::new();
        for _ in 0..MAX_PAGES {
            let from = match after.is_empty() {
                true => String::new(),
                false => format!("&after={}", encode_query(&after)),
            };
            let page = format!("{}?list=true&limit={PAGE}{from}", url(path));
            let answer = match self.request(Method::GET, page, None).await? {
                Found::Answer(answer) => answer,
                // Behind the last page there is nothing.
                nothing => return Ok(all.map_or(nothing, Found::Answer)),
            };
            let names = names(&answer);
            let fresh: Vec<Json> = names
                .iter()
                .filter(|name| known.insert((*name).clone()))
                .map(|name| Json::String(name.clone()))
                .collect();
            let more = names.len() == PAGE && !fresh.is_empty();
            after = names.last().cloned().unwrap_or_default();
            match &mut all {
                None => all = Some(answer),
                Some(all) => {
                    if let Some(keys) = all["data"]["keys"].as_array_mut() {
                        keys.extend(fresh);
                    }
                }
            }
            if !more {
                return Ok(all.map_or(Found::Nothing, Found::Answer));
            }
        }
        Err(format!("the list has over {MAX_PAGES} pages"))
    }

    pub(super) async fn request(
        &self,
        method: Method,
        path: String,
        body: Option<&Json>,
    ) -> Result<Found, String> {
        match self
            .walk
            .client
            .request(method, &path, &self.namespace, body)
            .await
        {
            Reply::Text(text) => match serde_json::from_slice::<Json>(&text) {
                Ok(mut answer) => {
                    scrub(&mut answer);
                    Ok(Found::Answer(answer))
                }
                Err(error) => Err(format!("the answer is not JSON: {error}")),
            },
            Reply::Absent => Ok(Found::Nothing),
            Reply::Unoffered => Ok(Found::Unoffered),
            Reply::Failed(why) => Err(why),
        }
    }

    /// Reads one thing and keeps it under its own path.
    pub(super) async fn one(
        &mut self,
        call: &Call,
        path: &str,
    ) -> Result<Option<Json>, ConnectError> {
        match self.ask(call, path, None).await {
            Ok(found) => {
                if matches!(found, Found::Unoffered) {
                    self.unoffered(call, path);
                    return Ok(None);
                }
                let answer = found.answer();
                self.seen(call.kind, usize::from(answer.is_some()));
                if let Some(answer) = &answer {
                    self.keep(
                        &format!("{}.json", file(path)),
                        answer.to_string().into_bytes(),
                    )?;
                }
                Ok(answer)
            }
            Err(why) => {
                self.gap(call, path, &why);
                Ok(None)
            }
        }
    }

    /// Lists names and keeps the list, an empty one too.
    pub(super) async fn list(
        &mut self,
        call: &Call,
        path: &str,
    ) -> Result<Vec<String>, ConnectError> {
        match self.ask(call, path, None).await {
            Ok(Found::Unoffered) => {
                self.unoffered(call, path);
                Ok(Vec::new())
            }
            Ok(found) => {
                let answer = found
                    .answer()
                    .unwrap_or_else(|| json!({"data": {"keys": []}, "lease_duration": 0}));
                let names = names(&answer);
                self.seen(call.kind, names.len());
                self.keep(
                    &format!("{}.json", file(path)),
                    answer.to_string().into_bytes(),
                )?;
                Ok(names)
            }
            Err(why) => {
                self.gap(call, path, &why);
                Ok(Vec::new())
            }
        }
    }

    /// Asks many times, a few at once, and gives the answers in order.
    pub(super) async fn many(
        &mut self,
        call: &Call,
        requests: Vec<(String, Option<Json>)>,
    ) -> Vec<(String, Json)> {
        let total = requests.len() as u64;
        let this = &*self;
        let answers: Vec<(String, Result<Found, String>)> = stream::iter(requests)
            .map(|(path, body)| async move {
                let answer = this.ask(call, &path, body.as_ref()).await;
                (path, answer)
            })
            .buffered(CONCURRENCY)
            .collect()
            .await;
        self.walk.session.progress.count("vault", total, total);
        let mut found = Vec::new();
        for (path, answer) in answers {
            match answer {
                Ok(Found::Answer(answer)) => found.push((path, answer)),
                // Gone since it was listed.
                Ok(Found::Nothing | Found::Unoffered) => {}
                Err(why) => self.gap(call, &path, &why),
            }
        }
        found
    }

    /// Lists, reads every entry, one file each.
    pub(super) async fn entries(
        &mut self,
        list: &Call,
        read: &Call,
        mount: &str,
    ) -> Result<Vec<String>, ConnectError> {
        let names = self.list(list, &list.at(mount, "")).await?;
        let requests = names
            .iter()
            .filter(|name| !name.ends_with('/'))
            .map(|name| (read.at(mount, name), None))
            .collect();
        // Entries lie below the list they came from, whatever path reads them.
        let single = read.at(mount, "");
        let folder = match single.starts_with(&format!("{}/", list.at(mount, ""))) {
            true => list.at(mount, ""),
            false => single,
        };
        for (path, answer) in self.many(read, requests).await {
            let name = path
                .strip_prefix(folder.trim_end_matches('/'))
                .unwrap_or(&path);
            let place = format!("{}/{}", file(&folder), encode(name.trim_start_matches('/')));
            self.keep(&format!("{place}.json"), answer.to_string().into_bytes())?;
        }
        Ok(names)
    }

    /// Keeps answers as lines of one file.
    pub(super) fn lines(
        &self,
        path: &str,
        answers: &[(String, Json)],
        named: bool,
    ) -> Result<(), ConnectError> {
        let mut text = Vec::new();
        for (about, answer) in answers {
            let mut line = answer.clone();
            if named && let Some(members) = line.as_object_mut() {
                members.insert("path".to_owned(), Json::String(about.clone()));
            }
            text.extend(line.to_string().into_bytes());
            text.push(b'\n');
        }
        if text.is_empty() {
            return Ok(());
        }
        self.keep(&format!("{}.jsonl", file(path)), text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_emptied_and_names_kept_apart() {
        let mut answer =
            json!({"data": {"bindpass": "x", "access_key": "AKIA", "list": [{"secret_key": "y"}]}});
        scrub(&mut answer);
        assert_eq!(
            answer,
            json!({"data": {"bindpass": "", "access_key": "AKIA", "list": [{"secret_key": ""}]}})
        );
        assert_eq!(file("auth/a b/role/../x"), "auth/a%20b/role/%2E%2E/x");
    }
}
