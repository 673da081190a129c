// The drawing: dots, rings, labels and a region on two axes, by BokehJS. What is to be drawn is said in map.js.

const FONT = "12px system-ui, sans-serif";
const MEASURE = document.createElement("canvas").getContext("2d");
MEASURE.font = FONT;
const WIDTHS = new Map();
const widthOf = text => {
  if (!WIDTHS.has(text)) WIDTHS.set(text, MEASURE.measureText(text).width);
  return WIDTHS.get(text);
};

class Chart {
  // `element` holds the drawing; `ranges` { x, y } are the whole map
  constructor(element, ranges, axes) {
    const model = name => Bokeh.Models.get(name),
      { ndarray } = Bokeh.require("core/util/ndarray");
    const make = (name, properties) => new (model(name))(properties);
    Bokeh.logger.set_level("warn");
    Object.assign(this, { element, ranges, make, ndarray });
    [this.x, this.y] = [ranges.x, ranges.y].map(([start, end]) => make("Range1d", { start, end }));
    this.plot = make("Plot", {
      x_range: this.x,
      y_range: this.y,
      sizing_mode: "stretch_both",
      lod_threshold: null,
      toolbar_location: null,
      min_border: 8,
      min_border_right: 12,
    });
    this.sources = {};
    this.add("image", "ImageRGBA", {
      image: { field: "image" },
      x: { field: "x" },
      y: { field: "y" },
      dw: { field: "dw" },
      dh: { field: "dh" },
    });
    this.add("region", "Patch", { fill_alpha: 0.08, line_width: 1.5, line_dash: [5, 3] });
    this.add("dots", "Scatter", {
      size: { field: "size" },
      marker: { field: "shape" },
      fill_color: { field: "color" },
      fill_alpha: { field: "alpha" },
      line_width: 0.5,
    });
    this.add("leaders", "Segment", {
      x0: { field: "x" },
      y0: { field: "y" },
      x1: { field: "toX" },
      y1: { field: "toY" },
    });
    this.add("rings", "Scatter", { size: { field: "size" }, fill_color: null, line_width: { field: "width" } });
    const centered = {
      text_align: "center",
      text_baseline: "middle",
      text_font: "system-ui, sans-serif",
      text_font_size: "12px",
    };
    this.add("labels", "Text", {
      text: { field: "text" },
      x_offset: { field: "dx" },
      y_offset: { field: "dy" },
      text_color: { field: "color" },
      background_fill_alpha: { field: "paper" },
      ...centered,
    });
    const axis = {
      axis_line_color: null,
      minor_tick_line_color: null,
      axis_label_text_font_style: "normal",
      axis_label_text_font: "system-ui, sans-serif",
      major_label_text_font: "system-ui, sans-serif",
      axis_label_text_font_size: "12px",
      major_label_text_font_size: "11px",
    };
    this.axes = axes.map(title =>
      make("LinearAxis", { ...axis, axis_label: make("PlainText", { text: title }), visible: title !== "" }),
    );
    this.axes[1].major_label_orientation = "vertical"; // else longer numbers move the whole drawing
    this.grids = this.axes.map((axis, dimension) => make("Grid", { axis, dimension, visible: axis.visible }));
    ["below", "left"].forEach((side, at) => this.plot.add_layout(this.axes[at], side));
    this.grids.forEach(grid => this.plot.add_layout(grid, "center"));
    this.tools = {
      move: make("PanTool", {}),
      box: make("BoxSelectTool", { renderers: [] }),
      lasso: make("LassoSelectTool", { renderers: [] }),
    };
    const wheel = make("WheelZoomTool", { modifiers: { ctrl: true } }); // without, the wheel scrolls the page
    this.plot.toolbar.tools = [...Object.values(this.tools), wheel];
    wheel.active = true;
    for (const range of [this.x, this.y])
      for (const end of ["start", "end"]) range.properties[end].change.connect(() => this.moved());
    for (const side of ["inner_width", "inner_height"]) this.plot.properties[side].change.connect(() => this.moved());
  }

  add(name, glyph, properties) {
    const empty = {
      image: "image x y dw dh",
      region: "x y",
      dots: "x y size shape color alpha",
      leaders: "x y toX toY",
      rings: "x y size width",
      labels: "x y text dx dy color paper",
    }[name];
    const place = name === "image" || name === "leaders" ? {} : { x: { field: "x" }, y: { field: "y" } };
    const data_source = this.make("ColumnDataSource", {
      data: Object.fromEntries(empty.split(" ").map(column => [column, []])),
    });
    const drawn = this.make(glyph, { ...place, ...properties });
    this.plot.renderers = [
      ...this.plot.renderers,
      this.make("GlyphRenderer", { data_source, glyph: drawn, nonselection_glyph: null, selection_glyph: null }),
    ];
    this.sources[name] = data_source;
    this[`${name}Glyph`] = drawn;
  }

