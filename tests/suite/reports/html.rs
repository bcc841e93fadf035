//! The HTML report, as text and in a browser.

use std::path::PathBuf;

use serde_json::{Value, json};
use tenure::report::{Format, Outcome, RenderOptions, render};

use super::browser::Browser;
use super::{sample, tools};

fn html(outcome: &Outcome) -> String {
    let bytes = render(outcome, Format::Html, &RenderOptions::default()).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn saved(name: &str, outcome: &Outcome) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("{name}.html"));
    std::fs::write(&path, html(outcome)).unwrap();
    (folder, path)
}

fn between<'a>(page: &'a str, open: &str, close: &str) -> &'a str {
    let from = page.find(open).unwrap() + open.len();
    &page[from..from + page[from..].find(close).unwrap()]
}

#[test]
fn the_page_refers_to_nothing_outside() {
    for outcome in [
        sample::small(),
        sample::hostile(sample::HOSTILE),
        sample::empty(),
    ] {
        let page = html(&outcome);
        assert!(
            page.contains("default-src &#x27;none&#x27;") || page.contains("default-src 'none'")
        );
        for wrong in [
            "<link", "<img", "<iframe", "<object", "@import", "url(", " src=",
        ] {
            let markup = page.replace("&lt;img src=", "");
            let shown = between(&page, "id=\"data\">", "</script>");
            assert!(!markup.replace(shown, "").contains(wrong), "{wrong}");
        }
        assert_eq!(page.matches("<script").count(), 2);
        assert_eq!(page.matches("</script>").count(), 2);
        assert_eq!(page.matches("<style").count(), 1);
    }
}

#[test]
fn the_island_holds_every_finding() {
    let outcome = sample::small();
    let page = html(&outcome);
    let data: Value = serde_json::from_str(between(&page, "id=\"data\">", "</script>")).unwrap();
    assert_eq!(
        data["ids"].as_array().unwrap().len(),
        outcome.findings.len()
    );
    for column in data["columns"].as_object().unwrap().values() {
        assert_eq!(column.as_array().unwrap().len(), outcome.findings.len());
    }
}

#[test]
fn it_reads_without_a_script() {
    let outcome = sample::small();
    let page = html(&outcome);
    for finding in &outcome.findings {
        assert!(page.contains(&format!("id=\"f-{}\"", finding.id)));
    }
    for said in [
        "This report is incomplete",
        "aws.credential-report",
        "tenure-baseline.json",
        "became standing",
        "EX-7",
        "9 days",
        "over by 21 days",
        "expired but live",
        "no end seen",
        "gate unproved",
    ] {
        assert!(page.contains(said), "{said}");
    }
}

#[test]
fn a_grants_chain_is_drawn_with_its_gaps_in_place() {
    let page = html(&sample::small());
    let grants = between(&page, "id=\"timelines\"", "</section>");
    assert!(
        grants.contains("3 grants, 2 of them not as they should be."),
        "{grants}"
    );
    let of = |name: &str| {
        let at = grants
            .find(&format!("<h3 class=\"any\">{name}</h3>"))
            .unwrap();
        between(&grants[at..], "<p", "</article>")
    };
    let places = |article: &str, parts: &[&str]| -> Vec<usize> {
        parts
            .iter()
            .map(|part| {
                article
                    .find(part)
                    .unwrap_or_else(|| panic!("{part}: {article}"))
            })
            .collect()
    };
    let alice = of("alice");
    assert!(
        places(
            alice,
            &[
                "<b>requested</b>",
                "<b>approved</b>",
                "<b>issued</b>",
                "<b>expires</b>",
                "no end seen"
            ]
        )
        .is_sorted(),
        "{alice}"
    );
    assert!(alice.contains("and 7 h 56 min beyond its end"), "{alice}");
    assert!(alice.contains("class=\"missing\"><b>end</b>"), "{alice}");
    assert!(alice.contains("class=\"quiet\"><b>use</b>"), "{alice}");
    let bob = of("bob");
    assert!(
        !bob.contains("missing") && bob.contains("4 min 30 s later"),
        "{bob}"
    );
    let bot = of("release-bot");
    assert!(
        places(
            bot,
            &[
                "no request seen",
                "no approval seen",
                "<b>issued</b>",
                "<b>ended</b>"
            ]
        )
        .is_sorted(),
        "{bot}"
    );
}

