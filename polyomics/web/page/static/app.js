// The page: filters and search change the address, the address says what is shown.
import { ask, queryOf, stopAsking, tell } from "./api.js";
import { byId, fill, make } from "./dom.js";
import { setUpFilters, showChooser, showFilters } from "./filters.js";
import { setUpSearch, showSearch } from "./search.js";
import { address, filters, go, read, shownColumns } from "./state.js";
import { forgetTable, showTable } from "./table.js";
import { count } from "./text.js";

const USUAL = ["density", "glass_transition_temperature", "thermal_conductivity", "specific_heat_capacity_cp", "refractive_index"];
const FEWEST = 3;
let facts = null;
let views = 0;

async function start() {
  facts = await ask("facts");
  facts.properties.sort((a, b) => a.title.localeCompare(b.title, "en", { sensitivity: "base" }));
  facts.byName = Object.fromEntries(facts.properties.map((one) => [one.name, one]));
  facts.byUnit = Object.fromEntries(facts.names.map((one) => [one.psmiles, one.name]));
  facts.usual = [...new Set([...USUAL.filter((name) => name in facts.byName), ...facts.properties.map((one) => one.name)])];
  facts.usual = facts.usual.slice(0, Math.max(FEWEST, USUAL.filter((name) => name in facts.byName).length));
  byId("facts").textContent = `${count(facts.n_polymers, "polymer")} · ${count(facts.n_studies, "study", "studies")} · ${count(facts.n_values, "value")}`;
  setUpFilters(facts);
  setUpSearch(facts);
  setUpTabs();
  setUpMenus();
  byId("message").lastElementChild.addEventListener("click", () => tell(null));
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault(); // the address is what is shown
    byId("main").focus();
  });
  addEventListener("hashchange", show);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    forgetTable();
    show();
  });
  await show();
}

function setUpTabs() {
  const tabs = { "tab-table": "", "tab-plot": "plot" };
  for (const [id, view] of Object.entries(tabs)) byId(id).addEventListener("click", () => go({ view }));
  document.querySelector('[role="tablist"]').addEventListener("keydown", (event) => {
    if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    const other = byId(event.target.id === "tab-table" ? "tab-plot" : "tab-table");
    other.focus();
    other.click();
  });
}

/** A menu closes when one clicks beside it or presses Escape. */
function setUpMenus() {
  const menus = [...document.querySelectorAll("details.menu")];
  document.addEventListener("click", (event) => {
    for (const menu of menus) if (menu.open && !menu.contains(event.target) && event.target.isConnected) menu.open = false;
  });
  for (const menu of menus) {
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      menu.open = false;
      menu.firstElementChild.focus();
    });
  }
}

function showTabs(state) {
  for (const tab of ["table", "plot"]) {
    const isChosen = (state.view === "plot") === (tab === "plot");
    byId(`tab-${tab}`).setAttribute("aria-selected", String(isChosen));
    byId(`tab-${tab}`).tabIndex = isChosen ? 0 : -1;
    byId(`${tab}-view`).hidden = !isChosen;
  }
  byId("list").classList.toggle("plotting", state.view === "plot");
}

function showDownloads(state, columns) {
  const group = (heading, layout, some) => [make("h3", {}, heading), make("p", {}, ["csv", "parquet", "json"].map((format) => {
    const query = queryOf({ ...filters(state), format, layout, columns: some });
    const name = `${format === "parquet" ? "Parquet" : format.toUpperCase()}`;
    return make("a", { href: `/api/v1/download?${query}`, download: "", "aria-label": `${name}: ${heading}` }, name);
  }))];
  fill(byId("downloads"), make("p", { class: "quiet" }, "All that the filters leave, not only this page."),
    group("As shown, a row a study", "wide", columns.join(",")), group("All properties, a row a study", "wide", ""), group("All values, a row a value", "long", ""));
}

async function show() {
  const state = read();
  const isPage = Boolean(state.study || state.unit);
  const view = ++views;
  const isShown = () => view === views;
  stopAsking();
  tell(null);
  byId("list").hidden = document.querySelector("aside").hidden = isPage;
  byId("page").hidden = !isPage;
  document.querySelector(".columns").classList.toggle("single", isPage);
  try {
    if (!isPage) return await showList(state, isShown);
    const showPage = state.study ? (await import("./study.js")).showStudy : (await import("./polymer.js")).showPolymer;
    if (isShown()) await showPage(state.study || state.unit, facts);
  } catch (error) {
    if (!isShown() || error.name === "AbortError") return;
    if (isPage) fill(byId("page"), make("p", {}, make("a", { href: address({}) }, "← all results")));
    tell(error);
  }
}

async function showList(state, isShown) {
  document.title = "polyomics";
  fill(byId("page"));
  const columns = shownColumns(state, facts);
  showSearch(state);
  showFilters(state, facts);
  showTabs(state);
  showChooser(state, facts, columns);
  if (state.view !== "plot") {
    showDownloads(state, columns);
    return showTable(state, facts);
  }
  forgetTable();
  const { axes, showPlot } = await import("./plot.js");
  if (!isShown()) return undefined;
  showDownloads(state, axes(state, facts).filter(Boolean));
  return showPlot(state, facts, isShown);
}

start().catch(tell);
