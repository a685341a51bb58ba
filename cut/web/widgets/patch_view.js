// The patch view: point at a place of a picture or its translation, and see which patches the
// model's features hold to be the same. All dot products are made here; nothing is requested.
//
// data is a Uint8Array: u32 (little-endian) length of the header, the header as JSON, and blocks one
// after the other, which the header's table lists as [name, type, bytes]. A view (kind "view", see
// cut/web/patch_view.py) is drawn with the one layer that it brings; the other layers and more maps
// (kinds "layers" and "maps") are added to the view of the same id when they come. Several
// views on a page, one a checkpoint, show the same place in step; the first of them, which has an
// `opening`, holds the controls and reports what is shown as the state value `look`.

const BUDGET = 6; // ms of computing in a frame, after which small maps wait for the next
const SMALL = 32; // places along a side of a small map
const HARDEST = 5; // negatives that are marked
const MEASURED = 600; // frames whose times are kept
const REPORT_AFTER = 400; // ms without a change
const MAX_PINS = 2;
const LETTERS = ["A", "B"];
const SIDES = ["input", "output"];
const SIDE_NAMES = { input: "Input", output: "Translation" };
const KEYS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

const VIRIDIS = "440154 48186a 472d7b 424086 3b528b 33638d 2c728e 26828e 21918c 1fa088 28ae80 3fbc73 5ec962 84d44b addc30 d8e219 fde725";
const INFERNO = "000004 0b0724 210c4a 3d0965 57106e 71196e 8a226a a32c61 bc3754 d24644 e45a31 f1731d f98e09 fcac11 f9cb35 f2ea69 fcffa4";

// What each map is: its colours, and what it says in a sentence.
const SHOWS = {
  similarity: { name: "Similarity", colours: scale(VIRIDIS), says: () => "How alike each patch is to the one you point at, in both pictures: bright is the same, dark is different." },
  negatives: { name: "Negatives", colours: scale(INFERNO), says: (n) => `The ${n} patches of the input that the loss sets against the positive: the brighter, the easier to mistake for it.` },
  loss: { name: "Loss", colours: scale(INFERNO), says: () => "Where the translation gave the content up: bright patches are no longer recognised as their own. Plain areas are bright, too: there all look alike." },
  probability: { name: "Probability", colours: scale(VIRIDIS), says: () => "How surely each patch of the translation is matched with its own place in the input." },
  rank: { name: "Rank", colours: scale(INFERNO), says: () => "How many patches of the input look more like the translated patch than its own place does: dark is none." },
  pca: { name: "Features", says: () => "The features' three main directions as colours: like colours, like features." },
};

const DIMMED = 0x80000000; // half-transparent black, as 0xAABBGGRR: what is no negative steps back
const DOTS_WIDE = 480; // px of a canvas that places are dotted on, rather than filled

const MARKS = {
  query: '<svg viewBox="0 0 24 24"><circle cx="12" cy="12" r="8"/><path d="M12 1v6M12 17v6M1 12h6M17 12h6"/></svg>',
  positive: '<svg viewBox="0 0 24 24"><path d="M4 4h16v16H4z"/></svg>',
  hardest: '<svg viewBox="0 0 24 24"><path d="M12 22 2 4h20z"/></svg>',
};

// Shared by the views of a page: what is looked at. Places are fractions of the picture's sides.
const shared = {
  state: { show: "similarity", negatives: "drawn", apart: 0, opacity: 0.6, layer: null, pins: [], live: null, failure: -1 },
  opened: "",
  views: new Set(),
};

export default function patchView({ data, parentElement, setStateValue }) {
  const [header, readBlocks] = unpack(data);
  const root = parentElement.querySelector(".patches");
  root.hidden = header.kind !== "view";
  if (root.hidden) {
    addLate(header, readBlocks);
    return undefined;
  }
  root.view ??= makeView(root);
  root.view.show(header, readBlocks, (look) => setStateValue("look", look));
  return () => {
    root.view?.release();
    root.view = undefined;
  };
}

// ---- data

const TYPES = { float32: Float32Array, int8: Int8Array, uint8: Uint8Array };
const LATE_KEPT = 6; // of two views the layers and maps, and those of the two before
const late = new Map(); // what comes after a view, or before it when the page is drawn anew

// The header, and a function that reads the blocks: what is shown already need not be read again.
function unpack(data) {
  const bytes = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const payload = 4 + bytes.getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(data.subarray(4, payload)));
  const readBlocks = () => {
    let start = payload;
    const blocks = {};
    for (const [name, type, size] of header.blocks) {
      const part = data.slice(start, start + size); // a copy is aligned, as float32 must be
      blocks[name] = type === "bytes" ? part : new TYPES[type](part.buffer);
      start += size;
    }
    return blocks;
  };
  return [header, readBlocks];
}

