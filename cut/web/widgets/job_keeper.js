// Keeps a job's id in this browser, for the list of its own trainings; shows nothing.
//
// data is {id, most: how many ids are kept}. `job_list.js` tells of them.

export default function jobKeeper({ data }) {
  try {
    const kept = [data.id, ...keptJobs().filter((id) => id !== data.id)].slice(0, data.most);
    localStorage.setItem(KEPT, JSON.stringify(kept));
  } catch {
    // Storage may be off, or hold something else: the address still finds the job.
  }
}
