/** What the winner of an election for the topic `task` does: sends the task that the action names. */
import {
  readSignature,
  type SignatureData,
  signatureCall,
  signatureRoute,
} from '../../canvas/signature.ts';
import type { ExecutionPorts } from '../../execute/ports.ts';
import { exceptionRepr } from '../../wire/results/exception.ts';

export type ElectedTaskPorts = Pick<ExecutionPorts, 'clock' | 'logger' | 'newId' | 'publish'>;

/** Never rejects. @param action a signature of one task, with its chain and callbacks */
export async function sendElectedTask(action: unknown, ports: ElectedTaskPorts): Promise<void> {
  try {
    const signature = readSignature(action);
    await ports.publish(callOf(signature, ports), signatureRoute(signature));
  } catch (error) {
    ports.logger.error(`Could not call task: ${exceptionRepr(error)}`);
  }
}

/** Nobody has called it: it is a root of its own. */
function callOf(signature: SignatureData, { clock, newId }: ElectedTaskPorts) {
  const now = clock.now();
  const call = signatureCall(signature, [], { rootId: '', parentId: '', newId, now });
  return { ...call, rootId: call.id, parentId: null };
}
