import { poolContract } from './pool.contract.ts';

poolContract('async', { ends: 'by abandoning', children: false });
