// One study: what it is, its values beside experiment, what failed, what made it, its page and its cell.
import { ask } from "./api.js";
import { byId, fill, make } from "./dom.js";
import { amount, drawing, flagList, grid, meaningList, verdict } from "./pieces.js";
import { address } from "./state.js";
import { capital, count, day, duration, fileSize, formulaText, percent, plain, unitText, valueText, words } from "./text.js";

const FULL_BAR_PERCENT = 50;

export async function showStudy(key, facts) {
  const study = await ask(`studies/${encodeURIComponent(key)}`, {}, "page");
  const name = facts.byUnit[study.psmiles];
  document.title = `${name ?? study.psmiles} – polyomics`;
  const sections = [values(study), criteria(study), failures(study), cell(study), report(study), steps(study), files(study), provenance(study)].filter(Boolean);
  fill(byId("page"), backLink(), head(study, name), highlights(study, facts), contents(sections), sections);
  byId("main").focus({ preventScroll: true });
  byId("main").scrollTo(0, 0);
  window.scrollTo(0, 0);
}

export const backLink = () => make("nav", { class: "back" }, make("a", { href: address({}) }, "← Results"));

export function title(psmiles, name) {
  return [make("h1", { class: name ? "" : "unit-text" }, name ? capital(name) : psmiles), name ? make("p", { class: "unit-text" }, psmiles) : null];
}

function head(study, name) {
  const overall = study.criteria.find((one) => one.name === "equilibrium");
  const facts = [
    ["Class", (study.classes.length ? study.classes : ["unclassified"]).join(", ")], ["Repeat unit", `${formulaText(study.formula)}, ${study.molar_mass_g_mol.toFixed(2)} g/mol`],
    ["From", study.source || `computed here, preset ${study.preset}`], ["State", `${plain(study.temperature_k)} K, ${plain(study.pressure_bar, 6)} bar`],
    ["Cell", cellText(study)], ["Replicate", study.source ? "" : `${study.replicate}, seed ${study.seed}`], ["Ended", day(study.ended) && `${day(study.ended)} UTC${study.started && !study.source ? `, after ${duration(study.started, study.ended)}` : ""}`],
    ["Campaigns", study.campaigns.join(", ")], ["Key", study.key],
  ].filter(([, text]) => text);
  return make("div", { class: "top" }, drawing(study.psmiles, 360, 220, `structure of ${study.psmiles}`),
    make("div", {}, title(study.psmiles, name),
      make("p", { class: "badges" }, verdictBadge(study), overall ? make("span", { class: `badge ${overall.verdict}` }, overall.verdict === "pass" ? "in equilibrium" : overall.verdict === "fail" ? "not in equilibrium" : "equilibrium unknown") : null,
        make("a", { href: address({ unit: study.polymer_key }) }, "All of this polymer, beside experiment"),
        study.prefect_url ? make("a", { href: study.prefect_url, rel: "noreferrer" }, "Run in the Prefect dashboard") : null),
      make("dl", { class: "facts" }, facts.map(([term, text]) => make("div", {}, make("dt", {}, term), make("dd", { class: term === "Key" ? "unit-text" : "" }, text))))));
}

const verdictBadge = (study) => make("span", { class: `badge ${study.status}` }, study.status);

function cellText(study) {
  const chains = study.spec?.cell?.n_chains, units = study.spec?.polymer?.n_units;
  return chains && units ? `${count(chains, "chain")} of ${count(units, "unit")}` : "";
}

/** The usual properties in large figures. */
function highlights(study, facts) {
  const isOwn = (one) => one.temperature_k === study.temperature_k;
  const known = Object.fromEntries(study.measurements.toReversed().sort((a, b) => isOwn(a) - isOwn(b)).map((one) => [one.name, one])); // the last counts
  const shown = facts.usual.filter((name) => known[name]).slice(0, 5).map((name) => known[name]);
  if (!shown.length) return null;
  return make("div", { class: "highlights" }, shown.map((one) => make("div", {},
    make("p", { class: "quiet" }, words(one.name)), make("p", { class: "figure-value" }, valueText(one.value, one.stderr, one.unit)),
    make("p", { class: "quiet" }, one.experiment ? `experiment ${plain(one.experiment.value)}${one.experiment.deviation_percent === null ? "" : ` (${percent(one.experiment.deviation_percent)})`}` : "no experiment at hand"))));
}

function contents(sections) {
  return make("nav", { class: "contents", "aria-label": "On this page" }, sections.map((one) =>
    make("button", { type: "button", onclick: () => one.scrollIntoView({ block: "start" }) }, one.dataset.short)));
}

const section = (short, heading, ...content) => make("section", { "data-short": short }, make("h2", {}, heading), content);

