// What the server is asked; an answer that is an error becomes one with its sentence.
import { byId } from "./dom.js";

const running = new Map();
let waiting = 0;

/** End all questions: what they would have told is of a view that was left. */
export function stopAsking() {
  for (const control of running.values()) control.abort();
}

/** Ask for a path below /api/v1; a newer question of the same slot ends an older one. */
export async function ask(path, parameters = {}, slot = path) {
  running.get(slot)?.abort();
  const control = new AbortController();
  running.set(slot, control);
  const query = queryOf(parameters).toString();
  let answer;
  busy(1);
  try {
    answer = await fetch(`/api/v1/${path}${query ? `?${query}` : ""}`, { signal: control.signal });
    const content = await answer.json();
    if (!answer.ok) throw Object.assign(new Error(content.message ?? `the server answered ${answer.status}`), { status: answer.status });
    return content;
  } catch (error) {
    if (error.name === "AbortError" || error.status) throw error;
    throw new Error("The server does not answer. Is polyomics explore still running?");
  } finally {
    busy(-1);
  }
}

function busy(change) {
  waiting += change;
  byId("progress").hidden = waiting === 0;
}

/** A query string without what is not set; the server refuses empty settings. */
export function queryOf(parameters) {
  const set = Object.entries(parameters).filter(([, value]) => value !== "" && value !== null && value !== undefined && value !== false);
  return new URLSearchParams(set);
}

export function tell(error) {
  if (error?.name === "AbortError") return;
  const text = error ? error.message ?? String(error) : "";
  byId("message").hidden = !text;
  byId("message").firstElementChild.textContent = text.charAt(0).toUpperCase() + text.slice(1);
}
