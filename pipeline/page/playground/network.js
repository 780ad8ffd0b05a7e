// The network: its layers in double precision from the run's own weights, and what spoke for a class.
// Values lie as Keras has them: (height, width, channels), the last index running fastest.

// Activations and their derivatives, as Keras defines them: keras.src.activations.activations.
const ACTIVATIONS = {
  linear: [z => z, () => 1],
  relu: [z => (z > 0 ? z : 0), z => (z > 0 ? 1 : 0)],
  leaky_relu: [z => (z > 0 ? z : 0.2 * z), z => (z > 0 ? 1 : 0.2)],
  elu: [z => (z > 0 ? z : Math.expm1(z)), z => (z > 0 ? 1 : Math.exp(z))],
  gelu: [z => z * gaussian(z), z => gaussian(z) + z * Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI)],
  silu: [z => z * sigmoid(z), z => sigmoid(z) * (1 + z * (1 - sigmoid(z)))],
  tanh: [z => Math.tanh(z), z => 1 - Math.tanh(z) ** 2],
  sigmoid: [z => sigmoid(z), z => sigmoid(z) * (1 - sigmoid(z))],
};
const EPSILON = 1e-3; // of Keras's BatchNormalization

function sigmoid(z) {
  return 1 / (1 + Math.exp(-z));
}

// The cumulative distribution of the normal distribution, by the series of erf: Abramowitz and Stegun 7.1.6.
function gaussian(z) {
  const x = z / Math.SQRT2;
  if (Math.abs(x) > 5) return x > 0 ? 1 : 0;
  let term = x, sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= 2 * x * x / (2 * n + 1);
    sum += term;
  }
  return 0.5 + sum * Math.exp(-x * x) / Math.sqrt(Math.PI);
}

function softmax(logits) {
  const highest = Math.max(...logits);
  const parts = Array.from(logits, logit => Math.exp(logit - highest));
  const total = parts.reduce((sum, part) => sum + part, 0);
  return parts.map(part => part / total);
}

function convolved(input, [height, width, channels], kernel, bias, padding) {
  const [rows, columns, , filters] = kernel.shape;
  // zeros around the image keep its size; of an odd number of them, one more comes after it
  const [above, left] = padding === "same" ? [(rows - 1) >> 1, (columns - 1) >> 1] : [0, 0];
  const shape = padding === "same" ? [height, width, filters] : [height - rows + 1, width - columns + 1, filters];
  const output = new Float64Array(shape[0] * shape[1] * filters);
  if (bias) for (let place = 0; place < output.length; place++) output[place] = bias.values[place % filters];
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) for (let c = 0; c < channels; c++) {
    const value = input[(y * width + x) * channels + c];
    if (value === 0) continue; // most of a digit is background
    for (let i = 0; i < rows; i++) {
      const row = y + above - i;
      if (row < 0 || row >= shape[0]) continue;
      for (let j = 0; j < columns; j++) {
        const column = x + left - j;
        if (column < 0 || column >= shape[1]) continue;
        const to = (row * shape[1] + column) * filters, from = ((i * columns + j) * channels + c) * filters;
        for (let f = 0; f < filters; f++) output[to + f] += value * kernel.values[from + f];
      }
    }
  }
  return { values: output, shape };
}

function pooled(input, [height, width, channels], size, isMax) {
  const shape = [Math.floor(height / size), Math.floor(width / size), channels];
  const values = new Float64Array(shape[0] * shape[1] * channels).fill(isMax ? -Infinity : 0);
  for (let y = 0; y < shape[0] * size; y++) for (let x = 0; x < shape[1] * size; x++) {
    const to = (Math.floor(y / size) * shape[1] + Math.floor(x / size)) * channels, from = (y * width + x) * channels;
    for (let c = 0; c < channels; c++) {
      if (!isMax) values[to + c] += input[from + c] / (size * size);
      else if (input[from + c] > values[to + c]) values[to + c] = input[from + c];
    }
  }
  return { values, shape };
}