function addLate(header, readBlocks) {
  const name = `${header.kind}/${header.id}`;
  late.delete(name);
  late.set(name, [header, readBlocks]);
  for (const old of [...late.keys()].slice(0, -LATE_KEPT)) late.delete(old);
  for (const view of shared.views) view.takeLate();
}

// A layer that has not come yet has a name, and no more.
function makeLayer(about, blocks) {
  if (!about.xs) return { ...about, isMissing: true };
  const both = (what) => ({ input: blocks[`${about.number}/${what}/input`], output: blocks[`${about.number}/${what}/output`] });
  const width = about.xs.length;
  const height = about.ys.length;
  const features = both("features");
  const layer = {
    ...about, drawn: Int32Array.from(about.drawn), width, height, features, scales: both("scales"), pca: both("pca"), maps: {},
    dim: features.input.length / (width * height),
    all: Int32Array.from({ length: width * height }, (_, place) => place),
  };
  layer.small = subsample(layer);
  takeLayerMaps(layer, blocks, "drawn");
  return layer;
}

function takeLayerMaps(layer, blocks, negatives) {
  const find = (what) => blocks[`${layer.number}/${what}/${negatives}`];
  layer.maps[negatives] = { loss: find("loss"), probability: find("probability"), rank: find("rank") };
}

function subsample({ width, height }) {
  const pick = (n) => Array.from({ length: Math.min(n, SMALL) }, (_, i) => Math.floor(((i + 0.5) * n) / Math.min(n, SMALL)));
  const [rows, columns] = [pick(height), pick(width)];
  return { width: columns.length, height: rows.length, places: Int32Array.from(rows.flatMap((row) => columns.map((column) => row * width + column))) };
}

// ---- numbers

// Cosines of one side's vector at a place with another side's at `places`, into `out` in that order.
function cosines(layer, from, place, to, places, out) {
  const { dim } = layer;
  const query = Int32Array.from(layer.features[from].subarray(place * dim, (place + 1) * dim));
  const keys = layer.features[to];
  const scales = layer.scales[to];
  const own = layer.scales[from][place];
  for (let p = 0; p < places.length; p++) {
    let k = places[p] * dim;
    let sum = 0;
    // Eight at a time, in integers: 256 products of 8 bits are far from overflowing 32.
    for (let i = 0; i < dim; i += 8, k += 8) {
      sum = (sum + Math.imul(keys[k], query[i]) + Math.imul(keys[k + 1], query[i + 1])
        + Math.imul(keys[k + 2], query[i + 2]) + Math.imul(keys[k + 3], query[i + 3])
        + Math.imul(keys[k + 4], query[i + 4]) + Math.imul(keys[k + 5], query[i + 5])
        + Math.imul(keys[k + 6], query[i + 6]) + Math.imul(keys[k + 7], query[i + 7])) | 0;
    }
    out[p] = sum * own * scales[places[p]];
  }
}

// The places that training would set against `place`: those drawn, less itself or the last of them.
function negativesOf(layer, place, negatives) {
  if (negatives === "all") return layer.all.filter((other) => other !== place);
  return layer.drawn.filter((other) => other !== place).slice(0, layer.drawn.length - 1);
}

function isNear(layer, place, other, apart) {
  if (!apart) return false;
  const { xs, ys, width } = layer;
  const dx = xs[other % width] - xs[place % width];
  const dy = ys[Math.floor(other / width)] - ys[Math.floor(place / width)];
  return dx * dx + dy * dy <= apart * apart;
}

// The `HARDEST` of the negatives beyond the neighbourhood: [{place, cosine}], closest first.
function findHardest(layer, place, negatives, values, apart) {
  const found = [];
  for (const other of negatives) {
    const cosine = values[other];
    if (found.length === HARDEST && cosine <= found[HARDEST - 1].cosine) continue;
    if (isNear(layer, place, other, apart)) continue;
    let at = found.length;
    while (at > 0 && found[at - 1].cosine < cosine) at--;
    found.splice(at, 0, { place: other, cosine });
    if (found.length > HARDEST) found.pop();
  }
  return found;
}

function nearest(centres, value) {
  let best = 0;
  for (let i = 1; i < centres.length; i++) if (Math.abs(centres[i] - value) < Math.abs(centres[best] - value)) best = i;
  return best;
}

// ---- colours

function scale(anchors) {
  const points = anchors.split(" ").map((hex) => [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16)));
  return Uint32Array.from({ length: 256 }, (_, i) => {
    const at = (i / 255) * (points.length - 1);
    const low = Math.min(Math.floor(at), points.length - 2);
    const [r, g, b] = points[low].map((value, c) => Math.round(value + (points[low + 1][c] - value) * (at - low)));
    return rgba(r, g, b);
  });
}

function rgba(r, g, b) {
  return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0; // as the bytes r, g, b, 255 in memory
}

