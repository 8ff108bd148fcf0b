import type { ResultBackend } from './contract.ts';

/** Whether any process can read what is stored: not so where results are thrown away, or only sent. */
export function keepsForEverybody({
  name,
  onlyForSender,
}: Pick<ResultBackend, 'name' | 'onlyForSender'>): boolean {
  return name !== 'disabled' && !onlyForSender;
}
