// Numbers, units and names as people read them.
const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉";
const NO_BREAK = "\u00a0";
const raised = (power) => String(power).replace("-", "⁻").replace(/\d/g, (digit) => SUPERSCRIPTS[digit]);

/** Unit in typographic form: g/cm³, Å³, MPa½; nothing for a pure number. */
export function unitText(unit) {
  if (!unit || unit === "1") return "";
  const powers = unit.replace(/\^0\.5\b/, "½").replace(/([A-Za-z])([2-4])\b/g, (_, letter, digit) => letter + raised(digit));
  return powers.replace(/\bA(?=$|[²³/ )])/, "Å").replaceAll(" ", NO_BREAK);
}

/** A number without an error, with up to five figures. */
export function plain(value, figures = 5) {
  const size = Math.abs(value);
  const isLong = size !== 0 && (size < 1e-3 || size >= 1e7);
  return withPower(isLong ? value.toExponential(figures - 1).replace(/\.?0+(?=e)/, "") : Number(value.toPrecision(figures)).toString());
}

const withPower = (text) => {
  const [number, power] = text.replace(/^-/, "−").split("e");
  return power === undefined ? number : `${number.replace(/^-/, "−")} × 10${raised(Number(power))}`;
};

/** [value, error, power] with as many digits as the error supports: two of the error. */
export function withError(value, stderr) {
  if (stderr === null || stderr === undefined || !(stderr > 0)) return [plain(value), "", ""];
  const places = 1 - Math.floor(Math.log10(stderr));
  const size = Math.max(Math.abs(value), stderr);
  const power = size >= 1e6 || size < 1e-3 ? Math.floor(Math.log10(size)) : 0;
  const digits = Math.min(10, Math.max(0, places + power));
  const [number, error] = [value, stderr].map((one) => (one / 10 ** power).toFixed(digits));
  return [number.replace(/^-/, "−"), error, power ? `× 10${raised(power)}` : ""];
}

export function valueText(value, stderr, unit = "") {
  const [number, error, power] = withError(value, stderr);
  const amount = error ? (power ? `(${number} ± ${error}) ${power}` : `${number} ± ${error}`) : number;
  return `${amount} ${unitText(unit)}`.trim();
}

export const percent = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(Math.abs(value) < 100 ? 1 : 0)} %`;
export const formulaText = (formula) => formula.replace(/\d/g, (digit) => SUBSCRIPTS[digit]);
export const count = (number, one, many = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
export const words = (name) => name.replaceAll("_", " ");
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
export const fileSize = (bytes) => (bytes < 1e3 ? `${bytes} B` : bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

export function duration(start, end) {
  if (!start || !end) return "";
  const seconds = (new Date(end) - new Date(start)) / 1000;
  if (seconds < 90) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  return seconds < 5400 ? `${(seconds / 60).toFixed(0)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

export const day = (text) => (text ? text.slice(0, 16).replace("T", " ") : "");