// The colour range of a map: from `low` to `high`, `at` turns a value into a part of it.
function rangeOf(layer, { show, negatives }) {
  const linear = (low, high) => ({ low, high, at: (value) => (value - low) / (high - low) });
  if (show === "probability") return linear(0, 1);
  if (show === "loss") return linear(0, Math.max(0.1, highest(layer.maps[negatives]?.loss)));
  if (show === "rank") {
    const high = negatives === "all" ? layer.all.length : layer.drawn.length;
    return { low: 1, high, at: (value) => Math.log(value) / Math.log(high), middle: Math.round(Math.sqrt(high)) };
  }
  return linear(layer.lowest, 1);
}

function highest(values) {
  return values ? values.reduce((a, b) => Math.max(a, b)) : 1;
}

// ---- a map on a canvas

// Paints `values` (one a place of the grid) so that every cell lies over what it stands for. The grid
// may end short of the picture's edge: its last row and column are then painted once more.
function paint(canvas, grid, working, colourOf) {
  const columns = grid.width + (endsShort(grid.x, grid.width, working[0]) ? 1 : 0);
  const rows = grid.height + (endsShort(grid.y, grid.height, working[1]) ? 1 : 0);
  let image = canvas.image;
  if (!image || image.width !== columns || image.height !== rows) {
    canvas.width = columns;
    canvas.height = rows;
    canvas.context = canvas.getContext("2d");
    image = canvas.image = canvas.context.createImageData(columns, rows);
    image.pixels = new Uint32Array(image.data.buffer);
  }
  lay(canvas, "left", "width", grid.x, columns, working[0]);
  lay(canvas, "top", "height", grid.y, rows, working[1]);
  let pixel = 0;
  for (let row = 0; row < rows; row++) {
    const start = Math.min(row, grid.height - 1) * grid.width;
    for (let column = 0; column < columns; column++) {
      image.pixels[pixel++] = colourOf(start + Math.min(column, grid.width - 1));
    }
  }
  canvas.context.putImageData(image, 0, 0);
}

// Dots the few places that are negatives when they are drawn: cells of a 64 x 64 grid would be specks.
function dot(canvas, layer, working, places, colourOf, radius) {
  const unit = DOTS_WIDE / working[0];
  const [width, height] = [DOTS_WIDE, Math.round(working[1] * unit)];
  if (canvas.width !== width || canvas.height !== height || canvas.image) {
    Object.assign(canvas, { width, height, image: undefined, context: canvas.getContext("2d") });
    Object.assign(canvas.style, { left: "0", top: "0", width: "100%", height: "100%" });
  }
  const { context } = canvas;
  context.clearRect(0, 0, width, height);
  context.fillStyle = "rgb(0 0 0 / 50%)";
  context.fillRect(0, 0, width, height);
  context.strokeStyle = "rgb(255 255 255 / 45%)";
  for (const place of places) {
    context.beginPath();
    context.arc((layer.xs[place % layer.width] + 0.5) * unit, (layer.ys[Math.floor(place / layer.width)] + 0.5) * unit, radius, 0, 2 * Math.PI);
    context.fillStyle = colourOf(place);
    context.fill();
    context.stroke();
  }
}

function dotNegatives(canvas, layer, state, working, query, values, radius) {
  const range = rangeOf(layer, state);
  const places = query.negatives.filter((place) => !isNear(layer, query.place, place, state.apart));
  const { colours } = SHOWS.negatives;
  const colourOf = (place) => {
    const colour = colours[Math.max(0, Math.min(255, Math.round(255 * range.at(values[place]))))];
    return `rgb(${colour & 255} ${(colour >> 8) & 255} ${(colour >> 16) & 255})`;
  };
  dot(canvas, layer, working, places, colourOf, radius);
}

function axis(centres, count) {
  const whole = centres.length > 1 ? (centres[centres.length - 1] - centres[0]) / (centres.length - 1) : 1;
  const step = (whole * centres.length) / count;
  return { first: centres[0] - whole / 2, step };
}

function endsShort({ first, step }, count, side) {
  return first + step * count < side - 0.5;
}

function lay(canvas, start, extent, { first, step }, count, side) {
  canvas.style[start] = `${(100 * first) / side}%`;
  canvas.style[extent] = `${(100 * step * count) / side}%`;
}

function gridOf(layer, { width, height }) {
  return { width, height, x: axis(layer.xs, width), y: axis(layer.ys, height) };
}

// The function that colours the i-th of `places`. `values` holds what a query's map shows there.
function colouring(layer, state, side, places, values, query) {
  const { show, apart } = state;
  if (show === "pca") {
    const colours = layer.pca[side];
    return (i) => rgba(colours[3 * places[i]], colours[3 * places[i] + 1], colours[3 * places[i] + 2]);
  }
  const { colours } = SHOWS[show];
  const range = rangeOf(layer, state);
  const colour = (value) => colours[Math.max(0, Math.min(255, Math.round(255 * range.at(value))))];
  if (show === "similarity") {
    return (i) => (isNear(layer, query.place, places[i], apart) ? 0 : colour(values[i]));
  }
  if (show === "negatives") {
    const isNegative = new Uint8Array(layer.all.length);
    for (const place of query.negatives) if (!isNear(layer, query.place, place, apart)) isNegative[place] = 1;
    return (i) => (isNegative[places[i]] ? colour(values[i]) : DIMMED);
  }
  const map = layer.maps[state.negatives]?.[show];
  return map ? (i) => colour(map[places[i]]) : () => 0;
}

