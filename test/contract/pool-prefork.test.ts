import { poolContract } from './pool.contract.ts';

poolContract('prefork', { ends: 'by killing', children: true });
