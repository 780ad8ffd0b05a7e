// One place of one map, number by number: patch times kernel, bias, activation, pooling.

// Of a colour, 0 to 1, as the Web Content Accessibility Guidelines have it, nearly.
function luminance(colour) {
  return colour.reduce((sum, part, at) => sum + [0.2126, 0.7152, 0.0722][at] * (part / 255) ** 2.2, 0);
}

function table(rows, scale) {
  return element("table", { class: "numbers" }, element("tbody", {}, ...rows.map(row => element("tr", {}, ...row.map(value => {
    const [red, green, blue] = COLOURS[shade(value, scale)], cell = element("td", { text: number(value) });
    cell.style.background = `rgb(${red} ${green} ${blue})`;
    cell.style.color = luminance([red, green, blue]) > 0.18 ? "#000" : "#fff"; // where both contrast as much
    return cell;
  })))));
}

function grid(numbers, columns) {
  return Array.from({ length: numbers.length / columns }, (_, row) => Array.from(numbers.slice(row * columns, (row + 1) * columns)));
}

// The part of the input (rows, columns) under a kernel, of one channel, with the zeros that padding puts around it.
function patchOf({ input, kernel, padding }, channel, y, x) {
  const [rows, columns] = kernel.shape, [height, width, channels] = input.shape;
  const [above, left] = padding === "same" ? [(rows - 1) >> 1, (columns - 1) >> 1] : [0, 0];
  return Array.from({ length: rows * columns }, (_, at) => {
    const row = y + Math.floor(at / columns) - above, column = x + (at % columns) - left;
    return row < 0 || column < 0 || row >= height || column >= width ? 0 : input.values[(row * width + column) * channels + channel];
  });
}

function showPlace(found) {
  const { filter, y, x } = shown, [, width, filters] = found.size, at = (y * width + x) * filters + filter;
  const { channel, numbers: kernel } = strongest(found.kernel, filter);
  const patch = patchOf(found, channel, y, x), products = patch.map((value, place) => value * kernel[place]);
  const columns = found.kernel.shape[1], channels = found.input.shape[2];
  const total = products.reduce((sum, value) => sum + value, 0), bias = found.bias ? found.bias.values[filter] : 0;
  const others = found.sum[at] - bias - total;
  const parts = [[patch, "patch", 1], [kernel, "kernel", farthest(found.kernel.values)], [products, "product", farthest(products)]];
  $("place-title").textContent = `Filter ${filter}, row ${y}, column ${x}` + (channels > 1 ? `, input channel ${channel}` : "");
  $("place-tables").replaceChildren(...parts.flatMap(([numbers, name, scale], part) => [
    element("span", { class: "sign", text: ["", "×", "="][part] }),
    element("figure", {}, table(grid(numbers, columns), scale), element("figcaption", { text: name })),
  ]).slice(1));
  const lines = [`The products add up to ${number(total, 3)}` + (channels > 1 ? `; the other ${channels - 1} channels give ${signed(others, 3)}` : "")
    + (found.bias ? `; with the bias ${signed(bias, 3)} that is ${number(found.sum[at], 3)}.` : channels > 1 ? `: ${number(found.sum[at], 3)}.` : ".")];
  let value = found.sum[at];
  if (found.normal) {
    value = value * found.normal.factors[filter] + found.normal.shifts[filter];
    lines.push(`Batch normalisation makes of it ${number(value, 3)}.`);
  }
  if (found.activation !== "linear") lines.push(`${found.activation} makes of it ${number(ACTIVATIONS[found.activation][0](value), 3)}.`);
  if ((state.silent[found.name] || []).includes(filter)) lines.push("The filter is silenced: 0 goes on.");
  lines.push(poolingLine(found));
  $("place-lines").replaceChildren(...lines.filter(Boolean).map(text => element("p", { text })));
  showMark(found);
}

function poolingLine({ pooled: after, maps, size: [, width, filters] }) {
  if (!after) return "";
  const { size, type } = after.layer, [rows, columns] = after.shape, { filter, y, x } = shown;
  const [row, column] = [Math.floor(y / size), Math.floor(x / size)];
  if (row >= rows || column >= columns) return "It lies in the rest at the edge that pooling leaves out.";
  const window = Array.from({ length: size * size }, (_, at) => maps[((row * size + Math.floor(at / size)) * width + column * size + at % size) * filters + filter]);
  const of = type === "MaxPooling2D" ? "The largest" : "The mean";
  return `${of} of its ${size} × ${size} window (${window.map(value => number(value)).join(", ")}) goes on: ${number(after.values[(row * columns + column) * filters + filter], 3)}.`;
}

// Mark the patch on the picture of what the network sees, where the kernels run over it.
function showMark({ input, kernel, padding }) {
  const mark = $("mark"), [rows, columns] = kernel.shape;
  mark.hidden = input.shape[2] !== 1;
  const [above, left] = padding === "same" ? [(rows - 1) >> 1, (columns - 1) >> 1] : [0, 0];
  const box = { left: (shown.x - left) / SIZE[1], top: (shown.y - above) / SIZE[0], width: columns / SIZE[1], height: rows / SIZE[0] };
  for (const [name, share] of Object.entries(box)) mark.style[name] = `${100 * share}%`;
}
