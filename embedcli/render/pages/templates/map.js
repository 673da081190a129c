// The map: what is shown and chosen, by mouse and by keys; the search; the panel beside it; the table.

function drawMap(data) {
  const { items, noun } = data, n = items.title.length, near = data.near;
  const get = id => document.getElementById(`map-${id}`);
  const plot = get("plot"), color = get("color"), box = get("search"), hits = get("hits"), told = get("told"), panel = get("chosen"), tip = get("tip");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const MOST_DOTS = 2000, MOST_LABELLED = 600, MOST_HITS = 8, MOST_ROWS = 2000, RING = 7;
  const state = { palette: null, groups: null, chosen: null, focus: null, region: null, printing: false };
  const nearOf = new Map(near.of.map((item, at) => [item, at]));
  const neighbours = item => (nearOf.has(item) ? near.near[nearOf.get(item)] : []);
  const plural = count => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
  const short = title => (title.length <= 34 ? title : `${title.slice(0, 31).trimEnd()}...`);
  const tagsOf = item => items.tags[item].map(tag => items.tag_names[tag]);
  const known = name => name in items;
  const figure = (name, item, digits) => (known(name) && items[name][item] !== null ? items[name][item].toFixed(digits) : null);

  const around = values => {
    const low = values.reduce((a, b) => Math.min(a, b)), high = values.reduce((a, b) => Math.max(a, b)), margin = 0.05 * (high - low || 1);
    return [low - margin, high + margin];
  };
  const narrow = () => plot.clientWidth < 560;
  const chart = new Chart(plot, { x: around(items.x), y: around(items.y) }, narrow() ? data.short : data.axes);
  const most = items.n.reduce((a, b) => Math.max(a, b), 1), many = n > MOST_DOTS;
  const size = item => (narrow() ? 0.75 : 1) * (4 + (many ? 8 : 10) * Math.sqrt(items.n[item] / most));

  // -- drawing ------------------------------------------------------------------------------------------------------

  const rgba = color => (0xff000000 | (parseInt(color.slice(5, 7), 16) << 16) | (parseInt(color.slice(3, 5), 16) << 8) | parseInt(color.slice(1, 3), 16)) >>> 0;

  // the items in view, the most rated first, in pixels of the frame
  const inView = () => {
    const { x, y } = chart, { width, height } = chart.frame, found = [];
    const [perX, perY] = [width / (x.end - x.start), height / (y.end - y.start)];
    for (let item = 0; item < n; item++) {
      if (chart.shows(items.x[item], items.y[item])) found.push({ item, x: (items.x[item] - x.start) * perX, y: (y.end - items.y[item]) * perY, radius: size(item) / 2 });
    }
    return found;
  };

  const draw = () => {
    if (!chart.view) return;
    const dots = inView(), { groups, palette, chosen } = state, entry = item => groups.entries[groups.of[item]];
    const marked = new Set([...(chosen === null ? [] : [chosen, ...neighbours(chosen)]), ...data.marked]);
    const first = dots.slice(0, MOST_DOTS), others = dots.slice(MOST_DOTS);
    // what stands for several items at once is drawn first: the most rated and the groups stay on top
    const order = [...first].sort((a, b) => (groups.of[b.item] === groups.entries.length - 1) - (groups.of[a.item] === groups.entries.length - 1) || b.item - a.item);
    const paint = item => (item === chosen ? palette.marked : entry(item).color);
    chart.paint(others.reverse().map(dot => ({ ...dot, radius: 1.5, color: rgba(paint(dot.item)) })), [chart.x.start, chart.x.end], [chart.y.start, chart.y.end]);
    chart.show("dots", {
      x: order.map(({ item }) => items.x[item]), y: order.map(({ item }) => items.y[item]), size: order.map(({ item }) => size(item)),
      shape: order.map(({ item }) => entry(item).shape), color: order.map(({ item }) => paint(item)),
    });
    const rings = [...marked].filter(item => chart.shows(items.x[item], items.y[item]));
    if (state.focus !== null && !marked.has(state.focus)) rings.push(state.focus);
    chart.show("rings", { x: rings.map(item => items.x[item]), y: rings.map(item => items.y[item]), size: rings.map(item => size(item) + RING), width: rings.map(item => (item === chosen || item === state.focus ? 3 : 1.5)) });
    state.dots = dots;
    label(dots, marked);
  };

  const label = (dots, marked) => {
    const { width, height } = chart.frame, occupied = new Occupied(width, height), byItem = new Map(dots.map(dot => [dot.item, dot]));
    for (const dot of dots) occupied.add(dot.x, dot.y, dot.radius + (marked.has(dot.item) ? RING / 2 + 1 : 0));
    occupied.sum();
    const first = [...marked].filter(item => byItem.has(item)), rest = dots.slice(0, MOST_LABELLED).map(dot => dot.item).filter(item => !marked.has(item));
    const wanted = [...first, ...rest].map(item => {
      const dot = byItem.get(item), text = short(items.title[item]);
      return { ...dot, text, radius: dot.radius + (marked.has(item) ? RING / 2 + 1 : 0), width: widthOf(text), height: 14 };
    });
    const placed = placeLabels(wanted, occupied, Math.max(first.length, Math.round((width * height) / 6000)));
    state.labels = placed;
    chart.show("labels", {
      x: placed.map(({ dot }) => items.x[dot.item]), y: placed.map(({ dot }) => items.y[dot.item]), text: placed.map(({ dot }) => asText(dot.text)),
      dx: placed.map(({ dot, x }) => x - dot.x), dy: placed.map(({ dot, y }) => y - dot.y), color: placed.map(({ dot }) => (marked.has(dot.item) ? state.palette.marked : state.palette.ink)),
    });
  };

  const recolor = () => {
    state.palette = dark.matches && !state.printing ? data.palettes.dark : data.palettes.light;
    state.groups = coloring(data, color.value, state.palette);
    const counts = state.groups.entries.map(() => 0);
    for (const at of state.groups.of) counts[at]++;
    state.legend = state.groups.entries.map((entry, at) => ({ ...entry, n: counts[at] })).filter(entry => entry.n);
    chart.dress(state.palette);
    showLegend();
    draw();
  };

  const SIGNS = { circle: "\u25cf", square: "\u25a0", triangle: "\u25b2", diamond: "\u25c6", inverted_triangle: "\u25bc", plus: "\u271a", star: "\u2605" };
  const showLegend = () => {
    const rule = state.groups.rule ? element("p", { className: "dim", textContent: `color: ${state.groups.rule}` }) : "";
    const list = element("ul", { className: "legend" }, ...state.legend.map(entry => {
      const sign = element("span", { textContent: SIGNS[entry.shape] });
      sign.style.color = entry.color;
      sign.setAttribute("aria-hidden", "true");
      return element("li", {}, sign, ` ${entry.name} (${entry.n.toLocaleString("en")})`);
    }));
    get("legend").replaceChildren(rule, list);
  };

  // -- choosing -----------------------------------------------------------------------------------------------------

  const say = words => { told.textContent = words; };

  const choose = item => {
    Object.assign(state, { chosen: item, focus: item });
    if (!chart.shows(items.x[item], items.y[item])) chart.pan((items.x[item] - (chart.x.start + chart.x.end) / 2) / (chart.x.end - chart.x.start), (items.y[item] - (chart.y.start + chart.y.end) / 2) / (chart.y.end - chart.y.start));
    hideTip();
    showChosen();
    draw();
    const count = neighbours(item).length;
    say(`${items.title[item]} is chosen. ${count ? `Its ${count} nearest are listed beside the map.` : "It has too few ratings for neighbours."}`);
  };

  const clear = () => {
    Object.assign(state, { chosen: null, focus: null, region: null });
    box.value = "";
    chart.show("region", { x: [], y: [] });
    hideTip();
    showNothing();
    draw();
    say("nothing is chosen");
  };

  const button = (text, onclick, className = "") => element("button", { type: "button", textContent: text, onclick, className });

  const showNothing = () => {
    const how = narrow() ? "Tap a dot, or search." : "Select a dot, search, or draw a region with the lasso.";
    panel.replaceChildren(element("p", { className: "dim", textContent: `${how} A chosen ${noun}'s figures and neighbours stand here.` }));
  };

  const heading = words => element("div", { className: "head" }, element("h3", { textContent: words }), button("clear", clear));

  const figuresOf = item => {
    const bounds = figure("low", item, 2) === null ? "" : ` (95 % ${figure("low", item, 2)} to ${figure("high", item, 2)})`;
    const rows = [
      [data.value, figure("stars", item, 2) === null ? null : figure("stars", item, 2) + bounds],
      ["bias", figure("stars", item, 2) === null ? figure("bias", item, 3) : null],
      ["ratings (n)", items.n[item].toLocaleString("en")],
      ["their mean", figure("mean", item, 2)],
      ["year", figure("year", item, 0)],
      ["tags", tagsOf(item).join(", ")],
    ];
    return element("dl", {}, ...rows.filter(([, value]) => value).flatMap(([name, value]) => [element("dt", { textContent: name }), element("dd", { textContent: value })]));
  };

  const showChosen = () => {
    const item = state.chosen, at = nearOf.get(item);
    panel.replaceChildren(heading(items.title[item]), figuresOf(item));
    if (at === undefined) {
      const few = items.n[item] < near.least ? `It has fewer than ${near.least} ratings: too few for neighbours.` : `Neighbours are listed for the ${plural(near.of.length)} rated most.`;
      panel.append(element("p", { className: "dim", textContent: few }));
      return;
    }
    const columns = [[`nearest ${noun}s`, other => button(items.title[other], () => choose(other), "link")], ["n", other => items.n[other]]];
    if (near.both) columns.push(["both", (other, rank) => near.both[at][rank]]);
    if (near.folds) columns.push(["found", (other, rank) => `${near.folds[at][rank]}/${near.n_folds}`]);
    const head = element("tr", {}, ...columns.map(([name], j) => element("th", { textContent: name, scope: "col", className: j ? "number" : "" })));
    const rows = neighbours(item).map((other, rank) => element("tr", {}, ...columns.map(([, cell], j) => element("td", { className: j ? "number" : "" }, cell(other, rank)))));
    const body = element("tbody", {}, ...rows);
    panel.append(element("table", {}, element("thead", {}, head), body), element("p", { className: "dim", textContent: evidence() }));
  };

  const evidence = () => {
    const parts = [`n: ratings.`];
    if (near.both) parts.push("both: users who rated both.");
    if (near.folds) parts.push(`found: of ${near.n_folds} models, each trained without a part of the ratings, those that find it too.`);
    const by = near.by === "preference" ? "the correlation of predicted preferences" : "the cosine of the embeddings";
    return `By ${by}, among the ${noun}s drawn${near.least ? ` with ${near.least} ratings or more` : ""}. ${parts.join(" ")}`;
  };

  // -- a region -----------------------------------------------------------------------------------------------------

  const inside = (x, y, [xs, ys]) => {
    let is = false;
    for (let at = 0, before = xs.length - 1; at < xs.length; before = at++) {
      if (ys[at] > y !== ys[before] > y && x < ((xs[before] - xs[at]) * (y - ys[at])) / (ys[before] - ys[at]) + xs[at]) is = !is;
    }
    return is;
  };

  const showRegion = border => {
    const found = items.x.flatMap((x, item) => (inside(x, items.y[item], border) ? [item] : []));
    Object.assign(state, { region: found, chosen: null });
    chart.show("region", { x: border[0], y: border[1] });
    const counts = new Map();
    for (const item of found) for (const tag of tagsOf(item)) counts.set(tag, (counts.get(tag) ?? 0) + 1);
    const common = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 5).map(([tag, count]) => `${tag} ${count}`).join(", ");
    const list = element("ol", {}, ...found.slice(0, 200).map(item => element("li", {}, button(items.title[item], () => choose(item), "link"), ` (n ${items.n[item]})`)));
    const about = [common ? `Commonest tags: ${common}.` : "", found.length > 200 ? "The 200 most rated are listed." : ""].filter(Boolean).join(" ");
    panel.replaceChildren(heading(`${plural(found.length)} in the region`), button("save as CSV", () => saveCsv("region.csv", table(found)), "save"));
    if (about) panel.append(element("p", { className: "dim", textContent: about }));
    panel.append(list);
    draw();
    say(`${plural(found.length)} in the region. ${about}`);
  };

  const view = () => {
    const { x, y } = chart;
    return [[x.start, x.end, x.end, x.start], [y.start, y.start, y.end, y.end]];
  };

  const table = which => {
    const names = ["title", "id", "n", "mean", "stars", "low", "high", "bias", "year", "tags", "x", "y"].filter(known);
    return [names, ...which.map(item => names.map(name => (name === "tags" ? tagsOf(item).join("|") : items[name][item])))];
  };

  // -- the mouse ----------------------------------------------------------------------------------------------------

  const place = event => {
    const bounds = plot.getBoundingClientRect(), { left, top, width, height } = chart.frame;
    const [x, y] = [event.clientX - bounds.left - left, event.clientY - bounds.top - top];
    return x >= 0 && y >= 0 && x <= width && y <= height ? [x, y] : null;
  };

  // the item whose dot, or label, is under the mouse; of several dots the nearest
  const under = event => {
    const at = place(event);
    if (at === null) return null;
    const [x, y] = at, reach = event.pointerType === "touch" ? 14 : 5;
    let best = null, least = Infinity;
    for (const dot of state.dots ?? []) {
      const far = Math.hypot(dot.x - x, dot.y - y) - dot.radius;
      if (far < Math.min(least, reach)) [best, least] = [dot.item, far];
    }
    if (best !== null && least < 2) return best;
    const label = (state.labels ?? []).find(({ box }) => x >= box.x0 && x <= box.x1 && y >= box.y0 && y <= box.y1);
    return label ? label.dot.item : best;
  };

  const hideTip = () => { tip.hidden = true; };
  const showTip = item => {
    const figures = [`n ${items.n[item].toLocaleString("en")}`, figure("mean", item, 2) && `mean ${figure("mean", item, 2)}`, figure("stars", item, 2) && `${data.value} ${figure("stars", item, 2)}`];
    tip.replaceChildren(element("b", { textContent: items.title[item] }), element("span", { textContent: tagsOf(item).join(", ") }), element("span", { textContent: figures.filter(Boolean).join(", ") }));
    const [x, y] = chart.pixels(items.x[item], items.y[item]);
    tip.hidden = false;
    tip.style.left = `${Math.max(0, Math.min(x + 12, plot.clientWidth - tip.offsetWidth))}px`;
    tip.style.top = `${y + 12 + tip.offsetHeight > plot.clientHeight ? Math.max(0, y - 12 - tip.offsetHeight) : y + 12}px`;
  };

  let pressed = null;
  plot.addEventListener("pointerdown", event => { pressed = [event.clientX, event.clientY]; });
  plot.addEventListener("pointermove", event => {
    if (event.buttons || event.pointerType === "touch") return hideTip();
    const item = under(event);
    plot.style.cursor = item === null ? "" : "pointer";
    if (item === null) hideTip(); else showTip(item);
  });
  plot.addEventListener("pointerleave", hideTip);
  plot.addEventListener("click", event => {
    if (pressed && Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]) > 4) return; // it was dragged
    const item = under(event);
    if (item !== null) choose(item);
  });

  // -- the keys -----------------------------------------------------------------------------------------------------

  const focus = item => {
    state.focus = item;
    if (!chart.shows(items.x[item], items.y[item])) return;
    draw();
    showTip(item);
    const figures = [`${items.n[item]} ratings`, figure("stars", item, 2) && `${data.value} ${figure("stars", item, 2)}`, tagsOf(item).join(", ")];
    say([items.title[item], ...figures.filter(Boolean)].join(", "));
  };

  // the nearest dot in a direction, at most 45 degrees off it; the most rated in view to begin with
  const step = (right, down) => {
    const from = (state.dots ?? []).find(dot => dot.item === state.focus);
    if (!from) return state.dots?.length && focus(state.dots[0].item);
    let best = null, least = Infinity;
    for (const dot of state.dots) {
      const [x, y] = [dot.x - from.x, dot.y - from.y], along = x * right + y * down, across = Math.abs(x * down) + Math.abs(y * right);
      if (along > 0 && across <= along && along + 2 * across < least) [best, least] = [dot.item, along + 2 * across];
    }
    if (best === null) say(`no further ${noun} in this direction`); else focus(best);
  };

  const ARROWS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const here = () => (state.focus !== null && chart.shows(items.x[state.focus], items.y[state.focus]) ? [items.x[state.focus], items.y[state.focus]] : []);
  plot.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    if (arrow) event.shiftKey ? chart.pan(0.2 * arrow[0], -0.2 * arrow[1]) : step(...arrow);
    else if (event.key === "+" || event.key === "=") chart.zoom(1.5, ...here());
    else if (event.key === "-") chart.zoom(1 / 1.5, ...here());
    else if (event.key === "0") chart.home();
    else if ((event.key === "Enter" || event.key === " ") && state.focus !== null) choose(state.focus);
    else if (event.key === "Escape") clear();
    else return;
    event.preventDefault();
  });
  plot.addEventListener("blur", hideTip);

  // -- the search: a combobox with a list (ARIA) --------------------------------------------------------------------

  const search = new Search(items.title, items.id);
  const list = { rows: [], at: -1 };
  const close = () => {
    hits.hidden = true;
    box.setAttribute("aria-expanded", "false");
    box.removeAttribute("aria-activedescendant");
    list.at = -1;
  };
  const activate = at => {
    list.at = at;
    [...hits.children].forEach((option, j) => option.setAttribute("aria-selected", String(j === at)));
    if (at < 0) box.removeAttribute("aria-activedescendant"); else box.setAttribute("aria-activedescendant", hits.children[at].id);
    hits.children[at]?.scrollIntoView({ block: "nearest" });
  };
  const pick = item => {
    box.value = items.title[item];
    close();
    choose(item);
  };
  const look = () => {
    const asked = box.value.trim(), found = asked ? search.matches(asked) : [];
    list.rows = found.slice(0, MOST_HITS);
    hits.replaceChildren(...list.rows.map((item, at) => {
      const option = element("li", { id: `map-hit-${at}` }, items.title[item], element("span", { className: "dim", textContent: ` n ${items.n[item].toLocaleString("en")}` }));
      option.setAttribute("role", "option");
      option.addEventListener("pointerdown", event => { event.preventDefault(); pick(item); });
      return option;
    }));
    activate(-1);
    hits.hidden = !list.rows.length;
    box.setAttribute("aria-expanded", String(!hits.hidden));
    const more = found.length > MOST_HITS ? `, ${MOST_HITS} listed` : "";
    say(asked ? `${found.length ? plural(found.length) : `no ${noun}`} found${more}` : "");
  };
  box.addEventListener("input", look);
  box.addEventListener("blur", close);
  box.addEventListener("keydown", event => {
    const count = list.rows.length;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (hits.hidden) look();
      if (list.rows.length) activate(event.key === "ArrowDown" ? (list.at + 1) % list.rows.length : (list.at <= 0 ? list.rows.length : list.at) - 1);
    } else if (event.key === "Enter" && count) {
      pick(list.rows[Math.max(0, list.at)]);
    } else if (event.key === "Escape") {
      if (hits.hidden) clear(); else close();
    } else {
      return;
    }
    event.preventDefault();
  });

  // -- the buttons, the table and print -----------------------------------------------------------------------------

  const drags = document.querySelectorAll("[data-drag]");
  const drag = what => {
    chart.drag(what);
    for (const one of drags) one.setAttribute("aria-pressed", String(one.dataset.drag === what));
  };
  for (const one of drags) one.addEventListener("click", () => drag(one.getAttribute("aria-pressed") === "true" ? "" : one.dataset.drag));
  const actions = { in: () => chart.zoom(1.5, ...here()), out: () => chart.zoom(1 / 1.5, ...here()), home: () => chart.home(), view: () => showRegion(view()), png: () => picture().toBlob(blob => save("map.png", blob)) };
  for (const one of document.querySelectorAll("[data-do]")) one.addEventListener("click", actions[one.dataset.do]);

  // the drawing with its title and legend
  const picture = () => {
    const drawn = chart.canvas(), ratio = drawn.width / plot.clientWidth, line = 20 * ratio, margin = 12 * ratio;
    const canvas = element("canvas", { width: drawn.width }), context = canvas.getContext("2d");
    const font = `${12 * ratio}px system-ui, sans-serif`, places = [];
    context.font = font;
    let [x, y] = [margin, 0];
    for (const entry of state.legend) {
      const text = `${SIGNS[entry.shape]} ${entry.name} (${entry.n})`, width = context.measureText(text).width + 2 * margin;
      if (x > margin && x + width > canvas.width) [x, y] = [margin, y + line];
      places.push([text, entry.color, x, y]);
      x += width;
    }
    const head = 2.2 * line, below = head + drawn.height;
    canvas.height = below + y + 2.5 * line;
    Object.assign(context, { fillStyle: state.palette.paper, font });
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(drawn, 0, head);
    const write = (text, color, x, y, weight = "") => {
      Object.assign(context, { fillStyle: color, font: weight + font });
      context.fillText(text, x, y, canvas.width - margin - x);
    };
    write(data.title, state.palette.ink, margin, line, "bold ");
    write(data.caption, state.palette.dim, margin, 1.8 * line);
    for (const [text, color, x, y] of places) {
      write(text[0], color, x, below + y + line);
      write(text.slice(1), state.palette.ink, x + context.measureText(text[0]).width, below + y + line);
    }
    write(state.groups.rule, state.palette.dim, margin, below + y + 2 * line);
    return canvas;
  };

  window.addEventListener("beforeprint", () => {
    state.printing = true;
    recolor();
    get("print").replaceChildren(picture());
  });
  window.addEventListener("afterprint", () => {
    state.printing = false;
    get("print").replaceChildren();
    recolor();
  });

  get("table").addEventListener("toggle", () => {
    const into = get("rows");
    if (into.childElementCount) return;
    const [names, ...rows] = table([...Array(Math.min(n, MOST_ROWS)).keys()]), words = { stars: data.value, low: "95 % from", high: "to" };
    const head = element("tr", {}, ...names.map(name => element("th", { textContent: words[name] ?? name, scope: "col" })));
    const body = rows.map(row => element("tr", {}, ...row.map(cell => element("td", { textContent: cell ?? "" }))));
    const about = n > MOST_ROWS ? `the ${plural(MOST_ROWS)} rated most; all of them are in the CSV` : "";
    into.replaceChildren(element("table", {}, element("caption", { textContent: about }), element("thead", {}, head), element("tbody", {}, ...body)));
  });
  get("all").addEventListener("click", () => saveCsv("map.csv", table([...Array(n).keys()])));

  color.addEventListener("change", recolor);
  dark.addEventListener("change", recolor);
  chart.onRegion(showRegion);
  showNothing();
  chart.start(() => { hideTip(); draw(); }).then(() => {
    drag(narrow() ? "" : "move");
    recolor();
    plot.dataset.drawn = "yes";
  });
}

const mapData = document.getElementById("map-data");
if (mapData) drawMap(JSON.parse(mapData.textContent));
