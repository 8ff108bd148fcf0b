/** What the winner of an election for the topic `task` does: sends the workflow that the action is. */
import { plan } from '../../canvas/plan.ts';
import { sendPlan } from '../../canvas/send-plan.ts';
import {
  readSignature,
  type SignatureData,
  signatureCall,
  signatureRoute,
} from '../../canvas/signature.ts';
import type { ExecutionPorts } from '../../execute/ports.ts';
import { exceptionRepr } from '../../wire/results/exception.ts';

export type ElectedTaskPorts = Pick<
  ExecutionPorts,
  'clock' | 'packing' | 'logger' | 'newId' | 'publish' | 'workflows'
>;

/** Never rejects. @param action a signature of any kind */
export async function sendElectedTask(action: unknown, ports: ElectedTaskPorts): Promise<void> {
  try {
    const { packing } = ports;
    const ids = { newId: () => ports.newId(), replyTo: '', packing };
    await sendPlan(plan(readSignature(action), {}, ids), {
      store: () => ports.workflows,
      send: each => ports.publish(callOf(each, ports), signatureRoute(each)),
    });
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
