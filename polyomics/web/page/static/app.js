// The page: filters and search change the address, the address says what is shown.
import { ask, clean, tell } from "./api.js";
import { byId, fill, make, options } from "./dom.js";
import { showPlot } from "./plot.js";
import { filters, go, read } from "./state.js";
import { showStudy } from "./study.js";
import { showTable } from "./table.js";

const USUAL = ["density", "glass_transition_temperature", "thermal_conductivity", "refractive_index"];
let facts = null;

async function start() {
  facts = await ask("facts");
  facts.byName = Object.fromEntries(facts.properties.map((one) => [one.name, one]));
  facts.usual = USUAL.filter((name) => name in facts.byName);
  if (!facts.usual.length) facts.usual = facts.properties.slice(0, 3).map((one) => one.name);
  const n = (number) => number.toLocaleString("en");
  byId("facts").textContent = `${n(facts.n_polymers)} polymers, ${n(facts.n_studies)} studies, ${n(facts.n_values)} values`;
  fill(byId("names"), facts.names.map((one) => make("option", { value: one.name }, one.abbreviation)));
  const any = [["", "any"]], form = byId("filter").elements;
  options(form.class, [...any, ...facts.classes.map((one) => [one.name, `${one.name} (${n(one.n_polymers)})`])]);
  options(form.property, [...any, ...facts.properties.map((one) => [one.name, one.title])]);
  options(form.source, [...any, ...facts.sources.map((one) => [one, one])]);
  options(form.preset, [...any, ...facts.presets.map((one) => [one, one])]);
  if (matchMedia("(max-width: 60rem)").matches) byId("filters").open = false;
  byId("filter").addEventListener("submit", applyFilters);
  byId("filter").addEventListener("reset", (event) => { event.preventDefault(); location.hash = "#/"; });
  byId("search").addEventListener("submit", search);
  for (const tab of ["table", "plot"]) byId(`tab-${tab}`).addEventListener("click", () => go({ view: tab === "plot" ? "plot" : "" }));
  document.querySelector('[role="tablist"]').addEventListener("keydown", arrows);
  window.addEventListener("hashchange", show);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  await show();
}

function arrows(event) {
  if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
  const other = byId(event.target.id === "tab-table" ? "tab-plot" : "tab-table");
  other.focus();
  other.click();
}

function applyFilters(event) {
  event.preventDefault();
  const form = byId("filter").elements;
  const changes = { offset: "" };
  for (const name of ["class", "property", "minimum", "maximum", "similarity", "source", "preset"]) changes[name] = form[name].value;
  for (const name of ["equilibrated", "unflagged"]) changes[name] = form[name].checked ? "true" : "";
  if (!changes.property) changes.minimum = changes.maximum = "";
  go(changes);
}

function search(event) {
  event.preventDefault();
  const text = byId("text").value.trim(), kind = byId("kind").value;
  const changes = { polymer: "", smarts: "", similar_to: "", offset: "", sort: "" };
  if (!text) return go(changes);
  const named = commonPolymer(text.toLowerCase());
  if (kind === "polymer" && /^[0-9a-f]{8,40}$/.test(text)) return go({ study: text });
  if (kind === "similar_to") Object.assign(changes, { similar_to: named?.psmiles ?? text, sort: "-similarity" });
  else if (kind === "smarts") changes.smarts = text;
  else if (named || text.includes("*")) changes.polymer = named?.psmiles ?? text;
  else return tell(new Error(`no common polymer is called “${text}”; write its repeat unit, such as *CC(*)c1ccccc1, or choose “contains” for a pattern`));
  return go(changes);
}

function commonPolymer(text) {
  const called = (one) => [one.name, one.name.replace(/ \(.*\)$/, ""), one.abbreviation].map((name) => name?.toLowerCase());
  return facts.names.find((one) => called(one).includes(text)) ?? facts.names.find((one) => text.length > 3 && one.name.toLowerCase().startsWith(text));
}

function mirror(state) {
  const form = byId("filter").elements;
  for (const name of ["class", "property", "minimum", "maximum", "similarity", "source", "preset"]) form[name].value = state[name];
  for (const name of ["equilibrated", "unflagged"]) form[name].checked = state[name] === "true";
  const kind = ["polymer", "smarts", "similar_to"].find((name) => state[name]);
  if (kind) {
    byId("kind").value = kind;
    byId("text").value = state[kind];
  } else byId("text").value = "";
  for (const tab of ["table", "plot"]) {
    const chosen = (state.view === "plot") === (tab === "plot");
    byId(`tab-${tab}`).setAttribute("aria-selected", String(chosen));
    byId(`tab-${tab}`).tabIndex = chosen ? 0 : -1;
    byId(`${tab}-view`).hidden = !chosen;
  }
}

function chooser(state) {
  const chosen = new Set(state.columns ? state.columns.split(",") : facts.usual);
  fill(byId("columns"), facts.properties.map((one) => make("label", {},
    make("input", { type: "checkbox", value: one.name, checked: chosen.has(one.name), onchange: () => {
      const names = [...byId("columns").querySelectorAll("input:checked")].map((box) => box.value);
      go({ columns: names.slice(0, 20).join(",") });
    } }), one.title)));
}

function downloads(state) {
  const link = (format, layout) => {
    const query = new URLSearchParams(clean({ ...filters(state), format, layout }));
    return make("li", {}, make("a", { href: `/api/v1/download?${query}`, download: "" }, `${format.toUpperCase()}, a row a ${layout === "long" ? "value" : "study"}`));
  };
  fill(byId("downloads"), ["csv", "parquet", "json"].flatMap((format) => [link(format, "long"), link(format, "wide")]));
}

async function show() {
  const state = read();
  tell(null);
  try {
    byId("list").hidden = Boolean(state.study);
    byId("study").hidden = !state.study;
    document.querySelector("aside").hidden = Boolean(state.study);
    document.querySelector(".columns").classList.toggle("single", Boolean(state.study));
    if (state.study) {
      fill(byId("study"), make("p", { class: "quiet" }, "…"));
      await showStudy(state.study);
      return;
    }
    mirror(state);
    chooser(state);
    downloads(state);
    await (state.view === "plot" ? showPlot(state, facts) : showTable(state, facts));
  } catch (error) {
    tell(error);
  }
}

start().catch(tell);
