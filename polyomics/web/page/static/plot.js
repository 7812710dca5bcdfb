// Two properties against each other: error bars, and a choice of points that fills the table below.
import { ask } from "./api.js";
import { byId, fill, isDark, make, options, script } from "./dom.js";
import { headOf, titleOf } from "./filters.js";
import { drawing } from "./pieces.js";
import { filters, go } from "./state.js";
import { row } from "./table.js";
import { count, unitText, valueText } from "./text.js";
import { hideTip, showTip } from "./tip.js";

const MOST_POINTS = 3000;
const MOST_BARS = 1500;
const MOST_ROWS = 100;
const LIGHT = ["#0072b2", "#d08700", "#008560", "#b0558a", "#c85200", "#6a5acd", "#8a6d3b"];
const DARK = ["#56b0ec", "#f0b429", "#2fc597", "#e29cc5", "#ff8a4c", "#a99cf5", "#c9a66b"];
const OTHERS = "other classes";
let chart = null;
let places = new Map(); // study key -> {seriesIndex, dataIndex}

/** Names of the properties on the two axes. */
export function axes(state, facts) {
  const x = state.x || facts.usual[0];
  return [x, state.y || facts.usual.find((name) => name !== x) || x];
}

export async function showPlot(state, facts, isShown) {
  const [x, y] = axes(state, facts);
  const names = facts.properties.map((one) => [one.name, one.title]);
  for (const [id, chosen] of [["x", x], ["y", y]]) {
    options(byId(id), names, chosen);
    byId(id).onchange = () => go({ [id]: byId(id).value });
    byId(`${id}log`).checked = Boolean(state[`${id}log`]);
    byId(`${id}log`).onchange = () => go({ [`${id}log`]: byId(`${id}log`).checked ? "1" : "" });
  }
  byId("swap").onclick = () => go({ x: y, y: x, xlog: state.ylog, ylog: state.xlog });
  byId("count").textContent = "";
  if (!x) return;
  chart?.clear();
  for (const button of document.querySelectorAll(".tools button")) button.disabled = true;
  choose([], { x: { name: x }, y: { name: y } }, facts, "");
  const [, found] = await Promise.all([script("/vendor-page/echarts.min.js", "the plotting library"), ask("scatter", { ...filters(state), x, y, limit: MOST_POINTS })]);
  if (!isShown()) return;
  byId("count").textContent = `${count(found.total, "study", "studies")} with both`;
  const positive = found.points.filter((point) => (!state.xlog || point.x > 0) && (!state.ylog || point.y > 0));
  byId("plot").setAttribute("aria-label", `Scatter plot of ${titleOf(facts, y)} against ${titleOf(facts, x)}, ${count(positive.length, "point")}`);
  const note = remark(found, positive);
  draw(positive, found, state, facts, note);
  setUpTools(positive, found, facts, note);
  choose([], found, facts, note);
}

function remark(found, points) {
  const thinned = found.points.length < found.total ? `${found.points.length.toLocaleString("en")} of ${found.total.toLocaleString("en")} are shown, spread evenly. ` : "";
  const left = found.points.length - points.length;
  return `${thinned}${left ? `${count(left, "value")} of zero or less left out on a logarithmic axis. ` : ""}`;
}

/** [[class, points], ...], the most frequent first, the rest together. */
function byClass(points) {
  const groups = new Map();
  for (const point of points) {
    if (!groups.has(point.polymer_class)) groups.set(point.polymer_class, []);
    groups.get(point.polymer_class).push(point);
  }
  const sorted = [...groups].sort((a, b) => b[1].length - a[1].length);
  if (sorted.length <= LIGHT.length) return sorted;
  const rest = sorted.slice(LIGHT.length).flatMap(([, some]) => some);
  return [...sorted.slice(0, LIGHT.length), [OTHERS, rest]];
}

