// The drawing dialog: OpenChemLib's editor, and what its drawing says as text.
import { byId, fill, make } from "./dom.js";

const STARTERS = [
  ["empty", ""], ["chain unit", "*CC*"], ["vinyl", "*CC(*)C"], ["styrene", "*CC(*)c1ccccc1"], ["phenylene", "*c1ccc(*)cc1"], ["ester", "*CC(=O)O*"],
  ["amide", "*CC(=O)N*"], ["carbonate", "*OC(=O)O*"], ["imide", "*N1C(=O)c2ccccc2C1=O"], ["siloxane", "*O[Si](*)(C)C"],
];
let editor = null;
let library = null;

/** Let a structure be drawn, starting from a text; then call found(kind of search, text). */
export async function draw(text, found) {
  library ??= await import("/vendor-page/openchemlib.js");
  const dialog = byId("drawing");
  dialog.showModal();
  if (!editor) {
    editor = new library.CanvasEditor(byId("editor"), { initialMode: "molecule", initialFragment: false });
    editor.setOnChangeListener(tellWritten);
    fill(byId("starters"), STARTERS.map(([name, smiles]) => make("button", { type: "button", onclick: () => start(smiles) }, name)));
  }
  if (text) start(text);
  tellWritten();
  dialog.onclose = () => {
    const { returnValue } = dialog;
    dialog.returnValue = "";
    const drawn = written(returnValue);
    if (drawn && returnValue && returnValue !== "cancel") found(returnValue, drawn);
    else byId("draw").focus();
  };
}

function start(smiles) {
  try {
    const molecule = smiles ? library.Molecule.fromSmiles(smiles) : new library.Molecule(0, 0);
    molecule.setFragment(true);
    editor.setMolecule(molecule);
  } catch {
    editor.clearAll(); // a name, or a pattern that cannot be drawn
  }
  tellWritten();
}

/** The drawing as SMILES, or as SMARTS for a pattern; the end of a chain is a star in both. */
const written = (kind) => editor.getMolecule().toIsomericSmiles({ createSmarts: kind === "smarts" }).replaceAll("[?]", "*").trim();

function tellWritten() {
  const text = written("polymer");
  const isUnit = (text.match(/\*/g) ?? []).length === 2 && !text.includes(".");
  byId("written").textContent = text || "nothing is drawn yet";
  for (const button of byId("drawing").querySelectorAll(".dialog-foot button")) button.disabled = !text || (button.value !== "smarts" && !isUnit);
}
