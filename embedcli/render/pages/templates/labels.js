// Placing labels as the pictures do (render/pictures): each at the first of eight positions around its dot where it
// covers no other label and no dot; without such a position it is left out.

const STEPS = [[1, 0], [-1, 0], [0, -1], [0, 1], [1, -1], [1, 1], [-1, -1], [-1, 1]]; // right, down
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
    for (let row = y0; row < y1; row++) this.sums.fill(1, (row + 1) * stride + x0 + 1, (row + 1) * stride + x1 + 1);
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
    const [left, right] = [Math.floor(x0), Math.ceil(x1)], [top, bottom] = [Math.floor(y0) * stride, Math.ceil(y1) * stride];
    return this.sums[bottom + right] - this.sums[top + right] - this.sums[bottom + left] + this.sums[top + left] === 0;
  }
}

// Dots { x, y, radius, width, height } of the labels, the most important first -> { dot, x, y, box } of those placed,
// with the middle of the label; at most `most`.
function placeLabels(dots, occupied, most) {
  const placed = [];
  for (const dot of dots) {
    if (placed.length >= most) break;
    for (const [right, down] of STEPS) {
      const across = (right && down ? 0.5 : 1) * dot.radius + GAP + dot.width / 2; // at a corner it may be nearer
      const x = dot.x + right * across, y = dot.y + down * (dot.radius + GAP + dot.height / 2);
      const box = { x0: x - dot.width / 2 - 1, y0: y - dot.height / 2 - 1, x1: x + dot.width / 2 + 1, y1: y + dot.height / 2 + 1 };
      if (box.x0 < 0 || box.y0 < 0 || box.x1 > occupied.width || box.y1 > occupied.height || !occupied.isFree(box)) continue;
      if (placed.some(({ box: other }) => box.x0 < other.x1 && box.x1 > other.x0 && box.y0 < other.y1 && box.y1 > other.y0)) continue;
      placed.push({ dot, x, y, box });
      break;
    }
  }
  return placed;
}
