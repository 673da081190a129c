// The map as one picture, for a file or for paper: the drawing with its legend, and its title if it has one.

// `ratio` is the number of the drawing's pixels in one of the page
function pictureOf(drawn, ratio, { title, caption, rule, legend, palette }) {
  const line = 20 * ratio,
    margin = 12 * ratio,
    font = `${12 * ratio}px system-ui, sans-serif`;
  const canvas = element("canvas", { width: drawn.width }),
    pen = canvas.getContext("2d");
  pen.font = font;
  let [x, y] = [margin, 0];
  const places = legend.map(({ shape, name, n, color }) => {
    const text = `${SIGNS[shape]} ${name} (${n.toLocaleString("en")})`,
      width = pen.measureText(text).width + 2 * margin;
    if (x > margin && x + width > canvas.width) [x, y] = [margin, y + line];
    x += width;
    return { text, color, x: x - width, y };
  });
  const head = title ? 2.2 * line : 0,
    below = head + drawn.height;
  canvas.height = below + y + 2.5 * line;
  const write = (text, color, x, y, weight = "") => {
    Object.assign(pen, { fillStyle: color, font: weight + font });
    pen.fillText(text, x, y, canvas.width - margin - x);
  };
  pen.fillStyle = palette.paper;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(drawn, 0, head);
  if (title) {
    write(title, palette.ink, margin, line, "bold ");
    write(caption, palette.dim, margin, 1.8 * line);
  }
  for (const { text, color, x, y } of places) {
    const [sign, words] = [text[0], text.slice(1)];
    write(sign, color, x, below + y + line);
    write(words, palette.ink, x + pen.measureText(sign).width, below + y + line);
  }
  write(rule, palette.dim, margin, below + y + 2 * line);
  return canvas;
}
