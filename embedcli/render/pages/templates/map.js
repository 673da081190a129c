// The map: what is shown and chosen, by mouse and by keys; the search; the panel beside it; the table.

function drawMap(data) {
  const { items, noun } = data,
    n = items.title.length,
    near = data.near;
  const get = id => document.getElementById(`map-${id}`);
  const plot = get("plot"),
    color = get("color"),
    told = get("told"),
    panel = get("chosen"),
    tip = get("tip");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const SMALL = 2000; // items: up to so many are all drawn with their shape and size,
  const MOST_DOTS = 1000; // of more so many in view, and further ones as specks
  const MOST_LABELLED = 600; // items in view that are tried
  const FAR = n > 200 ? 40 : n; // items, the most rated, whose label may stand off its dot
  const MOST_ROWS = 2000; // of the table
  const MOST_LISTED = 200; // of a region
  const RING = 7; // pixels around a dot
  const SPECK = 1.5; // radius in pixels
  const FAINT = 0.25; // opacity of what steps back
  const REST = 120; // milliseconds after a movement
  const state = { palette: null, groups: null, chosen: null, focus: null, region: null, printing: false };
  const nearOf = new Map(near.of.map((item, at) => [item, at]));
  const neighbours = item => (nearOf.has(item) ? near.near[nearOf.get(item)] : []);
  const plural = count => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
  const short = (title, most) => (title.length <= most ? title : `${title.slice(0, most - 3).trimEnd()}...`);
  const tagsOf = item => items.tags[item].map(tag => items.tag_names[tag]);
  const known = name => name in items;
  const figure = (name, item, digits) =>
    known(name) && items[name][item] !== null ? items[name][item].toFixed(digits) : null;

  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  const around = values => {
    const low = values.reduce((a, b) => Math.min(a, b)),
      high = values.reduce((a, b) => Math.max(a, b)),
      margin = 0.05 * (high - low || 1);
    return [low - margin, high + margin];
  };
  const narrow = () => plot.clientWidth < 560;
  const chart = new Chart(plot, { x: around(items.x), y: around(items.y) }, narrow() ? data.short : data.axes);
  const most = items.n.reduce((a, b) => Math.max(a, b), 1),
    isSmall = n <= SMALL,
    least = n > 500 ? 3 : 5; // smaller dots leave room for labels
  const sizes = items.n.map(count => least + 9 * Math.sqrt(count / most));
  const size = item => state.scale * sizes[item];

  // -- drawing ------------------------------------------------------------------------------------------------------

  const rgba = color =>
    (0xff000000 |
      (parseInt(color.slice(5, 7), 16) << 16) |
      (parseInt(color.slice(3, 5), 16) << 8) |
      parseInt(color.slice(1, 3), 16)) >>>
    0;

  // where the items are, in pixels of the frame, and those in view, the most rated first
  const left = new Float64Array(n),
    top = new Float64Array(n),
    inView = new Uint32Array(n);
  const locate = () => {
    const { x, y } = chart,
      { width, height } = chart.frame,
      [perX, perY] = [width / (x.end - x.start), height / (y.end - y.start)];
    state.isNarrow = narrow();
    const zoomed = (chart.ranges.x[1] - chart.ranges.x[0]) / (x.end - x.start),
      scale = (state.isNarrow ? 0.8 : 1) * clamp(Math.round(4 * zoomed ** 0.3) / 4, 1, 2);
    state.isStale ||= scale !== state.scale;
    state.scale = scale;
    state.nInView = 0;
    for (let item = 0; item < n; item++) {
      left[item] = (items.x[item] - x.start) * perX;
      top[item] = (y.end - items.y[item]) * perY;
      if (left[item] >= 0 && left[item] <= width && top[item] >= 0 && top[item] <= height)
        inView[state.nInView++] = item;
    }
  };
  const isInView = item => chart.shows(items.x[item], items.y[item]);

  // what stands out: what is marked; with a chosen item or a region all others step back
  const prominent = () => {
    const { chosen, region } = state;
    const marked = new Set([...(chosen === null ? [] : [chosen, ...neighbours(chosen)]), ...data.marked]);
    return [
      marked,
      chosen !== null ? item => marked.has(item) : region !== null ? item => region.has(item) : () => true,
    ];
  };

  // The most rated in view are drawn with their sizes and shapes, all further ones as specks: a few thousand dots are
  // what a browser draws within a movement.
  const draw = () => {
    locate();
    const { groups, palette, chosen } = state,
      [marked, isBright] = prominent(),
      entry = item => groups.entries[groups.of[item]];
    const shown = isSmall
      ? [...Array(n).keys()]
      : [...new Set([...inView.subarray(0, Math.min(state.nInView, MOST_DOTS)), ...marked])];
    if (!isSmall) {
      const colors = groups.entries.map(({ color }) => rgba(color)),
        faint = rgba(palette.line);
      const specks = inView.subarray(Math.min(MOST_DOTS, state.nInView), state.nInView).reverse();
      chart.paint(left, top, specks, item => (isBright(item) ? colors[groups.of[item]] : faint), SPECK);
      specks.reverse();
    }
    if (!isSmall || state.isStale) {
      // the last is on top: what is marked, then the groups, the most rated first
      const layer = item => (marked.has(item) ? 2 : groups.of[item] < groups.entries.length - 1 ? 1 : 0);
      const order = [0, 1, 2].flatMap(which => shown.filter(item => layer(item) === which).reverse());
      chart.show("dots", {
        x: order.map(item => items.x[item]),
        y: order.map(item => items.y[item]),
        size: order.map(size),
        shape: order.map(item => entry(item).shape),
        color: order.map(item => (item === chosen ? palette.marked : entry(item).color)),
        alpha: order.map(item => (isBright(item) ? 1 : FAINT)),
      });
      state.isStale = false;
    }
  };

  const ring = (marked, focus) => {
    const rings = [...new Set([...marked, ...(focus === null ? [] : [focus])])].filter(isInView);
    const width = rings.map(item => (item === state.chosen || item === focus ? 3 : 1.5));
    chart.show("rings", {
      x: rings.map(item => items.x[item]),
      y: rings.map(item => items.y[item]),
      size: rings.map(item => size(item) + RING),
      width,
    });
  };

  // labels cover no dot but those that step back
  const label = () => {
    const { width, height } = chart.frame,
      occupied = new Occupied(width, height),
      [marked, isBright] = prominent();
    const radius = item => (size(item) + (marked.has(item) ? RING + 2 : 0)) / 2,
      seen = inView.subarray(0, state.nInView),
      candidates = [...marked].filter(isInView);
    const nMarked = candidates.length;
    for (const [at, item] of seen.entries()) {
      if (!isBright(item)) continue;
      occupied.add(left[item], top[item], isSmall || at < MOST_DOTS || marked.has(item) ? radius(item) : SPECK + 0.5);
      if (candidates.length < MOST_LABELLED && !marked.has(item)) candidates.push(item);
    }
    occupied.sum();
    const wanted = candidates.map((item, at) => {
      const text = state.isNarrow ? short(withoutYear(items.title[item]), 22) : short(items.title[item], 34);
      return {
        item,
        text,
        x: left[item],
        y: top[item],
        radius: radius(item),
        width: widthOf(text),
        height: 13,
        reach: at < nMarked ? 400 : at < nMarked + FAR ? (n > 200 ? 30 : 240) : 0,
      };
    });
    const placed = placeLabels(wanted, occupied, Math.max(nMarked, Math.round((width * height) / 6000)));
    state.labels = placed;
    const of = pick => placed.map(one => pick(one, one.dot.item));
    chart.show("labels", {
      x: of((_, item) => items.x[item]),
      y: of((_, item) => items.y[item]),
      text: of(({ dot }) => dot.text),
      dx: of(({ dot, x }) => x - dot.x),
      dy: of(({ dot, y }) => y - dot.y),
      color: of((_, item) => (marked.has(item) ? state.palette.marked : state.palette.ink)),
      paper: of((_, item) => (marked.has(item) ? 0.8 : 0)),
    });
    const lines = placed
      .filter(({ line }) => line)
      .map(({ dot, line }) => [items.x[dot.item], items.y[dot.item], ...chart.values(line[2], line[3])]);
    const [x, y, toX, toY] = [0, 1, 2, 3].map(end => lines.map(line => line[end]));
    chart.show("leaders", { x, y, toX, toY });
    ring(marked, state.focus);
    plot.dataset.drawn = "yes";
  };

  const redraw = () => {
    if (!chart.view) return;
    state.isStale = true;
    draw();
    label();
  };

  // labels and dots move together, and labels are placed again when the movement rests
  const follow = () => {
    hideTip();
    draw();
    plot.dataset.drawn = "moving";
    clearTimeout(state.rest);
    state.rest = setTimeout(label, REST);
  };

  const recolor = () => {
    state.palette = dark.matches && !state.printing ? data.palettes.dark : data.palettes.light;
    state.groups = coloring(data, color.value, state.palette);
    const counts = state.groups.entries.map(() => 0);
    for (const at of state.groups.of) counts[at]++;
    state.legend = state.groups.entries.map((entry, at) => ({ ...entry, at, n: counts[at] })).filter(entry => entry.n);
    chart.dress(state.palette);
    showLegend();
    redraw();
  };

  const showLegend = () => {
    const rule = state.groups.rule
      ? element("p", { className: "dim", textContent: `Color: ${state.groups.rule}.` })
      : "";
    const list = element(
      "ul",
      { className: "legend" },
      ...state.legend.map(entry => {
        const sign = element("span", { textContent: SIGNS[entry.shape] });
        sign.style.color = entry.color;
        sign.setAttribute("aria-hidden", "true");
        const words = element("button", {
          type: "button",
          className: "link",
          textContent: `${entry.name} (${entry.n.toLocaleString("en")})`,
          onclick: () => showGroup(entry.at, entry.name),
        });
        return element("li", {}, sign, " ", words);
      }),
    );
    get("legend").replaceChildren(rule, list);
  };

  // -- choosing -----------------------------------------------------------------------------------------------------

  const say = words => {
    told.textContent = words;
  };

  const choose = item => {
    Object.assign(state, { chosen: item, focus: item, region: null });
    chart.show("region", { x: [], y: [] });
    if (!isInView(item))
      chart.pan(
        (items.x[item] - (chart.x.start + chart.x.end) / 2) / (chart.x.end - chart.x.start),
        (items.y[item] - (chart.y.start + chart.y.end) / 2) / (chart.y.end - chart.y.start),
      );
    hideTip();
    showChosen();
    redraw();
    const count = neighbours(item).length;
    say(`${items.title[item]} is chosen. ${count ? `Its ${count} nearest are listed.` : whyAlone(item)}`);
  };

  const clear = () => {
    Object.assign(state, { chosen: null, focus: null, region: null });
    get("search").value = "";
    chart.show("region", { x: [], y: [] });
    hideTip();
    if (panel.contains(document.activeElement)) plot.focus({ preventScroll: true });
    showNothing();
    redraw();
    say("nothing is chosen");
  };

  const button = (text, onclick, className = "") =>
    element("button", { type: "button", textContent: text, onclick, className });

  const showNothing = () => {
    const how = narrow() ? "Tap a dot, or search." : "Select a dot, search, or draw a region with the lasso.";
    panel.replaceChildren(
      element("p", { className: "dim", textContent: `${how} A chosen ${noun}'s figures and neighbours stand here.` }),
    );
  };

  // whoever came from the panel by keys stays in it
  const fill = (words, ...parts) => {
    const isWithin = panel.contains(document.activeElement);
    const heading = element("h3", { textContent: words, tabIndex: -1 });
    panel.replaceChildren(element("div", { className: "head" }, heading, button("clear", clear)), ...parts);
    panel.scrollTop = 0;
    if (isWithin) heading.focus({ preventScroll: true });
  };

  const figuresOf = item => {
    const bounds =
      figure("low", item, 2) === null ? "" : ` (95 % ${figure("low", item, 2)} to ${figure("high", item, 2)})`;
    const rows = [
      [data.value, figure("stars", item, 2) === null ? null : figure("stars", item, 2) + bounds],
      ["bias", figure("stars", item, 2) === null ? figure("bias", item, 3) : null],
      ["ratings (n)", items.n[item].toLocaleString("en")],
      ["their mean", figure("mean", item, 2)],
      ["year", figure("year", item, 0)],
      ["tags", tagsOf(item).join(", ")],
    ];
    return element(
      "dl",
      {},
      ...rows
        .filter(([, value]) => value)
        .flatMap(([name, value]) => [element("dt", { textContent: name }), element("dd", { textContent: value })]),
    );
  };

  const whyAlone = item =>
    items.n[item] < near.least
      ? `It has fewer than ${near.least} ratings: too few for neighbours.`
      : `Neighbours are listed for the ${near.of.length.toLocaleString("en")} most rated ${noun}s only.`;

  const showChosen = () => {
    const item = state.chosen,
      at = nearOf.get(item);
    fill(items.title[item], figuresOf(item));
    if (at === undefined) {
      panel.append(element("p", { className: "dim", textContent: whyAlone(item) }));
      return;
    }
    const columns = [
      [`nearest ${noun}s`, other => button(items.title[other], () => choose(other), "link")],
      ["n", other => items.n[other]],
    ];
    if (near.both) columns.push(["both", (other, rank) => near.both[at][rank]]);
    if (near.folds) columns.push(["found", (other, rank) => foundAgain(near.folds[at][rank])]);
    const head = element(
      "tr",
      {},
      ...columns.map(([name], j) => element("th", { textContent: name, scope: "col", className: j ? "number" : "" })),
    );
    const rows = neighbours(item).map((other, rank) =>
      element(
        "tr",
        {},
        ...columns.map(([, cell], j) => element("td", { className: j ? "number" : "" }, cell(other, rank))),
      ),
    );
    const body = element("tbody", {}, ...rows);
    panel.append(
      element("table", {}, element("thead", {}, head), body),
      element("p", { className: "dim", textContent: evidence() }),
    );
  };

  // as `judge_folds` judges in the commands
  const foundAgain = folds =>
    element("span", {
      className: folds === near.n_folds ? "good" : folds >= near.n_folds / 2 ? "caution" : "dim",
      textContent: `${folds}/${near.n_folds}`,
    });

  const evidence = () => {
    const parts = [`n: ratings.`];
    if (near.both) parts.push("both: users who rated both.");
    if (near.folds)
      parts.push(
        `found: of ${near.n_folds} models, each trained without a part of the ratings, those that find it too ` +
          "(all: stable, at least half: unstable, fewer: weak).",
      );
    const by = near.by === "preference" ? "the correlation of predicted preferences" : "the cosine of the embeddings";
    return `By ${by}, among the ${noun}s drawn${near.least ? ` with ${near.least} ratings or more` : ""}. ${parts.join(" ")}`;
  };

  // -- a region -----------------------------------------------------------------------------------------------------

  const inside = (x, y, [xs, ys]) => {
    let is = false;
    for (let at = 0, before = xs.length - 1; at < xs.length; before = at++) {
      if (ys[at] > y !== ys[before] > y && x < ((xs[before] - xs[at]) * (y - ys[at])) / (ys[before] - ys[at]) + xs[at])
        is = !is;
    }
    return is;
  };

  const showRegion = border => {
    const found = items.x.flatMap((x, item) => (inside(x, items.y[item], border) ? [item] : []));
    showList(found, `${plural(found.length)} in the region`, "region.csv", border);
  };

  // one entry of the legend
  const showGroup = (at, name) => {
    const found = state.groups.of.flatMap((own, item) => (own === at ? [item] : []));
    showList(found, `${plural(found.length)}: ${name}`, "group.csv", [[], []]);
  };

  const showList = (found, words, file, border) => {
    Object.assign(state, { region: new Set(found), chosen: null });
    chart.show("region", { x: border[0], y: border[1] });
    const counts = new Map();
    for (const item of found) for (const tag of tagsOf(item)) counts.set(tag, (counts.get(tag) ?? 0) + 1);
    const common = [...counts]
      .sort((a, b) => b[1] - a[1])
      .slice(0, 5)
      .map(([tag, count]) => `${tag} ${count}`)
      .join(", ");
    const list = element(
      "ol",
      {},
      ...found.slice(0, MOST_LISTED).map(item =>
        element(
          "li",
          {},
          button(items.title[item], () => choose(item), "link"),
          ` (n ${items.n[item]})`,
        ),
      ),
    );
    const about = [
      common ? `Commonest tags: ${common}.` : "",
      found.length > MOST_LISTED ? `The ${MOST_LISTED} most rated are listed.` : "",
    ]
      .filter(Boolean)
      .join(" ");
    const csv = button("save as CSV", () => saveCsv(file, table(found)), "save");
    fill(words, csv);
    if (about) panel.append(element("p", { className: "dim", textContent: about }));
    panel.append(list);
    redraw();
    say(`${words}. ${about}`);
  };

  const view = () => {
    const { x, y } = chart;
    return [
      [x.start, x.end, x.end, x.start],
      [y.start, y.start, y.end, y.end],
    ];
  };

  const table = which => {
    const names = ["title", "id", "n", "mean", "stars", "low", "high", "bias", "year", "tags", "x", "y"].filter(known);
    return [
      names,
      ...which.map(item => names.map(name => (name === "tags" ? tagsOf(item).join("|") : items[name][item]))),
    ];
  };

  // -- the mouse ----------------------------------------------------------------------------------------------------

  const place = event => {
    const bounds = plot.getBoundingClientRect(),
      { left, top, width, height } = chart.frame;
    const [x, y] = [event.clientX - bounds.left - left, event.clientY - bounds.top - top];
    return x >= 0 && y >= 0 && x <= width && y <= height ? [x, y] : null;
  };

  // the item whose dot, or label, is under the mouse; of several dots the nearest
  const under = event => {
    const at = place(event);
    if (at === null) return null;
    const [x, y] = at,
      reach = event.pointerType === "touch" ? 14 : 5;
    let best = null,
      least = reach;
    for (const item of inView.subarray(0, state.nInView)) {
      const far = Math.hypot(left[item] - x, top[item] - y) - size(item) / 2;
      if (far < least) [best, least] = [item, far];
    }
    if (best !== null && least < 2) return best;
    const label = (state.labels ?? []).find(({ box }) => x >= box.x0 && x <= box.x1 && y >= box.y0 && y <= box.y1);
    return label ? label.dot.item : best;
  };

  const hideTip = () => {
    tip.hidden = true;
  };
  const showTip = item => {
    const figures = [
      `n ${items.n[item].toLocaleString("en")}`,
      figure("mean", item, 2) && `mean ${figure("mean", item, 2)}`,
      figure("stars", item, 2) && `${data.value} ${figure("stars", item, 2)}`,
    ];
    tip.replaceChildren(
      element("b", { textContent: items.title[item] }),
      element("span", { textContent: tagsOf(item).join(", ") }),
      element("span", { textContent: figures.filter(Boolean).join(", ") }),
    );
    const [x, y] = chart.pixels(items.x[item], items.y[item]);
    tip.hidden = false;
    tip.style.left = `${Math.max(0, Math.min(x + 12, plot.clientWidth - tip.offsetWidth))}px`;
    tip.style.top = `${y + 12 + tip.offsetHeight > plot.clientHeight ? Math.max(0, y - 12 - tip.offsetHeight) : y + 12}px`;
  };

  let pressed = null;
  plot.addEventListener("pointerdown", event => {
    pressed = [event.clientX, event.clientY];
  });
  plot.addEventListener("pointermove", event => {
    if (event.buttons || event.pointerType === "touch") return hideTip();
    const item = under(event);
    plot.style.cursor = item === null ? "" : "pointer";
    if (item === null) hideTip();
    else showTip(item);
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
    ring(prominent()[0], item);
    showTip(item);
    const figures = [
      `${items.n[item]} ratings`,
      figure("stars", item, 2) && `${data.value} ${figure("stars", item, 2)}`,
      tagsOf(item).join(", "),
    ];
    say([items.title[item], ...figures.filter(Boolean)].join(", "));
  };

  // the nearest dot in a direction, at most 45 degrees off it; the most rated in view to begin with
  const step = (right, down) => {
    const from = state.focus;
    if (from === null || !isInView(from)) return state.nInView ? focus(inView[0]) : say(`no ${noun} is in view`);
    let best = null,
      least = Infinity;
    for (const item of inView.subarray(0, state.nInView)) {
      const [x, y] = [left[item] - left[from], top[item] - top[from]],
        along = x * right + y * down,
        across = Math.abs(x * down) + Math.abs(y * right);
      if (along > 0 && across <= along && along + 2 * across < least) [best, least] = [item, along + 2 * across];
    }
    if (best === null) say(`no further ${noun} in this direction`);
    else focus(best);
  };

  const ARROWS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const here = () =>
    state.focus !== null && isInView(state.focus) ? [items.x[state.focus], items.y[state.focus]] : [];
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

  const search = new Search(items.title, items.id);
  combobox(get("search"), get("hits"), {
    find: asked => search.matches(asked),
    words: item => [items.title[item], ` n ${items.n[item].toLocaleString("en")}`],
    pick: item => {
      choose(item);
      plot.scrollIntoView({ block: narrow() ? "start" : "nearest" });
    },
    say: count =>
      say(
        count === null
          ? ""
          : `${count ? plural(count) : `no ${noun}`} found${count > MOST_HITS ? `, ${MOST_HITS} listed` : ""}`,
      ),
    clear,
  });

  // -- the buttons, the table and print -----------------------------------------------------------------------------

  const drags = document.querySelectorAll("[data-drag]");
  const drag = what => {
    chart.drag(what);
    for (const one of drags) one.setAttribute("aria-pressed", String(one.dataset.drag === what));
  };
  for (const one of drags)
    one.addEventListener("click", () => drag(one.getAttribute("aria-pressed") === "true" ? "" : one.dataset.drag));
  const actions = {
    in: () => chart.zoom(1.5, ...here()),
    out: () => chart.zoom(1 / 1.5, ...here()),
    home: () => chart.home(),
    view: () => showRegion(view()),
    png: () => picture(data.title, data.caption).toBlob(blob => save("map.png", blob)),
  };
  for (const one of document.querySelectorAll("[data-do]")) one.addEventListener("click", actions[one.dataset.do]);

  const picture = (title, caption) => {
    const drawn = chart.canvas();
    return pictureOf(drawn, drawn.width / plot.clientWidth, {
      title,
      caption,
      rule: state.groups.rule,
      legend: state.legend,
      palette: state.palette,
    });
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
    const [names, ...rows] = table([...Array(Math.min(n, MOST_ROWS)).keys()]),
      words = { stars: data.value, low: "95 % from", high: "to" };
    const head = element(
      "tr",
      {},
      ...names.map(name => element("th", { textContent: words[name] ?? name, scope: "col" })),
    );
    const body = rows.map(row => element("tr", {}, ...row.map(cell => element("td", { textContent: cell ?? "" }))));
    const about = n > MOST_ROWS ? `the ${plural(MOST_ROWS)} rated most; all of them are in the CSV` : "";
    into.replaceChildren(
      element(
        "table",
        {},
        element("caption", { textContent: about }),
        element("thead", {}, head),
        element("tbody", {}, ...body),
      ),
    );
  });
  get("all").addEventListener("click", () => saveCsv("map.csv", table([...Array(n).keys()])));

  color.addEventListener("change", recolor);
  dark.addEventListener("change", recolor);
  chart.onRegion(showRegion);
  showNothing();
  chart.start(follow).then(() => {
    drag(window.matchMedia("(pointer: coarse)").matches ? "" : "move"); // a finger scrolls the page
    recolor();
    // what has run a few times is compiled: the first movement does not jerk
    for (let time = 1; time <= 3; time++) setTimeout(redraw, 50 * time);
  });
  return { chart, search };
}

const shownMap = drawMap(JSON.parse(document.getElementById("map-data").textContent));
