/** For `node --import`: tsx alone does not reach worker threads. */
import { isMainThread } from 'node:worker_threads';
import { register } from 'tsx/esm/api';

if (!isMainThread) register();