/// Names of any length and any letters stay within their box, and are whole where one
/// points at it.
#[test]
fn long_names_stay_within_their_node() {
    let long = format!("AWSReservedSSO_{}_4e6cb1601e6eab98", "Wide".repeat(22));
    assert_eq!(long.len(), 120);
    let mut outcome = sample::small();
    for finding in &mut outcome.findings {
        for step in &mut finding.steps {
            step.to = tenure::model::Sym::new(&long);
        }
    }
    let page = html(&outcome);
    assert!(page.contains(&format!("<title>{long}</title>")));
    let (_folder, path) = saved("long", &outcome);
    let Some(mut browser) = Browser::start() else {
        return;
    };
    browser.open(&path, "");
    let over = browser.eval(
        "[...document.querySelectorAll('.graph .node text')].map(text => \
         text.getComputedTextLength()).filter(width => width > 182)",
    );
    assert_eq!(over, json!([]));
}

#[test]
fn at_most_500_findings_are_written_out() {
    let page = html(&sample::many(2_000));
    assert_eq!(page.matches("<details class=\"finding").count(), 500);
    assert!(page.contains("The 500 worst are listed"));
}

#[test]
fn nothing_leaves_the_page_and_names_stay_text() {
    let outcome = sample::hostile(sample::HOSTILE);
    let (_folder, path) = saved("hostile", &outcome);
    let Some(mut browser) = Browser::start() else {
        return;
    };
    browser.open(&path, "");
    let title = browser.eval("document.title");
    assert!(
        title.as_str().unwrap().starts_with("Standing privilege"),
        "{title}"
    );
    // Everything opened, filtered and shown once.
    browser.eval("document.querySelectorAll('details').forEach(one => { one.open = true; })");
    browser.eval(
        "(() => { const q = document.getElementById('q'); q.value = 'script'; \
         q.dispatchEvent(new Event('input')); return new Promise(r => setTimeout(r, 300)); })()",
    );
    browser.eval("document.querySelectorAll('details').forEach(one => { one.open = true; })");
    browser.eval("new Promise(r => setTimeout(r, 200))");
    let elements = browser.eval(
        "[document.scripts.length, document.images.length, document.querySelectorAll('iframe,object,embed,[onerror],[onload],[onmouseover]').length]",
    );
    assert_eq!(elements, json!([2, 0, 0]));
    let links = browser.eval(
        "[...document.links].map(a => a.getAttribute('href')).filter(h => !h.startsWith('#') && !h.startsWith('https://owasp.org/') && !h.startsWith('https://cwe.mitre.org/'))",
    );
    assert_eq!(links, json!([]));
    assert_eq!(browser.eval("document.title"), title);
    let shown = browser.eval("document.body.innerText");
    let shown = shown.as_str().unwrap();
    assert!(shown.contains("</script><script>document.title='owned'</script>"));
    assert!(shown.contains(r"\u{1b}[31mred") && shown.contains(r"invoice\u{202e}gpj.exe"));
    assert!(!shown.contains(['\u{1b}', '\u{202e}', '\u{200b}', '\u{9b}']));
    assert!(browser.console.is_empty(), "{:?}", browser.console);
    let outside: Vec<_> = browser
        .requests
        .iter()
        .filter(|(_, url)| !url.starts_with("file://") && url != "about:blank")
        .collect();
    assert!(outside.is_empty(), "{outside:?}");
    // The policy holds: what is added later does not run.
    browser.eval(
        "(() => { const s = document.createElement('script'); s.textContent = \"document.title='owned'\"; \
         document.body.append(s); const i = new Image(); i.src = 'https://evil.example/x.png'; \
         document.body.append(i); return new Promise(r => setTimeout(r, 300)); })()",
    );
    assert_eq!(browser.eval("document.title"), title);
    assert!(
        browser
            .requests
            .iter()
            .all(|(_, url)| !url.contains("evil.example"))
    );
}

