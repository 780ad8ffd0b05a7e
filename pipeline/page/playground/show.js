// How numbers and arrays are shown.

const $ = id => document.getElementById(id);

// Above zero orange, below it blue, nothing black: as bright as the value is far from zero.
const COLOURS = Array.from({ length: 511 }, (_, at) => {
  const value = (at - 255) / 255, far = Math.abs(value);
  const [first, second, third] = [Math.min(1, 1.7 * far ** 0.8), 0.85 * far ** 1.2, far ** 3 * 0.7].map(part => Math.round(255 * part));
  return value < 0 ? [third, second, first] : [first, second, third];
});

function shade(value, scale) {
  return 255 + Math.round(255 * Math.max(-1, Math.min(1, scale ? value / scale : 0)));
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "text") made.textContent = value;
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

const HELD = new WeakMap(); // of each canvas the pixels that are drawn into it, which take long to make

// Draw an array (height, width) into a canvas, a pixel a value; `packed` makes of a value the four bytes of its pixel.
function draw(canvas, values, [height, width], packed) {
  let held = HELD.get(canvas);
  if (!held || canvas.width !== width || canvas.height !== height) {
    [canvas.width, canvas.height] = [width, height];
    const context = canvas.getContext("2d"), image = context.createImageData(width, height);
    held = { context, image, pixels: new Uint32Array(image.data.buffer) };
    HELD.set(canvas, held);
  }
  for (let at = 0; at < held.pixels.length; at++) held.pixels[at] = packed(values[at]);
  held.context.putImageData(held.image, 0, 0);
}

const pack = ([red, green, blue]) => ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
const PACKED = COLOURS.map(pack);
const drawGrey = (canvas, values, size) => draw(canvas, values, size, grey => (255 << 24) | (grey * 0x010101));
const drawSigned = (canvas, values, size, scale) => draw(canvas, values, size, value => PACKED[shade(value, scale)]);

// The maps of an array (height, width, filters), one by one.
function mapsOf(values, [height, width, filters]) {
  const size = height * width, sorted = new Float64Array(values.length);
  for (let place = 0; place < size; place++) {
    for (let filter = 0; filter < filters; filter++) sorted[filter * size + place] = values[place * filters + filter];
  }
  return Array.from({ length: filters }, (_, filter) => sorted.subarray(filter * size, (filter + 1) * size));
}

// The value farthest from zero.
function farthest(values) {
  let most = 0;
  for (const value of values) if (Math.abs(value) > most) most = Math.abs(value);
  return most;
}

function percent(share) {
  const value = 100 * share;
  return value >= 99.995 && value < 100 ? "> 99.99 %" : value > 0 && value < 0.005 ? "< 0.01 %" : `${value.toFixed(2)} %`;
}

function signed(value, digits = 2) {
  const text = value.toFixed(digits);
  return Number(text) === 0 ? (0).toFixed(digits) : value > 0 ? `+${text}` : text.replace("-", "−");
}

function number(value, digits = 2) {
  return value.toFixed(digits).replace("-", "−");
}
