import { poolContract } from './pool.contract.ts';

poolContract('solo', { kills: false, resizes: false });
