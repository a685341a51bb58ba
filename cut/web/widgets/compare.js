// A before/after slider of a pair of pictures, whose data pair.js describes.

export default function compare(component) {
  return mountPair(component, makeView);
}

function makeView(frame) {
  const { pictures, place, describe, release: releaseFrame } = makeFrame(frame);
  const pair = makePair(frame, pictures);
  let shown = frame.dataset.shown; // outlives a re-mount, so that the handle stays where it was

  function show(header, files) {
    const isNew = header.id !== shown;
    frame.style.setProperty("--strength", header.strength);
    if (pair.isLoaded() && !isNew && header.id) return;
    shown = frame.dataset.shown = header.id;
    describe(header);
    pair.load(header, files).then(() => isNew && files[1].length && open());
  }

  function open() {
    place(100);
    void frame.offsetWidth; // the browser must see 100 before 50, or nothing moves
    frame.dataset.opening = "yes";
    place(50);
  }

  return {
    show,
    release() {
      releaseFrame();
      pair.release();
    },
  };
}
