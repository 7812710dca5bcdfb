// One small card that floats beside what is pointed at, or what has the focus.
import { byId, fill } from "./dom.js";

/** Show content beside a rectangle {left, right, top, bottom} of the window. */
export function showTip(rectangle, ...content) {
  const tip = byId("tip");
  fill(tip, ...content);
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  const below = rectangle.bottom + 8 + height < innerHeight;
  tip.style.left = `${Math.max(8, Math.min(rectangle.left, innerWidth - width - 8))}px`;
  tip.style.top = `${Math.max(8, below ? rectangle.bottom + 8 : rectangle.top - height - 8)}px`;
}

export const hideTip = () => {
  byId("tip").hidden = true;
};

/** Give an element a tip, for the mouse, the keyboard and a finger. */
export function withTip(element, content) {
  const show = () => {
    showTip(element.getBoundingClientRect(), content());
    element.setAttribute("aria-describedby", "tip");
  };
  for (const event of ["mouseenter", "focus", "click"]) element.addEventListener(event, show);
  for (const event of ["mouseleave", "blur"]) element.addEventListener(event, hideTip);
  element.addEventListener("click", (event) => event.stopPropagation());
  return element;
}

addEventListener("scroll", hideTip, { capture: true, passive: true });
addEventListener("hashchange", hideTip);
addEventListener("keydown", (event) => event.key === "Escape" && hideTip());
