// Elements from data: text goes in as text, never as markup.
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

export const byId = (id) => document.getElementById(id);

export function fill(element, ...children) {
  element.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined));
}

export function options(select, entries, chosen = "") {
  fill(select, entries.map(([value, text]) => make("option", { value, selected: value === chosen }, text)));
}

const superscripts = { 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
export const unitText = (unit) =>
  unit === "1" ? "" : unit.replace(/([A-Za-z])([23])\b/g, (_, letter, digit) => letter + superscripts[digit]);

// As many digits as the error supports: two of the error.
export function withError(value, stderr) {
  if (stderr === null || stderr === undefined || !(stderr > 0)) return [plain(value), null];
  const places = 1 - Math.floor(Math.log10(stderr));
  if (Math.abs(value) >= 1e6 || Math.abs(value) < 1e-3) {
    const power = Math.floor(Math.log10(Math.max(Math.abs(value), stderr)));
    const digits = Math.min(6, Math.max(0, places + power));
    return [`${(value / 10 ** power).toFixed(digits)}e${power}`, `${(stderr / 10 ** power).toFixed(digits)}e${power}`];
  }
  const digits = Math.min(8, Math.max(0, places));
  return [value.toFixed(digits), stderr.toFixed(digits)];
}

export const plain = (value) => (value === 0 ? "0" : Number(value.toPrecision(5)).toString());

export function valueCell(value, meanings = {}) {
  if (!value) return make("td", { class: "number quiet" }, "–");
  const [number, error] = withError(value.value, value.stderr);
  return make(
    "td",
    { class: "number" },
    number,
    error ? make("span", { class: "error" }, ` ± ${error}`) : null,
    value.flags.length ? make("div", {}, flagList(value.flags, meanings)) : null,
  );
}

export const flagList = (flags, meanings) =>
  flags.map((flag) => make("span", { class: "flag", title: meanings[flag] ?? flag }, flag.replaceAll("_", " ")));

export const drawing = (psmiles) => {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const query = new URLSearchParams({ psmiles, dark, width: 240, height: 160 });
  return make("img", { src: `/api/v1/structures.svg?${query}`, alt: "", loading: "lazy", width: 120, height: 80 });
};
