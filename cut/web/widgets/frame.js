// The frame of a before/after slider: two pictures of one size lie on each other, and a border that
// follows drag, tap and arrow keys uncovers the second. Part of `compare`, `history` and `aligned`.

const KEY_STEP = 2; // per cent of the width
const PAGE_STEP = 10;
const MAGNIFY = 2.5; // a small picture is not blown up further than this
const TAG_WIDTH = 90; // px: a tag hides where the handle comes nearer to its edge than this

// `placed` is told where the border stands, in per cent, whenever it is placed.
function makeFrame(frame, placed = () => {}) {
  const find = (selector) => frame.querySelector(selector);
  const pictures = [find(".before"), find(".after")];
  const tags = [find(".left"), find(".right")];
  const range = find("input");

  function place(percent) {
    const at = Math.min(100, Math.max(0, percent));
    range.value = at;
    range.setAttribute("aria-valuetext", `${Math.round(at)} % ${tags[0].textContent}`);
    frame.style.setProperty("--at", `${at}%`);
    hideTags(at);
    placed(at);
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

  function describe(header) {
    frame.style.setProperty("--ratio", header.width / header.height);
    frame.style.setProperty("--widest", `${Math.round(header.width * MAGNIFY)}px`);
    tags.forEach((tag, i) => (tag.textContent = header.labels[i]));
    pictures.forEach((picture, i) => (picture.alt = `${header.labels[i]}: ${header.description}`));
    range.setAttribute("aria-label", "Border between before and after: arrow keys move it");
  }

  return { pictures, place, describe, release: () => resized.disconnect() };
}
