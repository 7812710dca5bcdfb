// What the server is asked; an answer that is an error becomes one with its sentence.
import { byId } from "./dom.js";

const running = new Map();

export async function ask(path, parameters = {}, slot = path) {
  running.get(slot)?.abort();
  const control = new AbortController();
  running.set(slot, control);
  const query = new URLSearchParams(clean(parameters));
  let answer;
  try {
    answer = await fetch(`/api/v1/${path}${[...query].length ? `?${query}` : ""}`, { signal: control.signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("the server does not answer; is polyomics explore still running?");
  }
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.message ?? `the server answered ${answer.status}`);
  return content;
}

export const clean = (parameters) =>
  Object.fromEntries(Object.entries(parameters).filter(([, value]) => value !== "" && value !== null && value !== undefined && value !== false));

export function tell(error) {
  if (error?.name === "AbortError") return;
  const message = byId("message");
  message.hidden = !error;
  message.textContent = error ? error.message ?? String(error) : "";
}
