// A before/after slider: two pictures of one size lie on each other, a handle uncovers the second.
//
// data is a Uint8Array: u32 (little-endian) length of the header, the header as JSON, and the files
// of the two pictures. Header: {id, type, width, height, strength in 0..1, sizes: [bytes, bytes],
// labels: [before, after], description}. A second size of 0 means that there is no second picture
// yet: then the first waits alone, without a handle.

const KEY_STEP = 2; // per cent of the width
const PAGE_STEP = 10;
const MAGNIFY = 2.5; // a small picture is not blown up further than this
const TAG_WIDTH = 90; // px: a tag hides where the handle comes nearer to its edge than this

export default function compare({ data, parentElement }) {
  const frame = parentElement.querySelector(".frame");
  const [header, files] = unpack(data);
  frame.view ??= makeView(frame);
  frame.view.show(header, files);
  return () => {
    frame.view?.release();
    frame.view = undefined;
  };
}

function unpack(data) {
  const bytes = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const start = 4 + bytes.getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(data.subarray(4, start)));
  const middle = start + header.sizes[0];
  return [header, [data.subarray(start, middle), data.subarray(middle)]];
}

function makeView(frame) {
  const find = (selector) => frame.querySelector(selector);
  const pictures = [find(".before"), find(".after")];
  const tags = [find(".left"), find(".right")];
  const range = find("input");
  let urls = [];
  let shown = frame.dataset.shown; // outlives a re-mount, so that the handle stays where it was

  function place(percent) {
    const at = Math.min(100, Math.max(0, percent));
    range.value = at;
    range.setAttribute("aria-valuetext", `${Math.round(at)} % ${tags[0].textContent}`);
    frame.style.setProperty("--at", `${at}%`);
    hideTags(at);
  }

  function hideTags(at) {
    const x = (at / 100) * frame.clientWidth;
    tags[0].dataset.hidden = x < TAG_WIDTH ? "yes" : "no";
    tags[1].dataset.hidden = frame.clientWidth - x < TAG_WIDTH ? "yes" : "no";
  }

  function followPointer(event) {
    frame.dataset.opening = "no";
    const box = frame.getBoundingClientRect();
    place(((event.clientX - box.left) / box.width) * 100);
  }

  frame.onpointerdown = (event) => {
    if (event.button !== 0) return;
    frame.setPointerCapture(event.pointerId);
    range.focus({ preventScroll: true, focusVisible: false });
    event.preventDefault();
    followPointer(event);
  };
  frame.onpointermove = (event) => {
    if (frame.hasPointerCapture(event.pointerId)) followPointer(event);
  };
  range.oninput = () => place(Number(range.value));
  range.onkeydown = (event) => {
    const step = { ArrowLeft: -KEY_STEP, ArrowDown: -KEY_STEP, ArrowRight: KEY_STEP,
                   ArrowUp: KEY_STEP, PageDown: -PAGE_STEP, PageUp: PAGE_STEP }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    frame.dataset.opening = "no";
    place(Number(range.value) + step);
  };
  const resized = new ResizeObserver(() => hideTags(Number(range.value)));
  resized.observe(frame);

  function release() {
    resized.disconnect();
    urls.forEach((url) => URL.revokeObjectURL(url));
    urls = [];
  }

  async function load(header, files) {
    const old = urls;
    frame.dataset.waiting = files[1].length ? "no" : "yes";
    urls = files.filter((file) => file.length).map((file) => URL.createObjectURL(new Blob([file], { type: header.type })));
    urls.forEach((url, i) => (pictures[i].src = url));
    // Both at once: never one picture's half beside another's.
    await Promise.all(urls.map((_, i) => pictures[i].decode().catch(() => {})));
    old.forEach((url) => URL.revokeObjectURL(url));
    frame.dataset.ready = "yes";
  }

  function show(header, files) {
    const isNew = header.id !== shown;
    frame.style.setProperty("--strength", header.strength);
    if (urls.length && !isNew && header.id) return;
    shown = frame.dataset.shown = header.id;
    frame.style.setProperty("--ratio", header.width / header.height);
    frame.style.setProperty("--widest", `${Math.round(header.width * MAGNIFY)}px`);
    tags.forEach((tag, i) => (tag.textContent = header.labels[i]));
    pictures.forEach((picture, i) => (picture.alt = `${header.labels[i]}: ${header.description}`));
    range.setAttribute("aria-label", "Border between before and after: arrow keys move it");
    load(header, files).then(() => isNew && files[1].length && open());
  }

  function open() {
    place(100);
    void frame.offsetWidth; // the browser must see 100 before 50, or nothing moves
    frame.dataset.opening = "yes";
    place(50);
  }

  return { show, release };
}
