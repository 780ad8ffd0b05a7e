// All of it, anew with each change, once a frame.

let waiting = 0;
const timings = []; // milliseconds that a change took, for the benchmark

function changed() {
  if (!waiting) waiting = requestAnimationFrame(update);
}

function update() {
  const began = performance.now();
  waiting = 0;
  const ink = currentInk(), made = networkImage(ink);
  const whole = forward(layers, made.image, SIZE), isSilenced = Object.values(state.silent).some(filters => filters.length);
  const steps = isSilenced ? forward(layers, made.image, SIZE, state.silent) : whole;
  const probabilities = softmax(steps[steps.length - 1].sum);
  showSteps(ink, made);
  showAnswer(probabilities, softmax(whole[whole.length - 1].sum), isSilenced);
  showMaps(steps);
  showWhy(steps, probabilities, made.image);
  if (!drawing) {
    for (const name of STEPS) $(name).checked = state.steps[name];
    $("undo").disabled = !state.past.length;
    const address = addressOf();
    if (address !== (location.hash || "#")) history.replaceState(null, "", address === "#" ? location.pathname + location.search : address);
  }
  timings.push(performance.now() - began);
}

// What a screen reader is told once a stroke is over.
function said() {
  requestAnimationFrame(() => requestAnimationFrame(() => { $("said").textContent = `The network answers ${$("verdict").textContent}.`; }));
}

function makeProjector() {
  $("projector").addEventListener("click", () => {
    const isOn = document.body.classList.toggle("projector");
    $("projector").setAttribute("aria-pressed", String(isOn));
  });
}

makeAnswer();
makePad();
makePictures();
makeMaps();
makeWhy();
makeProjector();
follow(location.hash);
addEventListener("hashchange", () => { follow(location.hash); changed(); });
choose(false);
changed();

// For whoever wants to ask the page from the console; the tests do.
globalThis.convscope = { run, layers, forward, softmax, evidence, paint, centred, inkOf, state, testImage, networkImage, canvasInk, timings, SIZE, CANVAS };
