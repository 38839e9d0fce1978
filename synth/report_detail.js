// One row: what it is, how it was made, and its story.
const count = (number, word) => `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`;
const byId = new Map(rows.map((row) => [row.id, row]));

// Ids of other rows, such as the twin of a duplicate, lead there.
const linked = (text) => text.split(/\b([0-9a-f]{16})\b/).map((part) => byId.has(part) ? el("a", { href: `#${part}` }, part) : part);

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

function plainButton(label, act, kind = "plain") {
  const button = el("button", { type: "button", class: kind }, label);
  button.addEventListener("click", () => act(button));
  return button;
}

function section(title, body, copied) {
  return [el("h3", null, title, copied ? plainButton("Copy", (button) => copy(copied, button)) : null), body];
}

function testList(tests, language) {
  return el("ul", { class: "tests" }, tests.map((one) => {
    const [mark, word, kind] = one.passed === null ? ["·", "not run", "unknown"] : one.passed ? ["✓", "passed", "ok"] : ["×", "failed", ""];
    return el("li", null, el("span", { class: `mark ${kind}`, role: "img", "aria-label": word }, mark),
      el("code", null, highlight(one.test, language)), one.error ? el("span", { class: "error" }, one.error) : null);
  }));
}

const tally = (tests) => `${tests.filter((one) => one.passed).length} of ${tests.length} passed`;

function badges(row, whole) {
  const link = `${location.href.split("#")[0]}#${row.id}`;
  return el("div", { class: "top" }, plainButton("← Rows", closeRow, "plain back"),
    row.dropped ? el("span", { class: "badge" }, row.dropped) : el("span", { class: "badge ok" }, "kept"),
    row.evidence !== "none" ? el("span", { class: "badge quiet" }, `evidence: ${row.evidence}`) : null,
    whole?.round_trip ? el("span", { class: "badge quiet" }, "round trip") : null,
    el("span", { class: "badge quiet" }, `${row.language}, ${row.locale}`),
    el("span", { class: "id" }, el("code", null, row.id), plainButton("Copy link", (button) => copy(link, button))));
}

function rowParts(row, whole) {
  const { instruction, response, code, tests } = whole;
  const inResponse = code && response.includes(code.trim());
  const run = tests.length && tests[0].passed !== null;
  const facts = whole.facts.map(([name, value]) => [name, value]);
  if (row.nearest !== null) facts.push(["nearest kept row", `${row.similarity.toFixed(2)} ${rows[row.nearest].id}`]);
  return [
    ...(whole.detail ? [el("p", { class: "why" }, linked(whole.detail))] : []),
    ...(instruction ? section("Instruction", prose(instruction, row.language), instruction) : []),
    ...(response ? section("Response", prose(response, row.language), response) : []),
    ...(code && !inResponse ? section("Code", block(code, row.language), code) : []),
    ...(tests.length ? section(run ? `Tests, ${tally(tests)}` : "Tests, not run", testList(tests, row.language)) : []),
    ...section("Provenance", el("dl", { class: "facts" },
      facts.flatMap(([name, value]) => [el("dt", null, name), el("dd", null, linked(value))]),
      hasStories ? null : [el("dt", null, "its story"), el("dd", null, el("code", null, `synth explain ${row.id}`))]))];
}

// Every question, answer and verdict behind the row; what is folded is found by search all the same.
function storyParts(events) {
  const all = el("ol", { class: "story" }, events.map((event, place) => el("li", null, event.asked === undefined ? ran(event, place) : asked(event, place))));
  const fold = plainButton("Open all", () => {
    const open = fold.textContent === "Open all";
    for (const one of all.querySelectorAll("details")) one.open = open;
    fold.textContent = open ? "Fold all" : "Open all";
  });
  if (!events.length) return [];
  return [el("h3", null, `Story, ${count(events.length, "event")}`, fold), all];
}

function asked(event, place) {
  const facts = [event.model, event.tokens, event.finish && `finish: ${event.finish}`].filter(Boolean).join(", ");
  const prompt = event.repeats ? [el("p", { class: "quiet" }, `(${event.repeats})`)]
    : event.messages.map(([role, content]) => el("div", { class: "said" }, el("h5", null, role), el("pre", { class: "wrap", tabindex: "0" }, content)));
  const completion = event.completion.trim() ? prose(event.completion, "python") : el("p", { class: "error" }, "(an empty completion)");
  return el("details", null,
    el("summary", null, el("b", null, `${place + 1}. ${event.asked}`), ` asked of the ${event.role}`, el("span", { class: "quiet" }, facts)),
    prompt, el("div", { class: "said answer" }, el("h5", null, "completion"), completion));
}

function ran(event, place) {
  const output = (name) => event[name].trim() ? el("div", { class: "said" }, el("h5", null, name), el("pre", { class: "wrap", tabindex: "0" }, event[name])) : null;
  return el("details", null,
    el("summary", null, el("b", null, `${place + 1}. ${event.ran}`), " run: ", el("span", { class: event.status === "passed" ? "mark ok" : "mark" }, event.status),
      el("span", { class: "quiet" }, event.tests.length ? `${tally(event.tests)}, ${event.language}` : event.language)),
    event.code ? block(event.code, event.language) : null,
    event.tests.length ? testList(event.tests, event.language) : null, output("stdout"), output("stderr"),
    event.code || event.tests.length || event.stdout || event.stderr ? null : el("p", { class: "quiet" }, "(no tests, no output)"));
}
