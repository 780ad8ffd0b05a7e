// Pen and eraser: by mouse, finger, pen or keyboard.

const NEAREST = 2; // canvas pixels between the points of a stroke
const LARGEST = 2048; // pixels of a photo's longer side, beyond which the browser reduces it first
let erasing = false, drawing = null; // a stroke under way
let under = null, settled = 0; // the ink below it with those of its segments, so many, that further points leave alone
const cursor = { x: Math.round(CANVAS[1] / 2), y: Math.round(CANVAS[0] / 2), isDown: false };

function radius() {
  return Number($("pen").value) * (erasing ? 1.5 : 1);
}

function begin(x, y) {
  remember();
  under = canvasInk();
  settled = 0;
  drawing = { erase: erasing, radius: Math.round(radius()), points: [[x, y]] };
  state.strokes = [...state.strokes, drawing];
  changed();
}

function goOn(x, y) {
  const [lastX, lastY] = drawing.points[drawing.points.length - 1];
  if (Math.hypot(x - lastX, y - lastY) >= NEAREST) drawing.points.push([x, y]);
  changed();
}

function end() {
  drawing = under = null;
  changed();
  said();
}

function place(event) {
  const { left, top, width, height } = $("pad").getBoundingClientRect();
  return [[event.clientX - left, width, CANVAS[1]], [event.clientY - top, height, CANVAS[0]]].map(([at, shown, length]) =>
    Math.round(Math.min(length, Math.max(0, at / shown * length))));
}

function makePad() {
  const pad = $("pad");
  pad.addEventListener("pointerdown", event => {
    if (!event.isPrimary || event.button) return;
    event.preventDefault();
    pad.focus({ preventScroll: true });
    pad.setPointerCapture(event.pointerId);
    if (cursor.isDown) lift();
    begin(...place(event));
  });
  pad.addEventListener("pointermove", event => {
    if (!drawing || !event.isPrimary || cursor.isDown) return;
    for (const each of event.getCoalescedEvents?.() || []) goOn(...place(each));
    goOn(...place(event));
  });
  for (const over of ["pointerup", "pointercancel", "lostpointercapture"]) {
    pad.addEventListener(over, event => { if (drawing && event.isPrimary && !cursor.isDown) end(); });
  }
  pad.addEventListener("keydown", byKey);
  pad.addEventListener("blur", () => { if (cursor.isDown) lift(); showCursor(); });
  pad.addEventListener("focus", showCursor);
  $("tool-pen").addEventListener("click", () => choose(false));
  $("tool-eraser").addEventListener("click", () => choose(true));
  $("undo").addEventListener("click", () => { undo(); changed(); said(); });
  $("clear").addEventListener("click", () => { put(null); changed(); said(); });
  document.addEventListener("keydown", event => {
    if ((event.ctrlKey || event.metaKey) && event.key === "z" && !/INPUT|SELECT/.test(event.target.tagName)) {
      event.preventDefault();
      undo();
      changed();
    }
  });
}

function choose(isEraser) {
  erasing = isEraser;
  $("tool-pen").setAttribute("aria-pressed", String(!isEraser));
  $("tool-eraser").setAttribute("aria-pressed", String(isEraser));
}

function lift() {
  cursor.isDown = false;
  end();
}

// Arrow keys move the cursor by a pixel of the network's image, space sets the pen down and lifts it.
function byKey(event) {
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (step) {
    cursor.x = Math.min(CANVAS[1], Math.max(0, cursor.x + step[0] * CELL));
    cursor.y = Math.min(CANVAS[0], Math.max(0, cursor.y + step[1] * CELL));
    if (cursor.isDown) goOn(cursor.x, cursor.y);
  } else if (event.key === " ") {
    if (cursor.isDown) lift();
    else if (!drawing) {
      cursor.isDown = true;
      begin(cursor.x, cursor.y);
    }
  } else if (event.key === "e") choose(!erasing);
  else return;
  event.preventDefault();
  showCursor();
}

function showCursor() {
  const mark = $("cursor");
  mark.hidden = !$("pad").matches(":focus-visible");
  mark.classList.toggle("down", cursor.isDown);
  mark.style.left = `${100 * cursor.x / CANVAS[1]}%`;
  mark.style.top = `${100 * cursor.y / CANVAS[0]}%`;
}

// Of a stroke under way only what is new is painted, so that a long one costs no more than a short one.
function currentInk() {
  if (!drawing) return canvasInk();
  const line = path(drawing.points), changing = 4; // segments of the last curve
  const last = Math.max(settled, line.length - 1 - changing);
  paint(under, CANVAS, drawing, line, settled, last);
  settled = last;
  const ink = under.slice();
  paint(ink, CANVAS, drawing, line, settled);
  return ink;
}

// Pictures from outside: opened, pasted or dropped.
async function takePicture(file) {
  try {
    const bitmap = await createImageBitmap(file).catch(() => {
      throw new Error(`${file.name || "What came"} is no picture that this browser reads: PNG, JPEG, WebP, GIF or BMP.`);
    });
    const factor = Math.min(1, LARGEST / Math.max(bitmap.width, bitmap.height));
    const size = [bitmap.height, bitmap.width].map(length => Math.max(1, Math.round(length * factor)));
    const canvas = element("canvas", { width: size[1], height: size[0] }), context = canvas.getContext("2d");
    context.drawImage(bitmap, 0, 0, size[1], size[0]);
    put({ picture: inkOf(context.getImageData(0, 0, size[1], size[0]).data, size, SIZE, run.centred) });
    $("message").textContent = ["Picture taken", ...state.base.picture.done].join("; ") + ". It is not in the page's address.";
  } catch (error) {
    $("message").textContent = error.message;
  }
  changed();
  said();
}

function makePictures() {
  $("open").addEventListener("change", event => { if (event.target.files[0]) takePicture(event.target.files[0]); event.target.value = ""; });
  document.addEventListener("paste", event => {
    const file = [...event.clipboardData.files].find(each => each.type.startsWith("image/"));
    if (file) takePicture(file);
  });
  document.addEventListener("dragover", event => event.preventDefault());
  document.addEventListener("drop", event => {
    event.preventDefault();
    if (event.dataTransfer.files[0]) takePicture(event.dataTransfer.files[0]);
  });
  for (const index of run.images.shown) {
    const at = run.images.indices.indexOf(index), isWrong = run.images.labels[at] !== run.images.predicted[at];
    const canvas = element("canvas", { "aria-hidden": "true" });
    drawGrey(canvas, testImage(index), SIZE);
    const label = `Test image ${index}, a ${run.classes[run.images.labels[at]]}` + (isWrong ? `, taken for a ${run.classes[run.images.predicted[at]]}` : "");
    $("samples").append(element("button", { class: isWrong ? "sample wrong" : "sample", title: label, "aria-label": label, onclick: () => take(index) }, canvas));
  }
  $("by-number").addEventListener("submit", event => {
    event.preventDefault();
    take(Number($("test-number").value));
  });
}

function take(index) {
  if (!testImage(index)) {
    const { indices } = run.images, whole = indices.findIndex((value, at) => value !== at);
    const held = whole < 0 ? `0 to ${indices.length - 1}` : `0 to ${whole - 1}, and ${indices.length - whole} that the network gets wrong`;
    $("message").textContent = `Test image ${index} is not on this page, which holds ${held}.`;
    return;
  }
  $("message").textContent = "";
  put({ test: index });
  changed();
  said();
}
