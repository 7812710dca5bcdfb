// The cell with 3Dmol.js; positions come in thousandths of a nanometre.
import { ask } from "./api.js";
import { fill, isDark, make, script } from "./dom.js";

const ANGSTROM = 0.01;
const CHAINS = ["#2b8bd1", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8d7bd6", "#b5a400", "#5c8f3c", "#a65e5e"];
const CORNERS = [[0, 0], [0, 1], [1, 0], [1, 1]];

export async function showCell(holder, key) {
  const [scene] = await Promise.all([ask(`studies/${encodeURIComponent(key)}/cell.json`, {}, "cell"), script("/vendor/3Dmol-min.js", "the 3D viewer")]);
  holder.hidden = false;
  const canvas = make("div", { class: "cell", role: "img", "aria-label": "the simulated cell in three dimensions" });
  const buttons = make("p", { class: "buttons" });
  fill(holder, canvas, buttons);
  let viewer;
  try {
    viewer = window.$3Dmol.createViewer(canvas, { backgroundColor: isDark() ? "#1b1f24" : "#ffffff" });
    if (!viewer) throw new Error("no viewer");
  } catch {
    throw new Error("The cell cannot be drawn: this browser lacks WebGL.");
  }
  const model = viewer.addModel();
  model.addAtoms(atoms(scene));
  addBox(viewer, scene.box);
  const look = { element: false, hydrogens: scene.elements.length < 3000 };
  const style = () => {
    const colour = look.element ? { colorscheme: "Jmol" } : { colorfunc: (atom) => CHAINS[atom.molecule % CHAINS.length] };
    model.setStyle({}, { stick: { radius: 0.16, ...colour }, sphere: { scale: 0.18, ...colour } });
    if (!look.hydrogens) model.setStyle({ elem: "H" }, {});
    viewer.render();
  };
  const reset = () => {
    viewer.setView([0, 0, 0, 0, 0.12, 0.28, 0.03, 0.952]);
    viewer.zoomTo();
    viewer.render();
  };
  const toggle = (name, on, off) => make("button", { type: "button", onclick: (event) => {
    look[name] = !look[name];
    event.target.textContent = look[name] ? on : off;
    style();
  } }, look[name] ? on : off);
  const edges = scene.box.map((edge) => (edge / 1000).toFixed(2)).join(" × ");
  const shown = scene.shown < scene.total ? `${scene.shown} of ${scene.total} chains` : `${scene.total} chains`;
  fill(buttons, toggle("element", "Colour by chain", "Colour by element"), toggle("hydrogens", "Hide hydrogens", "Show hydrogens"),
    make("button", { type: "button", onclick: reset }, "Reset view"), make("span", { class: "quiet" }, `${shown}, box ${edges} nm. Drag to turn, scroll to zoom.`));
  style();
  reset();
}

function atoms(scene) {
  const list = scene.elements.map((elem, index) => ({
    elem, index, serial: index, molecule: scene.molecules[index], bonds: [], bondOrder: [], properties: {},
    x: scene.positions[3 * index] * ANGSTROM, y: scene.positions[3 * index + 1] * ANGSTROM, z: scene.positions[3 * index + 2] * ANGSTROM,
  }));
  for (let i = 0; i < scene.bonds.length; i += 2) {
    const pair = [scene.bonds[i], scene.bonds[i + 1]];
    for (const [one, other] of [pair, [pair[1], pair[0]]]) {
      list[one].bonds.push(other);
      list[one].bondOrder.push(1);
    }
  }
  return list;
}

function addBox(viewer, box) {
  const [a, b, c] = box.map((edge) => edge * ANGSTROM);
  const corner = (x, y, z) => ({ x: x * a, y: y * b, z: z * c });
  const edge = (start, end) => viewer.addCylinder({ start, end, radius: 0.008 * (a + b + c) / 3, color: "#8a929d" });
  for (const [u, v] of CORNERS) {
    edge(corner(0, u, v), corner(1, u, v));
    edge(corner(u, 0, v), corner(u, 1, v));
    edge(corner(u, v, 0), corner(u, v, 1));
  }
}
