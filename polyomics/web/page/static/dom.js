// Elements from data: text goes in as text, never as markup.
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...present(children));
  return element;
}

const present = (children) => children.flat(2).filter((child) => child !== null && child !== undefined && child !== false);

export const byId = (id) => document.getElementById(id);

export const fill = (element, ...children) => element.replaceChildren(...present(children));

/** The same; where a control inside had the focus, the one with the same `data-keep` has it then, or else the results. */
export function refill(element, ...children) {
  const kept = element.contains(document.activeElement) ? document.activeElement.dataset.keep : undefined;
  fill(element, ...children);
  if (kept !== undefined) (element.querySelector(`[data-keep="${CSS.escape(kept)}"]:enabled`) ?? byId("main")).focus({ preventScroll: true });
}

/** Give a select its options, [[value, text], ...]. */
export function options(select, entries, chosen = "") {
  fill(select, entries.map(([value, text]) => make("option", { value }, text)));
  select.value = chosen;
}

export const isDark = () => matchMedia("(prefers-color-scheme: dark)").matches;

/** Load a classic script once. */
const scripts = new Map();
export function script(source, what) {
  if (!scripts.has(source)) {
    scripts.set(source, new Promise((done, failed) => {
      document.head.append(make("script", { src: source, onload: done, onerror: () => {
        scripts.delete(source);
        failed(new Error(`${what} could not be loaded`));
      } }));
    }));
  }
  return scripts.get(source);
}