  async start(onMove) {
    const document = new (Bokeh.require("document").Document)();
    document.add_root(this.plot);
    const views = await Bokeh.embed.add_document_standalone(document, this.element);
    this.view = views.get(this.plot);
    // the element around it takes the keys
    for (const inner of this.view.el.shadowRoot.querySelectorAll(".bk-Canvas"))
      for (const events of inner.shadowRoot.querySelectorAll("[tabindex]")) events.removeAttribute("tabindex");
    this.onMove = onMove;
  }

  // both ends of both ranges change one after another: say it once, before the next drawing
  moved() {
    if (!this.onMove || this.waiting) return;
    this.waiting = true;
    queueMicrotask(() => {
      this.waiting = false;
      this.onMove();
    });
  }

  get frame() {
    return this.view.frame.bbox;
  }

  // pixels from the corner of the element
  pixels(x, y) {
    return [this.view.frame.x_scale.compute(x), this.view.frame.y_scale.compute(y)];
  }

  show(name, data) {
    this.sources[name].data = data;
  }

  // pixels of the frame -> what stands there
  values(x, y) {
    return [this.view.frame.x_scale.invert(x + this.frame.left), this.view.frame.y_scale.invert(y + this.frame.top)];
  }

  // colors of what is not an item
  dress(palette) {
    Object.assign(this.plot, {
      background_fill_color: palette.paper,
      border_fill_color: palette.paper,
      outline_line_color: null,
    });
    for (const axis of this.axes)
      Object.assign(axis, {
        axis_label_text_color: palette.ink,
        major_label_text_color: palette.dim,
        major_tick_line_color: palette.line,
      });
    for (const grid of this.grids) grid.grid_line_color = palette.line;
    this.dotsGlyph.line_color = palette.paper;
    this.ringsGlyph.line_color = palette.marked;
    this.leadersGlyph.line_color = palette.dim;
    this.labelsGlyph.background_fill_color = palette.paper;
    Object.assign(this.regionGlyph, { fill_color: palette.ink, line_color: palette.ink });
    for (const tool of [this.tools.box, this.tools.lasso])
      Object.assign(tool.overlay, {
        fill_color: palette.ink,
        fill_alpha: 0.08,
        line_color: palette.ink,
        line_alpha: 1,
        line_width: 1.5,
      });
  }

  drag(what) {
    for (const [name, tool] of Object.entries(this.tools)) tool.active = name === what;
  }

  onRegion(then) {
    this.plot.on_event("selectiongeometry", ({ geometry, final }) => {
      if (!final) return;
      const { type, x, y, x0, x1, y0, y1 } = geometry;
      then(
        type === "rect"
          ? [
              [x0, x1, x1, x0],
              [y0, y0, y1, y1],
            ]
          : [Array.from(x), Array.from(y)],
      );
    });
  }

  set(x, y) {
    this.x.setv({ start: x[0], end: x[1] });
    this.y.setv({ start: y[0], end: y[1] });
  }

  home() {
    this.set(this.ranges.x, this.ranges.y);
  }

  // a factor above 1 shows more of less; the point stays where it is
  zoom(factor, x = (this.x.start + this.x.end) / 2, y = (this.y.start + this.y.end) / 2) {
    const about = (range, at) => [at - (at - range.start) / factor, at + (range.end - at) / factor];
    this.set(about(this.x, x), about(this.y, y));
  }

  // by shares of what is shown
  pan(right, up) {
    const by = (range, share) => [range.start, range.end].map(end => end + share * (range.end - range.start));
    this.set(by(this.x, right), by(this.y, up));
  }

  shows(x, y) {
    return x >= this.x.start && x <= this.x.end && y >= this.y.start && y <= this.y.end;
  }

  // Specks at some places in pixels of the frame, the last on top, as one image: many thousand cost little.
  paint(left, top, which, color, radius) {
    const { width, height } = this.frame,
      ratio = window.devicePixelRatio || 1,
      side = Math.max(2, Math.round(2 * radius * ratio));
    const [columns, rows] = [Math.round(width * ratio), Math.round(height * ratio)],
      paper = new Uint32Array(columns * rows);
    for (const item of which) {
      const [column, row, paint] = [
        Math.round(left[item] * ratio - side / 2),
        Math.round((height - top[item]) * ratio - side / 2),
        color(item),
      ];
      if (column < 0 || row < 0 || column + side > columns || row + side > rows) continue;
      for (let at = row * columns + column, end = at + side * columns; at < end; at += columns) {
        for (let right = 0; right < side; right++) paper[at + right] = paint;
      }
    }
    const image = this.ndarray(paper.buffer, { dtype: "uint32", shape: [rows, columns] });
    this.show("image", {
      image: [image],
      x: [this.x.start],
      y: [this.y.start],
      dw: [this.x.end - this.x.start],
      dh: [this.y.end - this.y.start],
    });
  }

  // the drawing as a canvas, fine enough for paper: Bokeh takes the resolution from the window
  canvas() {
    const own = Object.getOwnPropertyDescriptor(window, "devicePixelRatio");
    Object.defineProperty(window, "devicePixelRatio", {
      value: Math.max(2, window.devicePixelRatio),
      configurable: true,
    });
    const { canvas } = this.view.export("png");
    Object.defineProperty(window, "devicePixelRatio", own);
    return canvas;
  }
}
