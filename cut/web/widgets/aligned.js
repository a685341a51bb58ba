// One of several before/after sliders that move as one: border, zoom and place are shared by all
// whose header names the same group.
//
// pair.js describes data; its header holds {group, name, state: "waiting" | "done" | "failed"} as well.

const REST = 5; // per cent of the width: nearly all is translation, and the handle can be seen
const MOST_ZOOM = 8;
const ZOOM_STEP = 1.5;
const PAN_STEP = 0.1; // of the frame
const HANDLE_REACH = 24; // px: nearer to the border than this, a drag moves the border
const MOVED = "cut-aligned-moved";

// Of each group, so that a picture that comes later takes its place. Each component may be given
// a module of its own: what they share lies in the window.
const views = (window.cutAlignedViews ??= new Map());

export default function aligned(component) {
  return mountPair(component, makeView);
}

function clamp(value, least, most) {
  return Math.min(most, Math.max(least, value));
}

// A picture enlarged about the point (px, py) of the frame; x and y are what its corner is moved by.
function zoomed(view, factor, px, py) {
  const zoom = clamp(view.zoom * factor, 1, MOST_ZOOM);
  const grown = zoom / view.zoom;
  return moved({ ...view, zoom, x: px - (px - view.x) * grown, y: py - (py - view.y) * grown }, 0, 0);
}

function moved(view, dx, dy) {
  const least = 1 - view.zoom; // no further than the picture's other edge
  return { ...view, x: clamp(view.x + dx, least, 0), y: clamp(view.y + dy, least, 0) };
}

function makeView(frame, parent) {
  const find = (selector) => parent.querySelector(selector);
  const { pictures, place, describe, release: releaseFrame } = makeFrame(frame, followBorder);
  const [range, buttons] = [frame.querySelector("input"), [find(".in"), find(".out")]];
  const pair = makePair(frame, pictures);
  let shown = frame.dataset.shown;
  let group = "";
  let view = { at: REST, zoom: 1, x: 0, y: 0 };
  let applying = false;
  frame.append(find(".zoom")); // over the picture, whose frame is shared with others

  function followBorder(at) {
    if (!applying) share({ ...view, at });
  }

  function apply(next) {
    view = next;
    applying = true; // placing the border calls back
    place(view.at);
    applying = false;
    const { zoom, x, y } = view;
    frame.style.setProperty("--zoom", zoom);
    frame.style.setProperty("--x", x);
    frame.style.setProperty("--y", y);
    frame.style.setProperty("--clip", `${100 * clamp((view.at / 100 - x) / zoom, 0, 1)}%`);
    frame.dataset.zoomed = zoom > 1 ? "yes" : "no";
    buttons[0].disabled = zoom >= MOST_ZOOM;
    buttons[1].disabled = zoom <= 1;
  }

  function share(next) {
    apply(next);
    views.set(group, next);
    window.dispatchEvent(new CustomEvent(MOVED, { detail: { group, from: frame } }));
  }

  function follow(event) {
    if (event.detail.group !== group || event.detail.from === frame) return;
    frame.dataset.opening = "no";
    apply(views.get(group));
  }

  const release = followGestures(frame, range, buttons, () => view, share);
  window.addEventListener(MOVED, follow);

  function show(header, files) {
    group = header.group;
    frame.style.setProperty("--strength", header.strength);
    const isNew = header.id !== shown;
    if (pair.isLoaded() && !isNew) return;
    shown = frame.dataset.shown = header.id;
    frame.dataset.failed = header.state === "failed" ? "yes" : "no";
    find(".name").textContent = find(".name").title = header.name;
    describe(header);
    range.setAttribute("aria-label", `${header.name}: border between before and after; arrow keys ` +
      "move it, plus and minus zoom, shift and arrow keys move the picture");
    const there = views.get(group) ?? { at: REST, zoom: 1, x: 0, y: 0 };
    pair.load(header, files).then(() => (isNew && header.state === "done" ? open(there) : apply(there)));
  }

  function open(there) {
    apply({ ...there, at: 100 });
    void frame.offsetWidth; // the browser must see the whole input first, or nothing moves
    frame.dataset.opening = "yes";
    apply(views.get(group) ?? there);
  }

  return {
    show,
    release() {
      release();
      releaseFrame();
      window.removeEventListener(MOVED, follow);
      pair.release();
    },
  };
}

