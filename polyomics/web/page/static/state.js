// What is asked for lives in the address, so that a view can be kept, sent and gone back to.
export const FILTERS = [
  "polymer", "smarts", "similar_to", "similarity", "class", "property", "minimum", "maximum", "where",
  "equilibrated", "unflagged", "without_flag", "source", "preset", "status", "campaign", "temperature_k",
];
const OTHERS = ["columns", "sort", "offset", "view", "x", "y", "xlog", "ylog"];
export const PAGE = 50;
export const MOST_COLUMNS = 20;

/** {study, unit, and every filter and choice as text, "" if not set}. */
export function read() {
  const [path, query = ""] = location.hash.replace(/^#/, "").split("?");
  const asked = new URLSearchParams(query);
  const state = { study: below("/study/", path), unit: below("/polymer/", path) };
  for (const name of [...FILTERS, ...OTHERS]) state[name] = asked.get(name) ?? "";
  return state;
}

function below(start, path) {
  if (!path.startsWith(start)) return null;
  try {
    return decodeURIComponent(path.slice(start.length));
  } catch {
    return path.slice(start.length);
  }
}

export function address(changes) {
  const state = { ...read(), study: null, unit: null, ...changes };
  const query = new URLSearchParams();
  for (const name of [...FILTERS, ...OTHERS]) if (state[name]) query.set(name, state[name]);
  const path = state.study ? `/study/${encodeURIComponent(state.study)}` : state.unit ? `/polymer/${encodeURIComponent(state.unit)}` : "/";
  return `#${path}${[...query].length ? `?${query}` : ""}`;
}

/** No filter, from the start, in the usual order. */
export const EVERYTHING = Object.fromEntries([...FILTERS, "sort", "offset"].map((name) => [name, ""]));

/** Change the address; where that changes nothing, such as after a failure, ask again. */
export function go(changes) {
  const wanted = address(changes);
  if (wanted === (location.hash || "#/")) dispatchEvent(new Event("hashchange"));
  else location.hash = wanted;
}

export const filters = (state) => Object.fromEntries(FILTERS.filter((name) => state[name]).map((name) => [name, state[name]]));

export function shownColumns(state, facts) {
  const asked = state.columns.split(",").filter((name) => name in facts.byName);
  return asked.length ? asked.slice(0, MOST_COLUMNS) : facts.usual;
}
