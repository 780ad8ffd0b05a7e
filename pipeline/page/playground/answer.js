// The way to the network's image, and what the network answers.

const ROWS = Math.min(run.classes.length, 10);
const rows = [];

function makeAnswer() {
  for (let row = 0; row < ROWS; row++) {
    const name = element("th", { scope: "row" }), bar = element("span", { class: "bar" }), before = element("span", { class: "before" });
    const value = element("td", { class: "value" });
    $("answers").append(element("tr", {}, name, element("td", { class: "track", "aria-hidden": "true" }, element("div", {}, bar, before)), value));
    rows.push({ name, bar, before, value });
  }
  for (const name of STEPS) {
    $(name).checked = state.steps[name];
    $(name).addEventListener("change", () => { state.steps[name] = $(name).checked; changed(); });
  }
}

// The classes that have a row: all in their order, or the likeliest where there are too many.
function listed(probabilities) {
  const classes = probabilities.map((_, number) => number);
  return classes.length <= ROWS ? classes : classes.sort((a, b) => probabilities[b] - probabilities[a]).slice(0, ROWS);
}

function showAnswer(probabilities, whole, isSilenced) {
  const highest = probabilities.indexOf(Math.max(...probabilities));
  listed(probabilities).forEach((number, row) => {
    const { name, bar, before, value } = rows[row];
    name.textContent = name.title = run.classes[number];
    bar.style.width = `${100 * probabilities[number]}%`;
    before.style.left = `${100 * whole[number]}%`;
    before.hidden = !isSilenced;
    value.textContent = percent(probabilities[number]);
    name.parentNode.classList.toggle("best", number === highest);
  });
  const silenced = isSilenced ? ` With every filter: ${run.classes[whole.indexOf(Math.max(...whole))]}, ${percent(Math.max(...whole))}.` : "";
  $("verdict").textContent = `${run.classes[highest]}, ${percent(probabilities[highest])}`;
  $("remark").textContent = recorded() + silenced;
}

// What the pipeline itself wrote down of a test image as it is.
function recorded() {
  if (!state.base || state.base.test === undefined) return "";
  const at = run.images.indices.indexOf(state.base.test);
  const { labels, predicted, confidence } = run.images;
  const answer = `Test image ${state.base.test}, labelled ${run.classes[labels[at]]}. The pipeline wrote down ${run.classes[predicted[at]]}, ${percent(confidence[at])}`;
  return state.strokes.length ? `${answer}, before you drew on it.` : `${answer}.`;
}

// The pad, and the pictures of the way from it to what the network sees.
function showSteps(ink, made) {
  const pad = $("pad");
  drawGrey(pad, ink, CANVAS);
  drawGrey($("seen"), made.image, SIZE);
  const note = made.asIs ? "It has the network's size, and is taken as it is." : made.box ? "" : "Nothing is drawn yet.";
  $("way-note").textContent = note || stepNote(made);
  const cut = made.part && !made.asIs;
  for (const id of ["cut", "fitted"]) $(id).classList.toggle("empty", !cut);
  if (!cut) return;
  const isPicture = state.base && state.base.picture && !state.strokes.length;
  const [greys, width] = isPicture ? [state.base.picture.ink, state.base.picture.size[1]] : [ink, CANVAS[1]];
  const { top, left, height, width: across } = made.part;
  const inside = new Uint8Array(height * across);
  for (let y = 0; y < height; y++) inside.set(greys.subarray((top + y) * width + left, (top + y) * width + left + across), y * across);
  drawGrey($("cut"), inside, [height, across]);
  drawGrey($("fitted"), made.fitted, made.size);
}

function stepNote({ part, size, top, left, mass }) {
  const lies = `${part.width} × ${part.height} pixels become ${size[1]} × ${size[0]}`;
  if (!mass) return `${lies}: nothing is left of it.`;
  const off = Math.hypot(top + mass[0] - SIZE[0] / 2, left + mass[1] - SIZE[1] / 2);
  return `${lies}; their centre of mass lies ${number(off, 1)} pixels from the middle.`;
}
