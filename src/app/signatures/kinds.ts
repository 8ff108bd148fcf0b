/** Each kind of signature in its class. */
import type { SignatureData } from '../../canvas/signature.ts';
import { Chunks } from './chunks-signature.ts';
import { Group } from './group-signature.ts';
import { type AnySignature, Signature, type SignatureHost } from './signature.ts';

export function signatureOf(data: SignatureData, host: SignatureHost): AnySignature {
  if (data.subtask_type === 'group') return new Group(data, host);
  if (data.subtask_type === 'chunks') return new Chunks(data, host);
  return new Signature(data, host);
}
