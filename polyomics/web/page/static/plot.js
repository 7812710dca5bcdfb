// Two properties against each other: error bars, and a choice of points that fills the table below.
import { ask } from "./api.js";
import { byId, fill, make, options, unitText } from "./dom.js";
import { row } from "./table.js";
import { filters, go } from "./state.js";

const MOST_BARS = 1500;
const MOST_ROWS = 100;
let chart = null;

async function library() {
  if (!window.echarts) {
    await new Promise((done, failed) => {
      document.head.append(make("script", { src: "/vendor-page/echarts.min.js", onload: done, onerror: () => failed(new Error("the plotting library could not be loaded")) }));
    });
  }
  return window.echarts;
}

export async function showPlot(state, facts) {
  const names = facts.properties.map((one) => [one.name, one.title]);
  const x = state.x || facts.usual[0], y = state.y || facts.usual[1] || facts.usual[0];
  options(byId("x"), names, x);
  options(byId("y"), names, y);
  byId("x").onchange = () => go({ x: byId("x").value });
  byId("y").onchange = () => go({ y: byId("y").value });
  const [echarts, found] = await Promise.all([library(), ask("scatter", { ...filters(state), x, y, limit: 5000 })]);
  byId("count").textContent = `${found.total.toLocaleString("en")} with both`;
  byId("plotted").textContent = found.points.length < found.total
    ? `${found.points.length.toLocaleString("en")} of ${found.total.toLocaleString("en")} are shown, spread evenly; choose points with the rectangle or lasso at the top right.`
    : "Choose points with the rectangle or lasso at the top right; click one for its study.";
  draw(echarts, found, facts);
  choose([], found, facts);
}

function draw(echarts, found, facts) {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--ink"), line = style.getPropertyValue("--line");
  chart?.dispose();
  chart = echarts.init(byId("plot"), null, { renderer: "canvas" });
  const axis = (one) => ({
    type: "value", scale: true, nameLocation: "middle", nameGap: 34,
    name: `${facts.byName[one.name]?.title ?? one.name}${unitText(one.unit) ? ` [${unitText(one.unit)}]` : ""}`,
    nameTextStyle: { color: ink }, axisLabel: { color: ink }, axisLine: { lineStyle: { color: ink } }, splitLine: { lineStyle: { color: line } },
  });
  const colours = dark ? ["#6db3f2", "#f0b35f", "#5ed0a4", "#e597c6", "#b9a3ff", "#ff9277"] : ["#0b63a5", "#c77700", "#00865f", "#b0488a", "#6a4fc0", "#c8431f"];
  const byClass = Object.groupBy ? Object.groupBy(found.points, (point) => point.polymer_class) : group(found.points);
  const classes = Object.keys(byClass).sort((a, b) => byClass[b].length - byClass[a].length);
  const series = classes.map((name, index) => ({
    type: "scatter", name, symbolSize: found.points.length > 2000 ? 5 : 8, itemStyle: { color: colours[index % colours.length], opacity: 0.75 },
    data: byClass[name].map((point) => ({ value: [point.x, point.y], point })),
  }));
  if (found.points.length <= MOST_BARS) series.push(bars(echarts, found.points, ink));
  chart.setOption({
    animation: false, backgroundColor: "transparent", grid: { left: 70, right: 24, top: 76, bottom: 56 },
    legend: { type: "scroll", top: 6, left: "center", width: "92%", textStyle: { color: ink }, data: classes },
    toolbox: { right: 16, top: 36, feature: { brush: { type: ["rect", "polygon", "clear"] }, dataZoom: {}, restore: {}, saveAsImage: { name: "polyomics" } }, iconStyle: { borderColor: ink } },
    brush: { throttleType: "debounce", throttleDelay: 200, seriesIndex: classes.map((_, index) => index), outOfBrush: { colorAlpha: 0.2 } },
    tooltip: { renderMode: "richText", formatter: ({ data }) => data.point ? `${data.point.psmiles}\n${data.point.x.toPrecision(5)}, ${data.point.y.toPrecision(5)}` : "" },
    xAxis: axis(found.x), yAxis: { ...axis(found.y), nameGap: 50 }, series,
  });
  chart.on("click", (event) => event.data?.point && go({ study: event.data.point.study_key }));
  chart.on("brushSelected", (event) => {
    const points = event.batch[0].selected.flatMap(({ seriesIndex, dataIndex }) => dataIndex.map((place) => series[seriesIndex].data[place].point)).filter(Boolean);
    choose(points, found, facts);
  });
  window.onresize = () => chart?.resize();
}

function group(points) {
  const groups = {};
  for (const point of points) (groups[point.polymer_class] ??= []).push(point);
  return groups;
}

function bars(echarts, points, colour) {
  return {
    type: "custom", silent: true, z: 1, data: points.map((point) => [point.x, point.y, point.x_stderr ?? 0, point.y_stderr ?? 0]),
    renderItem: (_, api) => {
      const [x, y, ex, ey] = [0, 1, 2, 3].map((place) => api.value(place));
      const ends = [[x - ex, y], [x + ex, y], [x, y - ey], [x, y + ey]].map((place) => api.coord(place));
      const between = (a, b) => ({ type: "line", shape: { x1: a[0], y1: a[1], x2: b[0], y2: b[1] }, style: { stroke: colour, opacity: 0.4, lineWidth: 1 } });
      return { type: "group", children: [between(ends[0], ends[1]), between(ends[2], ends[3])] };
    },
  };
}

function choose(points, found, facts) {
  const table = byId("selected");
  table.hidden = !points.length;
  const names = [found.x, found.y];
  fill(table.tHead, make("tr", {}, ["Structure", "Repeat unit", "Class"].map((text) => make("th", { scope: "col" }, text)),
    names.map((one) => make("th", { scope: "col", class: "number" }, facts.byName[one.name]?.title ?? one.name)), make("th", {}, "")));
  fill(table.tBodies[0], points.slice(0, MOST_ROWS).map((point) => {
    const values = { [found.x.name]: { value: point.x, stderr: point.x_stderr, flags: [] }, [found.y.name]: { value: point.y, stderr: point.y_stderr, flags: [] } };
    const line = row({ key: point.study_key, psmiles: point.psmiles, polymer_class: point.polymer_class, values }, names.map((one) => one.name), facts);
    line.addEventListener("mouseenter", () => highlight(point, true));
    line.addEventListener("mouseleave", () => highlight(point, false));
    return line;
  }));
  if (points.length) byId("plotted").textContent = `${points.length.toLocaleString("en")} chosen${points.length > MOST_ROWS ? `, the first ${MOST_ROWS} below` : ""}.`;
}

function highlight(point, on) {
  const options = chart.getOption();
  options.series.forEach((one, seriesIndex) => {
    const dataIndex = one.type === "scatter" ? one.data.findIndex((item) => item.point.study_key === point.study_key) : -1;
    if (dataIndex >= 0) chart.dispatchAction({ type: on ? "showTip" : "hideTip", seriesIndex, dataIndex });
  });
}
