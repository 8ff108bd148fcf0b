/** Canvases as short text, as in the captured table: `C(t1,G[t2,t3],D([t4],t5))`. */
import { bodyOf, headerOf, isKind, taskSignature, tasksOf } from '../../../src/canvas/shapes.ts';
import type { SignatureData } from '../../../src/canvas/signature.ts';

export const t = (n: number) => taskSignature('t', { args: [n] });

export function textOf(signature: SignatureData): string {
  if (isKind(signature, 'chain')) return `C(${tasksOf(signature).map(textOf).join(',')})`;
  if (isKind(signature, 'group')) return `G[${tasksOf(signature).map(textOf).join(',')}]`;
  if (isKind(signature, 'chord')) {
    return `D([${headerOf(signature).map(textOf).join(',')}],${textOf(bodyOf(signature))})`;
  }
  return `${signature.task}${signature.args.join('+')}`;
}
