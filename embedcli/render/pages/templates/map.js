// The interactive map: color, search, and the neighbours of the item that is chosen.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const items = data.items, plot = document.getElementById("map");
  const color = document.getElementById("color"), search = document.getElementById("search");
  const found = document.getElementById("found"), chosen = document.getElementById("chosen");
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--ink").trim(), line = style.getPropertyValue("--line").trim();
  const paper = style.getPropertyValue("--paper").trim();
  // as in the pictures (plots.py), whose last color is black
  const palette = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", ink];
  const shapes = ["circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x"];
  const most = Math.max(1, ...items.map(item => item.n));
  const size = item => (narrow() ? 0.6 : 1) * (4 + 12 * Math.sqrt(item.n / most));
  // plotly reads a few tags (a, b, br, sub, ...) and entities in every text that it draws
  const safe = text => String(text).replace(/[&<>]/g, letter => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[letter]);
  let marked = new Set(), selected = null;

  const hover = item => [
    `<b>${safe(item.title)}</b>`, item.tags.length ? safe(item.tags.join(", ")) : null,
    `n ${item.n}` + (item.mean === null ? "" : `, mean ${item.mean.toFixed(2)}`),
    item.stars === null ? null : `${safe(data.value)} ${item.stars.toFixed(2)}` + (item.low === null ? "" : ` (95 % ${item.low.toFixed(1)} to ${item.high.toFixed(1)})`),
  ].filter(part => part !== null).join("<br>");

  const trace = (rows, name, marker) => ({
    type: "scatter", mode: "markers", name, customdata: rows, x: rows.map(i => items[i].x), y: rows.map(i => items[i].y),
    text: rows.map(i => hover(items[i])), hovertemplate: "%{text}<extra></extra>",
    marker: { size: rows.map(i => size(items[i])), opacity: 0.75, line: { width: 0 }, ...marker },
  });

  const traces = () => {
    const every = items.map((_, i) => i), what = color.value;
    if (what in data.numbers) {
      const known = every.filter(i => items[i][what] !== null);
      const bar = { thickness: 10, len: 0.6, title: { text: safe(data.numbers[what]) } };
      return [trace(known, "", { color: known.map(i => items[i][what]), colorscale: "Viridis", showscale: true, colorbar: bar })];
    }
    if (what === "tags") {
      const groups = data.tags.map((tag, at) => trace(every.filter(i => items[i].group === at), safe(tag), { color: palette[at], symbol: shapes[at] }));
      const rest = every.filter(i => items[i].group === null);
      return [trace(rest, "none of these", { color: "#9a9a9a", opacity: 0.35 }), ...groups].filter(one => one.x.length);
    }
    return [trace(every, "", { color: palette[0] })];
  };

  const rings = () => {
    const near = selected === null ? [] : items[selected].near;
    const rows = [...new Set([...marked, ...near, ...(selected === null ? [] : [selected])])];
    const ring = trace(rows, "", { color: "rgba(0,0,0,0)", opacity: 1, line: { width: 2, color: rows.map(i => i === selected ? "#C00000" : near.includes(i) ? "#C00000" : ink) } });
    ring.marker.size = rows.map(i => size(items[i]) + 6);
    ring.showlegend = false;
    return ring;
  };

  const narrow = () => plot.clientWidth < 560;
  const layout = () => ({
    paper_bgcolor: paper, plot_bgcolor: paper, font: { color: ink, size: narrow() ? 11 : 13 }, hovermode: "closest",
    margin: { l: narrow() ? 36 : 56, r: 8, t: 8, b: 52 }, height: narrow() ? 430 : 620, showlegend: color.value === "tags",
    modebar: { bgcolor: "rgba(0,0,0,0)", color: line, activecolor: ink },
    legend: { orientation: "h", y: -0.14, yanchor: "top", title: { text: data.rule, side: "top" } }, dragmode: narrow() ? false : "pan",
    xaxis: { title: { text: safe(narrow() ? data.short[0] : data.axes[0]), standoff: 6 }, gridcolor: line, zerolinecolor: line },
    yaxis: { title: { text: safe(narrow() ? "" : data.axes[1]), standoff: 6 }, gridcolor: line, zerolinecolor: line },
  });
  // these buttons alone: plotly's own set has one that uploads the data
  const modeBarButtons = [["toImage"], ["zoom2d", "pan2d"], ["zoomIn2d", "zoomOut2d", "resetScale2d"]];
  const config = () => ({
    responsive: true, displaylogo: false, displayModeBar: !narrow(), scrollZoom: !narrow(), modeBarButtons, toImageButtonOptions: { filename: "map" },
  });
  const draw = () => Plotly.react(plot, [...traces(), rings()], layout(), config());

  const choose = row => {
    selected = row;
    chosen.replaceChildren();
    const item = items[row], head = document.createElement("h3"), list = document.createElement("ol");
    head.textContent = `Nearest to ${item.title}`;
    chosen.append(head);
    if (!item.near.length) chosen.append("too few ratings to say");
    for (const other of item.near) {
      const entry = document.createElement("li"), button = document.createElement("button");
      button.className = "link";
      button.textContent = `${items[other].title} (n ${items[other].n})`;
      button.addEventListener("click", () => choose(other));
      entry.append(button);
      list.append(entry);
    }
    chosen.append(list);
    draw();
  };

  const look = () => {
    const words = search.value.trim().toLowerCase();
    marked = new Set(words.length < 2 ? [] : items.flatMap((item, i) => item.title.toLowerCase().includes(words) ? [i] : []));
    found.textContent = words.length < 2 ? "" : `${marked.size} found`;
    if (marked.size === 1) choose([...marked][0]); else { selected = null; draw(); }
  };

  color.addEventListener("change", draw);
  search.addEventListener("input", look);
  draw().then(() => plot.on("plotly_click", event => choose(event.points[0].customdata)));

  const plain = { paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: ink, size: 12 } };
  for (const figure of document.querySelectorAll("[data-plot]")) {
    const { traces, layout } = JSON.parse(document.getElementById(figure.dataset.plot).textContent);
    for (const axis of [layout.xaxis, layout.yaxis]) Object.assign(axis, { gridcolor: line, zerolinecolor: line });
    Plotly.newPlot(figure, traces, { ...plain, ...layout }, { responsive: true, displayModeBar: false });
  }
})();