function draw(points, found, state, facts, note) {
  const style = getComputedStyle(document.documentElement);
  const [ink, muted, line] = ["--ink", "--muted", "--line"].map((name) => style.getPropertyValue(name).trim());
  const font = getComputedStyle(document.body).fontFamily;
  const axis = (one, isLog) => ({
    type: isLog ? "log" : "value", scale: true, nameLocation: "middle", nameGap: 32,
    name: `${headOf(facts, one.name)}${unitText(one.unit) ? ` (${unitText(one.unit)})` : ""}`,
    nameTextStyle: { color: ink, fontSize: 13, fontFamily: font }, axisLabel: { color: muted, fontFamily: font, hideOverlap: true }, axisTick: { show: false },
    axisLine: { show: true, onZero: false, lineStyle: { color: muted } }, splitLine: { lineStyle: { color: line } },
  });
  const palette = isDark() ? DARK : LIGHT;
  const groups = byClass(points);
  const size = points.length > 2000 ? 5 : points.length > 300 ? 7 : 9;
  const series = groups.map(([name, some], index) => ({
    type: "scatter", name, symbolSize: size, z: name === OTHERS ? 2 : 3, itemStyle: { color: name === OTHERS ? muted : palette[index % palette.length], opacity: points.length > 300 ? 0.7 : 0.9 },
    emphasis: { scale: 1.9, itemStyle: { opacity: 1, borderColor: ink, borderWidth: 1.5 } },
    data: some.map((point) => ({ value: [point.x, point.y], point })),
  }));
  places = new Map(groups.flatMap(([, some], seriesIndex) => some.map((point, dataIndex) => [point.study_key, { seriesIndex, dataIndex }])));
  if (points.length <= MOST_BARS) series.push(bars(points, muted));
  chart?.dispose();
  chart = window.echarts.init(byId("plot"), null, { renderer: "canvas" });
  chart.setOption({
    animation: false, backgroundColor: "transparent", textStyle: { fontFamily: font },
    grid: { left: 64, right: 20, top: 44, bottom: 52 },
    legend: { type: "scroll", top: 8, left: 12, right: 12, itemWidth: 10, itemHeight: 10, itemGap: 14, icon: "circle", textStyle: { color: ink, fontSize: 12 }, pageIconColor: ink, pageIconInactiveColor: line, pageTextStyle: { color: muted }, data: groups.map(([name]) => name) },
    toolbox: { show: false }, brush: { z: 100, xAxisIndex: 0, yAxisIndex: 0, throttleType: "debounce", throttleDelay: 150, seriesIndex: groups.map((_, index) => index), outOfBrush: { colorAlpha: 0.15 }, brushStyle: { color: "rgba(86,176,236,.15)", borderColor: palette[0], borderWidth: 1 } },
    dataZoom: [{ type: "inside", xAxisIndex: 0, filterMode: "none" }, { type: "inside", yAxisIndex: 0, filterMode: "none" }],
    xAxis: axis(found.x, state.xlog), yAxis: { ...axis(found.y, state.ylog), nameGap: 46 }, series,
  });
  chart.on("click", ({ data }) => data?.point && go({ study: data.point.study_key }));
  chart.on("mouseover", ({ data, event }) => data?.point && card(data.point, found, facts, event));
  chart.on("mouseout", hideTip);
  let before = "";
  chart.on("brushSelected", ({ batch }) => {
    const chosen = (batch[0]?.selected ?? []).flatMap(({ seriesIndex, dataIndex }) => dataIndex.map((place) => series[seriesIndex].data[place].point));
    const keys = chosen.map((point) => point.study_key).join();
    if (keys === before) return; // the bars were drawn anew
    before = keys;
    choose(chosen, found, facts, note);
    if (points.length <= MOST_BARS) chart.setOption({ series: [{ id: "bars", data: (chosen.length ? chosen : points).map(barOf) }] });
  });
}

/** What a point is: its structure and both values. */
function card(point, found, facts, event) {
  const { left, top } = byId("plot").getBoundingClientRect();
  const [x, y] = [left + event.offsetX, top + event.offsetY];
  const value = (one, number, error) => [make("dt", {}, titleOf(facts, one.name)), make("dd", {}, valueText(number, error, one.unit))];
  showTip({ left: x + 12, right: x, top: y, bottom: y }, drawing(point.psmiles, 400, 230),
    make("p", { class: "name" }, facts.byUnit[point.psmiles] ?? ""), make("p", { class: "unit-text" }, point.psmiles),
    make("dl", {}, make("dt", {}, "class"), make("dd", {}, point.polymer_class), value(found.x, point.x, point.x_stderr), value(found.y, point.y, point.y_stderr)));
}

