//! A headless Chromium, spoken to over the DevTools protocol's pipe.
//!
//! Messages are JSON ended by a zero byte, read by the browser from descriptor 3 and
//! written to descriptor 4. A shell opens named pipes as those descriptors, since the
//! standard library passes on none but the first three.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::tools;

const PATIENCE: Duration = Duration::from_secs(120);

/// A browser with one page.
pub struct Browser {
    child: Child,
    to: File,
    from: Receiver<Value>,
    last: u64,
    session: String,
    /// What the page asked for: id and address.
    pub requests: Vec<(String, String)>,
    /// What it wrote to the console, policy violations included.
    pub console: Vec<String>,
    _folder: TempDir,
}

impl Browser {
    /// Starts one. `None`, said plainly, where there is none; a failure where `CI=true`.
    pub fn start() -> Option<Browser> {
        let program = tools::tool("chromium.sh", true)?;
        let folder = tempfile::tempdir().unwrap();
        let (into, out) = (folder.path().join("in"), folder.path().join("out"));
        let made = Command::new("mkfifo").arg(&into).arg(&out).status();
        assert!(made.is_ok_and(|status| status.success()), "mkfifo failed");
        let child = Command::new("sh")
            .arg("-c")
            .arg("exec \"$0\" \"$@\" 3<\"$IN\" 4>\"$OUT\"")
            .arg(program)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--remote-debugging-pipe",
                "--window-size=1280,1000",
            ])
            .arg(format!(
                "--user-data-dir={}",
                folder.path().join("profile").display()
            ))
            .env("IN", &into)
            .env("OUT", &out)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let to = File::options().write(true).open(&into).unwrap();
        let answers = BufReader::new(File::open(&out).unwrap());
        let (send, from) = channel();
        std::thread::spawn(move || {
            for message in answers.split(0) {
                let Ok(message) = message else { break };
                let Ok(message) = serde_json::from_slice(&message) else {
                    continue;
                };
                if send.send(message).is_err() {
                    break;
                }
            }
        });
        let mut browser = Browser {
            child,
            to,
            from,
            last: 0,
            session: String::new(),
            requests: Vec::new(),
            console: Vec::new(),
            _folder: folder,
        };
        let page = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let attached = browser.call(
            "Target.attachToTarget",
            json!({"targetId": page["targetId"], "flatten": true}),
        );
        browser.session = attached["sessionId"].as_str().unwrap().to_owned();
        for domain in [
            "Network.enable",
            "Page.enable",
            "Runtime.enable",
            "Log.enable",
        ] {
            browser.call(domain, json!({}));
        }
        Some(browser)
    }

    /// Calls a method of the protocol and waits for its answer.
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        self.last += 1;
        let id = self.last;
        let mut message = json!({"id": id, "method": method, "params": params});
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        let mut bytes = serde_json::to_vec(&message).unwrap();
        bytes.push(0);
        self.to.write_all(&bytes).unwrap();
        self.to.flush().unwrap();
        self.until(method, |message| message["id"] == json!(id))
    }

    fn until(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let mut message = self
                .from
                .recv_timeout(PATIENCE)
                .unwrap_or_else(|error| panic!("no answer to {what}: {error}"));
            match message["method"].as_str() {
                Some("Network.requestWillBeSent") => {
                    let request = &message["params"];
                    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                    self.requests.push((
                        text(&request["requestId"]),
                        text(&request["request"]["url"]),
                    ));
                }
                // What the policy stops never leaves.
                Some("Network.loadingFailed") if message["params"]["blockedReason"] == "csp" => {
                    self.requests
                        .retain(|(id, _)| message["params"]["requestId"] != id.as_str());
                }
                Some("Log.entryAdded") => {
                    self.console
                        .push(message["params"]["entry"]["text"].to_string());
                }
                Some("Runtime.exceptionThrown" | "Runtime.consoleAPICalled") => {
                    self.console.push(message["params"].to_string());
                }
                _ => {}
            }
            if wanted(&message) {
                assert!(message["error"].is_null(), "{what}: {}", message["error"]);
                return message["result"].take();
            }
        }
    }

    /// Opens a file, with what stands after `#` in its address, and waits for it.
    pub fn open(&mut self, file: &Path, hash: &str) {
        self.requests.clear();
        self.console.clear();
        self.call("Page.navigate", json!({"url": "about:blank"}));
        let url = format!("file://{}{hash}", file.display());
        self.call("Page.navigate", json!({"url": url}));
        self.until("load", |message| message["method"] == "Page.loadEventFired");
        // The load of the empty page before may have been the one seen.
        let ready = "new Promise(done => document.readyState === 'complete' ? done(1) : \
                     addEventListener('load', () => done(1)))";
        self.eval(ready);
    }

    /// The value of an expression in the page, promises awaited.
    pub fn eval(&mut self, expression: &str) -> Value {
        let mut answer = self.call(
            "Runtime.evaluate",
            json!({"expression": expression, "awaitPromise": true, "returnByValue": true}),
        );
        let failed = &answer["exceptionDetails"];
        assert!(failed.is_null(), "{expression}: {failed}");
        answer["result"]["value"].take()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
