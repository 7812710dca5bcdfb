// The search box: names, classes, keys, SMILES and SMARTS, with what they could mean while one types.
import { ask, tell } from "./api.js";
import { byId, fill, make } from "./dom.js";
import { drawing } from "./pieces.js";
import { go } from "./state.js";

const NOTHING = { polymer: "", smarts: "", similar_to: "", offset: "", sort: "" };
const MOST = 8;
let facts = null;

export function setUpSearch(known) {
  facts = known;
  const box = byId("text");
  byId("search").addEventListener("submit", (event) => {
    event.preventDefault();
    const marked = byId("suggestions").querySelector('[aria-selected="true"]');
    if (marked) return marked.click();
    return search(byId("kind").value, box.value.trim()).catch(tell);
  });
  box.addEventListener("input", suggest);
  box.addEventListener("focus", suggest);
  box.addEventListener("keydown", move);
  byId("search").addEventListener("focusout", (event) => byId("search").contains(event.relatedTarget) || close());
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.closest("input, select, textarea, dialog") || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    box.focus();
  });
  byId("draw").addEventListener("click", async () => {
    try {
      const { draw } = await import("./draw.js");
      await draw(box.value.trim(), search);
    } catch (error) {
      tell(error);
    }
  });
}

/** Make the box say what the address says. */
export function showSearch(state) {
  const kind = ["polymer", "smarts", "similar_to"].find((name) => state[name]);
  byId("kind").value = kind ?? "polymer";
  byId("text").value = kind ? facts.byUnit[state[kind]] ?? state[kind] : "";
}

async function search(kind, text) {
  close();
  tell(null);
  if (!text) return go(NOTHING);
  const named = knownPolymer(text);
  if (kind === "similar_to") return go({ ...NOTHING, similar_to: named?.psmiles ?? text, sort: "-similarity" });
  if (kind === "smarts") return go({ ...NOTHING, smarts: named?.psmiles ?? text });
  if (named || isUnit(text)) return go({ ...NOTHING, polymer: named?.psmiles ?? text });
  const kindOf = facts.classes.find((one) => [one.name, one.code, `${one.name}s`].some((name) => name.toLowerCase() === text.toLowerCase()));
  if (kindOf) return go({ ...NOTHING, class: kindOf.name });
  if (isKey(text) && await openKey(text)) return undefined;
  if (looksLikePattern(text)) return go({ ...NOTHING, smarts: text });
  return go({ ...NOTHING, polymer: text });
}

/** Open the study, or else the polymer, of a key; whether there is one. What cannot be a pattern must be a key. */
async function openKey(key) {
  let problem = null;
  for (const [path, name] of [["studies", "study"], ["polymers", "unit"]]) {
    try {
      await ask(`${path}/${key}`, {}, "key");
      go({ [name]: key });
      return true;
    } catch (error) {
      if (![404, 422].includes(error.status)) throw error;
      problem ??= error;
    }
  }
  if (/[def]/.test(key)) throw problem;
  return false;
}

const isUnit = (text) => (text.match(/\*/g) ?? []).length >= 2;
/** Hexadecimal digits, which c1ccccc1 is written with too. */
const isKey = (text) => /^[0-9a-f]{8,64}$/.test(text);
const looksLikePattern = (text) => /[()=#[\]\d]/.test(text) || /^(?:[BCNOFPSIHcnops*]|Cl|Br)+$/.test(text);

const bare = (name) => name.toLowerCase().replace(/ \(.*\)$/, "");
const knownPolymer = (text) => {
  const wanted = text.toLowerCase();
  return facts.names.find((one) => [one.name.toLowerCase(), bare(one.name), one.abbreviation?.toLowerCase()].includes(wanted));
};

function suggest() {
  const text = byId("text").value.trim();
  const entries = text && document.activeElement === byId("text") ? meanings(text) : [];
  fill(byId("suggestions"), entries.map(([shown, note, act, psmiles], index) =>
    make("li", { role: "option", id: `suggestion-${index}`, "aria-selected": "false", onmousedown: (event) => event.preventDefault(), onclick: () => { close(); act(); } },
      psmiles ? drawing(psmiles, 96, 60) : make("span", { class: "structure" }), make("span", {}, shown), make("span", { class: "quiet" }, note))));
  byId("suggestions").hidden = !entries.length;
  byId("text").setAttribute("aria-expanded", String(entries.length > 0));
  byId("text").removeAttribute("aria-activedescendant");
}

/** [[text, note, what to do, structure to draw], ...]: what a text could mean. */
function meanings(text) {
  const wanted = text.toLowerCase();
  const fits = (name) => name?.toLowerCase().includes(wanted);
  const kind = byId("kind").value;
  const names = facts.names.filter((one) => fits(one.name) || fits(one.abbreviation))
    .map((one) => [one.name, one.abbreviation, () => search(kind, one.name), one.psmiles]);
  const classes = kind !== "polymer" ? [] : facts.classes.filter((one) => fits(one.name) || one.code.toLowerCase() === wanted)
    .map((one) => [one.name, `class, ${one.n_polymers.toLocaleString("en")}`, () => go({ ...NOTHING, class: one.name })]);
  const patterns = looksLikePattern(text) && !knownPolymer(text)
    ? [...(isUnit(text) ? [[text, "this polymer", () => search("polymer", text)], [text, "similar to it", () => search("similar_to", text)]] : []), [text, "contains it", () => search("smarts", text)]] : [];
  return [...patterns, ...names, ...classes].slice(0, MOST);
}

function move(event) {
  const list = [...byId("suggestions").children];
  if (event.key === "Escape") return close();
  if (!["ArrowDown", "ArrowUp"].includes(event.key) || !list.length) return undefined;
  event.preventDefault();
  const at = list.findIndex((one) => one.getAttribute("aria-selected") === "true");
  const next = event.key === "ArrowDown" ? (at + 1) % list.length : (at <= 0 ? list.length : at) - 1;
  list.forEach((one, index) => one.setAttribute("aria-selected", String(index === next)));
  list[next].scrollIntoView({ block: "nearest" });
  return byId("text").setAttribute("aria-activedescendant", list[next].id);
}

function close() {
  byId("suggestions").hidden = true;
  byId("suggestions").replaceChildren();
  byId("text").setAttribute("aria-expanded", "false");
  byId("text").removeAttribute("aria-activedescendant");
}
