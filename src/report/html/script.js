"use strict";
(() => {
  const start = performance.now();
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  const col = data.columns;
  const strings = data.strings;
  const total = data.ids.length;
  const PAGE = 200;
  const GATES = ["", "gate unproved", "gate proved", "gate not seen"];
  const SVG = "http://www.w3.org/2000/svg";
  document.documentElement.classList.add("js");

  // Texts are shared between findings with their names taken out.
  const fill = (text, row) => {
    if (text[0] === "\ue003") return text.slice(1);
    return text.replace(/[\ue000-\ue002]/g, (sign) =>
      sign === "\ue000" ? strings[col.name[row]] : sign === "\ue002" ? strings[col.tenant[row]] : subject(row));
  };
  const subject = (row) => {
    const text = strings[col.subject[row]];
    if (text[0] === "\ue003") return text.slice(1);
    return text.replace(/[\ue000\ue002]/g, (sign) => strings[sign === "\ue000" ? col.name[row] : col.tenant[row]]);
  };
  const message = (row) => fill(strings[col.message[row]], row);
  const optional = (column, row) => (column[row] ? strings[column[row] - 1] : "");

  const make = (tag, cls, ...content) => {
    const node = document.createElement(tag);
    if (cls) node.className = cls;
    node.append(...content);
    return node;
  };
  // What stands between backticks is shown as code.
  const rich = (text) => {
    const parts = text.split("`");
    const paired = Math.floor((parts.length - 1) / 2) * 2;
    return parts.map((part, at) => at % 2 === 1 && at < paired ? make("code", "", part) : at > paired ? "`" + part : part);
  };
  const badge = (severity) => {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("aria-hidden", "true");
    svg.setAttribute("viewBox", "0 0 12 12");
    const use = document.createElementNS(SVG, "use");
    use.setAttribute("href", "#shape-" + severity);
    svg.append(use);
    return make("span", "badge s-" + severity, svg, severity);
  };
  const part = (title, ...content) => make("div", "", make("h3", "", title), ...content);
  const link = (href, text) => {
    const node = make("a", "", text);
    node.href = href;
    return node;
  };

  const copyButton = (text) => {
    const button = make("button", "", "Copy");
    button.type = "button";
    button.setAttribute("aria-label", "Copy the fix");
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text);
        button.textContent = "Copied";
      } catch {
        const range = document.createRange();
        range.selectNodeContents(button.previousSibling);
        const selection = getSelection();
        selection.removeAllRanges();
        selection.addRange(range);
        button.textContent = document.execCommand("copy") ? "Copied" : "Selected";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 1600);
    });
    return button;
  };

  const body = (row) => {
    const id = data.ids[row];
    const rule = data.rules[col.rule[row]];
    const box = make("div", "body");
    box.id = "f-" + id;
    if (rule.why) box.append(part("Why it matters", make("p", "", ...rich(rule.why))));
    if (col.steps[row].length) {
      box.append(part("The way", make("ol", "", ...col.steps[row].map((at) => {
        const [from, action, to, gate] = data.steps[at];
        const item = make("li", "any", strings[from] + " → ", make("b", "", strings[action]), " → " + strings[to]);
        if (gate) item.append(" ", make("span", gate === 2 ? "pill good" : "pill warn", GATES[gate]));
        return item;
      }))));
    }
    if (col.evidence[row].length) {
      box.append(part("Evidence", make("ul", "", ...col.evidence[row].map((at) => {
        const [what, source, place, excerpt] = data.evidence[at].map((text) => fill(strings[text], row));
        const item = make("li", "any", ...rich(what));
        if (source) item.append(" ", make("span", "soft", "(" + source + ")"));
        if (place) item.append(" ", make("code", "", place));
        if (excerpt) item.append(make("blockquote", "", excerpt));
        return item;
      }))));
    }
    const fix = fill(strings[col.fix[row]], row);
    if (fix) box.append(part("Fix", make("div", "fix", make("pre", "", fix), copyButton(fix))));
    if (col.accepted[row]) {
      const [exception, owner, reason, until] = data.accepted[col.accepted[row] - 1].map((at) => strings[at]);
      const who = " (" + exception + ", owner " + owner + (until ? ", until " + until : "") + ")";
      box.append(part("Accepted", make("p", "any", ...rich(reason), make("span", "soft", who))));
    }
    const foot = make("div", "foot", make("span", "any", subject(row)));
    if (col.place[row]) foot.append(make("code", "any", optional(col.place, row)));
    if (col.activation[row]) foot.append(make("span", "", data.activations[col.activation[row] - 1]));
    foot.append(link("#rule-" + rule.id, rule.id));
    const here = link("#f-" + id, "Link to this finding");
    here.className = "link";
    foot.append(here);
    box.append(foot);
    return box;
  };

  const item = (row) => {
    const severity = data.severities[col.severity[row]];
    const details = make("details", "finding s-" + severity);
    details.dataset.id = data.ids[row];
    const marks = make("span", "marks");
    if (col.gates[row]) marks.append(make("span", "pill gate", "gates"));
    if (col.drift[row]) marks.append(make("span", "pill", optional(col.drift, row)));
    if (col.accepted[row]) marks.append(make("span", "pill good", "accepted"));
    marks.append(make("span", "pill", data.tiers[col.tier[row]]));
    const who = [strings[col.name[row]], strings[col.kind[row]],
      data.systems[col.system[row]] + " " + strings[col.tenant[row]]].join(" · ");
    details.append(make("summary", "", badge(severity), make("span", "what any", ...rich(message(row))),
      make("span", "who any", who), marks));
    // What is inside is made when it is first looked at, or printed.
    details.fill = () => { if (details.children.length === 1) details.append(body(row)); };
    details.addEventListener("toggle", () => { if (details.open) details.fill(); });
    return make("li", "", details);
  };

  // Filters: numbers compare with columns, words are looked for in one text per finding.
  const haystack = new Array(total);
  const hay = (row) => (haystack[row] ??= [message(row), strings[col.name[row]], subject(row), strings[col.kind[row]],
    strings[col.tenant[row]], data.rules[col.rule[row]].id, data.rules[col.rule[row]].name,
    optional(col.place, row), data.ids[row]].join("\n").toLowerCase());
  const fields = ["q", "severity", "system", "tier", "rule", "drift", "state"];
  const controls = Object.fromEntries(fields.map((name) => [name, $(name)]));

  const choose = (name, values) => {
    for (const value of values) controls[name].append(new Option(value, value));
    if (!values.length) controls[name].parentElement.hidden = true;
  };
  const used = (column, names) => [...new Set(column)].sort((a, b) => a - b).map((at) => names[at]);
  choose("severity", used(col.severity, data.severities));
  choose("system", used(col.system, data.systems));
  choose("tier", used(col.tier, data.tiers).reverse());
  choose("rule", data.rules.map((rule) => rule.id).sort());
  choose("drift", [...new Set(col.drift)].filter(Boolean).map((at) => strings[at - 1]).sort());

  const select = (values) => {
    const words = values.q.toLowerCase().split(/\s+/).filter(Boolean);
    const at = (names, value) => names.indexOf(value);
    const severity = at(data.severities, values.severity);
    const system = at(data.systems, values.system);
    const tier = at(data.tiers, values.tier);
    const rule = values.rule ? data.rules.findIndex((one) => one.id === values.rule) : -1;
    const drift = values.drift ? at(strings, values.drift) + 1 : 0;
    const rows = [];
    for (let row = 0; row < total; row++) {
      if (severity >= 0 && col.severity[row] !== severity) continue;
      if (system >= 0 && col.system[row] !== system) continue;
      if (tier >= 0 && col.tier[row] !== tier) continue;
      if (values.rule && col.rule[row] !== rule) continue;
      if (values.drift && col.drift[row] !== drift) continue;
      if (values.state === "open" && col.accepted[row]) continue;
      if (values.state === "accepted" && !col.accepted[row]) continue;
      if (values.state === "gates" && !col.gates[row]) continue;
      if (words.length) {
        const text = hay(row);
        if (!words.every((word) => text.includes(word))) continue;
      }
      rows.push(row);
    }
    return rows;
  };

  const list = $("list");
  const more = $("more");
  const grouped = (n) => n.toLocaleString("en");
  let rows = [];
  let shown = 0;
  const showMore = () => {
    const next = document.createDocumentFragment();
    const end = Math.min(shown + PAGE, rows.length);
    const first = shown;
    for (; shown < end; shown++) next.append(item(rows[shown]));
    list.append(next);
    more.replaceChildren();
    if (shown < rows.length) {
      const button = make("button", "", "Show " + grouped(Math.min(PAGE, rows.length - shown)) + " more");
      button.type = "button";
      button.addEventListener("click", () => {
        const before = list.children.length;
        showMore();
        list.children[before]?.querySelector("summary").focus();
      });
      more.append(button);
    }
    return first;
  };
  const state = () => Object.fromEntries(fields.map((name) => [name, controls[name].value]));
  const show = (only) => {
    const begun = performance.now();
    const values = state();
    rows = only === undefined ? select(values) : [only];
    list.replaceChildren();
    shown = 0;
    showMore();
    if (!rows.length) list.append(make("li", "nothing", "Nothing matches. Clear a filter to see more."));
    const filtered = rows.length !== total;
    $("count").textContent = filtered
      ? grouped(rows.length) + " of " + grouped(total) + " findings"
      : grouped(total) + (total === 1 ? " finding" : " findings");
    document.body.dataset.filterMs = (performance.now() - begun).toFixed(1);
  };

  // The address holds the filters (#severity=high&q=…) or one finding (#f-…).
  const write = () => {
    const hash = new URLSearchParams();
    for (const [name, value] of Object.entries(state())) if (value) hash.set(name, value);
    const text = hash.toString();
    history.replaceState(null, "", text ? "#" + text : location.pathname + location.search);
  };
  const open = (id) => {
    let row = data.ids.indexOf(id);
    if (row < 0) return;
    let found = list.querySelector('details[data-id="' + CSS.escape(id) + '"]');
    if (!found) {
      for (const name of fields) controls[name].value = "";
      show(row);
      found = list.querySelector("details");
    }
    found.fill?.();
    found.open = true;
    found.scrollIntoView({ block: "start" });
    found.querySelector("summary").focus({ preventScroll: true });
  };
  const read = () => {
    const hash = location.hash.slice(1);
    if (hash.startsWith("f-")) return open(hash.slice(2));
    if (!hash.includes("=")) return;
    const wanted = new URLSearchParams(hash);
    for (const name of fields) controls[name].value = wanted.get(name) ?? "";
    show();
    $("findings").scrollIntoView();
  };

  let waiting = 0;
  const changed = () => { write(); show(); };
  controls.q.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(changed, total > 5000 ? 120 : 0);
  });
  for (const name of fields.slice(1)) controls[name].addEventListener("change", changed);
  document.querySelector(".filters").addEventListener("submit", (event) => event.preventDefault());
  $("clear").addEventListener("click", () => {
    for (const name of fields) controls[name].value = "";
    changed();
    controls.q.focus();
  });
  addEventListener("hashchange", read);
  addEventListener("beforeprint", () => {
    for (const one of list.querySelectorAll("details")) { one.fill?.(); one.open = true; }
  });

  show();
  read();
  // The words of the first search, made while nobody waits.
  const idle = window.requestIdleCallback ?? ((work) => setTimeout(() => work({ timeRemaining: () => 8 }), 20));
  let next = 0;
  const prepare = (deadline) => {
    while (next < total && deadline.timeRemaining() > 1) hay(next++);
    if (next < total) idle(prepare);
  };
  idle(prepare);
  document.body.dataset.readyMs = (performance.now() - start).toFixed(1);
  document.body.dataset.sinceNavigationMs = performance.now().toFixed(1);
})();
