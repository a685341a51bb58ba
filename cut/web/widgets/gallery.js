// Pictures to choose among, each a button.
//
// data is a Uint8Array: u32 (little-endian) length of the header, the header as JSON, and the
// pictures' files. Header: {label, type, chosen: key or null, items: [{key, title, size in bytes}]}.
// A click sets the trigger value `picked` to the item's key.

export default function gallery({ data, parentElement, setTriggerValue }) {
  const box = parentElement.querySelector(".gallery");
  const [header, files] = unpack(data);
  const identity = JSON.stringify(header.items);
  if (box.identity !== identity || !box.childElementCount) {
    release(box);
    box.identity = identity;
    box.urls = files.map((file) => URL.createObjectURL(new Blob([file], { type: header.type })));
    box.replaceChildren(...header.items.map((item, i) => makeButton(item, box.urls[i])));
  }
  box.setAttribute("aria-label", header.label);
  [...box.children].forEach((button, i) => {
    const { key } = header.items[i];
    button.onclick = () => setTriggerValue("picked", key);
    button.setAttribute("aria-pressed", String(key === header.chosen));
  });
  return () => {
    release(box);
    box.identity = undefined;
  };
}

function unpack(data) {
  const bytes = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let start = 4 + bytes.getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(data.subarray(4, start)));
  const files = header.items.map(({ size }) => data.subarray(start, (start += size)));
  return [header, files];
}

function makeButton(item, url) {
  const button = document.createElement("button");
  button.type = "button";
  button.title = item.title;
  const picture = document.createElement("img");
  picture.src = url;
  picture.alt = item.title;
  button.append(picture);
  return button;
}

function release(box) {
  box.urls?.forEach((url) => URL.revokeObjectURL(url));
  box.urls = undefined;
}
