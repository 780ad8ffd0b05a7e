// A photo or picture as ink: grey, light on dark, its uneven light taken out, what is fainter than the digit dropped.
// pipeline/sources/photos.py has the same arithmetic.

const FAINTEST = 24; // of 255 greys: a picture with less contrast holds nothing

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

function borderMedian(greys, [height, width]) {
  const border = [...greys].filter((_, at) => {
    const y = Math.floor(at / width), x = at % width;
    return y === 0 || x === 0 || y === height - 1 || x === width - 1;
  }).sort((a, b) => a - b);
  const middle = border.length >> 1;
  return border.length % 2 ? border[middle] : (border[middle - 1] + border[middle]) / 2;
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

function opened(greys, [height, width]) {
  const reach = Math.floor(Math.max(height, width) / 10);
  for (const choose of [Math.min, Math.max]) {
    greys = extreme(greys, height, width, 1, width, reach, choose);
    greys = extreme(greys, width, height, width, 1, reach, choose);
  }
  return greys;
}

// The threshold that parts greys best: Otsu, IEEE Transactions on Systems, Man, and Cybernetics 9 (1979).
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

function checkContrast(found) {
  if (found < FAINTEST) throw new Error(`The picture holds no digit: its ink differs from its background by only ${found} of 255.`);
}

// Ink and its size from a picture's pixels, and what was done; throws an error that says why a picture holds nothing.
function inkOf(pixels, size, networkSize) {
  const greys = greyed(pixels), isReady = size[0] === networkSize[0] && size[1] === networkSize[1];
  const factor = Math.min(1, SIDE / Math.max(...size));
  const smaller = isReady ? size : size.map(length => Math.max(1, Math.floor(length * factor + 0.5)));
  const reduced = averaged(greys, size[1], { top: 0, left: 0, height: size[0], width: size[1] }, smaller);
  const isLight = borderMedian(reduced, smaller) > 127, bright = reduced.map(grey => (isLight ? 255 - grey : grey));
  const done = isLight ? ["inverted"] : [];
  if (isReady) {
    checkContrast(Math.max(...bright) - Math.min(...bright));
    return { ink: bright, size, done };
  }
  const background = opened(bright, smaller), ink = bright.map((grey, at) => grey - background[at]);
  const contrast = ink.reduce((most, grey) => Math.max(most, grey), 0);
  checkContrast(contrast);
  const stretched = ink.map(grey => Math.floor(grey * 255 / contrast + 0.5)), threshold = otsu(stretched);
  done.push("uneven light taken out", "what is fainter than the digit dropped");
  return { ink: stretched.map(grey => (grey > threshold ? grey : 0)), size: smaller, done };
}
