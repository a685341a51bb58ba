// Sends the middle square of the camera's latest frame, shows the translation that comes back, and
// sends the next: one frame is on its way at a time, so that what is shown is never far behind.

const part = (name) => element.querySelector(`[data-live=${name}]`);
const root = element.querySelector(".live");
const video = part("video");
const shown = part("shown");
const sent = document.createElement("canvas");
const WINDOW = 3000; // ms over which frames are counted

let run = null; // of the stream that is running: its camera, its socket, what was counted

function say(text, wrong = false) {
  part("told").textContent = text;
  part("told").classList.toggle("wrong", wrong);
}

const REASONS = {
  NotAllowedError: "The camera was denied: allow it for this page (at the left of the browser's "
    + "address bar), then start again.",
  NotFoundError: "No camera was found: connect one, then start again.",
  OverconstrainedError: "That camera is gone: choose another, then start again.",
  NotReadableError: "The camera cannot be read: another program may be using it. Close that, then "
    + "start again.",
};

async function openCamera() {
  if (!navigator.mediaDevices?.getUserMedia) {
    const local = `${location.protocol}//localhost${location.port ? `:${location.port}` : ""}`;
    throw new Error(window.isSecureContext
      ? "This browser lends its camera to no page: try another browser."
      : "Browsers lend the camera only to pages over https or on this very machine: open this page "
        + `as https://…, or as ${local}${location.pathname} where the server runs.`);
  }
  const chosen = part("camera").value;
  const which = chosen ? { deviceId: { exact: chosen } } : { facingMode: "environment" };
  try {
    return await navigator.mediaDevices.getUserMedia(
      { video: { ...which, width: { ideal: 640 }, height: { ideal: 480 } }, audio: false });
  } catch (error) {
    throw new Error(REASONS[error.name] ?? `The camera did not start: ${error.message}`);
  }
}

async function listCameras() {
  // Names are told only once a camera was allowed.
  const devices = await navigator.mediaDevices.enumerateDevices();
  const cameras = devices.filter((device) => device.kind === "videoinput" && device.deviceId);
  const now = run?.camera.getVideoTracks()[0]?.getSettings().deviceId;
  fill(part("camera"), cameras.map((c, i) => [c.deviceId, c.label || `Camera ${i + 1}`]), now);
  part("cameras").hidden = cameras.length < 2;
}

function fill(menu, choices, chosen) {
  menu.replaceChildren(...choices.map(([value, text]) => new Option(text, value)));
  if (chosen !== undefined) menu.value = chosen;
}

async function start() {
  const mine = { times: [], lags: [], seen: 0, used: 0, fresh: false, inFlight: false };
  run = mine;
  part("start").textContent = "Stop";
  say("Waiting for the camera …");
  try {
    const camera = await openCamera();
    mine.camera = camera;
    if (run !== mine) return release(mine); // stopped while the browser asked
    camera.getVideoTracks()[0].addEventListener("ended", () => {
      if (run === mine) stop("The camera was taken away: start again when it is back.");
    });
    video.srcObject = camera;
    await video.play();
    await listCameras();
  } catch (error) {
    if (run === mine) stop(error.message);
    return;
  }
  if (run !== mine) return release(mine);
  watchCamera(mine);
  connect(mine);
}

function release(ended) {
  ended.camera?.getTracks().forEach((track) => track.stop());
  ended.socket?.close();
}

function stop(reason = "") {
  const ended = run;
  run = null;
  if (ended) release(ended);
  video.srcObject = null;
  part("start").textContent = "Start the camera";
  say(reason, reason !== "");
}

function connect(mine) {
  say("Loading the model …");
  mine.size = Number(part("size").value);
  sent.width = sent.height = mine.size;
  const address = new URL("live/stream", location.href);
  address.protocol = address.protocol.replace("http", "ws");
  address.search = new URLSearchParams({ checkpoint: part("checkpoint").value, size: mine.size });
  const socket = new WebSocket(address);
  mine.socket = socket;
  socket.addEventListener("message", ({ data }) => {
    if (run !== mine || mine.socket !== socket) return;
    if (typeof data !== "string") return show(mine, data);
    const told = JSON.parse(data);
    if (told.error) return stop(told.error);
    if (!told.ready) return;
    say("");
    mine.ready = true;
    send(mine);
  });
  socket.addEventListener("close", () => {
    if (run === mine && mine.socket === socket) {
      stop("The connection to the server ended: start again, or reload the page.");
    }
  });
}

