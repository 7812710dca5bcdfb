// What is asked for lives in the address, so that a view can be kept, sent and gone back to.
const FILTERS = ["polymer", "smarts", "similar_to", "similarity", "class", "property", "minimum", "maximum", "source", "preset", "equilibrated", "unflagged"];
const OTHERS = ["columns", "sort", "offset", "view", "x", "y"];
export const PAGE = 50;

export function read() {
  const [path, query = ""] = location.hash.replace(/^#/, "").split("?");
  const asked = new URLSearchParams(query);
  const state = { study: path.startsWith("/study/") ? decodeURIComponent(path.slice(7)) : null };
  for (const name of [...FILTERS, ...OTHERS]) state[name] = asked.get(name) ?? "";
  return state;
}

export function address(changes) {
  const state = { ...read(), study: null, ...changes };
  const query = new URLSearchParams();
  for (const name of [...FILTERS, ...OTHERS]) if (state[name]) query.set(name, state[name]);
  const path = state.study ? `/study/${encodeURIComponent(state.study)}` : "/";
  return `#${path}${[...query].length ? `?${query}` : ""}`;
}

export const go = (changes) => {
  location.hash = address(changes);
};

export const filters = (state) => Object.fromEntries(FILTERS.filter((name) => state[name]).map((name) => [name, state[name]]));
