/** What a job does: nothing, or telling when it began. */
import { monotonic } from './producing.js';

export default async function process(job) {
  return job.name === 'started' ? monotonic() : 42;
}