function watchCamera(mine) {
  const note = () => {
    if (run !== mine) return;
    mine.seen += 1;
    mine.fresh = true;
    send(mine);
    next();
  };
  const next = () => (video.requestVideoFrameCallback
    ? video.requestVideoFrameCallback(note) : requestAnimationFrame(note));
  next();
}

function send(mine) {
  if (!mine.ready || !mine.fresh || mine.inFlight || document.hidden || !video.videoWidth) return;
  const side = Math.min(video.videoWidth, video.videoHeight);
  const [x, y] = [(video.videoWidth - side) / 2, (video.videoHeight - side) / 2];
  sent.getContext("2d").drawImage(video, x, y, side, side, 0, 0, mine.size, mine.size);
  Object.assign(mine, { fresh: false, inFlight: true, used: mine.used + 1, at: performance.now() });
  const { socket } = mine;
  sent.toBlob((frame) => {
    if (run === mine && mine.socket === socket && socket.readyState === WebSocket.OPEN) {
      socket.send(frame);
    }
  }, "image/jpeg", 0.9);
}

async function show(mine, data) {
  const picture = await createImageBitmap(data);
  if (run !== mine) return;
  if (shown.width !== picture.width || shown.height !== picture.height) {
    [shown.width, shown.height] = [picture.width, picture.height];
  }
  shown.getContext("2d").drawImage(picture, 0, 0);
  picture.close();
  const now = performance.now();
  mine.times.push(now);
  mine.lags.push(now - mine.at);
  mine.inFlight = false;
  send(mine);
  tellRates(mine, now);
}

function tellRates(mine, now) {
  while (mine.times[0] < now - WINDOW) {
    mine.times.shift();
    mine.lags.shift();
  }
  const gaps = mine.times.length - 1;
  if (gaps < 1 || now - (mine.told ?? 0) < 250) return;
  mine.told = now;
  const rate = gaps / ((now - mine.times[0]) / 1000);
  const lag = mine.lags.reduce((a, b) => a + b) / mine.lags.length / 1000;
  const left = Math.max(0, mine.seen - mine.used);
  part("rates").textContent = `${rate.toFixed(1)} frames a second · ${lag.toFixed(2)} s behind · `
    + `${left.toLocaleString("en")} of ${mine.seen.toLocaleString("en")} camera frames left out`;
  Object.assign(root.dataset, { rate: rate.toFixed(2), lag: lag.toFixed(3), left });
}

function reconnect() {
  if (!run?.socket) return;
  const { socket } = run;
  Object.assign(run, { ready: false, inFlight: false, times: [], lags: [] });
  connect(run);
  socket.close();
}

part("start").addEventListener("click", () => (run ? stop() : start()));
part("checkpoint").addEventListener("change", reconnect);
part("size").addEventListener("change", reconnect);
part("camera").addEventListener("change", () => {
  if (!run) return;
  stop();
  start();
});
part("mirror").addEventListener("change", (event) => {
  root.classList.toggle("mirrored", event.target.checked);
});
document.addEventListener("visibilitychange", () => run && send(run));
window.addEventListener("pagehide", () => run && stop());

fill(part("size"), SIZES.map((size) => [size, `${size} px`]), "256");
const asked = new URLSearchParams(location.search).get("checkpoint");
server.live_checkpoints().then((known) => {
  fill(part("checkpoint"), known.map(({ name, title }) => [name, title]));
  if (known.some(({ name }) => name === asked)) part("checkpoint").value = asked;
  part("start").disabled = !known.length;
  if (!known.length) say("There is no checkpoint yet: train one, or import one.");
}, () => say("The models cannot be listed: reload the page.", true));
