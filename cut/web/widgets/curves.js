// Loss curves: small drawings, each with a legend, the newest values and what good looks like.
//
// data is {panels: [{title, good, lines: [{title, points: [[step, value], ...]}]}]}. Pointing at a
// drawing shows the values of that step in all of them.

const [WIDTH, HEIGHT] = [100, 100]; // of a drawing, in its own units: it is stretched to its box
const OUTLIERS = 0.02; // share of the highest values that may leave the drawing at the top
const SVG = "http://www.w3.org/2000/svg";

export default function curves({ data, parentElement }) {
  const box = parentElement.querySelector(".curves");
  const names = JSON.stringify(data.panels.map(({ title, lines }) => [title, lines.length]));
  // Drawings stay in place from poll to poll; only their lines and values change.
  if (box.dataset.names !== names || !box.views) {
    box.dataset.names = names;
    box.views = data.panels.map(makePanel);
    box.replaceChildren(...box.views.map(({ element }) => element));
  }
  box.data = data;
  const draw = () => box.views.forEach((view, i) => view.draw(box.data.panels[i], box.pointed));
  box.views.forEach((view) => view.onpoint((share) => {
    box.pointed = share;
    draw();
  }));
  draw();
}

function make(tag, className, text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

function makePanel(panel) {
  const element = make("section", "panel");
  const [top, plot, axis] = [make("div", "top"), make("div", "plot"), make("div", "axis")];
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `${panel.title} over the steps of the training`);
  const paths = panel.lines.map((_, i) => {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("class", i ? "second" : "first");
    return path;
  });
  svg.append(...paths);
  const mark = make("div", "mark");
  plot.append(svg, mark);
  const values = panel.lines.map(({ title }, i) => {
    const [key, value] = [make("div", i ? "key second" : "key"), make("b", "")];
    key.append(make("i", ""), make("span", "", title), value);
    return [key, value];
  });
  const ends = [make("span", ""), make("span", "")];
  axis.append(...ends);
  element.append(make("h4", "", panel.title), ...values.map(([key]) => key), top, plot, axis,
                 make("p", "good", panel.good));

  function draw({ lines }, pointed) {
    const steps = lines.flatMap(({ points }) => points.map(([step]) => step));
    const [start, end] = [Math.min(...steps), Math.max(...steps)];
    const [low, high] = range(lines.flatMap(({ points }) => points.map(([, value]) => value)));
    const x = (step) => (end > start ? ((step - start) / (end - start)) * WIDTH : WIDTH / 2);
    const y = (value) => HEIGHT - ((Math.min(value, high) - low) / (high - low)) * HEIGHT;
    const step = pointed === undefined ? end : start + pointed * (end - start);
    lines.forEach(({ points }, i) => {
      const corners = points.map(([at, value]) => `${x(at).toFixed(2)},${y(value).toFixed(2)}`);
      paths[i].setAttribute("d", `M${corners.join("L")}${corners.length > 1 ? "" : "h0.01"}`);
      const nearest = points.find(([at]) => at >= step) ?? points[points.length - 1];
      values[i][1].textContent = short(nearest[1]);
    });
    top.textContent = short(high);
    mark.hidden = pointed === undefined;
    mark.style.left = `${(pointed ?? 0) * 100}%`;
    ends[0].textContent = short(low);
    ends[1].textContent = `step ${Math.round(step).toLocaleString("en")}`;
  }

  function onpoint(tell) {
    plot.onpointermove = (event) => {
      const area = plot.getBoundingClientRect();
      tell(Math.min(1, Math.max(0, (event.clientX - area.left) / area.width)));
    };
    plot.onpointerleave = () => tell(undefined);
  }

  return { element, draw, onpoint };
}

// The lowest value and the highest but for outliers, with room for a flat line.
function range(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const high = sorted[Math.max(0, Math.ceil(sorted.length * (1 - OUTLIERS)) - 1)];
  const low = Math.min(sorted[0], 0.85 * high);
  return high > low ? [low, high] : [low - 0.5, low + 0.5];
}

function short(value) {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
