import type { SignatureRoute } from '../../canvas/signature.ts';
import type { RetryPlan } from '../errors.ts';
import type { Execution } from '../execution.ts';

/**
 * Publishes the next try: the same message with one retry more. Celery:
 * `Task.signature_from_request`.
 */
export async function dispatchRetry(x: Execution, plan: RetryPlan): Promise<void> {
  const { headers, body } = x;
  const { priority, serializer } = retryProperties(x, plan);
  await x.ports.publish(
    {
      task: headers.task,
      id: headers.id,
      args: plan.args ?? body.args,
      kwargs: { ...(plan.kwargs ?? body.kwargs) },
      argsAsTuple: !headers.argsrepr.startsWith('['),
      ...(plan.args || plan.kwargs
        ? {}
        : { argsrepr: headers.argsrepr, kwargsrepr: headers.kwargsrepr }),
      shadow: plan.options.shadow ?? headers.shadow,
      eta: plan.eta,
      expires: plan.expires ?? headers.expiresText,
      group: headers.group,
      groupIndex: headers.groupIndex,
      retries: headers.retries + 1,
      timeLimit: plan.options.timeLimit ?? headers.timelimit[0],
      softTimeLimit: plan.options.softTimeLimit ?? headers.timelimit[1],
      rootId: headers.rootId,
      parentId: headers.parentId,
      ignoreResult: x.request.ignoreResult,
      callbacks: body.callbacks,
      errbacks: body.errbacks,
      chain: body.chain,
      chord: body.chord,
      headers: { ...x.request.headers, ...plan.options.headers },
      replacedTaskNesting: headers.replacedTaskNesting,
      stampedHeaders: headers.stampedHeaders,
      stamps: headers.stamps,
      replyTo: headers.replyTo,
      ...(headers.origin === '' ? {} : { origin: headers.origin }),
      ...(priority === undefined ? {} : { priority }),
      ...(serializer === undefined ? {} : { serializer }),
      compression: plan.options.compression,
    },
    retryRoute(x, plan),
  );
  x.request.children.push([[headers.id, null], null]);
}

/** The queue that the message came from, unless the retry names another way. */
function retryRoute({ source }: Execution, { options }: RetryPlan): SignatureRoute {
  const { queue, exchange, routingKey } = options;
  if (queue !== undefined) return { queue };
  if (exchange !== undefined || routingKey !== undefined) {
    return {
      ...(exchange !== undefined && { exchange }),
      ...(routingKey !== undefined && { routingKey }),
    };
  }
  return source.exchange === ''
    ? { queue: source.routingKey }
    : { exchange: source.exchange, routingKey: source.routingKey };
}

function retryProperties(x: Execution, plan: RetryPlan) {
  const { contentType } = x.source.message;
  return {
    priority: plan.options.priority ?? x.request.deliveryInfo.priority ?? undefined,
    serializer:
      plan.options.serializer ?? (contentType === 'application/json' ? undefined : contentType),
  };
}
