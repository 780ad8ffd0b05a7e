// What the page carries of the run: weights, images, names.

const run = JSON.parse(document.getElementById("run").textContent);
const SIZE = run.size; // height, width of the network's images
const CELL = cellOf(SIZE);
const CANVAS = SIZE.map(length => length * CELL);

function bytesOf(text) {
  return Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
}

// Numbers of 16 bits (IEEE 754): sign, 5 bits of exponent, 10 of fraction. Not every browser has Float16Array.
function halves(bytes) {
  const view = new DataView(bytes.buffer);
  return Float64Array.from({ length: bytes.length / 2 }, (_, at) => {
    const bits = view.getUint16(2 * at, true), sign = bits >> 15 ? -1 : 1;
    const exponent = (bits >> 10) & 31, fraction = bits & 1023;
    return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
  });
}

function arrayOf({ shape, bytes, type }) {
  const raw = bytesOf(bytes);
  return { shape, values: type === "float16" ? halves(raw) : Float64Array.from(new Float32Array(raw.buffer)) };
}

// Images in which a 0 is followed by how many there are.
function unpacked(text, length) {
  const packed = bytesOf(text), result = new Uint8Array(length);
  let to = 0;
  for (let at = 0; at < packed.length; at++) {
    if (packed[at]) result[to++] = packed[at];
    else to += packed[++at];
  }
  return result;
}

const layers = run.layers.map(layer => ({
  ...layer,
  weights: Object.fromEntries(Object.entries(layer.weights).map(([name, weight]) => [name, arrayOf(weight)])),
}));
const initial = run.initial && arrayOf(run.initial);
const pixels = unpacked(run.images.packed, run.images.indices.length * SIZE[0] * SIZE[1]);

function testImage(number) {
  const at = run.images.indices.indexOf(number), length = SIZE[0] * SIZE[1];
  return at < 0 ? null : pixels.subarray(at * length, (at + 1) * length);
}
