// What several views show: a structure, a value with its error, flags with their meaning.
import { isDark, make } from "./dom.js";
import { hideTip, showTip, withTip } from "./tip.js";
import { unitText, withError, words } from "./text.js";

const TOLD_BY_SOURCE = "imported";

/** The structure of a repeat unit; nothing where it cannot be drawn. */
export function drawing(psmiles, width = 240, height = 150, alt = "") {
  const query = new URLSearchParams({ psmiles, dark: isDark(), width, height });
  return make("img", { src: `/api/v1/structures.svg?${query}`, alt, loading: "lazy", class: "structure", onerror: (event) => event.target.classList.add("missing") });
}

/** The same, larger while the mouse is over it. */
export function smallDrawing(psmiles) {
  const image = drawing(psmiles);
  image.addEventListener("mouseenter", () => image.classList.contains("missing") || showTip(image.getBoundingClientRect(), drawing(psmiles, 400, 230), make("p", { class: "unit-text" }, psmiles)));
  image.addEventListener("mouseleave", hideTip);
  return image;
}

export function amount(value, stderr) {
  const [number, error, power] = withError(value, stderr);
  const [open, close] = power ? ["(", ")"] : ["", ""];
  return [make("span", { class: "value" }, open + number), error ? make("span", { class: "error" }, ` ± ${error}${close}`) : null, power ? make("span", { class: "error" }, ` ${power}`) : null];
}

export function valueCell(value, label, meanings = {}) {
  if (!value) return make("td", { class: "number none", "data-label": label }, "–");
  const unit = unitText(value.unit);
  return make("td", { class: "number", "data-label": label },
    amount(value.value, value.stderr), unit ? make("span", { class: "narrow-unit" }, ` ${unit}`) : null, mark(value.flags, meanings));
}

/** A mark that says how many flags a value has, and on demand which. */
export function mark(flags, meanings) {
  const telling = flags.filter((flag) => flag !== TOLD_BY_SOURCE);
  if (!telling.length) return make("span", { class: "mark" });
  const names = flags.map(words).join(", ");
  const button = make("button", { type: "button", class: "mark", "aria-label": `flags: ${names}` }, String(telling.length));
  return withTip(button, () => meaningList(flags, meanings));
}

export const meaningList = (flags, meanings) =>
  make("dl", { class: "meanings" }, flags.map((flag) => [make("dt", {}, words(flag)), make("dd", {}, meanings[flag] ?? "")]));

export const flagList = (flags, meanings) => flags.map((flag) => {
  const chip = make("button", { type: "button", class: "flag" }, words(flag));
  return meanings[flag] ? withTip(chip, () => meaningList([flag], meanings)) : chip;
});

export const verdict = (text) => make("span", { class: `badge ${text}` }, text);

/** A table from heads [[text, "number"?], ...] and rows. */
export function grid(heads, rows, kind = "") {
  const head = heads.map(([text, format = ""]) => make("th", { scope: "col", class: format }, text));
  return make("div", { class: "scroll" }, make("table", { class: kind }, make("thead", {}, make("tr", {}, head)), make("tbody", {}, rows)));
}
