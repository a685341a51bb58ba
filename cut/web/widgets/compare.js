// A before/after slider of two pictures that come along as files.
//
// data is a Uint8Array: u32 (little-endian) length of the header, the header as JSON, and the files
// of the two pictures. Header: {id, type, width, height, strength in 0..1, sizes: [bytes, bytes],
// labels: [before, after], description}. A second size of 0 means that there is no second picture
// yet: then the first waits alone, without a handle.

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
  const { pictures, place, describe, release: releaseFrame } = makeFrame(frame);
  let urls = [];
  let shown = frame.dataset.shown; // outlives a re-mount, so that the handle stays where it was

  function release() {
    releaseFrame();
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
    describe(header);
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
