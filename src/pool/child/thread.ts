/**
 * The first module of a worker thread. Imports next to nothing by itself: what fails while the
 * imports of this module are loaded ends the thread with files open.
 */
import { fileRequestsEnd } from './file-requests.ts';

try {
  await import('./thread-server.ts');
} catch (error) {
  await fileRequestsEnd();
  throw error;
}
