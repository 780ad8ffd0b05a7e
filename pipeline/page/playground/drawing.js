// From strokes or a picture to the network's image, step by step as MNIST's authors did. pipeline/sources/ has the same
// arithmetic in Python: strokes.py, centred.py, photos.py. A browser's own drawing would differ from machine to machine.

const SIDE = 280; // canvas pixels, about
const BOX = 20 / 28; // of the network's image, the part that a digit fills
const SLACK = 1e-9; // of a grey, so that the order in which numbers were added does not round a half

function cellOf([height, width]) {
  return Math.max(1, Math.floor(SIDE / Math.max(height, width)));
}

// The points of a stroke as a line of short segments: quadratic curves through the middles between the points.
function path(points) {
  if (points.length < 3) return points;
  const line = [points[0]];
  for (let i = 1; i < points.length - 1; i++) {
    const from = line[line.length - 1], [cx, cy] = points[i], [nx, ny] = points[i + 1];
    const to = i === points.length - 2 ? points[i + 1] : [(cx + nx) / 2, (cy + ny) / 2];
    for (let part = 1; part <= 4; part++) {
      const t = part / 4, a = (1 - t) ** 2, b = 2 * (1 - t) * t, c = t * t;
      line.push([a * from[0] + b * cx + c * to[0], a * from[1] + b * cy + c * to[1]]);
    }
  }
  return line;
}

// Put a stroke on a canvas of ink (height, width), 0 to 255: all of its line, or the segments from one to another.
function paint(ink, [height, width], { erase, radius, points }, line = path(points), first = 0, last = line.length - 1) {
  for (let i = first; i < Math.max(last, line.length === 1 ? 1 : 0); i++) {
    const [ax, ay] = line[i], [bx, by] = line[i + 1] || line[i];
    const dx = bx - ax, dy = by - ay, length = dx * dx + dy * dy, reach = radius + 1;
    const top = Math.max(0, Math.floor(Math.min(ay, by) - reach)), bottom = Math.min(height - 1, Math.ceil(Math.max(ay, by) + reach));
    const left = Math.max(0, Math.floor(Math.min(ax, bx) - reach)), right = Math.min(width - 1, Math.ceil(Math.max(ax, bx) + reach));
    for (let y = top; y <= bottom; y++) for (let x = left; x <= right; x++) {
      const px = x + 0.5 - ax, py = y + 0.5 - ay;
      const along = length ? Math.min(1, Math.max(0, (px * dx + py * dy) / length)) : 0;
      const distance = Math.hypot(px - along * dx, py - along * dy);
      const value = Math.floor(255 * Math.min(1, Math.max(0, radius + 0.5 - distance)) + 0.5), at = y * width + x;
      ink[at] = erase ? Math.min(ink[at], 255 - value) : Math.max(ink[at], value);
    }
  }
}

// Which part of each old pixel lies in each new one: [first old pixel, weights] for every new pixel.
function overlaps(before, after) {
  return Array.from({ length: after }, (_, i) => {
    const low = i * before / after, high = (i + 1) * before / after, first = Math.floor(low);
    const weights = [];
    for (let j = first; j < Math.min(before, Math.ceil(high)); j++) weights.push(Math.min(high, j + 1) - Math.max(low, j));
    return [first, weights];
  });
}

// A part (top, left, height, width) of an array of greys, brought to another size by area average.
function averaged(greys, width, part, [newHeight, newWidth]) {
  const rows = overlaps(part.height, newHeight), columns = overlaps(part.width, newWidth);
  const area = (part.height / newHeight) * (part.width / newWidth);
  const result = new Uint8Array(newHeight * newWidth);
  rows.forEach(([firstRow, down], i) => columns.forEach(([firstColumn, across], j) => {
    let sum = 0;
    down.forEach((weight, r) => {
      const start = (part.top + firstRow + r) * width + part.left + firstColumn;
      for (let c = 0; c < across.length; c++) sum += weight * across[c] * greys[start + c];
    });
    result[i * newWidth + j] = Math.floor(sum / area + 0.5 + SLACK);
  }));
  return result;
}

function inkBox(ink, [height, width]) {
  let top = height, bottom = -1, left = width, right = -1;
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
    if (!ink[y * width + x]) continue;
    top = Math.min(top, y), bottom = Math.max(bottom, y), left = Math.min(left, x), right = Math.max(right, x);
  }
  return bottom < 0 ? null : { top, left, height: bottom - top + 1, width: right - left + 1 };
}

// Ink (h, w) as the network's image (height, width): cut to its box, fitted, placed by its centre of mass, as `steps` say.
function centred(ink, inkSize, [height, width], steps) {
  const image = new Uint8Array(height * width), box = inkBox(ink, inkSize);
  if (!box) return { image, box: null };
  const part = steps.box ? box : { top: 0, left: 0, height: inkSize[0], width: inkSize[1] };
  const factor = steps.fit
    ? BOX * Math.min(height, width) / Math.max(part.height, part.width)
    : Math.min(height / inkSize[0], width / inkSize[1]);
  const size = [[part.height, height], [part.width, width]].map(([length, most]) =>
    Math.min(most, Math.max(1, Math.floor(length * factor + 0.5))));
  const fitted = averaged(ink, inkSize[1], part, size);
  let top = Math.floor((height - size[0]) / 2), left = Math.floor((width - size[1]) / 2), mass = null;
  const total = fitted.reduce((sum, grey) => sum + grey, 0);
  if (total) {
    let down = 0, across = 0;
    fitted.forEach((grey, at) => { down += grey * Math.floor(at / size[1]); across += grey * (at % size[1]); });
    mass = [down / total, across / total];
    if (steps.mass) {
      top = Math.min(height - size[0], Math.max(0, Math.floor(height / 2 - mass[0] + 0.5)));
      left = Math.min(width - size[1], Math.max(0, Math.floor(width / 2 - mass[1] + 0.5)));
    }
  }
  for (let y = 0; y < size[0]; y++) image.set(fitted.subarray(y * size[1], (y + 1) * size[1]), (top + y) * width + left);
  return { image, box, part, fitted, size, top, left, mass };
}
