// One polymer: every set of conditions beside every other and beside experiment.
import { ask } from "./api.js";
import { byId, fill, make } from "./dom.js";
import { amount, drawing, grid, mark } from "./pieces.js";
import { EVERYTHING, address } from "./state.js";
import { backLink, deviation, title } from "./study.js";
import { count, day, formulaText, plain, unitText, words } from "./text.js";

const MOST_GROUPS = 8;

export async function showPolymer(key, facts) {
  const found = await ask(`polymers/${encodeURIComponent(key)}`, {}, "page");
  const { polymer } = found;
  const name = facts.byUnit[polymer.psmiles];
  document.title = `${name ?? polymer.psmiles} – polyomics`;
  fill(byId("page"), backLink(), head(found, name), comparison(found, facts), experiment(found), studies(found));
  byId("main").focus({ preventScroll: true });
  byId("main").scrollTo(0, 0);
  window.scrollTo(0, 0);
}

function head({ polymer, n_studies: n }, name) {
  const facts = [["Class", (polymer.classes.length ? polymer.classes : ["unclassified"]).join(", ")], ["Repeat unit", `${formulaText(polymer.formula)}, ${polymer.molar_mass_g_mol.toFixed(2)} g/mol`], ["Studies", n.toLocaleString("en")], ["Key", polymer.key]];
  return make("div", { class: "top" }, drawing(polymer.psmiles, 360, 220, `structure of ${polymer.psmiles}`),
    make("div", {}, title(polymer.psmiles, name),
      make("p", { class: "badges" }, make("a", { href: address({ ...EVERYTHING, view: "", polymer: polymer.psmiles }) }, "Its studies in the table"),
        make("a", { href: address({ ...EVERYTHING, view: "", similar_to: polymer.psmiles, sort: "-similarity" }) }, "Similar polymers")),
      make("dl", { class: "facts" }, facts.map(([term, text]) => make("div", {}, make("dt", {}, term), make("dd", { class: term === "Key" ? "unit-text" : "" }, text))))));
}

/** {label, values by property} of each set of conditions, those with most values first. */
function groups(found) {
  const byLabel = new Map();
  for (const one of found.combined) {
    const state = [one.temperature_k && `${plain(one.temperature_k)} K`, one.pressure_bar > 2 && `${plain(one.pressure_bar)} bar`];
    const label = [...(one.source ? [one.source] : ["computed", one.preset]), ...state].filter(Boolean).join(", ");
    let [name, number] = [label, 1];
    while (one.property in (byLabel.get(name)?.values ?? {})) name = `${label} (${++number})`; // another request
    if (!byLabel.has(name)) byLabel.set(name, { label: name, values: {} });
    byLabel.get(name).values[one.property] = one;
  }
  return [...byLabel.values()].sort((a, b) => Object.keys(b.values).length - Object.keys(a.values).length);
}

function comparison(found, facts) {
  const all = groups(found), shown = all.slice(0, MOST_GROUPS);
  if (!shown.length) return make("p", { class: "quiet" }, "No values yet.");
  const measured = Object.fromEntries(found.combined.filter((one) => one.experiment).map((one) => [one.property, one.experiment]));
  const properties = [...new Set(shown.flatMap((group) => Object.keys(group.values)))].sort((a, b) => Number(b in measured) - Number(a in measured) || a.localeCompare(b));
  const heads = [["Property"], ["Unit"], ["Experiment", "number"], ...shown.map((group) => [group.label, "number"])];
  const rows = properties.map((name) => {
    const unit = shown.map((group) => group.values[name]?.unit).find(Boolean);
    const known = measured[name];
    return make("tr", {}, make("th", { scope: "row" }, words(name)), make("td", { class: "unit-cell" }, unitText(unit)),
      make("td", { class: "number", title: known?.source }, known ? plain(known.value) : ""), shown.map((group) => compared(group.values[name], facts)));
  });
  return make("section", {}, make("h2", {}, "Values side by side"),
    make("p", { class: "quiet" }, "Replicates of one request are put together; their spread is in the error.", all.length > MOST_GROUPS ? ` ${MOST_GROUPS} of ${all.length} sets of conditions are shown.` : ""),
    grid(heads, rows, "values"));
}

function compared(one, facts) {
  if (!one) return make("td", { class: "number none" }, "–");
  const percent = one.experiment?.deviation_percent ?? null;
  return make("td", { class: "number compared" }, amount(one.value, one.stderr), mark(one.flags, facts.flag_meanings),
    one.n_replicates > 1 ? make("span", { class: "quiet" }, ` ${one.n_replicates} replicates`) : null,
    percent === null ? null : make("div", { class: "deviation" }, deviation(percent)));
}

const experiment = (found) => found.experiment.length ? make("section", {}, make("h2", {}, "Experiment"), grid([["Property"], ["Value", "number"], ["Unit"], ["State"], ["Confidence"], ["Source"]], found.experiment.map((one) =>
  make("tr", {}, make("th", { scope: "row" }, words(one.property)), make("td", { class: "number" }, plain(one.value)), make("td", { class: "unit-cell" }, unitText(one.unit)), make("td", {}, one.state), make("td", {}, one.confidence), make("td", { class: "sentence quiet" }, one.source)))) ) : null;

const studies = (found) => make("section", {}, make("h2", {}, count(found.n_studies, "study", "studies")), grid([["Study"], ["From"], ["State"], ["Replicate", "number"], ["Status"], ["Asked for"]], found.studies.map((one) =>
  make("tr", {}, make("td", {}, make("a", { class: "unit-text", href: address({ study: one.key }) }, one.key.slice(0, 12))), make("td", {}, one.source || `computed, ${one.preset}`),
    make("td", {}, `${plain(one.temperature_k)} K, ${plain(one.pressure_bar, 6)} bar`), make("td", { class: "number" }, String(one.replicate)), make("td", {}, make("span", { class: `badge ${one.status}` }, one.status)), make("td", { class: "quiet" }, day(one.created))))));
