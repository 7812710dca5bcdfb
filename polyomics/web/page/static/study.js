// One study: what it is, its values beside experiment, what failed, what made it, its page and its cell.
import { ask } from "./api.js";
import { byId, drawing, fill, flagList, make, plain, unitText, withError } from "./dom.js";
import { address } from "./state.js";

const title = (name) => name.replaceAll("_", " ");

export async function showStudy(key) {
  const study = await ask(`studies/${encodeURIComponent(key)}`, {}, "study");
  const polymer = await ask(`polymers/${encodeURIComponent(study.polymer_key)}`, {}, "polymer");
  const picture = drawing(study.psmiles);
  picture.alt = `structure of ${study.psmiles}`;
  fill(byId("study"),
    make("p", {}, make("a", { href: address({ study: null }) }, "← back to the results")),
    make("div", { class: "top" }, picture, make("div", {}, make("h1", {}, study.psmiles), about(study))),
    values(study), replicates(polymer), experiment(polymer, study), failures(study), criteria(study),
    study.has_cell ? cell(study) : null, page(study), files(study), provenance(study));
  byId("main").focus();
  window.scrollTo(0, 0);
}

function about(study) {
  const facts = [["Formula", `${study.formula}, ${study.molar_mass_g_mol.toFixed(2)} g/mol`], ["Class", study.classes.join(", ") || "unclassified"],
    ["From", study.source || `computed here, preset ${study.preset}`], ["State", `${plain(study.temperature_k)} K, ${plain(study.pressure_bar)} bar`],
    ["Status", study.status], ["Study", study.key], ["Campaigns", study.campaigns.join(", ")]];
  const list = facts.filter(([, text]) => text).flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, text)]);
  if (study.prefect_url) list.push(make("dt", {}, "Run"), make("dd", {}, make("a", { href: study.prefect_url, rel: "noreferrer" }, "in the Prefect dashboard")));
  return make("dl", {}, list);
}

const section = (heading, ...content) => [make("h2", {}, heading), ...content];

function grid(heads, rows) {
  return make("div", { class: "scroll" }, make("table", {},
    make("thead", {}, make("tr", {}, heads.map((text) => make("th", { scope: "col", class: /value|experiment|deviation/i.test(text) ? "number" : "" }, text)))),
    make("tbody", {}, rows)));
}

const number = (value, stderr) => {
  const [text, error] = withError(value, stderr);
  return make("td", { class: "number" }, text, error ? make("span", { class: "error" }, ` ± ${error}`) : null);
};

function values(study) {
  if (!study.measurements.length) return section("Values", make("p", { class: "quiet" }, "None yet."));
  return section("Values", grid(["Property", "Value", "Unit", "Experiment", "Deviation", "At", "Flags"], study.measurements.map((one) => {
    const known = one.experiment;
    return make("tr", {}, make("td", {}, title(one.name)), number(one.value, one.stderr), make("td", {}, unitText(one.unit)),
      make("td", { class: "number", title: known?.source }, known ? plain(known.value) : ""),
      make("td", { class: "number" }, known?.deviation_percent != null ? `${known.deviation_percent >= 0 ? "+" : "−"}${Math.abs(known.deviation_percent).toFixed(1)} %` : ""),
      make("td", { class: "quiet" }, one.temperature_k ? `${plain(one.temperature_k)} K` : ""), make("td", {}, flagList(one.flags, study.flag_meanings)));
  })));
}

function replicates(polymer) {
  const several = polymer.combined.filter((one) => one.n_replicates > 1);
  return several.length ? section("Replicates together", grid(["Property", "Value", "Unit", "Replicates"], several.map((one) =>
    make("tr", {}, make("td", {}, title(one.property)), number(one.value, one.stderr), make("td", {}, unitText(one.unit)), make("td", {}, String(one.n_replicates)))))) : null;
}

function experiment(polymer, study) {
  const others = polymer.studies.filter((one) => one.key !== study.key);
  return [
    polymer.experiment.length ? section("Experiment", grid(["Property", "Experiment", "Unit", "Confidence", "Source"], polymer.experiment.map((one) =>
      make("tr", {}, make("td", {}, title(one.property)), make("td", { class: "number" }, plain(one.value)), make("td", {}, unitText(one.unit)), make("td", {}, one.confidence), make("td", { class: "quiet" }, one.source))))) : null,
    others.length ? section("Other studies of this polymer", make("ul", {}, others.slice(0, 50).map((one) =>
      make("li", {}, make("a", { href: address({ study: one.key }) }, `${one.source || one.preset}, ${plain(one.temperature_k)} K, ${one.status}`))))) : null,
  ].flat();
}

const failures = (study) => study.failures.length ? section("What gave no value", grid(["Step", "Kind", "Why"], study.failures.map((one) =>
  make("tr", {}, make("td", {}, title(one.stage)), make("td", {}, one.kind), make("td", {}, one.message))))) : null;

const criteria = (study) => study.criteria.length ? section("Is the cell in equilibrium?", grid(["Test", "Verdict", "What was found"], study.criteria.map((one) =>
  make("tr", {}, make("td", {}, title(one.name)), make("td", {}, one.verdict), make("td", {}, one.message))))) : null;

function page(study) {
  if (!study.has_report) return null;
  const source = `/api/v1/studies/${encodeURIComponent(study.key)}/report`;
  return section("Its page", make("p", {}, make("a", { href: source, target: "_blank", rel: "noopener" }, "in a tab of its own")),
    make("iframe", { src: source, sandbox: "allow-scripts allow-popups allow-downloads", title: "page of the study", loading: "lazy" }));
}

const files = (study) => study.files.length ? section("Files", make("ul", {}, study.files.map((one) =>
  make("li", {}, make("a", { href: one.url, download: "" }, one.path.split("/").slice(2).join("/") || one.path), ` ${(one.size_bytes / 1e6).toFixed(2)} MB`)))) : null;

const provenance = (study) => Object.keys(study.provenance).length ? section("What made it", make("details", {}, make("summary", {}, "versions and checksums"),
  make("dl", {}, Object.entries(study.provenance).flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, String(value))])))) : null;

function cell(study) {
  const holder = make("div", { id: "cell", role: "img", "aria-label": "the simulated cell in three dimensions" });
  const button = make("button", { type: "button", onclick: async () => {
    button.disabled = true;
    try {
      const { showCell } = await import("./cell.js");
      holder.hidden = false;
      await showCell(holder, study.key);
      button.remove();
    } catch (error) {
      button.disabled = false;
      button.textContent = error.message;
    }
  } }, "Show the cell in 3D");
  holder.hidden = true;
  return section("Cell", button, holder);
}
