/** The command line from its sources: what bin/tscelery.js is to the built package. */
import { main } from '../../src/cli/main.ts';

await main(process.argv);
