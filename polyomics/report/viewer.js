"use strict";
// Draws the scene of the page with 3Dmol.js; positions come in thousandths of a nanometre.
(function () {
  const ANGSTROM_PER_UNIT = 0.01;
  const CHAIN_COLOURS = [
    "#2b8bd1", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8d7bd6", "#b5a400", "#5c8f3c", "#a65e5e",
  ];
  const holder = document.getElementById("viewer");
  const scene = JSON.parse(document.getElementById("scene").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const background = () => (dark.matches ? "#15181c" : "#ffffff");

  function atoms() {
    const list = scene.elements.map((element, index) => ({
      elem: element,
      x: scene.positions[3 * index] * ANGSTROM_PER_UNIT,
      y: scene.positions[3 * index + 1] * ANGSTROM_PER_UNIT,
      z: scene.positions[3 * index + 2] * ANGSTROM_PER_UNIT,
      serial: index,
      index: index,
      molecule: scene.molecules[index],
      bonds: [],
      bondOrder: [],
      properties: {},
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

  function addBox(viewer) {
    const [a, b, c] = scene.box.map((edge) => edge * ANGSTROM_PER_UNIT);
    const corner = (x, y, z) => ({ x: x * a, y: y * b, z: z * c });
    for (const [u, v] of [[0, 0], [0, 1], [1, 0], [1, 1]]) {
      for (const ends of [
        [corner(0, u, v), corner(1, u, v)],
        [corner(u, 0, v), corner(u, 1, v)],
        [corner(u, v, 0), corner(u, v, 1)],
      ]) {
        viewer.addCylinder({ start: ends[0], end: ends[1], radius: 0.008 * (a + b + c) / 3, color: "#8a929d" });
      }
    }
  }

  function start() {
    const viewer = window.$3Dmol.createViewer(holder, { backgroundColor: background(), disableFog: false });
    const model = viewer.addModel();
    model.addAtoms(atoms());
    const state = { byElement: false, hydrogens: true };
    const style = () => {
      const colours = state.byElement
        ? { colorscheme: "Jmol" }
        : { colorfunc: (atom) => CHAIN_COLOURS[atom.molecule % CHAIN_COLOURS.length] };
      model.setStyle({}, { stick: { radius: 0.16, ...colours }, sphere: { scale: 0.18, ...colours } });
      if (!state.hydrogens) model.setStyle({ elem: "H" }, {});
      viewer.render();
    };
    addBox(viewer);
    style();
    const reset = () => {
      viewer.setView([0, 0, 0, 0, 0.12, 0.28, 0.03, 0.952]);
      viewer.zoomTo();
      viewer.render();
    };
    reset();
    const does = {
      colour: (button) => {
        state.byElement = !state.byElement;
        button.textContent = state.byElement ? "colour by chain" : "colour by element";
        style();
      },
      hydrogens: (button) => {
        state.hydrogens = !state.hydrogens;
        button.textContent = state.hydrogens ? "hide hydrogens" : "show hydrogens";
        style();
      },
      reset: reset,
    };
    for (const button of document.querySelectorAll("#viewer-buttons button")) {
      button.addEventListener("click", () => does[button.dataset.does](button));
    }
    dark.addEventListener("change", () => {
      viewer.setBackgroundColor(background());
      viewer.render();
    });
    holder.dataset.state = "drawn";
  }

  try {
    start();
  } catch (error) {
    holder.dataset.state = "failed";
    holder.textContent = "The cell could not be drawn; this browser may lack WebGL. (" + error.message + ")";
  }
})();