const barOf = (point) => [point.x, point.y, point.x_stderr ?? 0, point.y_stderr ?? 0];

function bars(points, colour) {
  return {
    type: "custom", silent: true, z: 1, data: points.map(barOf),
    renderItem: (_, api) => {
      const [x, y, ex, ey] = [0, 1, 2, 3].map((place) => api.value(place));
      const from = (middle, error) => (middle - error > 0 || middle <= 0 ? middle - error : middle); // also on a logarithmic axis
      const between = (a, b) => {
        const [[x1, y1], [x2, y2]] = [api.coord(a), api.coord(b)];
        return { type: "line", shape: { x1, y1, x2, y2 }, style: { stroke: colour, opacity: 0.55, lineWidth: 1 }, z2: 1 };
      };
      return { type: "group", silent: true, children: [between([from(x, ex), y], [x + ex, y]), between([x, from(y, ey)], [x, y + ey])] };
    },
    id: "bars", encode: { x: 0, y: 1 }, clip: true,
  };
}

function setUpTools(points, found, facts, note) {
  const buttons = [...document.querySelectorAll(".tools [data-tool]")];
  const take = (tool) => {
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
    chart.dispatchAction({ type: "takeGlobalCursor", key: "brush", brushOption: { brushType: tool === "move" ? false : tool, brushMode: "single" } });
  };
  for (const button of buttons) button.onclick = () => take(button.dataset.tool);
  const does = {
    list: () => choose(points, found, facts, note),
    reset: () => {
      chart.dispatchAction({ type: "brush", areas: [] });
      for (const dataZoomIndex of [0, 1]) chart.dispatchAction({ type: "dataZoom", dataZoomIndex, start: 0, end: 100 });
      take("move");
      choose([], found, facts, note);
    },
    save: () => {
      const backgroundColor = getComputedStyle(byId("plot").parentElement).backgroundColor;
      make("a", { href: chart.getDataURL({ pixelRatio: 2, backgroundColor }), download: `${found.y.name}-${found.x.name}.png` }).click();
    },
  };
  for (const button of document.querySelectorAll(".tools [data-does]")) button.onclick = does[button.dataset.does];
  for (const button of document.querySelectorAll(".tools button")) button.disabled = false;
  take("move");
}

function choose(points, found, facts, note) {
  const table = byId("selected");
  table.parentElement.hidden = !points.length;
  byId("plotted").textContent = points.length
    ? `${count(points.length, "point")} chosen${points.length > MOST_ROWS ? `, the first ${MOST_ROWS} below` : ""}.`
    : `${note}Choose points by rectangle or lasso to list them here; a click on one opens its study; scroll to zoom.`;
  const names = [found.x, found.y];
  fill(table.tHead, make("tr", {}, make("th", { scope: "col", class: "picture" }, make("span", { class: "hidden" }, "Structure")), make("th", { scope: "col" }, "Polymer"), make("th", { scope: "col" }, "Class"),
    names.map((one) => make("th", { scope: "col", class: "number" }, headOf(facts, one.name), make("span", { class: "unit" }, unitText(one.unit))))));
  fill(table.tBodies[0], points.slice(0, MOST_ROWS).map((point) => chosenRow(point, names, facts)));
}

function chosenRow(point, [x, y], facts) {
  const values = { [x.name]: { value: point.x, stderr: point.x_stderr, unit: x.unit, flags: [] }, [y.name]: { value: point.y, stderr: point.y_stderr, unit: y.unit, flags: [] } };
  const line = row({ key: point.study_key, psmiles: point.psmiles, polymer_class: point.polymer_class, values }, [x.name, y.name], facts);
  const mark = (type) => () => chart.dispatchAction({ type, ...places.get(point.study_key) });
  for (const event of ["mouseenter", "focusin"]) line.addEventListener(event, mark("highlight"));
  for (const event of ["mouseleave", "focusout"]) line.addEventListener(event, mark("downplay"));
  return line;
}

new ResizeObserver(() => chart && byId("plot").clientHeight && chart.resize()).observe(byId("plot"));
