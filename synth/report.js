"use strict";
// Browses the rows. Their text is model output: it reaches the page as text nodes only, never as markup.
(() => {
  const rows = JSON.parse(document.getElementById("data").textContent);
  const byId = new Map(rows.map((row) => [row.id, row]));
  const $ = (id) => document.getElementById(id);
  const [search, outcome, evidence, language, pane, list, detail] =
    ["search", "outcome", "evidence", "language", "pane", "list", "detail"].map($);
  const PAGE = 100; // list entries added at a time
  const wide = matchMedia("(min-width: 52.01rem)");
  let matches = rows;
  let current = null;

  // An element with attributes and children; a child that is a string becomes text.
  function el(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) if (value !== null) element.setAttribute(name, value);
    element.append(...children.flat().filter((child) => child !== null));
    return element;
  }

  // Code as coloured spans. Three comment styles cover the languages the sandbox runs.
  const KEYWORDS = new Set(("and as assert async await break case catch class const continue def default defer del do elif else end enum " +
    "except extends export false False final finally fn for from func function global go if impl import in interface is lambda let " +
    "local loop match mod mut namespace new nil None nonlocal not null or package pass pub public private protected raise range " +
    "return select self static struct super switch template then this throw throws trait true True try type typedef typename " +
    "undefined unsafe use using var virtual void where while with yield int float double bool char string str list dict set tuple " +
    "SELECT FROM WHERE JOIN ON GROUP BY ORDER INSERT INTO UPDATE CREATE TABLE AS AND OR NOT NULL").split(" "));
  const HASH = /#[^\n]*/, SLASHES = /\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/, DASHES = /--[^\n]*/;
  const COMMENTS = { python: HASH, bash: HASH, sh: HASH, shell: HASH, ruby: HASH, r: HASH, yaml: HASH, julia: HASH, sql: DASHES, lua: DASHES, haskell: DASHES };
  const REST = /("""[\s\S]*?(?:"""|$)|'''[\s\S]*?(?:'''|$)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?|`(?:\\.|[^`\\])*`?)|(\b(?:0[xX][\da-fA-F_]+|\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?)\b)|([A-Za-z_$][\w$]*)/;
  function highlight(code, name) {
    const lexer = new RegExp(`(${(COMMENTS[(name || "python").toLowerCase()] || SLASHES).source})|${REST.source}`, "g");
    const out = document.createDocumentFragment();
    let end = 0, before = "";
    for (const found of code.matchAll(lexer)) {
      const [text, comment, string, number] = found;
      const kind = comment ? "comment" : string ? "string" : number ? "number" : KEYWORDS.has(text) ? "keyword"
        : /^(?:def|class|fn|func|function|struct)$/.test(before) ? "name" : null;
      before = text;
      if (!kind) continue;
      out.append(code.slice(end, found.index), el("span", { class: `t-${kind}` }, text));
      end = found.index + text.length;
    }
    out.append(code.slice(end));
    return out;
  }
  const block = (code, name) => el("pre", { tabindex: "0" }, el("code", null, highlight(code, name)));

  // The little Markdown that instructions and responses use: fences, headings, `code` and **bold**.
  function prose(text, name) {
    const out = el("div", { class: "prose" });
    // split() with one group alternates: prose, tag of the opening fence, code, tag of the closing fence, prose ...
    const parts = text.split(/^[ \t]*```[ \t]*([\w+#.-]*)[ \t]*(?:\n|$)/m);
    for (const [index, part] of parts.entries()) {
      if (index % 4 === 2 && part.trim()) out.append(block(part.replace(/\n$/, ""), parts[index - 1] || name));
      if (index % 4 !== 0) continue;
      for (const paragraph of part.split(/\n\s*\n/)) {
        const heading = /^#{1,6} +([^\n]*)$/.exec(paragraph.trim());
        if (heading) out.append(el("h4", null, inline(heading[1])));
        else if (paragraph.trim()) out.append(el("p", null, inline(paragraph.replace(/^\n+|\s+$/g, ""))));
      }
    }
    return out;
  }
  const inline = (text) => text.split(/(`[^`\n]+`|\*\*[^*\n]+\*\*)/).map((part, index) =>
    index % 2 === 0 ? part : part[0] === "`" ? el("code", null, part.slice(1, -1)) : el("b", null, part.slice(2, -2)));

  // Ids of other rows, such as the twin of a duplicate, lead there.
  const linked = (text) => text.split(/\b([0-9a-f]{16})\b/).map((part) => byId.has(part) ? el("a", { href: `#${part}` }, part) : part);

  const passed = (row) => row.tests.filter((test) => test.passed).length;
  const count = (number, word) => `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`;

  function entry(row) {
    const tests = row.tests.length && row.tests[0].passed !== null ? `${passed(row)}/${row.tests.length} tests` : null;
    const meta = [row.dropped ? el("span", { class: "reason" }, row.dropped) : row.evidence, row.entry || row.seed, tests];
    return el("li", null, el("a", { href: `#${row.id}` },
      el("span", { class: row.dropped ? "mark" : "mark ok", "aria-label": row.dropped ? "dropped" : "kept", role: "img" }, row.dropped ? "×" : "✓"),
      el("span", { class: "what" }, row.instruction.trim().split("\n")[0].replaceAll("`", "").slice(0, 240) || "No instruction was written"),
      el("span", { class: "meta" }, meta.filter(Boolean).flatMap((part, index) => index ? [" · ", part] : [part]))));
  }

  function section(title, body, copied) {
    const button = copied ? el("button", { type: "button", class: "plain" }, "Copy") : null;
    if (button) button.addEventListener("click", () => copy(copied, button));
    return [el("h3", null, title, button), body];
  }

  function test(one) {
    const [mark, word] = one.passed === null ? ["·", "not run"] : one.passed ? ["✓", "passed"] : ["×", "failed"];
    return el("li", null, el("span", { class: `mark ${one.passed ? "ok" : one.passed === null ? "unknown" : ""}`, role: "img", "aria-label": word }, mark),
      el("code", null, highlight(one.test, current.language)), one.error ? el("span", { class: "error" }, one.error) : null);
  }

  function show(row) {
    current = row;
    const link = `${location.href.split("#")[0]}#${row.id}`;
    const share = el("button", { type: "button", class: "plain" }, "Copy link");
    share.addEventListener("click", () => copy(link, share));
    const back = el("button", { type: "button", class: "plain back" }, "← Rows");
    back.addEventListener("click", close);
    const inResponse = row.code && row.response.includes(row.code.trim());
    const run = row.tests.length && row.tests[0].passed !== null;
    detail.replaceChildren(
      el("div", { class: "top" }, back,
        row.dropped ? el("span", { class: "badge" }, row.dropped) : el("span", { class: "badge ok" }, "kept"),
        row.evidence !== "none" ? el("span", { class: "badge quiet" }, `evidence: ${row.evidence}`) : null,
        row.round_trip ? el("span", { class: "badge quiet" }, "round trip") : null,
        el("span", { class: "badge quiet" }, `${row.language}, ${row.locale}`),
        el("span", { class: "id" }, el("code", null, row.id), share)),
      ...(row.detail ? [el("p", { class: "why" }, linked(row.detail))] : []),
      ...(row.instruction ? section("Instruction", prose(row.instruction, row.language), row.instruction) : []),
      ...(row.response ? section("Response", prose(row.response, row.language), row.response) : []),
      ...(row.code && !inResponse ? section("Code", block(row.code, row.language), row.code) : []),
      ...(row.tests.length ? section(run ? `Tests, ${passed(row)} of ${row.tests.length} passed` : "Tests, not run",
        el("ul", { class: "tests" }, row.tests.map(test))) : []),
      ...section("Provenance", el("dl", { class: "facts" },
        row.facts.flatMap(([name, value]) => [el("dt", null, name), el("dd", null, value)]),
        el("dt", null, "its story"), el("dd", null, el("code", null, `synth explain ${row.id}`)))));
    detail.scrollTop = 0;
    mark();
    found();
  }

  // Paints the searched words inside the open row without touching its nodes, where the browser can.
  function found() {
    if (!window.Highlight) return;
    const ranges = [];
    const walker = document.createTreeWalker(detail, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const text = walker.currentNode.data.toLowerCase();
      for (const term of terms()) {
        for (let at = text.indexOf(term); at >= 0 && ranges.length < 500; at = text.indexOf(term, at + term.length)) {
          const range = new Range();
          range.setStart(walker.currentNode, at);
          range.setEnd(walker.currentNode, Math.min(at + term.length, walker.currentNode.length));
          ranges.push(range);
        }
      }
    }
    CSS.highlights.set("found", new Highlight(...ranges));
  }

  function mark() {
    for (const link of list.querySelectorAll("[aria-current]")) link.removeAttribute("aria-current");
    const index = matches.indexOf(current);
    if (index < 0) return;
    extend(index);
    const link = list.children[index].firstChild;
    link.setAttribute("aria-current", "true");
    if (!wide.matches) return;
    const top = link.offsetTop - pane.offsetTop, bottom = top + link.offsetHeight;
    if (top < pane.scrollTop) pane.scrollTop = top;
    if (bottom > pane.scrollTop + pane.clientHeight) pane.scrollTop = bottom - pane.clientHeight;
  }

  // The list grows as it is needed, so that a filter over thousands of rows answers at once.
  function extend(upTo) {
    while (list.children.length < matches.length && list.children.length <= upTo) {
      list.append(...matches.slice(list.children.length, list.children.length + PAGE).map(entry));
    }
  }

  const terms = () => search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const haystacks = new Map();
  function haystack(row) {
    if (!haystacks.has(row)) {
      const parts = [row.id, row.seed, row.entry, row.dropped || "", row.detail, row.instruction, row.response, row.code];
      haystacks.set(row, parts.concat(row.tests.map((one) => one.test)).join("\n").toLowerCase());
    }
    return haystacks.get(row);
  }

  function filter() {
    const words = terms(), [kind, ...reason] = outcome.value.split(":");
    matches = rows.filter((row) =>
      (kind === "all" || (kind === "kept" ? !row.dropped : row.dropped && (!reason.length || row.dropped === reason.join(":")))) &&
      (!evidence.value || row.evidence === evidence.value) && (!language.value || row.language === language.value) &&
      words.every((word) => haystack(row).includes(word)));
    list.replaceChildren();
    pane.scrollTop = 0;
    extend(0);
    $("empty").hidden = matches.length > 0;
    $("matches").textContent = matches.length === rows.length ? count(rows.length, "row") : `${matches.length.toLocaleString("en")} of ${count(rows.length, "row")}`;
    if (wide.matches && matches.length && !matches.includes(current)) show(matches[0]);
    else { mark(); found(); }
  }

  function clear() {
    search.value = evidence.value = language.value = "";
    outcome.value = "all";
    filter();
  }

  function tally(key) {
    const counts = new Map();
    for (const row of rows) counts.set(row[key], (counts.get(row[key]) || 0) + 1);
    return [...counts].sort((one, other) => other[1] - one[1]);
  }

  function fill(select, all, options) {
    select.append(el("option", { value: all[0] }, all[1]), ...options.map(([value, label]) => el("option", { value }, label)));
    select.closest("label").hidden = options.length < 2;
  }

  function move(by) {
    if (!matches.length) return;
    const index = Math.min(Math.max(matches.indexOf(current) + by, 0), matches.length - 1);
    location.replace(`#${matches[index].id}`);
  }

  function close() {
    document.documentElement.classList.remove("reading");
    if (location.hash) history.replaceState(null, "", location.href.split("#")[0]);
    const link = list.querySelector("[aria-current]");
    if (link) link.focus();
  }

  const reveal = () => (wide.matches ? pane.parentElement : $("rows")).scrollIntoView({ behavior: "instant" });

  // The address names the open row; an id that is not in this file says so instead of showing another row.
  function open() {
    const id = location.hash.slice(1);
    if (!/^[0-9a-f]{16}$/.test(id)) return document.documentElement.classList.remove("reading");
    document.documentElement.classList.add("reading");
    if (wide.matches && pane.getBoundingClientRect().top > innerHeight / 2) reveal();
    if (byId.has(id)) show(byId.get(id));
    else {
      current = null;
      mark();
      detail.replaceChildren(el("p", { class: "why" }, `Row ${id} is not in this file. `, el("code", null, `synth explain ${id}`), " tells its story."));
    }
    if (!wide.matches) detail.focus();
  }

  async function copy(text, button) {
    const label = button.textContent;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed here";
    }
    setTimeout(() => { button.textContent = label; }, 1400);
  }

  fill(outcome, ["all", "Kept and dropped"], [["kept", `Kept (${rows.filter((row) => !row.dropped).length})`], ["drop", `Dropped (${rows.filter((row) => row.dropped).length})`],
    ...tally("dropped").filter(([reason]) => reason).map(([reason, number]) => [`drop:${reason}`, `${reason} (${number})`])]);
  fill(evidence, ["", "Any evidence"], tally("evidence").map(([name, number]) => [name, `${name} (${number})`]));
  fill(language, ["", "Any language"], tally("language").map(([name, number]) => [name, `${name} (${number})`]));

  let pause = 0;
  search.addEventListener("input", () => { clearTimeout(pause); pause = setTimeout(filter, 80); });
  for (const select of [outcome, evidence, language]) select.addEventListener("change", filter);
  $("reset").addEventListener("click", clear);
  for (const button of document.querySelectorAll("[data-pick]")) {
    button.addEventListener("click", () => {
      const pick = button.dataset.pick;
      search.value = evidence.value = language.value = "";
      outcome.value = pick.startsWith("evidence:") ? "kept" : pick;
      if (pick.startsWith("evidence:")) evidence.value = pick.slice(9);
      filter();
      reveal();
    });
  }
  for (const button of document.querySelectorAll("[data-copy-from]")) {
    button.addEventListener("click", () => copy(button.previousElementSibling.textContent, button));
  }
  addEventListener("hashchange", open);
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = /^(?:INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === "Escape") {
      if (document.documentElement.classList.contains("reading") && !wide.matches) close();
      else { clear(); search.blur(); }
    } else if (typing) return;
    else if (event.key === "/") { event.preventDefault(); search.focus(); search.select(); }
    else if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
  });
  const grow = (entries) => { if (entries.some((one) => one.isIntersecting)) extend(list.children.length); };
  const sentinel = el("div", { "aria-hidden": "true" });
  sentinel.style.height = "1px";
  pane.append(sentinel);
  new IntersectionObserver(grow, { rootMargin: "600px", scrollMargin: "600px" }).observe(sentinel);

  filter();
  open();
})();
