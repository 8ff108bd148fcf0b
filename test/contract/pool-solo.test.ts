import { poolContract } from './pool.contract.ts';

poolContract('solo', { ends: 'never', children: false });
