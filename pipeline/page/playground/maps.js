// Kernels, their maps, and how one number of a map comes about.

const shown = { convolution: 0, bank: convolutions.length ? "learnt" : "edges", filter: null, y: 0, x: 0, seed: 1 };
const STARTS = {
  laplacian: [0, 1, 0, 1, -4, 1, 0, 1, 0],
  sobel: [-1, -2, -1, 0, 0, 0, 1, 2, 1],
  blur: Array(9).fill(0.1111),
  nothing: [0, 0, 0, 0, 1, 0, 0, 0, 0],
};
let tiles = [];

// Numbers from 0 to 1 that are the same for the same seed: mulberry32.
function randomNumbers(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let bits = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

// Kernels (height, width, channels, filters) of a bank other than the learnt one.
function bankKernels() {
  const filtersLast = (kernels, size) => ({
    shape: [size, size, 1, kernels.length],
    values: Float64Array.from({ length: size * size * kernels.length }, (_, at) => kernels[at % kernels.length][Math.floor(at / kernels.length)]),
  });
  const random = randomNumbers(shown.seed);
  switch (shown.bank) {
    case "initial": return initial;
    case "edges": return filtersLast(run.edges, 3);
    case "random": return filtersLast(Array.from({ length: run.random.kernels }, () =>
      Array.from({ length: 9 }, () => run.random.low + (run.random.high - run.random.low) * random())), 3);
    default: return filtersLast([ownNumbers()], 3);
  }
}

function ownNumbers() {
  return [...$("own").querySelectorAll("input")].map(input => Number(input.value) || 0);
}

// What is to be shown: kernels, the input they run over, their sums, their maps, the pooled maps if there are any.
function shownMaps(steps) {
  const found = convolutions[shown.bank === "learnt" ? shown.convolution : 0];
  if (shown.bank === "learnt") {
    const { at, map, pool } = found, { layer, input, sum } = steps[at];
    const last = steps[map];
    return {
      kernel: layer.weights.kernel, bias: layer.weights.bias, padding: layer.padding, input, sum, size: last.shape,
      maps: last.values, normal: map > at && steps[at + 1].layer.type === "BatchNormalization" ? normalisation(steps[at + 1].layer.weights) : null,
      activation: last.layer.activation || "linear", pooled: pool && steps[pool], name: last.layer.name,
    };
  }
  const kernel = bankKernels(), input = steps[0].input, padding = found ? layers[found.at].padding : "valid";
  const { values, shape } = convolved(input.values, input.shape, kernel, null, padding);
  const maps = values.map(ACTIVATIONS[run.activation][0]);
  const pooling = found && found.pool && layers[found.pool];
  return {
    kernel, bias: null, padding, input, sum: values, size: shape, maps, normal: null, activation: run.activation, name: "",
    pooled: pooling && { layer: pooling, ...pooled(maps, shape, pooling.size, pooling.type === "MaxPooling2D") },
  };
}

// The kernel of a filter that is drawn: its strongest channel.
function strongest({ shape: [rows, columns, channels, filters], values }, filter) {
  let best = 0, most = -1;
  for (let channel = 0; channel < channels; channel++) {
    let strength = 0;
    for (let at = 0; at < rows * columns; at++) strength += values[(at * channels + channel) * filters + filter] ** 2;
    if (strength > most) [best, most] = [channel, strength];
  }
  return { channel: best, numbers: Array.from({ length: rows * columns }, (_, at) => values[(at * channels + best) * filters + filter]) };
}

function makeMaps() {
  convolutions.forEach(({ at }, number) => $("convolution").append(element("option", { value: number, text: `Convolution ${number + 1}: ${layers[at].weights.kernel.shape[3]} filters` })));
  $("convolution").parentNode.hidden = convolutions.length < 2;
  $("convolution").addEventListener("change", event => { shown.convolution = Number(event.target.value); remakeTiles(); });
  for (const choice of document.querySelectorAll("input[name=bank]")) {
    choice.checked = choice.value === shown.bank;
    choice.addEventListener("change", () => { shown.bank = choice.value; remakeTiles(); });
  }
  $("again").addEventListener("click", () => { shown.seed++; changed(); });
  for (let at = 0; at < 9; at++) $("own-numbers").append(element("input", { type: "number", step: "any", "aria-label": `Row ${Math.floor(at / 3) + 1}, column ${at % 3 + 1}`, oninput: changed }));
  for (const button of document.querySelectorAll("[data-start]")) button.addEventListener("click", () => start(button.dataset.start));
  start("laplacian");
  $("wake").addEventListener("click", () => { state.silent = {}; changed(); });
  $("measure").addEventListener("click", measure);
}

function start(name) {
  const random = randomNumbers(Date.now());
  const numbers = STARTS[name] || Array.from({ length: 9 }, () => Math.round(100 * (2 * random() - 1)) / 100);
  [...$("own").querySelectorAll("input")].forEach((input, at) => { input.value = numbers[at]; });
  changed();
}

function remakeTiles() {
  tiles = [];
  shown.filter = null;
  changed();
}

function makeTiles(count, isLearnt) {
  $("tiles").replaceChildren();
  tiles = Array.from({ length: count }, (_, filter) => {
    const kernel = element("canvas", { class: "kernel", "aria-hidden": "true" }), pool = element("canvas", { class: "pooled", "aria-hidden": "true" });
    const map = element("canvas", { class: "map", tabindex: "0", role: "img" });
    const button = element("button", { text: String(filter), title: isLearnt ? "Silence this filter, or wake it" : "Look at this filter" });
    button.addEventListener("click", () => (isLearnt ? silence(filter) : look(filter, shown.y, shown.x)));
    map.addEventListener("pointermove", event => { if (event.pointerType === "mouse") look(filter, ...placeIn(map, event)); });
    map.addEventListener("click", event => {
      look(filter, ...placeIn(map, event));
      if (event.pointerType === "mouse" && isLearnt) silence(filter);
    });
    map.addEventListener("focus", () => look(filter, shown.y, shown.x));
    map.addEventListener("keydown", event => {
      const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
      if (step) look(filter, shown.y + step[0], shown.x + step[1]);
      else if (event.key === "Enter" && isLearnt) silence(filter);
      else return;
      event.preventDefault();
    });
    const box = element("div", { class: "tile" }, map, element("div", { class: "beside" }, kernel, pool, button));
    $("tiles").append(box);
    return { box, kernel, map, pool, button };
  });
}

function placeIn(canvas, event) {
  const { left, top, width, height } = canvas.getBoundingClientRect();
  return [Math.floor((event.clientY - top) / height * canvas.height), Math.floor((event.clientX - left) / width * canvas.width)];
}

function look(filter, y, x) {
  Object.assign(shown, { filter, y, x });
  changed();
}

// Until the reader points at a place, that of the greatest value.
function lookAtBrightest({ maps, size: [, width, filters] }) {
  const at = maps.reduce((best, value, place) => (value > maps[best] ? place : best), 0);
  Object.assign(shown, { filter: at % filters, x: Math.floor(at / filters) % width, y: Math.floor(at / filters / width) });
}

function silence(filter) {
  const name = layers[convolutions[shown.convolution].map].name, before = state.silent[name] || [];
  state.silent = { ...state.silent, [name]: before.includes(filter) ? before.filter(other => other !== filter) : [...before, filter].sort((a, b) => a - b) };
  changed();
}

function showMaps(steps) {
  const found = shownMaps(steps), [height, width, filters] = found.size;
  const isLearnt = shown.bank === "learnt";
  if (tiles.length !== filters || tiles.isLearnt !== isLearnt) {
    makeTiles(filters, isLearnt);
    tiles.isLearnt = isLearnt;
  }
  if (shown.filter === null) lookAtBrightest(found);
  shown.y = Math.min(height - 1, Math.max(0, shown.y));
  shown.x = Math.min(width - 1, Math.max(0, shown.x));
  const maps = mapsOf(found.maps, found.size), pooledMaps = found.pooled && mapsOf(found.pooled.values, found.pooled.shape);
  const scale = farthest(found.maps), kernelScale = farthest(found.kernel.values), off = state.silent[found.name] || [];
  tiles.forEach(({ box, kernel, map, pool, button }, filter) => {
    drawSigned(map, maps[filter], [height, width], scale);
    drawSigned(kernel, strongest(found.kernel, filter).numbers, found.kernel.shape, kernelScale);
    pool.hidden = !found.pooled;
    if (found.pooled) drawSigned(pool, pooledMaps[filter], found.pooled.shape, scale);
    const isOff = off.includes(filter);
    box.classList.toggle("silent", isOff);
    box.classList.toggle("looked", filter === shown.filter);
    if (!drawing) map.setAttribute("aria-label", `Map of filter ${filter}${isOff ? ", silenced" : ""}: at most ${number(farthest(maps[filter]))}`);
    if (isLearnt) button.setAttribute("aria-pressed", String(isOff));
  });
  $("map-scale").textContent = `One scale for all maps: from 0, black, to ${number(scale)}, the brightest; orange above zero, blue below. For the kernels to ${number(kernelScale)}.`;
  $("own").hidden = shown.bank !== "own";
  $("again").hidden = shown.bank !== "random";
  $("bank-note").textContent = isLearnt
    ? "Click a map, or its number, to silence its filter."
    : "These kernels only look: the probabilities above stay those of the network, whose later layers learnt with its own.";
  const silenced = Object.values(state.silent).reduce((sum, filters) => sum + filters.length, 0);
  for (const id of ["wake", "measure"]) $(id).disabled = !silenced;
  $("silenced").textContent = silenced ? `${silenced} silenced.` : "None is silenced.";
  showPlace(found);
}

// How many of the page's test images, the first ones in their order, are right with all filters and with those left.
function measure() {
  const { indices, labels } = run.images, first = indices.filter((value, at) => value === at);
  const right = silent => first.filter(index => {
    const steps = forward(layers, testImage(index), SIZE, silent), { values } = steps[steps.length - 1];
    return values.indexOf(values.reduce((most, value) => Math.max(most, value), -Infinity)) === labels[index];
  }).length;
  $("silenced").textContent += ` Of the first ${first.length} test images ${right(state.silent)} are right, with every filter ${right({})}.`;
}
