// The studies as a table that is sorted by its heads; on a phone every row is a card.
import { ask } from "./api.js";
import { byId, fill, make, options, refill } from "./dom.js";
import { headOf, titleOf } from "./filters.js";
import { smallDrawing, valueCell } from "./pieces.js";
import { PAGE, address, filters, go, shownColumns } from "./state.js";
import { count, unitText } from "./text.js";
import { hideTip } from "./tip.js";

const SORTED_BY = { created: "oldest first", psmiles: "repeat unit, rising", "-psmiles": "repeat unit, falling", similarity: "least similar first" };
const LONG = 18; // characters of a head that wants more room
let shown = "";
let asking = null;

export async function showTable(state, facts) {
  const columns = shownColumns(state, facts);
  const offset = Number(state.offset) || 0;
  const sort = sorting(state, facts);
  const question = { ...filters(state), columns: columns.join(","), sort, offset, limit: PAGE };
  showSorting(state, columns, sort, facts);
  if (shown === JSON.stringify(question)) return; // back from a study: as it was left
  byId("table").setAttribute("aria-busy", "true");
  shown = "";
  asking = question;
  let found;
  try {
    found = await ask("studies", question);
  } catch (error) {
    if (error.name !== "AbortError") clear();
    throw error;
  } finally {
    if (asking === question) byId("table").removeAttribute("aria-busy");
  }
  if (!found.items.length && found.total) return go({ offset: "" }); // an old address of a longer list
  shown = JSON.stringify(question);
  const similar = Boolean(state.similar_to);
  byId("count").textContent = count(found.total, "study", "studies");
  head(byId("table").tHead, columns, sort, facts, similar);
  fill(byId("table").tBodies[0], found.items.length ? found.items.map((item) => row(item, columns, facts, similar)) : nothing(state, facts));
  byId("table").parentElement.scrollTo(0, 0);
  hideTip();
  return pages(found, offset);
}

/** The order asked for; the newest first if this database has no such property, or nothing to be similar to. */
function sorting(state, facts) {
  const name = state.sort.replace(/^-/, "");
  const isKnown = ["created", "psmiles"].includes(name) || name in facts.byName || (name === "similarity" && state.similar_to);
  return isKnown ? state.sort : "-created";
}

/** What was shown before must not look like the answer to a question that had none. */
function clear() {
  byId("count").textContent = "";
  fill(byId("table").tBodies[0]);
  fill(byId("pages"));
}

export const forgetTable = () => {
  shown = "";
};

function nothing(state, facts) {
  return make("tr", { class: "nothing" }, make("td", { colspan: 99 }, whyNothing(state, facts)));
}

function whyNothing({ polymer }, facts) {
  if (!facts.n_studies) return "There are no studies yet. This makes one: polyomics run '*CC*'";
  if (polymer && !polymer.includes("*")) return `Nothing is called “${polymer}”. Write a repeat unit such as *CC(*)c1ccccc1, a pattern such as C(=O)O, a class, or draw it.`;
  return "Nothing fits. Leave out a filter, or search for something else.";
}

/** On a phone the table has no heads, so that a list sorts it; elsewhere the list is not shown. */
function showSorting(state, columns, sort, facts) {
  const entries = [["-created", "newest first"], ...(state.similar_to ? [["-similarity", "most similar first"]] : []),
    ...(SORTED_BY[sort] ? [[sort, SORTED_BY[sort]]] : []),
    ...columns.flatMap((name) => [[`-${name}`, `${titleOf(facts, name)}, falling`], [name, `${titleOf(facts, name)}, rising`]])];
  options(byId("sort"), entries, sort);
  byId("sort").onchange = () => go({ sort: byId("sort").value, offset: "" });
}

function head(element, columns, sort, facts, similar) {
  const direction = (name) => (sort === name ? "ascending" : sort === `-${name}` ? "descending" : "none");
  const cell = (name, text, unit = "", kind = "") => make("th", { scope: "col", class: kind, "aria-sort": direction(name) },
    make("button", { type: "button", "data-keep": name, onclick: () => go({ sort: sort === `-${name}` ? name : `-${name}`, offset: "" }) },
      make("span", {}, text), make("span", { class: "arrow", "aria-hidden": "true" }, direction(name) === "ascending" ? "↑" : direction(name) === "descending" ? "↓" : "")),
    kind.startsWith("number") ? make("span", { class: "unit" }, unitText(unit) || " ") : null);
  refill(element, make("tr", {}, make("th", { scope: "col", class: "picture" }, make("span", { class: "hidden" }, "Structure")), cell("psmiles", "Polymer", "", "smiles-head"), make("th", { scope: "col" }, "Class"),
    similar ? cell("similarity", "Similarity", "", "number") : null,
    columns.map((name) => cell(name, headOf(facts, name), facts.byName[name]?.unit, headOf(facts, name).length > LONG ? "number long" : "number")), make("th", { scope: "col" }, "From")));
}

export function row(item, columns, facts, similar = false) {
  const name = facts.byUnit[item.psmiles];
  const link = address({ study: item.key });
  const line = make("tr", { "data-key": item.key },
    make("td", { class: "picture" }, smallDrawing(item.psmiles)),
    make("td", { class: "smiles" }, make("a", { href: link, title: item.psmiles }, name ? make("span", { class: "name" }, name) : null, make("span", { class: "unit-text" }, item.psmiles))),
    make("td", { class: "class" }, item.polymer_class ?? ""),
    similar ? make("td", { class: "number", "data-label": "similarity" }, item.similarity?.toFixed(2) ?? "–") : null,
    columns.map((column) => valueCell(item.values?.[column], titleOf(facts, column), facts.flag_meanings)),
    from(item));
  line.addEventListener("click", (event) => {
    if (event.target.closest("a, button") || String(getSelection())) return;
    location.hash = link;
  });
  return line;
}

function from(item) {
  if (item.source === undefined) return null;
  const text = item.source || `computed, ${item.preset}`;
  return make("td", { class: "from quiet" }, text, item.status && item.status !== "done" ? make("span", { class: `badge ${item.status}` }, item.status) : null);
}

function pages(found, offset) {
  const last = Math.max(0, Math.floor((found.total - 1) / PAGE) * PAGE);
  const button = (text, to, off) => make("button", { type: "button", "data-keep": text, disabled: off, onclick: () => go({ offset: to ? String(to) : "" }) }, text);
  refill(byId("pages"), found.total > PAGE ? [
    button("First", 0, offset === 0), button("Previous", Math.max(0, offset - PAGE), offset === 0),
    make("span", { class: "quiet" }, `${(offset + 1).toLocaleString("en")} to ${Math.min(offset + PAGE, found.total).toLocaleString("en")} of ${found.total.toLocaleString("en")}`),
    button("Next", offset + PAGE, offset >= last), button("Last", last, offset >= last)] : []);
}
