// What is on the pad and how it is read: a state that can be undone, and shared as the address of the page.

const STEPS = ["box", "fit", "mass"];
const state = {
  base: null, // what lies under the strokes: {test: number}, {picture: what inkOf returns}, or nothing
  strokes: [],
  steps: Object.fromEntries(STEPS.map(name => [name, run.centred])),
  silent: {}, // filters by layer
  past: [], // what `undo` goes back to
};

function remember() {
  state.past.push({ base: state.base, strokes: state.strokes });
}

function undo() {
  if (state.past.length) Object.assign(state, state.past.pop());
}

function put(base) {
  remember();
  state.base = base;
  state.strokes = [];
}

// The ink on the canvas: the base, with the strokes over it in their order.
function canvasInk() {
  const ink = new Uint8Array(CANVAS[0] * CANVAS[1]);
  if (state.base && state.base.picture) {
    ink.set(centred(state.base.picture.ink, state.base.picture.size, CANVAS, {}).image);
  } else if (state.base) {
    const image = testImage(state.base.test);
    for (let at = 0; at < ink.length; at++) {
      ink[at] = image[Math.floor(at / CANVAS[1] / CELL) * SIZE[1] + Math.floor((at % CANVAS[1]) / CELL)];
    }
  }
  for (const stroke of state.strokes) paint(ink, CANVAS, stroke);
  return ink;
}

// The image that the network gets, and how it came about. A test image is as it should be already.
function networkImage(ink) {
  if (state.base && !state.strokes.length) {
    const { test, picture } = state.base;
    if (test !== undefined) return { image: testImage(test), asIs: true };
    if (picture.isReady) return { image: picture.ink, asIs: true };
    const made = centred(picture.ink, picture.size, SIZE, state.steps);
    return run.centred ? { ...made, image: stretched(made.image) } : made;
  }
  return centred(ink, CANVAS, SIZE, state.steps);
}

// #s=<strokes>&t=<test image>&k=<steps>&o=<layer>:<filters>: a stroke is p or e, its radius, its points, two letters a
// coordinate, of 36 digits. A picture is not in the address.
function addressOf() {
  const digits = number => Math.round(number).toString(36).padStart(2, "0");
  const parts = [
    ["s", state.strokes.map(({ erase, radius, points }) =>
      (erase ? "e" : "p") + digits(radius) + points.map(([x, y]) => digits(x) + digits(y)).join("")).join(".")],
    ["t", state.base && state.base.test !== undefined ? String(state.base.test) : ""],
    ["k", STEPS.every(name => state.steps[name] === run.centred) ? "" : STEPS.map(name => Number(state.steps[name])).join("")],
    ["o", Object.entries(state.silent).filter(([, filters]) => filters.length).map(([layer, filters]) => `${layer}:${filters.join(".")}`).join("~")],
  ];
  return "#" + parts.filter(([, value]) => value).map(([key, value]) => `${key}=${value}`).join("&");
}

function follow(address) {
  const parts = new URLSearchParams(address.slice(1));
  const limits = [CANVAS[1], CANVAS[0]];
  const strokes = (parts.get("s") || "").split(".").filter(text => /^[pe]([0-9a-z]{2})+$/.test(text)).map(text => {
    const numbers = text.slice(1).match(/../g).map(digits => parseInt(digits, 36));
    const points = [];
    for (let at = 1; at + 1 < numbers.length; at += 2) {
      points.push([numbers[at], numbers[at + 1]].map((value, axis) => Math.min(limits[axis], value)));
    }
    return { erase: text[0] === "e", radius: Math.min(100, numbers[0]), points };
  }).filter(({ points }) => points.length);
  const test = parts.has("t") ? Number(parts.get("t")) : NaN;
  state.base = testImage(test) ? { test } : null;
  state.past = strokes.map((_, count) => ({ base: state.base, strokes: strokes.slice(0, count) }));
  if (state.base) state.past.unshift({ base: null, strokes: [] });
  state.strokes = strokes;
  const steps = parts.get("k") || "";
  STEPS.forEach((name, at) => { state.steps[name] = /^[01]{3}$/.test(steps) ? steps[at] === "1" : run.centred; });
  state.silent = {};
  for (const text of (parts.get("o") || "").split("~")) {
    const [name, filters] = text.split(":"), count = mapCount(name);
    if (count) state.silent[name] = [...new Set((filters || "").split(".").map(Number))].filter(n => Number.isInteger(n) && n >= 0 && n < count);
  }
}

// How many maps a layer shows; 0 where it shows none.
function mapCount(name) {
  const shown = convolutions.find(({ map }) => layers[map].name === name);
  return shown ? layers[shown.at].weights.kernel.shape[3] : 0;
}

// Where each convolution stands among the layers, the layer whose output its maps are, and the pooling after it, if any.
const convolutions = layers.flatMap((layer, at) => {
  if (layer.type !== "Conv2D") return [];
  let map = at;
  while (["BatchNormalization", "Activation"].includes(layers[map + 1].type)) map++;
  return [{ at, map, pool: layers[map + 1].type.endsWith("Pooling2D") ? map + 1 : null }];
});
