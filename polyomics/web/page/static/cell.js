// The cell with 3Dmol.js; positions come in thousandths of a nanometre.
import { ask } from "./api.js";
import { make } from "./dom.js";

const ANGSTROM = 0.01;
const COLOURS = ["#2b8bd1", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8d7bd6", "#b5a400", "#5c8f3c", "#a65e5e"];

export async function showCell(holder, key) {
  const scene = await ask(`studies/${encodeURIComponent(key)}/cell.json`, {}, "cell");
  if (!window.$3Dmol) {
    await new Promise((done, failed) => document.head.append(make("script", { src: "/vendor/3Dmol-min.js", onload: done, onerror: () => failed(new Error("the 3D viewer could not be loaded")) })));
  }
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const viewer = window.$3Dmol.createViewer(holder, { backgroundColor: dark ? "#171b21" : "#ffffff" });
  const atoms = scene.elements.map((elem, index) => ({
    elem, index, serial: index, molecule: scene.molecules[index], bonds: [], bondOrder: [], properties: {},
    x: scene.positions[3 * index] * ANGSTROM, y: scene.positions[3 * index + 1] * ANGSTROM, z: scene.positions[3 * index + 2] * ANGSTROM,
  }));
  for (let i = 0; i < scene.bonds.length; i += 2) {
    const [a, b] = [scene.bonds[i], scene.bonds[i + 1]];
    atoms[a].bonds.push(b); atoms[a].bondOrder.push(1);
    atoms[b].bonds.push(a); atoms[b].bondOrder.push(1);
  }
  const model = viewer.addModel();
  model.addAtoms(atoms);
  const colour = { colorfunc: (atom) => COLOURS[atom.molecule % COLOURS.length] };
  model.setStyle({}, { stick: { radius: 0.16, ...colour }, sphere: { scale: 0.18, ...colour } });
  viewer.zoomTo();
  viewer.render();
}
