// Earlier jobs: a picture, what it is called, how it stands, when it was. Each is a link.
//
// data is {jobs: [{id, title, state, facts, live, picture: address or null}], known: null or the
// ids that this browser is known to keep}. A click sets the trigger value `picked` to the job's id;
// opened in a new tab, the link works by its address. Where `known` is a list, the state value
// `known` is set to the ids that `job_keeper.js` keeps.

export default function jobList({ data, parentElement, setTriggerValue, setStateValue }) {
  if (data.known) tellKept(data.known, setStateValue);
  const list = parentElement.querySelector(".jobs");
  const ids = data.jobs.map(({ id }) => id).join();
  // Rows stay in place from poll to poll, so that focus stays too.
  if (list.dataset.ids !== ids) {
    list.dataset.ids = ids;
    list.replaceChildren(...data.jobs.map(makeRow));
  }
  data.jobs.forEach((job, i) => {
    const link = list.children[i].firstElementChild;
    const [picture, title, state, facts] = link.children;
    link.dataset.live = job.live ? "yes" : "no";
    link.onclick = (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      setTriggerValue("picked", job.id);
    };
    [title.textContent, state.textContent, facts.textContent] = [job.title, job.state, job.facts];
    if (job.picture && picture.dataset.of !== job.picture) {
      picture.dataset.of = job.picture;
      picture.src = new URL(job.picture, document.baseURI).href;
    }
  });
}

function tellKept(known, setStateValue) {
  let kept = [];
  try {
    kept = keptJobs();
  } catch {
    // Storage may be off, or hold something else.
  }
  if (JSON.stringify(kept) !== JSON.stringify(known)) setStateValue("known", kept);
}

function makeRow({ id }) {
  const [row, link] = [document.createElement("li"), document.createElement("a")];
  const address = new URL(document.baseURI);
  address.search = `?job=${encodeURIComponent(id)}`;
  link.href = address.href;
  const picture = document.createElement("img");
  picture.className = "picture";
  picture.alt = "";
  link.append(picture, ...["title", "state", "facts"].map((name) => {
    const part = document.createElement("span");
    part.className = name;
    return part;
  }));
  row.append(link);
  return row;
}