// Zoom by buttons, keys, pinch, and the wheel with ctrl; move an enlarged picture by dragging it.
// What is left (a drag of the border, arrow keys) is the frame's own.
function followGestures(frame, range, buttons, current, share) {
  const pointers = new Map();
  let start = null; // of the gesture: the view, the middle between the fingers, their distance
  let before = null; // the view before the first finger came down

  const point = (event) => {
    const box = frame.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  const middle = () => {
    const all = [...pointers.values()];
    return [0, 1].map((axis) => all.reduce((sum, one) => sum + one[axis], 0) / all.length);
  };
  const distance = () => {
    const [a, b] = [...pointers.values()];
    return b ? Math.hypot((a[0] - b[0]) * frame.clientWidth, (a[1] - b[1]) * frame.clientHeight) : 1;
  };
  const begin = (view) => (start = { view, middle: middle(), distance: Math.max(1, distance()) });

  function down(event) {
    if (event.target.closest(".zoom")) return event.stopImmediatePropagation();
    if (event.button !== 0) return;
    if (!pointers.size) before = current();
    pointers.set(event.pointerId, point(event));
    const [x] = point(event);
    const onBorder = Math.abs(x - current().at / 100) * frame.clientWidth < HANDLE_REACH;
    if (pointers.size === 2) {
      begin(before); // what the first finger did to the border meanwhile was not meant
    } else if (pointers.size === 1 && current().zoom > 1 && !onBorder) {
      begin(current());
    } else {
      return;
    }
    frame.setPointerCapture(event.pointerId);
    range.focus({ preventScroll: true, focusVisible: false });
    frame.dataset.opening = "no";
    frame.dataset.panning = "yes";
    event.preventDefault();
    event.stopImmediatePropagation();
  }

  function move(event) {
    if (!pointers.has(event.pointerId)) return;
    pointers.set(event.pointerId, point(event));
    if (!start) return;
    event.stopImmediatePropagation();
    const [x, y] = middle();
    const dragged = moved(start.view, x - start.middle[0], y - start.middle[1]);
    share(pointers.size === 2 ? zoomed(dragged, distance() / start.distance, x, y) : dragged);
  }

  function up(event) {
    if (!pointers.delete(event.pointerId) || !start) return;
    if (pointers.size) begin(current());
    else start = null;
    frame.dataset.panning = start ? "yes" : "no";
  }

  function key(event) {
    const view = current();
    const pan = event.shiftKey && view.zoom > 1 && {
      ArrowLeft: [PAN_STEP, 0], ArrowRight: [-PAN_STEP, 0], ArrowUp: [0, PAN_STEP], ArrowDown: [0, -PAN_STEP],
    }[event.key];
    const zoom = { "+": ZOOM_STEP, "=": ZOOM_STEP, "-": 1 / ZOOM_STEP, 0: 0 }[event.key];
    if (event.ctrlKey || event.metaKey || (!pan && zoom === undefined)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    share(pan ? moved(view, ...pan) : zoomed(view, zoom, 0.5, 0.5));
  }

  function wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return; // else it scrolls the page
    event.preventDefault();
    share(zoomed(current(), Math.exp(-event.deltaY / 200), ...point(event)));
  }

  const listeners = [
    [frame, "pointerdown", down], [frame, "pointermove", move], [frame, "pointerup", up],
    [frame, "pointercancel", up], [frame, "wheel", wheel], [range, "keydown", key],
  ];
  const options = { capture: true, passive: false }; // before the frame's own listeners
  listeners.forEach(([on, kind, act]) => on.addEventListener(kind, act, options));
  buttons[0].onclick = () => share(zoomed(current(), ZOOM_STEP, 0.5, 0.5));
  buttons[1].onclick = () => share(zoomed(current(), 1 / ZOOM_STEP, 0.5, 0.5));
  return () => listeners.forEach(([on, kind, act]) => on.removeEventListener(kind, act, options));
}
