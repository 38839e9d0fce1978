// The browser of rows: list, filters, search, the open row, the keyboard, the theme.
const [search, outcome, recipe, evidence, language, deep, pane, list, detail] =
  ["search", "outcome", "recipe", "evidence", "language", "deep", "pane", "list", "detail"].map($);
const selects = { recipe, evidence, language };
const PAGE = 100; // list entries added at a time
const wide = matchMedia("(min-width: 52.01rem)");
let matches = [];
let current = null;
let begin = 0; // place in `matches` of the first one that is in the list

function entry(row) {
  const meta = [row.dropped ? el("span", { class: "reason" }, row.dropped) : row.evidence, row.entry || row.seed, row.tests];
  return el("li", null, el("a", { href: `#${row.id}` },
    el("span", { class: row.dropped ? "mark" : "mark ok", "aria-label": row.dropped ? "dropped" : "kept", role: "img" }, row.dropped ? "×" : "✓"),
    el("span", { class: "what" }, row.title || "No instruction was written"),
    el("span", { class: "meta" }, meta.filter(Boolean).flatMap((part, place) => place ? [" · ", part] : [part]))));
}

// The head at once, the rest when its block is open; another row, or this one again, may have been asked for meanwhile.
let showing = 0;
async function show(row) {
  const mine = ++showing, isStale = () => mine !== showing;
  current = row;
  detail.setAttribute("aria-busy", "true");
  detail.replaceChildren(badges(row, null));
  detail.scrollTop = 0;
  mark();
  const whole = await record("rows", row.number);
  if (isStale()) return;
  detail.replaceChildren(badges(row, whole), ...rowParts(row, whole));
  if (hasStories) {
    const events = await record("stories", row.number);
    if (isStale()) return;
    detail.append(...storyParts(events));
  }
  detail.removeAttribute("aria-busy");
  performance.mark("row-opened");
  found();
}

// Paints the searched words inside the open row without touching its nodes, where the browser can.
function found() {
  const ranges = [], words = terms();
  const walker = document.createTreeWalker(detail, NodeFilter.SHOW_TEXT);
  while (words.length && walker.nextNode()) {
    const text = walker.currentNode.data.toLowerCase();
    for (const word of words) {
      for (let at = text.indexOf(word); at >= 0 && ranges.length < 500; at = text.indexOf(word, at + word.length)) {
        const range = new Range();
        range.setStart(walker.currentNode, at);
        range.setEnd(walker.currentNode, Math.min(at + word.length, walker.currentNode.length));
        ranges.push(range);
        const folded = deep.checked && walker.currentNode.parentElement.closest("details");
        if (folded) folded.open = true;
      }
    }
  }
  if (window.Highlight) CSS.highlights.set("found", new Highlight(...ranges));
}

function mark() {
  for (const link of list.querySelectorAll("[aria-current]")) link.removeAttribute("aria-current");
  const place = matches.indexOf(current);
  if (place < 0) return;
  reach(place);
  const link = list.children[place - begin].firstChild;
  link.setAttribute("aria-current", "true");
  if (!wide.matches) return;
  const top = link.offsetTop - pane.offsetTop, bottom = top + link.offsetHeight;
  if (top < pane.scrollTop) pane.scrollTop = top;
  if (bottom > pane.scrollTop + pane.clientHeight) pane.scrollTop = bottom - pane.clientHeight;
}

// The list holds a stretch of the matches and grows as it is needed, so that thousands of rows answer at once.
function extend(upTo) {
  for (let end = begin + list.children.length; end < matches.length && end <= upTo; end = begin + list.children.length) {
    list.append(...matches.slice(end, end + PAGE).map(entry));
  }
}

// Brings a match into the list; one far away begins a new stretch.
function reach(place) {
  if (place < begin || place > begin + list.children.length + PAGE) {
    list.replaceChildren();
    begin = Math.max(place - PAGE / 2, 0);
  }
  extend(place);
  $("earlier").hidden = begin === 0;
}

function goBack() {
  const height = pane.scrollHeight, end = begin;
  begin = Math.max(begin - PAGE, 0);
  list.prepend(...matches.slice(begin, end).map(entry));
  $("earlier").hidden = begin === 0;
  pane.scrollTop += pane.scrollHeight - height;
}

const terms = () => search.value.toLowerCase().split(/\s+/).filter(Boolean);

function fits(row) {
  const [kind, ...reason] = outcome.value.split(":");
  if (kind !== "all" && (kind === "kept") !== !row.dropped) return false;
  if (reason.length && row.dropped !== reason.join(":")) return false;
  return Object.entries(selects).every(([field, select]) => !select.value || row[field] === select.value);
}

