/** So many workers in this process (PINGED), on the broker that SOAK_BROKER names. */
import { app } from './soaked-app.js';

const { PINGED = '5', PINGED_NAME = 'a' } = process.env;
for (let n = 0; n < Number(PINGED); n++) {
  const worker = app.worker({
    pool: 'async',
    hostname: `${PINGED_NAME}${n}@fleet`,
    loglevel: 'error',
  });
  await worker.start();
}
process.send('ready');
