// A picture and its translation, which come along as files. Part of `compare` and `aligned`.
//
// data is a Uint8Array: u32 (little-endian) length of the header, the header as JSON, and both
// files. Header: {id, type, width, height, strength in 0..1, sizes: [bytes, bytes], labels: [before,
// after], description}, and what else the component asks for. A second size of 0 means that there is
// no translation yet: then the first waits alone, without a handle.

function unpackPair(data) {
  const bytes = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const start = 4 + bytes.getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(data.subarray(4, start)));
  const middle = start + header.sizes[0];
  return [header, [data.subarray(start, middle), data.subarray(middle)]];
}

// Mounts `makeView(frame, parent)`, which returns {show(header, files), release()}, on the frame.
function mountPair({ data, parentElement }, makeView) {
  const frame = parentElement.querySelector(".frame");
  const [header, files] = unpackPair(data);
  frame.view ??= makeView(frame, parentElement);
  frame.view.show(header, files);
  return () => {
    frame.view?.release();
    frame.view = undefined;
  };
}

// What the two pictures of `frame` show, and the addresses that it has at the moment.
function makePair(frame, pictures) {
  let urls = [];

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

  function release() {
    urls.forEach((url) => URL.revokeObjectURL(url));
    urls = [];
  }

  return { load, release, isLoaded: () => urls.length > 0 };
}