// ---- elements

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element[name] = value;
    else if (value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function makeMark(kind, label = "") {
  const mark = make("span", { class: `mark ${kind}`, "aria-hidden": "true" });
  mark.innerHTML = MARKS[kind];
  mark.append(label);
  return mark;
}

function makePanel(side) {
  const picture = make("img", { alt: SIDE_NAMES[side], draggable: "false" });
  const canvas = make("canvas", { class: "map" });
  const patch = make("span", { class: "patch", "aria-hidden": "true" });
  const own = makeMark("query");
  const same = makeMark("positive");
  const hardest = side === "input" ? Array.from({ length: HARDEST }, (_, i) => makeMark("hardest", String(i + 1))) : [];
  const tag = make("span", { class: "tag", "aria-hidden": "true" });
  const element = make("div", {
    class: "panel", tabindex: "0", role: "application", "data-side": side,
    "aria-label": `${SIDE_NAMES[side]}: arrow keys move the place, Enter holds it, Escape lets it go`,
  }, make("span", { class: "clip" }, picture, canvas), tag, patch, ...hardest, same, own);
  return { side, element, picture, canvas, patch, own, same, hardest, tag };
}

function placeMark(mark, layer, working, place) {
  mark.style.left = `${(100 * (layer.xs[place % layer.width] + 0.5)) / working[0]}%`;
  mark.style.top = `${(100 * (layer.ys[Math.floor(place / layer.width)] + 0.5)) / working[1]}%`;
}

const READINGS = [
  ["positive", "Positive", "Similarity of the patch to its own place in the other picture, from -1 to 1"],
  ["hardest", "Hardest negative", "Similarity of the closest other patch that the loss counts"],
  ["probability", "Probability", "How surely the patch is matched with its own place"],
  ["loss", "Loss", "Minus the logarithm of the probability"],
  ["rank", "Rank", "1 if no negative is closer than the positive"],
];

function makeRow(letter, handlers) {
  const panels = SIDES.map(makePanel);
  panels.forEach((panel) => handlers.attach(panel));
  const hold = make("button", { type: "button", class: "hold", onclick: () => handlers.hold(letter) });
  const where = make("span", { class: "where" });
  const values = {};
  const list = make("dl", {}, ...READINGS.map(([key, name, title]) => {
    values[key] = make("dd", { "data-name": key });
    return make("div", { title }, make("dt", {}, name), values[key]);
  }));
  return {
    letter, panels, hold, where, values, key: "", hardest: [],
    cosines: { input: new Float32Array(0), output: new Float32Array(0) },
    element: make("div", { class: "row", "data-query": letter }, ...panels.map((panel) => panel.element)),
    readout: make("div", { class: "reading", "data-query": letter }, make("div", { class: "head" }, where, hold), list),
  };
}

// ---- the view

function makeView(root) {
  const find = (selector) => root.querySelector(selector);
  const rows = LETTERS.map((letter) => makeRow(letter, { attach, hold: toggleHold }));
  find(".rows").replaceChildren(...rows.map((row) => row.element));
  find(".readout").replaceChildren(...rows.map((row) => row.readout));
  let header, layers, buttons, urls, report;
  let leads = false;
  let frame = 0;
  let timer = 0;
  let told = "";
  let taken = new Set(); // of what came late
  let drawnControls = "";
  // For tests: ms that the last frames took, those of the chosen layer in it, small maps drawn.
  const measured = (root.measured = { frames: 0, milliseconds: [], chosen: [], small: 0 });
  const view = { show, release, schedule, takeLate };

  // -- taking data

  function show(newHeader, readBlocks, newReport) {
    report = newReport;
    shared.views.add(view);
    const isNew = header?.id !== newHeader.id;
    header = newHeader;
    if (header.opening) open(header);
    leads = Boolean(header.opening);
    root.dataset.role = leads ? "leads" : "follows";
    find(".name").textContent = header.title ?? "";
    find(".name").hidden = !header.title;
    if (!isNew) return schedule();
    const blocks = readBlocks();
    layers = header.layers.map((about) => makeLayer(about, blocks));
    rows.forEach((row) => (row.key = ""));
    drawnControls = "";
    root.style.setProperty("--ratio", header.working[0] / header.working[1]);
    taken = new Set();
    makeButtons();
    takeLate();
    showPictures(blocks);
    schedule();
  }

  // What Python asks to show first is taken over once; afterwards the browser has its own way.
  function open({ id, opening, picture }) {
    const name = `${id}/${opening.serial}`;
    if (shared.opened === name) return;
    shared.opened = name;
    const pins = opening.pins.map(({ x, y, side }) => ({ x: x / picture[0], y: y / picture[1], side }));
    const { show, layer, negatives, apart, opacity } = opening;
    Object.assign(shared.state, { show, layer, negatives, apart, opacity: opacity / 100, pins, failure: -1 });
    shared.state.live = pins[pins.length - 1] ?? { x: 0.5, y: 0.5, side: "output" };
    told = JSON.stringify(look());
    shared.views.forEach((other) => other.schedule());
  }

  function takeLate() {
    if (!header) return;
    takeOnce("layers", (about, blocks) => {
      const found = new Map(about.layers.map((one) => [one.number, one]));
      layers = layers.map((layer) => (found.has(layer.number) ? makeLayer(found.get(layer.number), blocks) : layer));
      rows.forEach((row) => (row.key = ""));
      makeButtons();
    });
    // Maps belong to layers, so they wait until all of these are there.
    if (!layers.some((layer) => layer.isMissing)) {
      takeOnce("maps", (about, blocks) => {
        for (const layer of layers) {
          takeLayerMaps(layer, blocks, about.negatives);
          layer.worst[about.negatives] = about.worst[layer.number];
        }
      });
    }
  }

  function takeOnce(kind, take) {
    const found = late.get(`${kind}/${header.id}`);
    if (!found || taken.has(kind)) return;
    taken.add(kind);
    const [about, readBlocks] = found;
    take(about, readBlocks());
    drawnControls = "";
    schedule();
  }

  function showPictures(blocks) {
    const old = urls ?? [];
    urls = SIDES.map((side) => URL.createObjectURL(new Blob([blocks[`picture/${side}`]], { type: "image/jpeg" })));
    const pictures = rows.flatMap((row) => row.panels.map((panel) => panel.picture));
    pictures.forEach((picture, i) => (picture.src = urls[i % 2]));
    Promise.all(pictures.map((picture) => picture.decode().catch(() => {}))).then(() => {
      old.forEach((url) => URL.revokeObjectURL(url));
      root.dataset.ready = "yes";
    });
  }

  function release() {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    shared.views.delete(view);
    urls?.forEach((url) => URL.revokeObjectURL(url));
  }

  // -- what is looked at

  function change(part) {
    Object.assign(shared.state, part);
    shared.views.forEach((other) => other.schedule());
  }

  function layerNow() {
    const { state } = shared;
    // At first the second: fine enough to show outlines, and about more than a pixel's colour.
    const usual = layers[Math.min(layers.length - 1, 1)];
    const wanted = layers.find((layer) => layer.number === state.layer) ?? usual;
    return wanted.isMissing ? layers.find((layer) => !layer.isMissing) : wanted;
  }

  function placeOf(layer, { x, y }) {
    const [width, height] = header.working;
    return nearest(layer.ys, y * height) * layer.width + nearest(layer.xs, x * width);
  }

  function pointOf(layer, place, side) {
    const [width, height] = header.working;
    return { x: layer.xs[place % layer.width] / width, y: layer.ys[Math.floor(place / layer.width)] / height, side };
  }

  // The places whose maps are shown: A, and B once A is held and something else is pointed at.
  function queries(layer) {
    const { pins, live } = shared.state;
    const points = [pins[0] ?? live];
    const isElsewhere = pins[0] && (live.side !== pins[0].side || placeOf(layer, live) !== placeOf(layer, pins[0]));
    if (pins[1] || isElsewhere) points.push(pins[1] ?? live);
    return points.map((point) => ({ ...point, place: placeOf(layer, point) }));
  }

  function look() {
    const { show, negatives, apart, opacity, layer, pins } = shared.state;
    const [width, height] = header.picture;
    const pixel = (part, side) => Math.max(0, Math.min(side - 1, Math.round(part * side)));
    const held = pins.map(({ x, y, side }) => `${pixel(x, width)},${pixel(y, height)},${side}`);
    return { show, negatives, apart, opacity: Math.round(100 * opacity), layer, pins: held };
  }

  // Told once things are quiet: Python writes the address and knows what to draw.
  function tell() {
    if (!leads) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      const now = JSON.stringify(look());
      if (now === told) return;
      told = now;
      report(look());
    }, REPORT_AFTER);
  }

  // -- drawing

  function schedule() {
    if (!frame && header) frame = requestAnimationFrame(draw);
  }

  function draw() {
    frame = 0;
    const started = performance.now();
    const layer = layerNow();
    const found = queries(layer);
    drawControls(layer);
    rows.forEach((row, i) => {
      const query = found[i];
      row.element.hidden = row.readout.hidden = !query;
      if (query) drawRow(row, layer, query, found.length > 1);
    });
    measured.chosen.push(performance.now() - started);
    const isWaiting = drawSmall(found[found.length - 1], started);
    measured.milliseconds.push(performance.now() - started);
    measured.frames++;
    for (const list of [measured.chosen, measured.milliseconds]) if (list.length > MEASURED) list.shift();
    if (isWaiting) schedule();
    tell();
  }

  function drawRow(row, layer, query, lettered) {
    const { state } = shared;
    const key = [layer.number, query.side, query.place, state.negatives, state.apart, state.show, Boolean(layer.maps[state.negatives])].join();
    if (key !== row.key) {
      row.key = key;
      row.element.dataset.flat = layer.flat ? "yes" : "no";
      judge(row, layer, query);
      row.panels.forEach((panel) => {
        const bare = state.show === "negatives" && panel.side === "output";
        panel.element.dataset.bare = bare ? "yes" : "no";
        if (!bare && !layer.flat && state.show === "negatives" && state.negatives === "drawn") {
          dotNegatives(panel.canvas, layer, state, header.working, row.query, row.judged, 5);
        } else if (!bare && !layer.flat) {
          const values = state.show === "negatives" ? row.judged : row.cosines[panel.side];
          paint(panel.canvas, gridOf(layer, layer), header.working, colouring(layer, state, panel.side, layer.all, values, row.query));
        }
        drawMarks(panel, layer, row, query);
      });
      drawReadings(row, layer, query);
    }
    const held = Boolean(state.pins[LETTERS.indexOf(row.letter)]);
    row.hold.textContent = held ? "Let go" : "Hold";
    row.hold.dataset.held = held ? "yes" : "no";
    row.panels.forEach(({ tag, side }) => (tag.textContent = lettered ? `${row.letter} · ${SIDE_NAMES[side]}` : SIDE_NAMES[side]));
  }

  // Compare the pointed-at vector with both pictures, and the output's with the negatives.
  function judge(row, layer, query) {
    const { negatives, apart } = shared.state;
    for (const side of SIDES) {
      if (row.cosines[side].length !== layer.all.length) row.cosines[side] = new Float32Array(layer.all.length);
      cosines(layer, query.side, query.place, side, layer.all, row.cosines[side]);
    }
    const places = negativesOf(layer, query.place, negatives);
    row.judged = row.cosines.input;
    if (query.side === "input") {
      // The loss always asks from the output's side.
      row.judged = new Float32Array(layer.all.length);
      const wanted = Int32Array.from([...places, query.place]);
      const values = new Float32Array(wanted.length);
      cosines(layer, "output", query.place, "input", wanted, values);
      wanted.forEach((place, i) => (row.judged[place] = values[i]));
    }
    row.query = { place: query.place, negatives: places };
    row.hardest = findHardest(layer, query.place, places, row.judged, apart);
  }

  function drawMarks(panel, layer, row, query) {
    const mine = panel.side === query.side;
    panel.own.hidden = !mine;
    panel.same.hidden = mine;
    placeMark(mine ? panel.own : panel.same, layer, header.working, query.place);
    placeMark(panel.patch, layer, header.working, query.place);
    panel.patch.style.width = `${(100 * layer.sees) / header.working[0]}%`;
    panel.patch.style.height = `${(100 * layer.sees) / header.working[1]}%`;
    panel.hardest.forEach((mark, i) => {
      mark.hidden = layer.flat || !row.hardest[i];
      if (row.hardest[i]) placeMark(mark, layer, header.working, row.hardest[i].place);
    });
  }

  function drawReadings(row, layer, query) {
    const { negatives } = shared.state;
    const maps = layer.maps[negatives];
    const count = negatives === "all" ? layer.all.length : layer.drawn.length;
    const values = { positive: row.judged[query.place], hardest: row.hardest[0]?.cosine };
    for (const name of ["probability", "loss", "rank"]) values[name] = maps?.[name][query.place];
    const asText = {
      positive: fixed, hardest: fixed, loss: fixed,
      probability: (value) => (value < 0.001 ? "< 0.1 %" : `${(100 * value).toFixed(value < 0.0995 ? 1 : 0)} %`),
      rank: (value) => `${value} of ${count}`,
    };
    for (const [name] of READINGS) {
      const value = values[name];
      row.values[name].dataset.value = value ?? "";
      row.values[name].textContent = value === undefined ? "…" : asText[name](value);
    }
    const [x, y] = centre(layer, query.place);
    Object.assign(row.readout.dataset, { row: Math.floor(query.place / layer.width), column: query.place % layer.width, side: query.side, layer: layer.number });
    row.readout.dataset.hardest = JSON.stringify(row.hardest.map(({ place, cosine }) => [Math.floor(place / layer.width), place % layer.width, cosine]));
    row.where.textContent = `${row.letter}: ${x}, ${y} in the ${query.side === "input" ? "input" : "translation"}`;
  }

  function centre(layer, place) {
    const { x, y } = pointOf(layer, place);
    return [Math.min(header.picture[0] - 1, Math.round(x * header.picture[0])), Math.min(header.picture[1] - 1, Math.round(y * header.picture[1]))];
  }

  // Small maps of the layers, in turn: the one that waited longest first, while there is time.
  function drawSmall(query, started) {
    const { state } = shared;
    const isStatic = !["similarity", "negatives"].includes(state.show);
    const keyOf = (layer) => [state.show, state.negatives, state.apart, Boolean(layer.maps[state.negatives]), isStatic || `${query.side}${query.x},${query.y}`].join();
    const stale = buttons.filter((button) => !button.layer.isMissing && button.key !== keyOf(button.layer)).sort((a, b) => a.drawn - b.drawn);
    let done = 0;
    for (const button of stale) {
      if (done && performance.now() - started > BUDGET) break;
      button.key = keyOf(button.layer);
      button.drawn = ++measured.small;
      drawButton(button, query);
      done++;
    }
    return done < stale.length;
  }

  function drawButton({ layer, canvases }, point) {
    const { state } = shared;
    const { small } = layer;
    if (layer.flat) return;
    const place = placeOf(layer, point);
    const query = { place, negatives: state.show === "negatives" ? negativesOf(layer, place, state.negatives) : [] };
    const from = state.show === "negatives" ? "output" : point.side;
    const values = new Float32Array(small.places.length);
    SIDES.forEach((side, i) => {
      if (i && !["similarity", "pca"].includes(state.show)) return;
      const { places } = small;
      if (state.show === "negatives" && state.negatives === "drawn") {
        return drawDrawn(canvases[i], layer, query);
      }
      if (state.show === "similarity" || state.show === "negatives") cosines(layer, from, place, side, places, values);
      paint(canvases[i], gridOf(layer, small), header.working, colouring(layer, state, side, places, values, query));
    });
  }

  function drawDrawn(canvas, layer, query) {
    const values = new Float32Array(query.negatives.length);
    cosines(layer, "output", query.place, "input", query.negatives, values);
    const spread = new Float32Array(layer.all.length);
    query.negatives.forEach((place, i) => (spread[place] = values[i]));
    dotNegatives(canvas, layer, shared.state, header.working, query, spread, 10);
  }

  // -- controls

  function makeButtons() {
    buttons = layers.map((layer) => {
      const canvases = SIDES.map(() => make("canvas"));
      const element = make("button", { type: "button", "data-layer": layer.number, onclick: () => change({ layer: layer.number, failure: -1 }) },
        ...canvases.map((canvas, i) => make("span", { class: "thumb", "data-side": SIDES[i] }, canvas)),
        make("b", {}, `Layer ${layer.number}`), make("small", {}, layer.word), make("small", {}, `sees ${layer.sees} px`));
      element.dataset.flat = layer.flat ? "yes" : "no";
      element.disabled = Boolean(layer.isMissing);
      return { layer, canvases, element, key: "", drawn: 0 };
    });
    root.dataset.layers = layers.some((layer) => layer.isMissing) ? "some" : "all";
    find(".layers").replaceChildren(...buttons.map(({ element }) => element));
    find(".shows").replaceChildren(...Object.entries(SHOWS).map(([key, { name }]) => make("button", { type: "button", "data-key": key, onclick: () => change({ show: key }) }, name)));
    const kinds = { drawn: header.drawn_as, all: "All other places" };
    find(".negatives").replaceChildren(...Object.entries(kinds).map(([key, name]) => make("button", { type: "button", "data-key": key, onclick: () => change({ negatives: key, failure: -1 }) }, name)));
    find(".opacity").oninput = (event) => change({ opacity: event.target.value / 100 });
    find(".apart").oninput = (event) => change({ apart: Number(event.target.value) });
    find(".fails").onclick = showFailure;
    const marks = [["query", "where you point"], ["positive", "the positive: same place"], ["hardest", "hardest negatives"]];
    find(".marks").replaceChildren(...marks.map(([kind, name]) => make("span", {}, makeMark(kind), name)));
  }

  function drawControls(layer) {
    const { state } = shared;
    root.style.setProperty("--opacity", state.opacity);
    const now = JSON.stringify([layer.number, state.show, state.negatives, state.apart, state.opacity, state.failure]);
    if (now === drawnControls) return;
    drawnControls = now;
    root.dataset.show = state.show;
    root.style.colorScheme = isLight(getComputedStyle(root).color) ? "dark" : "light"; // sliders
    const press = (element, pressed) => element.setAttribute("aria-pressed", String(pressed));
    find(".shows").childNodes.forEach((button) => press(button, button.dataset.key === state.show));
    find(".negatives").childNodes.forEach((button) => press(button, button.dataset.key === state.negatives));
    buttons.forEach((button) => press(button.element, button.layer === layer));
    const count = state.negatives === "all" ? layer.all.length : layer.drawn.length;
    find(".tells").textContent = layer.flat
      ? `To layer ${layer.number} all patches of this picture look the same: there is nothing to compare.`
      : SHOWS[state.show].says(count - 1);
    setRange(".opacity", 100 * state.opacity, `${Math.round(100 * state.opacity)} %`);
    setRange(".apart", state.apart, state.apart ? `${state.apart} px` : "off");
    const worst = layer.worst[state.negatives] ?? [];
    find(".fails").textContent = state.failure < 0 ? "Show me where it fails" : `Failure ${state.failure + 1} of ${worst.length}: next`;
    find(".fails").disabled = layer.flat || !worst.length;
    drawLegend(layer);
  }

  function setRange(selector, value, text) {
    find(selector).value = value;
    find(selector).nextElementSibling.textContent = text;
  }

  function drawLegend(layer) {
    const { state } = shared;
    const { colours } = SHOWS[state.show];
    find(".legend").hidden = !colours || layer.flat;
    if (!colours) return;
    const context = find(".legend canvas").getContext("2d");
    const image = context.createImageData(256, 1);
    new Uint32Array(image.data.buffer).set(colours);
    context.putImageData(image, 0, 0);
    const { low, high, middle = (low + high) / 2 } = rangeOf(layer, state);
    const text = (value) => (state.show === "rank" ? String(value) : fixed(value));
    const unit = { similarity: "cosine", negatives: "cosine", loss: "loss", probability: "probability", rank: "rank" }[state.show];
    find(".ticks").replaceChildren(...[`${text(low)}`, `${unit} ${text(middle)}`, text(high)].map((tick) => make("span", {}, tick)));
  }

  function showFailure() {
    const layer = layerNow();
    const worst = layer.worst[shared.state.negatives];
    const failure = (shared.state.failure + 1) % worst.length;
    const [row, column] = worst[failure];
    const point = pointOf(layer, row * layer.width + column, "output");
    change({ failure, pins: [point], live: point });
    speak();
  }

  // -- pointer and keys

  function attach(panel) {
    const { element, side } = panel;
    let box = null;
    const point = (event) => {
      box = element.getBoundingClientRect();
      const part = (value) => Math.max(0, Math.min(0.999999, value));
      return { x: part((event.clientX - box.left) / box.width), y: part((event.clientY - box.top) / box.height), side };
    };
    const follow = (event) => {
      if (shared.state.pins.length < MAX_PINS) change({ live: point(event) });
    };
    element.onpointermove = (event) => {
      if (event.pointerType === "mouse" || element.hasPointerCapture(event.pointerId)) follow(event);
    };
    element.onpointerdown = (event) => {
      if (event.pointerType === "mouse") return;
      element.setPointerCapture(event.pointerId);
      follow(event);
    };
    element.onclick = (event) => {
      if (event.pointerType === "mouse") holdPoint(point(event));
    };
    element.onkeydown = (event) => onKey(event, side);
  }

  // A click holds the place; with two held already, it moves the second.
  function holdPoint(point) {
    const layer = layerNow();
    const held = pointOf(layer, placeOf(layer, point), point.side);
    change({ pins: [...shared.state.pins.slice(0, MAX_PINS - 1), held], live: held, failure: -1 });
    speak();
  }

  function toggleHold(letter) {
    const { pins, live } = shared.state;
    const at = LETTERS.indexOf(letter);
    if (!pins[at]) return holdPoint(live);
    change({ pins: pins.filter((_, i) => i !== at), live: pins[at], failure: -1 });
    return undefined;
  }

  function onKey(event, side) {
    const { pins, live } = shared.state;
    const layer = layerNow();
    if (event.key === "Escape" && pins.length) {
      change({ pins: pins.slice(0, -1), live: pins[pins.length - 1], failure: -1 });
    } else if (event.key === "Enter" || event.key === " ") {
      holdPoint({ ...live, side });
    } else if (KEYS[event.key] && pins.length < MAX_PINS) {
      const [down, right] = KEYS[event.key].map((step) => step * (event.shiftKey ? 5 : 1));
      const place = placeOf(layer, live);
      const clamp = (value, count) => Math.max(0, Math.min(count - 1, value));
      const row = clamp(Math.floor(place / layer.width) + down, layer.height);
      const column = clamp((place % layer.width) + right, layer.width);
      change({ live: pointOf(layer, row * layer.width + column, side) });
    } else {
      return;
    }
    event.preventDefault();
    speak();
  }

  // Screen readers hear a place once it is reached by key or click; hovering would never end.
  function speak() {
    requestAnimationFrame(() => requestAnimationFrame(() => {
      const row = rows.filter((candidate) => !candidate.readout.hidden).pop();
      const readings = READINGS.map(([key, name]) => `${name} ${row.values[key].textContent}`);
      find(".spoken").textContent = `${row.where.textContent}. ${readings.join(", ")}.`;
    }));
  }

  return view;
}

function isLight(colour) {
  const [r, g, b] = colour.match(/[\d.]+/g).map(Number);
  return r + g + b > 384;
}

function fixed(value) {
  return value.toFixed(2).replace("-0.00", "0.00");
}
