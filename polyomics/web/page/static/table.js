// The studies as a table that is sorted by its heads.
import { ask } from "./api.js";
import { byId, drawing, fill, make, unitText, valueCell } from "./dom.js";
import { PAGE, address, filters, go } from "./state.js";

export async function showTable(state, facts) {
  const columns = state.columns ? state.columns.split(",") : facts.usual;
  const offset = Number(state.offset) || 0;
  const sort = state.sort || "-created";
  const found = await ask("studies", { ...filters(state), columns: columns.join(","), sort, offset, limit: PAGE });
  byId("count").textContent = `${found.total.toLocaleString("en")} ${found.total === 1 ? "study" : "studies"}`;
  head(byId("table").tHead, columns, sort, facts, Boolean(state.similar_to));
  fill(byId("table").tBodies[0], found.items.map((item) => row(item, columns, facts, Boolean(state.similar_to))));
  if (!found.items.length) fill(byId("table").tBodies[0], make("tr", {}, make("td", { colspan: 99, class: "quiet" }, "Nothing fits. Clear a filter, or search for something else.")));
  pages(found, offset);
}

function head(element, columns, sort, facts, similar) {
  const sorted = (name) => (sort === name ? "ascending" : sort === `-${name}` ? "descending" : "none");
  const cell = (name, text, unit, number) =>
    make(
      "th",
      { scope: "col", class: number ? "number" : "", "aria-sort": sorted(name) },
      make(
        "button",
        { type: "button", onclick: () => go({ sort: sort === `-${name}` ? name : `-${name}`, offset: "" }) },
        text, sorted(name) === "ascending" ? " ↑" : sorted(name) === "descending" ? " ↓" : "",
      ),
      unit ? make("span", { class: "unit" }, unitText(unit)) : null,
    );
  const properties = columns.map((name) => cell(name, facts.byName[name]?.title ?? name, facts.byName[name]?.unit, true));
  fill(element, make("tr", {},
    make("th", { scope: "col" }, "Structure"), cell("psmiles", "Repeat unit"), make("th", { scope: "col" }, "Class"),
    similar ? cell("similarity", "Similarity", "", true) : null, properties, make("th", { scope: "col" }, "From")));
}

export function row(item, columns, facts, similar = false) {
  return make("tr", { "data-key": item.key },
    make("td", {}, drawing(item.psmiles)),
    make("td", { class: "smiles" }, make("a", { href: address({ study: item.key }), title: item.psmiles }, item.psmiles)),
    make("td", {}, item.polymer_class ?? ""),
    similar ? make("td", { class: "number" }, item.similarity?.toFixed(2) ?? "–") : null,
    columns.map((name) => valueCell(item.values?.[name], facts.flag_meanings)),
    make("td", { class: "quiet" }, item.source || item.preset || ""));
}

function pages(found, offset) {
  const last = Math.max(0, Math.floor((found.total - 1) / PAGE) * PAGE);
  const button = (text, to, off) => make("button", { type: "button", disabled: off, onclick: () => go({ offset: to ? String(to) : "" }) }, text);
  fill(byId("pages"), found.total > PAGE ? [
    button("First", 0, offset === 0), button("Previous", Math.max(0, offset - PAGE), offset === 0),
    make("span", { class: "quiet" }, `${(offset + 1).toLocaleString("en")} to ${Math.min(offset + PAGE, found.total).toLocaleString("en")}`),
    button("Next", offset + PAGE, offset >= last), button("Last", last, offset >= last)] : []);
}
