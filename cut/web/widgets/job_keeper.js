// Keeps a job's id in this browser, for the list of its own trainings; shows nothing.
//
// data is {id}. `job_list.js` reads what is kept.

const KEPT = "cut.jobs";
const MOST = 100;

export default function jobKeeper({ data }) {
  try {
    const ids = JSON.parse(localStorage.getItem(KEPT) ?? "[]");
    const kept = [data.id, ...ids.filter((id) => id !== data.id)].slice(0, MOST);
    localStorage.setItem(KEPT, JSON.stringify(kept));
  } catch {
    // Storage may be off, or hold something else: the address still finds the job.
  }
}
