// Which color and shape each item has by a choice of color, and the legend that says the rule.

const SHAPES = ["circle", "square", "triangle", "diamond", "inverted_triangle", "plus", "star"];
const SIGNS = {
  circle: "\u25cf",
  square: "\u25a0",
  triangle: "\u25b2",
  diamond: "\u25c6",
  inverted_triangle: "\u25bc",
  plus: "\u271a",
  star: "\u2605",
};

// -> { rule, entries: [{ name, color, shape, n }], of: for each item the index of its entry }
function coloring(data, choice, palette) {
  const { items, colors, noun } = data,
    n = items.title.length;
  const [kind, which] = choice.split(":");
  const rest = name => ({ name, color: palette.rest, shape: "circle" });
  const groups = (names, of, rule, none) => {
    const entries = names.map((name, at) => {
      const size = SHAPES.length; // of more than seven groups each has another shape in the color of an earlier one
      return { name, color: palette.groups[at % size], shape: SHAPES[(at + Math.floor(at / size)) % size] };
    });
    return { rule, entries: [...entries, rest(none)], of: of.map(at => (at === null ? names.length : at)) };
  };
  if (kind === "tags") return groups(colors.tags.names, colors.tags.of, colors.tags.rule, "none of these");
  if (kind === "tag") {
    const tag = Number(which),
      name = items.tag_names[tag];
    return groups(
      [name],
      items.tags.map(own => (own.includes(tag) ? 0 : null)),
      `${noun}s with this tag`,
      "without it",
    );
  }
  if (kind === "cluster") return groups(colors.clusters.names, colors.clusters.of, colors.clusters.rule, "not grouped");
  const values = kind === "number" ? items[which] : kind === "component" ? colors.components[which].of : null;
  const name = kind === "number" ? colors.numbers[which] : kind === "component" ? colors.components[which].name : "";
  if (values) return bands(values, name, palette, rest);
  return { rule: "", entries: [{ name: `${noun}s`, color: palette.plain, shape: "circle" }], of: new Array(n).fill(0) };
}

// A number in bands of about equally many items, so that a few extreme ones do not take all the colors.
function bands(values, name, palette, rest) {
  const known = values.filter(value => value !== null).sort((a, b) => a - b),
    most = palette.numbers.length;
  const digits = known.every(Number.isInteger) ? 0 : 2;
  const quantile = share => known[Math.min(known.length - 1, Math.floor(share * known.length))];
  const starts = [...new Set([...Array(most).keys()].map(band => quantile(band / most)))];
  const entries = starts.map((start, band) => {
    const last = known.filter(value => value < (starts[band + 1] ?? Infinity)).at(-1);
    const color = palette.numbers[starts.length === 1 ? 0 : Math.round((band * (most - 1)) / (starts.length - 1))];
    const range = start === last ? start.toFixed(digits) : `${start.toFixed(digits)} to ${last.toFixed(digits)}`;
    return { name: range, color, shape: "circle" };
  });
  const of = values.map(value => (value === null ? starts.length : starts.findLastIndex(start => value >= start)));
  return { rule: `${name}, in bands of about equally many`, entries: [...entries, rest("not known")], of };
}
