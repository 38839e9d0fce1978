// Makes elements. Text is model output: it reaches the page as text nodes only, never as markup.
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