#[test]
fn anyone_can_use_it() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    if !tools::has("npm") {
        eprintln!("SKIPPED: npm is not installed, so axe-core did not run");
        return;
    }
    let Some(axe) = tools::tool("axe.sh", true) else {
        return;
    };
    let axe = std::fs::read_to_string(axe).unwrap();
    for (name, outcome) in [
        ("small", sample::small()),
        ("empty", sample::empty()),
        ("hostile", sample::hostile(sample::HOSTILE)),
        ("tangle", sample::tangle()),
        ("chain", sample::chain()),
    ] {
        let (_folder, path) = saved(name, &outcome);
        for (scheme, width) in [("light", 1280), ("dark", 1280), ("light", 380)] {
            browser.call(
                "Emulation.setEmulatedMedia",
                json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]}),
            );
            browser.call(
                "Emulation.setDeviceMetricsOverride",
                json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false}),
            );
            browser.open(&path, "");
            browser
                .eval("document.querySelectorAll('details').forEach(one => { one.open = true; })");
            browser.eval("new Promise(r => setTimeout(r, 150))");
            browser.eval(&axe);
            let wrong = browser.eval(
                "axe.run().then(r => r.violations.map(v => v.id + ': ' + v.nodes.slice(0, 3).map(n => n.html.slice(0, 160)).join(' | ')))",
            );
            assert_eq!(wrong, json!([]), "{name} {scheme} {width}");
        }
        // Nothing sticks out of a narrow page.
        let wide = browser.eval(
            "[...document.querySelectorAll('body *')].filter(n => n.getBoundingClientRect().right > innerWidth + 1 \
             && !n.closest('.scroll, .graph-box, .hidden-visually')).slice(0, 5).map(n => n.outerHTML.slice(0, 120))",
        );
        assert_eq!(wide, json!([]), "{name}");
    }
}

#[test]
fn filters_and_links_live_in_the_address() {
    let outcome = sample::many(1_000);
    let (_folder, path) = saved("many", &outcome);
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let count = "document.getElementById('count').textContent";
    browser.open(&path, "");
    assert_eq!(browser.eval(count), "1,000 findings");
    assert_eq!(
        browser.eval("document.querySelectorAll('.finding').length"),
        200
    );
    browser.open(&path, "#severity=critical&system=aws");
    assert_eq!(browser.eval(count), "50 of 1,000 findings");
    browser.eval(
        "(() => { const q = document.getElementById('q'); q.value = 'SVC-000120'; q.dispatchEvent(new Event('input')); return new Promise(r => setTimeout(r, 300)); })()",
    );
    assert_eq!(browser.eval(count), "1 of 1,000 findings");
    let hash = browser.eval("location.hash");
    assert_eq!(hash, "#q=SVC-000120&severity=critical&system=aws");
    let last = outcome.findings.last().unwrap();
    browser.open(&path, &format!("#f-{}", last.id));
    assert_eq!(
        browser.eval("document.querySelector('.finding[open]').dataset.id"),
        last.id.as_str()
    );
    let shown = browser.eval("document.querySelector('.finding[open]').innerText");
    for part in [&*last.message, &*last.subject.id, &*last.fix] {
        let part = part.replace('`', "");
        assert!(shown.as_str().unwrap().contains(&part), "{part}: {shown}");
    }
    browser.eval("document.getElementById('clear').click()");
    assert_eq!(browser.eval(count), "1,000 findings");
}

/// Limits with room: a busy machine must not fail this; the numbers are printed.
#[test]
fn fifty_thousand_findings_open() {
    let outcome = sample::many(50_000);
    let (_folder, path) = saved("large", &outcome);
    let size = std::fs::metadata(&path).unwrap().len();
    assert!(size <= 15_000_000, "{size}");
    let Some(mut browser) = Browser::start() else {
        return;
    };
    browser.open(&path, "");
    let load = browser.eval(
        "[performance.getEntriesByType('navigation')[0].loadEventEnd, Number(document.body.dataset.readyMs)]",
    );
    let mut filters = Vec::new();
    for word in ["svc-0421", "lambda", "detach", "zzz", "admin 100000000007"] {
        let ms = browser.eval(&format!(
            "(() => {{ const q = document.getElementById('q'); q.value = {word:?}; q.dispatchEvent(new Event('input')); \
             return new Promise(r => setTimeout(() => r(Number(document.body.dataset.filterMs)), 900)); }})()"
        ));
        filters.push(ms.as_f64().unwrap());
    }
    eprintln!("50,000 findings: {size} bytes, load and script {load} ms, filters {filters:?} ms");
    assert!(load[0].as_f64().unwrap() < 10_000.0, "{load}");
    assert!(filters.iter().all(|&ms| ms < 2_000.0), "{filters:?}");
}
