// Placing labels as the pictures do (render/pictures): each at the first of eight positions around its dot where it
// covers no other label and no dot; without such a position it is left out.

const STEPS = [
  [1, 0],
  [-1, 0],
  [0, -1],
  [0, 1],
  [1, -1],
  [1, 1],
  [-1, -1],
  [-1, 1],
]; // right, down
const TURNS = [...Array(32).keys()].map(turn => [Math.cos((turn * Math.PI) / 16), Math.sin((turn * Math.PI) / 16)]);
const GAP = 3; // pixels between a dot and its label

// How many pixels of dots are in a box: sums over all boxes from the corner, so that one box takes four look-ups.
class Occupied {
  constructor(width, height) {
    [this.width, this.height] = [Math.ceil(width), Math.ceil(height)];
    this.sums = new Int32Array((this.width + 1) * (this.height + 1));
  }

  add(x, y, radius) {
    const stride = this.width + 1;
    const [x0, x1] = [Math.max(0, Math.floor(x - radius)), Math.min(this.width, Math.ceil(x + radius))];
    const [y0, y1] = [Math.max(0, Math.floor(y - radius)), Math.min(this.height, Math.ceil(y + radius))];
    for (let row = y0 + 1; row <= y1; row++)
      for (let at = row * stride + x0 + 1; at <= row * stride + x1; at++) this.sums[at] = 1;
  }

  sum() {
    const stride = this.width + 1;
    for (let row = 1; row <= this.height; row++) {
      for (let at = row * stride + 1, run = 0; at < (row + 1) * stride; at++) {
        run += this.sums[at];
        this.sums[at] = run + this.sums[at - stride];
      }
    }
  }

  isFree({ x0, y0, x1, y1 }) {
    const stride = this.width + 1;
    const [left, right] = [Math.floor(x0), Math.ceil(x1)],
      [top, bottom] = [Math.floor(y0) * stride, Math.ceil(y1) * stride];
    return this.sums[bottom + right] - this.sums[top + right] - this.sums[bottom + left] + this.sums[top + left] === 0;
  }
}

const overlap = (a, b) => a.x0 < b.x1 && a.x1 > b.x0 && a.y0 < b.y1 && a.y1 > b.y0;

// whether a line [x0, y0, x1, y1] goes through a box (Liang and Barsky 1984)
const crosses = ([x0, y0, x1, y1], box) => {
  let [from, to] = [0, 1];
  for (const [start, way, low, high] of [
    [x0, x1 - x0, box.x0, box.x1],
    [y0, y1 - y0, box.y0, box.y1],
  ]) {
    if (way === 0 && (start <= low || start >= high)) return false;
    const [near, far] = [(low - start) / way, (high - start) / way].sort((a, b) => a - b);
    if (way !== 0) [from, to] = [Math.max(from, near), Math.min(to, far)];
  }
  return from < to;
};

// Dots { x, y, radius, width, height, reach } of the labels, the most important first -> { dot, x, y, box, line } of
// those placed, at most `most`, with the middle of the label. A dot that has a reach and no room beside it gets a label
// up to that many pixels further off, joined to it by a line that crosses no label.
function placeLabels(dots, occupied, most) {
  const placed = [];
  const isFree = (box, line) => {
    if (box.x0 < 0 || box.y0 < 0 || box.x1 > occupied.width || box.y1 > occupied.height || !occupied.isFree(box))
      return false;
    return !placed.some(
      other =>
        overlap(box, other.box) || (line && crosses(line, other.box)) || (other.line && crosses(other.line, box)),
    );
  };
  const tryAt = (dot, x, y, isFar) => {
    const box = {
      x0: x - dot.width / 2 - 1,
      y0: y - dot.height / 2 - 1,
      x1: x + dot.width / 2 + 1,
      y1: y + dot.height / 2 + 1,
    };
    const line = isFar
      ? [dot.x, dot.y, Math.min(Math.max(dot.x, box.x0), box.x1), Math.min(Math.max(dot.y, box.y0), box.y1)]
      : null;
    const isPlaced = isFree(box, line);
    if (isPlaced) placed.push({ dot, x, y, box, line });
    return isPlaced;
  };
  const beside = dot =>
    STEPS.some(([right, down]) => {
      const across = (right && down ? 0.5 : 1) * dot.radius + GAP + dot.width / 2; // at a corner it may be nearer
      return tryAt(dot, dot.x + right * across, dot.y + down * (dot.radius + GAP + dot.height / 2), false);
    });
  const furtherOff = dot => {
    for (let off = dot.radius + GAP + 8; off <= dot.reach; off += dot.height) {
      const isPlaced = TURNS.some(([right, down]) =>
        tryAt(dot, dot.x + right * (off + dot.width / 2), dot.y + down * (off + dot.height / 2), true),
      );
      if (isPlaced) return;
    }
  };
  const crowded = [];
  for (const dot of dots) if (placed.length < most && !beside(dot) && dot.reach) crowded.push(dot);
  for (const dot of crowded) if (placed.length < most) furtherOff(dot);
  return placed;
}