function summed(input, kernel, bias) {
  const [rows, columns] = kernel.shape;
  const values = new Float64Array(columns);
  if (bias) values.set(bias.values);
  for (let row = 0; row < rows; row++) {
    if (input[row] === 0) continue;
    for (let column = 0; column < columns; column++) values[column] += input[row] * kernel.values[row * columns + column];
  }
  return { values, shape: [columns] };
}

// What batch normalisation multiplies each channel by, and what it adds.
function normalisation({ gamma, beta, moving_mean, moving_variance }) {
  const factors = moving_variance.values.map((variance, c) => gamma.values[c] / Math.sqrt(variance + EPSILON));
  return { factors, shifts: factors.map((factor, c) => beta.values[c] - factor * moving_mean.values[c]) };
}

function passed(layer, { values, shape }) {
  switch (layer.type) {
    case "Conv2D": return convolved(values, shape, layer.weights.kernel, layer.weights.bias, layer.padding);
    case "MaxPooling2D": return pooled(values, shape, layer.size, true);
    case "AveragePooling2D": return pooled(values, shape, layer.size, false);
    case "Dense": return summed(values, layer.weights.kernel, layer.weights.bias);
    case "Flatten": return { values, shape: [values.length] };
    case "Activation": return { values, shape };
    case "BatchNormalization": {
      const { factors, shifts } = normalisation(layer.weights);
      return { values: values.map((value, at) => value * factors[at % factors.length] + shifts[at % factors.length]), shape };
    }
    default: throw new Error(`no layer ${layer.type}`);
  }
}

// What every layer makes of an image, uint8 (height, width): its sum before the activation, and what it hands on.
// `silent` names by layer the filters whose maps are taken for nothing.
function forward(layers, image, size, silent = {}) {
  let current = { values: Float64Array.from(image, grey => grey / 255), shape: [...size, 1] };
  return layers.map(layer => {
    const input = current, sum = passed(layer, input);
    const activation = ACTIVATIONS[layer.activation || "linear"][0];
    const values = activation === ACTIVATIONS.linear[0] ? sum.values : sum.values.map(activation);
    const filters = sum.shape[sum.shape.length - 1];
    for (const filter of silent[layer.name] || []) for (let at = filter; at < values.length; at += filters) values[at] = 0;
    current = { values, shape: sum.shape };
    return { layer, input, sum: sum.values, ...current };
  });
}

// The shares of one logit, or of the difference of two where `weights` says 1 and -1: those of the last spatial maps
// (height, width, filters), gradient times activation, and that of all biases after them. pipeline/network/evidence.py
// says the same of many images.
function evidence(steps, weights) {
  let gradient = Float64Array.from(weights), bias = 0, at = steps.length - 1;
  for (; steps[at].layer.type !== "Flatten"; at--) {
    const { layer, input, sum } = steps[at];
    const slope = ACTIVATIONS[layer.activation || "linear"][1];
    gradient = gradient.map((value, unit) => value && value * slope(sum[unit]));
    if (layer.type === "BatchNormalization") {
      const { factors, shifts } = normalisation(layer.weights);
      bias += gradient.reduce((total, value, unit) => total + value * shifts[unit], 0);
      gradient = gradient.map((value, unit) => value * factors[unit]);
    } else if (layer.type === "Dense") {
      const { kernel, bias: added } = layer.weights, units = kernel.shape[1];
      if (added) bias += gradient.reduce((total, value, unit) => total + value * added.values[unit], 0);
      const before = new Float64Array(input.values.length);
      for (let row = 0; row < before.length; row++) {
        for (let unit = 0; unit < units; unit++) before[row] += kernel.values[row * units + unit] * gradient[unit];
      }
      gradient = before;
    }
  }
  const { values, shape } = steps[at].input;
  const shares = values.map((value, place) => value * gradient[place]);
  const logits = steps[steps.length - 1].sum;
  const logit = weights.reduce((total, weight, unit) => total + weight * logits[unit], 0);
  return { shares, shape, bias, logit, remainder: logit - bias - shares.reduce((total, share) => total + share, 0) };
}
