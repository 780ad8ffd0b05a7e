// A photo or picture as ink: grey, light on dark, its uneven light taken out, what is fainter than the digit dropped.
// pipeline/sources/photos.py has the same arithmetic.

const FAINTEST = 24; // of 255 greys: a picture with less contrast holds nothing
const STROKE = 10; // the longer side over this is half a window that is wider than a stroke, narrower than a shadow
const DIGIT = 7; // and over this, half a window that has more ground than ink

// Red, green, blue and opacity (height, width, 4) as greys, on the background that what is visible stands out from.
function greyed(pixels) {
  const greys = new Float64Array(pixels.length / 4);
  let seen = 0, total = 0;
  for (let at = 0; at < greys.length; at++) {
    const place = 4 * at, opacity = pixels[place + 3];
    greys[at] = (pixels[place] * 19595 + pixels[place + 1] * 38470 + pixels[place + 2] * 7471 + 32768) >> 16; // ITU-R 601
    seen += opacity, total += opacity * greys[at];
  }
  const behind = total < 128 * seen ? 255 : 0;
  return Uint8Array.from(greys, (grey, at) => {
    const opacity = pixels[4 * at + 3];
    return Math.floor((grey * opacity + behind * (255 - opacity)) / 255 + 0.5);
  });
}

function isAtEdge(at, [height, width]) {
  const y = Math.floor(at / width), x = at % width;
  return y === 0 || x === 0 || y === height - 1 || x === width - 1;
}

function edgeMedian(greys, size) {
  const edge = [...greys].filter((_, at) => isAtEdge(at, size)).sort((a, b) => a - b);
  const middle = edge.length >> 1;
  return edge.length % 2 ? edge[middle] : (edge[middle - 1] + edge[middle]) / 2;
}

// The least or the greatest grey in a window around each pixel, along one direction.
function extreme(greys, count, length, step, jump, reach, choose) {
  const result = new Uint8Array(greys.length);
  for (let line = 0; line < count; line++) for (let at = 0; at < length; at++) {
    let value = greys[line * jump + at * step];
    for (let near = Math.max(0, at - reach); near <= Math.min(length - 1, at + reach); near++) {
      value = choose(value, greys[line * jump + near * step]);
    }
    result[line * jump + at * step] = value;
  }
  return result;
}

function background(greys, [height, width]) {
  const reach = Math.floor(Math.max(height, width) / STROKE);
  for (const choose of [Math.min, Math.max]) {
    greys = extreme(greys, height, width, 1, width, reach, choose);
    greys = extreme(greys, width, height, width, 1, reach, choose);
  }
  return greys;
}

// Means of a window around each value, along one direction; beyond the ends the last values go on.
function means(values, count, length, step, jump, reach) {
  const result = new Float64Array(values.length);
  for (let line = 0; line < count; line++) {
    const value = at => values[line * jump + Math.min(length - 1, Math.max(0, at)) * step];
    let sum = 0;
    for (let at = -reach; at <= reach; at++) sum += value(at);
    for (let at = 0; at < length; at++) {
      result[line * jump + at * step] = sum / (2 * reach + 1);
      sum += value(at + reach + 1) - value(at - reach);
    }
  }
  return result;
}

// Whether a few pixels lie far below their surroundings, rather than far above.
function isDarkInk(greys, [height, width]) {
  const reach = Math.floor(Math.max(height, width) / DIGIT);
  const around = means(means(greys, height, width, 1, width, reach), width, height, width, 1, reach);
  return greys.reduce((sum, grey, at) => sum + (grey - around[at]) ** 3, 0) < 0;
}

// The level that parts ink, above it, from ground: Otsu, IEEE Transactions on Systems, Man, and Cybernetics 9 (1979).
function otsu(greys) {
  const counts = new Float64Array(256);
  greys.forEach(grey => counts[grey]++);
  const all = counts.reduce((sum, count, grey) => sum + grey * count, 0);
  let best = 0, widest = 0, below = 0, sum = 0;
  for (let threshold = 0; threshold < 256; threshold++) {
    below += counts[threshold], sum += threshold * counts[threshold];
    const above = greys.length - below, apart = sum * above - (all - sum) * below;
    const between = below && above ? apart * apart / (below * above) : 0;
    if (between > widest) [widest, best] = [between, threshold];
  }
  return best;
}

// Values from 0 up with the largest brought to 255.
function stretched(values) {
  const largest = farthest(values) || 1;
  return Uint8Array.from(values, value => Math.floor(value * 255 / largest + 0.5 + SLACK));
}

// Ink without pieces at the edge, where others are of some size, and without specks.
function whole(ink, [height, width]) {
  const piece = new Int32Array(ink.length), pixels = [0], atEdge = [false];
  for (let start = 0; start < ink.length; start++) {
    if (!ink[start] || piece[start]) continue;
    const number = pixels.push(0) - 1, waiting = [start];
    atEdge.push(false);
    piece[start] = number;
    while (waiting.length) {
      const at = waiting.pop(), y = Math.floor(at / width), x = at % width;
      pixels[number]++;
      atEdge[number] ||= isAtEdge(at, [height, width]);
      for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row++) {
        for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++) {
          const near = row * width + column;
          if (ink[near] && !piece[near]) {
            piece[near] = number;
            waiting.push(near);
          }
        }
      }
    }
  }
  const inside = pixels.map((count, number) => (atEdge[number] ? 0 : count));
  const left = 10 * farthest(inside) >= farthest(pixels) ? inside : pixels, largest = farthest(left);
  return ink.map((grey, at) => (left[piece[at]] && 50 * left[piece[at]] >= largest ? grey : 0));
}

function checkContrast(found) {
  if (found < FAINTEST) throw new Error(`The picture holds no digit: its ink differs from its background by only ${found} of 255.`);
}

// Ink and its size from a picture's pixels, and what was done; throws an error that says why a picture holds nothing.
// Where images are no centred digits a picture is taken in grey as it is.
function inkOf(pixels, size, networkSize, isDigit) {
  const greys = greyed(pixels);
  if (!isDigit) return { ink: greys, size, done: ["in grey"] };
  const isReady = size[0] === networkSize[0] && size[1] === networkSize[1];
  const factor = Math.min(1, SIDE / Math.max(...size));
  const smaller = isReady ? size : size.map(length => Math.max(1, Math.floor(length * factor + 0.5)));
  const reduced = averaged(greys, size[1], { top: 0, left: 0, height: size[0], width: size[1] }, smaller);
  const isDark = isReady ? edgeMedian(reduced, smaller) > 127 : isDarkInk(reduced, smaller);
  const bright = reduced.map(grey => (isDark ? 255 - grey : grey)), done = isDark ? ["inverted"] : [];
  if (isReady) {
    checkContrast(Math.max(...bright) - Math.min(...bright));
    return { ink: bright, size, done, isReady };
  }
  const behind = background(bright, smaller), above = bright.map((grey, at) => grey - behind[at]);
  checkContrast(farthest(above));
  // a shadow dims ink and paper alike
  const lit = Float64Array.from(above, (grey, at) => (isDark ? grey * 255 / Math.max(1, 255 - behind[at]) : grey));
  const ink = stretched(lit), level = otsu(ink);
  return { ink: whole(ink.map(grey => (grey > level ? grey : 0)), smaller), size: smaller, done: [...done, "its background taken off"] };
}