// Which rows the list holds: at once without a search, else as they are found, in their order.
let turn = 0;
async function filter() {
  const mine = ++turn, words = terms(), candidates = rows.filter(fits);
  const isStale = () => mine !== turn;
  pane.setAttribute("aria-busy", "true");
  matches = [];
  list.replaceChildren();
  begin = pane.scrollTop = 0;
  $("earlier").hidden = true;
  let next = 0; // first candidate that is not looked at yet
  const tell = (upTo, hits) => {
    if (isStale()) return;
    for (; next < candidates.length && candidates[next].number < upTo; next++) {
      if (words.every((word) => hits(word)[candidates[next].number])) matches.push(candidates[next]);
    }
    status(upTo);
    if (wide.matches && matches.length && !matches.includes(current)) show(matches[0]);
  };
  if (words.length) await searchBlocks(words, deep.checked ? "stories" : "rows", isStale, tell);
  else tell(rows.length);
  if (isStale()) return;
  pane.removeAttribute("aria-busy");
  mark();
  found();
  more.unobserve(sentinel);
  more.observe(sentinel); // tells anew whether the list's end is in sight
}

function status(upTo) {
  const isDone = upTo === rows.length;
  extend(begin + PAGE - 1);
  $("empty").hidden = !isDone || matches.length > 0;
  const all = count(rows.length, "row");
  const shown = matches.length === rows.length ? all : `${matches.length.toLocaleString("en")} of ${all}`;
  $("matches").textContent = isDone ? shown : `${shown}, ${Math.floor(100 * upTo / rows.length)}% searched`;
}

function clear() {
  search.value = "";
  for (const select of Object.values(selects)) select.value = "";
  outcome.value = "all";
  filter();
}

function totals(field) {
  const counts = new Map();
  for (const row of rows) counts.set(row[field], (counts.get(row[field]) || 0) + 1);
  return [...counts].sort((one, other) => other[1] - one[1]);
}

function fill(select, all, options) {
  select.append(el("option", { value: all[0] }, all[1]), ...options.map(([value, label]) => el("option", { value }, label)));
  select.closest("label").hidden = options.length < 2;
}

function move(by) {
  if (!matches.length) return;
  const place = Math.min(Math.max(matches.indexOf(current) + by, 0), matches.length - 1);
  location.replace(`#${matches[place].id}`);
}

function closeRow() {
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
    showing++;
    mark();
    detail.removeAttribute("aria-busy");
    detail.replaceChildren(el("p", { class: "why" }, `Row ${id} is not in this file. `, el("code", null, `synth explain ${id}`), " tells its story."));
  }
  if (!wide.matches) detail.focus();
}

// What the reader's system says, or what the reader chose here.
const THEMES = ["system", "light", "dark"];
function theme(name) {
  document.documentElement.dataset.theme = name;
  $("theme").textContent = `Theme: ${name}`;
  try { localStorage.setItem("opencook-theme", name); } catch { /* a page from disk may have no storage */ }
}
let chosen = null;
try { chosen = localStorage.getItem("opencook-theme"); } catch { /* as above */ }
theme(THEMES.includes(chosen) ? chosen : "system");
$("theme").addEventListener("click", () => theme(THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length]));

fill(outcome, ["all", "Kept and dropped"], [["kept", `Kept (${rows.filter((row) => !row.dropped).length})`], ["drop", `Dropped (${rows.filter((row) => row.dropped).length})`],
  ...totals("dropped").filter(([reason]) => reason).map(([reason, number]) => [`drop:${reason}`, `${reason} (${number})`])]);
for (const [field, select] of Object.entries(selects)) {
  fill(select, ["", `Any ${field}`], totals(field).map(([name, number]) => [name, `${name} (${number})`]));
}
deep.closest("label").hidden = !hasStories;

let pause = 0;
search.addEventListener("input", () => {
  pane.setAttribute("aria-busy", "true");
  clearTimeout(pause);
  pause = setTimeout(filter, 80);
});
for (const control of [outcome, deep, ...Object.values(selects)]) control.addEventListener("change", filter);
$("reset").addEventListener("click", clear);
$("earlier").addEventListener("click", goBack);
for (const button of document.querySelectorAll("[data-pick]")) {
  button.addEventListener("click", () => {
    const { pick, ...picked } = button.dataset;
    search.value = "";
    outcome.value = pick;
    for (const [field, select] of Object.entries(selects)) select.value = picked[field] ?? "";
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
    if (document.documentElement.classList.contains("reading") && !wide.matches) closeRow();
    else { clear(); search.blur(); }
  } else if (typing) return;
  else if (event.key === "/") { event.preventDefault(); search.focus(); search.select(); }
  else if (event.key === "j") move(1);
  else if (event.key === "k") move(-1);
});
const sentinel = el("div", { "aria-hidden": "true", class: "sentinel" });
pane.append(sentinel);
const grow = (entries) => { if (entries.some((one) => one.isIntersecting)) extend(begin + list.children.length); };
const more = new IntersectionObserver(grow, { rootMargin: "600px", scrollMargin: "600px" });

filter();
open();
performance.mark("rows-listed");
