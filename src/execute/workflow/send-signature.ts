import { type Place, type ResultNode, resultTuple } from '../../canvas/freeze.ts';
import type { SignatureParts } from '../../canvas/merge.ts';
import { plan } from '../../canvas/plan.ts';
import { sendPlan } from '../../canvas/send-plan.ts';
import { type SignatureData, signatureCall, signatureRoute } from '../../canvas/signature.ts';
import type { Execution } from '../execution.ts';
import { runInContext } from '../task-context.ts';

interface Call extends SignatureParts {
  /** Where it belongs besides. */
  readonly place?: Place;
}

/**
 * Publish a signature of any kind as a child of this run: a callback, the next step of a chain, the
 * body of a chord.
 *
 * @param call arguments that come before its own, and options
 */
export async function sendSignature(
  x: Execution,
  signature: SignatureData,
  { place, ...parts }: Call,
): Promise<ResultNode | undefined> {
  const { ports } = x;
  const handedDown = { rootId: x.headers.rootId, parentId: x.headers.id };
  const { packing } = ports;
  const ids = { newId: () => ports.newId(), replyTo: '', packing };
  const planned = plan(signature, { ...parts, place: { ...place, ...handedDown } }, ids);
  const applied = { ...handedDown, newId: ids.newId, now: ports.clock.now() };
  // inside, so that it can inherit the priority
  await runInContext(x.context, () =>
    sendPlan(planned, {
      store: () => ports.workflows,
      send: each => ports.publish(signatureCall(each, [], applied), signatureRoute(each)),
    }),
  );
  if (planned.result) x.request.children.push(resultTuple(planned.result));
  return planned.result;
}
