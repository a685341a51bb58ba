// A training job's pictures, from the first to the newest: a slider through time below the slider
// between the source and its translation. The pictures are fetched by address, each once.
//
// data is {id, live, width, height, source: address or null, labels: [before, after], description,
// pictures: [{step, time: text, url}], oldest first}. Without a source there is nothing to compare:
// a picture of pictures stands alone. Who looks at the newest picture is shown newer ones as they
// come; who looks at an older one is left there.

const FRAME_MS = 150; // when playing
const FIRST_BORDER = 25; // per cent of the width: most of the frame is the translation

export default function history({ data, parentElement }) {
  const box = parentElement.querySelector(".history");
  if (!box.view) {
    box.view = makeView(box);
    // Start and the list of jobs stand far down a page that this one replaces.
    document.querySelector("[data-testid=stMain]")?.scrollTo({ top: 0 });
  }
  box.view.show(data);
  return () => {
    box.view?.release();
    box.view = undefined;
  };
}

function momentOf({ step, time }) {
  return step ? `Step ${step.toLocaleString("en")} · ${time}` : "Before the first step";
}

function makeView(box) {
  const find = (selector) => box.querySelector(selector);
  const [frame, bar, time] = [find(".frame"), find(".timeline"), find(".time")];
  const [play, when, newest] = [find(".play"), find(".when"), find(".newest")];
  const { pictures: [before, after], place, describe, release: releaseFrame } = makeFrame(frame);
  let data = { pictures: [] };
  // Survives a re-mount: "newest", or the step that is looked at.
  let chosen = box.dataset.chosen ?? "newest";
  let wanted = "";
  let timer = 0;

  function choose(step) {
    chosen = box.dataset.chosen = String(step);
    draw();
  }

  function position() {
    const last = data.pictures.length - 1;
    if (chosen === "newest") return last;
    const found = data.pictures.findIndex(({ step }) => step >= Number(chosen));
    return found < 0 ? last : found;
  }

  function draw() {
    const at = position();
    const picture = data.pictures[at];
    const following = chosen === "newest";
    bar.hidden = data.pictures.length < 2;
    time.max = data.pictures.length - 1;
    time.value = at;
    newest.hidden = !data.live;
    newest.setAttribute("aria-pressed", String(following));
    play.textContent = timer ? "❚❚" : "▶";
    play.setAttribute("aria-label", timer ? "Pause" : "Play the training from the start");
    when.textContent = picture ? momentOf(picture) : "";
    time.setAttribute("aria-valuetext", when.textContent);
    load(picture);
  }

  // Shows what is there while the next picture is fetched, so that nothing flickers.
  async function load(picture) {
    const alone = !data.source || !picture;
    const addresses = alone ? [picture?.url ?? data.source] : [data.source, picture.url];
    if (!addresses[0] || wanted === addresses.join()) return;
    wanted = addresses.join();
    const mine = wanted;
    const ready = await Promise.all(addresses.map(fetched));
    if (mine !== wanted) return; // another one was asked for meanwhile
    if (!ready.every(Boolean)) {
      wanted = ""; // not whole yet, or the server was away: the next poll tries again
      return;
    }
    const first = frame.dataset.ready !== "yes" || frame.dataset.single === "yes";
    [before, after].forEach((image, i) => ready[i] && (image.src = ready[i].src));
    frame.dataset.single = alone ? "yes" : "no";
    frame.dataset.waiting = !picture && data.live ? "yes" : "no";
    frame.dataset.ready = "yes";
    if (first && !alone) place(FIRST_BORDER);
    // A grid of pictures has a size of its own.
    if (!data.source) {
      const { naturalWidth, naturalHeight } = ready[0];
      frame.style.setProperty("--ratio", naturalWidth / naturalHeight);
      frame.style.setProperty("--widest", `${Math.round(naturalWidth * MAGNIFY)}px`);
    }
  }

  function stop() {
    clearInterval(timer);
    timer = 0;
  }

  play.onclick = () => {
    if (timer) {
      stop();
      return draw();
    }
    let at = position();
    if (at >= data.pictures.length - 1) at = -1;
    timer = setInterval(() => {
      at += 1;
      if (at >= data.pictures.length - 1) {
        stop();
        return choose("newest");
      }
      choose(data.pictures[at].step);
    }, FRAME_MS);
    draw();
  };
  time.oninput = () => {
    stop();
    const at = Number(time.value);
    choose(at === data.pictures.length - 1 ? "newest" : data.pictures[at].step);
  };
  newest.onclick = () => {
    stop();
    choose("newest");
  };

  function show(given) {
    if (given.id !== data.id) wanted = "";
    data = given;
    if (data.source || frame.dataset.ready !== "yes") describe(data);
    draw();
  }

  function release() {
    stop();
    releaseFrame();
  }

  return { show, release };
}

// Returns an image that is ready to be shown, or null.
async function fetched(address) {
  const image = new Image();
  image.src = new URL(address, document.baseURI).href;
  return image.decode().then(() => image, () => null);
}
