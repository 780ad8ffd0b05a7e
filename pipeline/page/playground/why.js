// What spoke for a class, and for it against another one.

const STRONGEST = 8; // filters that are listed
const asked = { first: null, second: null }; // classes that the reader chose; null: the answer, the runner-up

function makeWhy() {
  for (const [id, otherwise] of [["first", "the answer"], ["second", "the runner-up"]]) {
    $(id).append(element("option", { value: "", text: otherwise }), ...run.classes.map((name, at) => element("option", { value: at, text: name })));
    $(id).addEventListener("change", event => { asked[id] = event.target.value === "" ? null : Number(event.target.value); changed(); });
  }
  for (let row = 0; row < STRONGEST; row++) $("filters").append(element("tr", {}, element("td", {}, element("canvas", { class: "kernel" })), element("th", { scope: "row" }), element("td"), element("td"), element("td")));
  $("by-filter").hidden = !convolutions.length;
}

function bothClasses(probabilities) {
  const order = probabilities.map((_, at) => at).sort((a, b) => probabilities[b] - probabilities[a]);
  const first = asked.first ?? order.find(at => at !== asked.second);
  const second = asked.second ?? order.find(at => at !== first);
  return [first, second];
}

function showWhy(steps, probabilities, image) {
  drawGrey($("seen-again"), image, SIZE);
  const [first, second] = bothClasses(probabilities), name = at => run.classes[at];
  const weights = (plus, minus) => run.classes.map((_, at) => Number(at === plus) - Number(at === minus));
  const [one, other, difference] = [weights(first), weights(second), weights(first, second)].map(each => evidence(steps, each));
  const [height, width, filters] = one.shape;
  const byPlace = ({ shares }) => Float64Array.from({ length: height * width }, (_, place) => shares.subarray(place * filters, (place + 1) * filters).reduce((sum, share) => sum + share, 0));
  const byFilter = ({ shares }) => Float64Array.from({ length: filters }, (_, filter) => { let sum = 0; for (let at = filter; at < shares.length; at += filters) sum += shares[at]; return sum; });
  const places = [one, other, difference].map(byPlace), scale = Math.max(...places.map(farthest));
  ["for-first", "for-second", "for-difference"].forEach((id, at) => drawSigned($(id), places[at], [height, width], scale));
  $("first-name").textContent = `for ${name(first)}`;
  $("second-name").textContent = `for ${name(second)}`;
  $("difference-name").textContent = `for ${name(first)} against ${name(second)}`;
  [[one, "first-sum"], [other, "second-sum"], [difference, "difference-sum"]].forEach(([found, id]) => { $(id).textContent = sumOf(found); });
  const times = Math.exp(Math.abs(difference.logit)), [likelier, rarer] = difference.logit < 0 ? [second, first] : [first, second];
  $("times").textContent = `The network holds ${name(likelier)} to be ${times < 1e4 ? times.toFixed(times < 100 ? 1 : 0) : times.toExponential(1)} times as likely as ${name(rarer)}: e to the power of ${number(Math.abs(difference.logit))}.`;
  if (convolutions.length) listFilters(...[one, other, difference].map(byFilter), name(first), name(second));
}

function sumOf({ shares, bias, remainder, logit }) {
  const maps = shares.reduce((sum, share) => sum + share, 0);
  const rest = Math.abs(remainder) > 5e-4 ? ` ${signed(remainder, 3)} of the activation's curve` : "";
  return `${signed(maps, 3)} of the places ${signed(bias, 3)} of the biases${rest} = ${signed(logit, 3)}`;
}

function listFilters(first, second, difference, firstName, secondName) {
  const order = [...difference.keys()].sort((a, b) => Math.abs(difference[b]) - Math.abs(difference[a])).slice(0, STRONGEST);
  const { kernel } = layers[convolutions[convolutions.length - 1].at].weights, scale = farthest(kernel.values);
  $("filters-first").textContent = firstName;
  $("filters-second").textContent = secondName;
  [...$("filters").rows].forEach((row, at) => {
    row.hidden = at >= order.length;
    if (row.hidden) return;
    const filter = order[at], [picture, head, ...cells] = row.cells;
    drawSigned(picture.firstChild, strongest(kernel, filter).numbers, kernel.shape, scale);
    head.textContent = filter;
    [first, second, difference].forEach((values, column) => { cells[column].textContent = signed(values[filter]); });
  });
  const rest = [...difference.keys()].filter(filter => !order.includes(filter)).reduce((sum, filter) => sum + difference[filter], 0);
  $("filters-rest").textContent = difference.length > STRONGEST ? `The other ${difference.length - STRONGEST} filters give ${signed(rest)} together.` : "";
}
