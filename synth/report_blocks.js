// The rows: a small entry of each at once; the rows themselves and their stories from compressed blocks, on demand.
const $ = (id) => document.getElementById(id);
const index = JSON.parse($("data").textContent);
const rows = index.entries.map((entry, number) =>
  Object.fromEntries([["number", number], ...index.fields.map((field, place) => [field, entry[place]])]));
const hasStories = index.stories.length > 0;
const MAX_OPEN = 12; // blocks kept open, some megabytes each

const loaded = document.readyState !== "loading" ? Promise.resolve()
  : new Promise((resolve) => addEventListener("DOMContentLoaded", resolve, { once: true }));

async function blockText(kind, block) {
  let holder = $(`${kind}-${block}`);
  // While the page loads, a block is whole once another element follows it.
  if (!holder?.nextElementSibling) {
    await loaded;
    holder = $(`${kind}-${block}`);
  }
  const packed = holder.textContent;
  const bytes = Uint8Array.fromBase64 ? Uint8Array.fromBase64(packed) : Uint8Array.from(atob(packed), (one) => one.charCodeAt(0));
  const stream = new DecompressionStream("gzip"), writer = stream.writable.getWriter();
  writer.write(bytes).catch(() => {}); // what is wrong with the bytes, the reading side says
  writer.close().catch(() => {});
  return new Response(stream.readable).text();
}

// The number of the block that holds a row: the last that starts at or before it.
function blockOf(kind, number) {
  let low = 0, high = index[kind].length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (index[kind][middle] <= number) low = middle;
    else high = middle - 1;
  }
  return low;
}

// In a block a number stands for a text; texts are stored in another order, in which they pack better.
function parse(text) {
  const { texts, places, records } = JSON.parse(text);
  return { texts: places.map((place) => texts[place]), records };
}

const opened = new Map(); // the last used comes last
function openBlock(kind, block) {
  const name = `${kind}-${block}`;
  const contents = opened.get(name) || blockText(kind, block).then(parse);
  opened.delete(name);
  opened.set(name, contents);
  if (opened.size > MAX_OPEN) opened.delete(opened.keys().next().value);
  return contents;
}

function revive(value, texts) {
  if (typeof value === "number") return texts[value];
  if (Array.isArray(value)) return value.map((part) => revive(part, texts));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, revive(part, texts)]));
}

async function record(kind, number) {
  const block = blockOf(kind, number);
  const { texts, records } = await openBlock(kind, block);
  return revive(records[number - index[kind][block]], texts);
}

// Whether a record names one of `found`, numbers of texts.
function names(value, found) {
  if (typeof value === "number") return found.has(value);
  if (value === null || typeof value !== "object") return false;
  return Object.values(value).some((part) => names(part, found));
}

// Word -> for each row whether it has it; of words looked for in the rows alone, and in stories too.
const known = { rows: new Map(), stories: new Map() };
const breathe = () => window.scheduler?.yield ? scheduler.yield() : new Promise((resolve) => setTimeout(resolve));

// Finds words block by block between other work. `tell(upTo)`: all rows below that number are searched, and `hits(word)`
// says which have it. Ends early where `isStale()`.
async function searchBlocks(words, scope, isStale, tell) {
  const fresh = words.filter((word) => !known[scope].has(word));
  const found = new Map(fresh.map((word) => [word, entriesWith(word)]));
  const hits = (word) => known[scope].get(word) || found.get(word);
  // A row can only have a word if it has every part of it that was looked for before.
  const before = fresh.map((word) => [...known[scope]].filter(([part]) => word.includes(part)).map(([, has]) => has));
  const blocks = (scope === "rows" ? ["rows"] : ["rows", "stories"]).flatMap((kind) =>
    index[kind].map((start, block) => ({ kind, block, start, end: index[kind][block + 1] ?? rows.length })));
  blocks.sort((one, other) => one.end - other.end);
  for (const [place, one] of (fresh.length ? blocks : []).entries()) {
    const wanted = fresh.filter((_, which) => before[which].every((has) => has.subarray(one.start, one.end).includes(1)));
    if (wanted.length) {
      await breathe(); // keys and clicks come first
      if (isStale()) return;
      await searchBlock(one, wanted, found);
    }
    // Rows and stories are cut at other places: all below the first row of what is left is searched.
    tell(Math.min(rows.length, ...blocks.slice(place + 1).map((other) => other.start)), hits);
    if (isStale()) return;
  }
  for (const [word, has] of found) known[scope].set(word, has);
  tell(rows.length, hits);
}

function entriesWith(word) {
  const has = new Uint8Array(rows.length);
  for (const row of rows) {
    has[row.number] = [row.id, row.title, row.dropped || "", row.entry, row.seed].some((text) => text.toLowerCase().includes(word));
  }
  return has;
}

async function searchBlock({ kind, block, start }, words, found) {
  const text = await blockText(kind, block), lower = text.toLowerCase();
  // Most words are in few blocks: only those blocks are read as more than one long text.
  const likely = words.filter((word) => lower.includes(JSON.stringify(word).slice(1, -1)));
  if (!likely.length) return;
  const { texts, records } = parse(text), lowered = texts.map((one) => one.toLowerCase());
  for (const word of likely) {
    const where = new Set(lowered.flatMap((one, number) => one.includes(word) ? [number] : []));
    records.forEach((one, place) => { if (names(one, where)) found.get(word)[start + place] = 1; });
  }
}
