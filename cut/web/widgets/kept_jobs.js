// The ids of the jobs that this browser keeps, newest first. Part of `job_keeper` and `job_list`.

const KEPT = "cut.jobs";

// Throws where storage is off, or holds something else.
function keptJobs() {
  return JSON.parse(localStorage.getItem(KEPT) ?? "[]");
}
