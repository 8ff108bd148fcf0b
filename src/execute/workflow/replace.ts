import { replacement } from '../../canvas/replacement.ts';
import type { SignatureData } from '../../canvas/signature.ts';
import { stamped } from '../../canvas/stamping.ts';
import type { Execution } from '../execution.ts';
import { sendSignature } from './send-signature.ts';

/** Publishes what runs in the place of this task, with its id. */
export async function dispatchReplacement(x: Execution, given: SignatureData): Promise<void> {
  const { headers, continuation, ports } = x;
  const place = {
    id: headers.id,
    groupId: headers.group ?? undefined,
    groupIndex: headers.groupIndex ?? undefined,
    chord: continuation.chord,
  };
  const ids = { newId: () => ports.newId(), replyTo: headers.replyTo };
  const signature = replacement(given, { ...continuation, place }, ids);
  const nesting = { replaced_task_nesting: headers.replacedTaskNesting + 1 };
  const { stampedHeaders: names } = headers;
  const stamps = names && { ...headers.stamps, stamped_headers: names };
  await sendSignature(x, stamps ? stamped(signature, stamps) : signature, { options: nesting });
}
