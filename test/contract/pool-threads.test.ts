import { poolContract } from './pool.contract.ts';

poolContract('threads', { ends: 'by killing', children: true });