function values(study) {
  const all = study.measurements;
  if (!all.length) return section("Values", "Values", make("p", { class: "quiet" }, study.status === "done" ? "None." : `None yet; the study is ${study.status}.`));
  const common = all[0].flags.filter((flag) => all.every((one) => one.flags.includes(flag)));
  const others = [...new Set(all.flatMap((one) => one.flags))].filter((flag) => !common.includes(flag));
  const beside = all.some((one) => one.experiment);
  const heads = [["Property"], ["Value ± std. error", "number"], ["Unit"], ...(beside ? [["Experiment", "number"], ["Deviation", "deviation"]] : []), ["Samples", "number"], ["Flags"]];
  return section("Values", `${count(all.length, "value")}`,
    common.length ? make("div", { class: "note" }, make("p", {}, "Every value here carries ", flagList(common, study.flag_meanings)), meaningList(common, study.flag_meanings)) : null,
    grid(heads, all.map((one) => valueRow(one, common, study, beside)), "values"),
    others.length ? make("details", { class: "legend" }, make("summary", {}, "What the flags mean"), meaningList(others, study.flag_meanings)) : null);
}

function valueRow(one, common, study, beside) {
  const known = one.experiment;
  return make("tr", {}, make("th", { scope: "row" }, words(one.name), one.temperature_k && one.temperature_k !== study.temperature_k ? make("span", { class: "quiet" }, ` at ${plain(one.temperature_k)} K`) : null),
    make("td", { class: "number" }, amount(one.value, one.stderr)), make("td", { class: "unit-cell" }, unitText(one.unit)),
    beside ? [make("td", { class: "number", title: known?.source }, known ? plain(known.value) : ""), make("td", { class: "deviation" }, known && known.deviation_percent !== null ? deviation(known.deviation_percent) : null)] : null,
    make("td", { class: "number quiet" }, one.n_independent ? String(Math.round(one.n_independent)) : ""),
    make("td", { class: "flags" }, flagList(one.flags.filter((flag) => !common.includes(flag)), study.flag_meanings)));
}

/** A deviation from experiment as a number and a bar from the middle. */
export function deviation(value) {
  const bar = make("span", { class: "bar-fill" });
  const half = Math.min(50, (50 * Math.abs(value)) / FULL_BAR_PERCENT);
  bar.style.width = `${half}%`;
  bar.style.left = value < 0 ? `${50 - half}%` : "50%";
  return [make("span", { class: "value" }, percent(value)), make("span", { class: "bar-track", "aria-hidden": "true" }, bar)];
}

const failures = (study) => study.failures.length ? section("Failures", "What gave no value", grid([["Step"], ["Kind"], ["Why"]], study.failures.map((one) =>
  make("tr", {}, make("th", { scope: "row" }, words(one.stage)), make("td", { class: "quiet" }, one.kind), make("td", { class: "sentence" }, one.message))))) : null;

const criteria = (study) => study.criteria.length ? section("Equilibrium", "Is the cell in equilibrium?", grid([["Test"], ["Verdict"], ["What was found"]], study.criteria.map((one) =>
  make("tr", {}, make("th", { scope: "row" }, words(one.name)), make("td", {}, verdict(one.verdict)), make("td", { class: "sentence" }, one.message))))) : null;

function report(study) {
  if (!study.has_report) return null;
  const source = `/api/v1/studies/${encodeURIComponent(study.key)}/report`;
  const holder = make("div");
  const show = () => fill(holder, make("iframe", { src: source, sandbox: "allow-scripts allow-popups allow-downloads", title: "report of the study" }));
  return section("Report", "Report", make("p", { class: "buttons" }, make("button", { type: "button", onclick: show }, "Show it here"), make("a", { href: source, target: "_blank", rel: "noopener" }, "Open it in a tab of its own")), holder);
}

const steps = (study) => study.stages.length ? section("Steps", "Steps", grid([["Step"], ["Kind"], ["Status"], ["Took", "number"]], study.stages.map((one) =>
  make("tr", {}, make("th", { scope: "row" }, words(one.name)), make("td", { class: "quiet" }, one.kind), make("td", {}, verdict(one.status)), make("td", { class: "number" }, duration(one.started, one.ended)))))) : null;

const files = (study) => study.files.length ? section("Files", `${count(study.files.length, "file")}`, grid([["File"], ["Size", "number"]], study.files.map((one) =>
  make("tr", {}, make("td", {}, make("a", { href: one.url, download: "" }, one.path.split("/").slice(2).join("/") || one.path)), make("td", { class: "number" }, fileSize(one.size_bytes)))))) : null;

const provenance = (study) => Object.keys(study.provenance).length ? section("Provenance", "What made it",
  make("dl", { class: "provenance" }, Object.entries(study.provenance).map(([name, value]) => [make("dt", {}, name), make("dd", {}, String(value))])),
  make("details", { class: "legend" }, make("summary", {}, "The whole request"), make("pre", {}, JSON.stringify(study.spec, null, 2)))) : null;

function cell(study) {
  if (!study.has_cell) return null;
  const holder = make("div", { hidden: true });
  const problem = make("p", { class: "quiet" });
  const button = make("button", { type: "button", onclick: async () => {
    button.disabled = true;
    problem.textContent = "";
    try {
      const { showCell } = await import("./cell.js");
      await showCell(holder, study.key);
      button.remove();
    } catch (error) {
      holder.hidden = true;
      button.disabled = false;
      problem.textContent = error.message;
    }
  } }, "Show the cell in 3D");
  return section("Cell", "Cell", make("p", { class: "buttons" }, button, make("a", { href: `/api/v1/studies/${encodeURIComponent(study.key)}/cell.xyz`, download: "" }, "Download it as XYZ")), problem, holder);
}
