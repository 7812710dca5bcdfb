// The form of filters, and the chips that say which of them are in use.
import { tell } from "./api.js";
import { byId, fill, make, options, refill } from "./dom.js";
import { EVERYTHING, MOST_COLUMNS, go } from "./state.js";
import { capital, count, plain, unitText, words } from "./text.js";

const FIELDS = ["class", "property", "minimum", "maximum", "where", "similarity", "source", "preset", "status", "without_flag"];
const BOXES = ["equilibrated", "unflagged"];
const STATUSES = ["done", "running", "queued", "failed", "cancelled"];
const ANY = ["", "any"];

export function setUpFilters(facts) {
  const form = byId("filter"), field = form.elements;
  options(field.class, [ANY, ...facts.classes.map((one) => [one.name, `${one.name} (${one.n_polymers.toLocaleString("en")})`])]);
  options(field.property, [ANY, ...facts.properties.map((one) => [one.name, one.title])]);
  options(field.source, [ANY, ...facts.sources.map((one) => [one, one])]);
  options(field.preset, [ANY, ...facts.presets.map((one) => [one, one])]);
  options(field.status, [ANY, ...STATUSES.map((one) => [one, one])]);
  options(field.without_flag, [["", "with any flags"], ...facts.flags.map((one) => [one, `without “${words(one)}”`])]);
  form.addEventListener("change", apply);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    apply();
  });
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    go(EVERYTHING);
  });
  if (matchMedia("(max-width: 60rem)").matches) byId("filters").open = false;
}

function apply() {
  const field = byId("filter").elements;
  const changes = { offset: "" };
  for (const name of FIELDS) {
    changes[name] = field[name].value.trim();
    field[name].defaultValue = field[name].value;
  }
  for (const name of BOXES) changes[name] = field[name].checked ? "true" : "";
  if (!changes.property) changes.minimum = changes.maximum = "";
  go(changes);
}

/** Whether a field has the focus and text that was not applied yet; the answer to an earlier field must not wipe it. */
const isBeingTyped = (field) => field === document.activeElement && field.value !== field.defaultValue;

/** Give a field a value; a list that lacks it, such as the code of a class, gets it. */
function put(field, value) {
  if (field.options && ![...field.options].some((one) => one.value === value)) field.append(make("option", { value }, value));
  field.value = field.defaultValue = value;
}

/** Make the form say what the address says. */
export function showFilters(state, facts) {
  const field = byId("filter").elements;
  for (const name of FIELDS) if (!isBeingTyped(field[name])) put(field[name], state[name]);
  for (const name of BOXES) field[name].checked = state[name] === "true";
  byId("similarity").hidden = !state.similar_to;
  const property = facts.byName[state.property];
  byId("range").hidden = byId("known-range").hidden = !property;
  if (property) {
    field.minimum.placeholder = plain(property.minimum);
    field.maximum.placeholder = plain(property.maximum);
    byId("known-range").textContent = `${unitText(property.unit) ? `in ${unitText(property.unit)}; ` : ""}${count(property.n_values, "value")}, ${plain(property.minimum)} to ${plain(property.maximum)}`;
  }
  const used = inUse(state, facts);
  refill(byId("chips"), used.map(([text, names]) => make("li", {},
    make("button", { type: "button", "data-keep": "", "aria-label": `leave out the filter ${text}`, onclick: () => go({ ...Object.fromEntries(names.map((name) => [name, ""])), offset: "" }) },
      make("span", {}, text), make("span", { "aria-hidden": "true" }, "×")))));
  byId("filters").classList.toggle("used", used.length > 0);
}

/** [[text, names of the settings behind it], ...] of the filters that are set. */
function inUse(state, facts) {
  const known = (psmiles) => facts.byUnit[psmiles] ?? psmiles;
  const used = [];
  const say = (text, ...names) => used.push([text, names]);
  if (state.polymer) say(known(state.polymer), "polymer");
  if (state.smarts) say(`contains ${state.smarts}`, "smarts");
  if (state.similar_to) say(`similar to ${known(state.similar_to)}, at least ${state.similarity || "0.6"}`, "similar_to", "similarity", "sort");
  if (state.class) say(state.class, "class");
  if (state.property) say(`${facts.byName[state.property]?.title ?? state.property}${rangeText(state, facts)}`, "property", "minimum", "maximum");
  if (state.where) say(state.where, "where");
  if (state.equilibrated) say("in equilibrium", "equilibrated");
  if (state.unflagged) say("without any flag", "unflagged");
  if (state.without_flag) say(`not ${words(state.without_flag)}`, "without_flag");
  if (state.source) say(state.source === "computed" ? "computed here" : `from ${state.source}`, "source");
  for (const name of ["preset", "status", "campaign"]) if (state[name]) say(`${name} ${state[name]}`, name);
  if (state.temperature_k) say(`at ${state.temperature_k} K`, "temperature_k");
  return used;
}

function rangeText(state, facts) {
  const unit = unitText(facts.byName[state.property]?.unit);
  const range = state.minimum && state.maximum ? `${state.minimum} to ${state.maximum}` : state.minimum ? `from ${state.minimum}` : state.maximum ? `up to ${state.maximum}` : "";
  return range ? ` ${range} ${unit}`.trimEnd() : " known";
}

export function showChooser(state, facts, chosen) {
  const find = byId("find-column");
  const boxes = facts.properties.map((one) => {
    const box = make("input", { type: "checkbox", value: one.name, onchange: choose });
    box.checked = chosen.includes(one.name);
    return make("label", { class: "check" }, box, make("span", {}, one.title), make("span", { class: "quiet" }, unitText(one.unit)));
  });
  // those in use first, in their order
  boxes.sort((a, b) => place(a) - place(b));
  function place(label) {
    const index = chosen.indexOf(label.firstChild.value);
    return index < 0 ? chosen.length : index;
  }
  function choose(event) {
    const checked = boxes.map((label) => label.firstChild).filter((box) => box.checked).map((box) => box.value);
    if (checked.length <= MOST_COLUMNS) return go({ columns: checked.join(",") });
    event.target.checked = false;
    return tell(new Error(`No more than ${MOST_COLUMNS} columns are shown; leave one out first.`));
  }
  if (!byId("chooser").open || !byId("columns").childElementCount) fill(byId("columns"), boxes);
  else for (const box of byId("columns").querySelectorAll("input")) box.checked = chosen.includes(box.value);
  find.oninput = () => {
    const wanted = find.value.trim().toLowerCase();
    for (const label of byId("columns").children) label.hidden = !label.textContent.toLowerCase().includes(wanted);
  };
  byId("usual").onclick = () => go({ columns: "" });
}

export const titleOf = (facts, name) => facts.byName[name]?.title ?? words(name);
export const headOf = (facts, name) => capital(titleOf(facts, name));
