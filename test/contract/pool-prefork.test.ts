import { poolContract } from './pool.contract.ts';

poolContract('prefork', { kills: true, resizes: true });
