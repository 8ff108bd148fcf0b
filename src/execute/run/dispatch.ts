/** What a finished run sends out: callbacks, the next step of a chain, errbacks, its own retry. */
import {
  readSignature,
  type SignatureData,
  type SignatureRoute,
  signatureCall,
  signatureRoute,
} from '../../canvas/signature.ts';
import { InvalidTaskError } from '../../wire/errors.ts';
import type { TaskBody, TaskCall } from '../../wire/messages/task-message.ts';
import { exceptionRepr } from '../../wire/results/exception.ts';
import type { RetryPlan } from '../errors.ts';
import type { Continuation, Execution } from '../execution.ts';
import type { FailureOutcome } from '../outcome.ts';
import { runInContext } from '../task-context.ts';
import { label } from './log-outcome.ts';
import { inheritedFailureMeta } from './result-documents.ts';

const NOTHING: Continuation = { callbacks: [], errbacks: [], chain: [] };

/** @throws InvalidTaskError for workflows that this worker cannot continue */
export function readContinuation(body: TaskBody): Continuation {
  if (body.chord) {
    throw new InvalidTaskError('The task is part of a chord, which this worker cannot complete.');
  }
  if (!body.callbacks && !body.errbacks && !body.chain) return NOTHING;
  return {
    callbacks: (body.callbacks ?? []).map(readSignature),
    errbacks: (body.errbacks ?? []).map(readSignature),
    chain: (body.chain ?? []).map(readSignature),
  };
}

/** Sends what follows success (callbacks, next step) or failure (errbacks, failed rest of a chain). */
export function dispatchNext(x: Execution): Promise<void> | undefined {
  if (x.continuation === NOTHING) return undefined;
  return x.outcome.kind === 'success' ? sendSuccessors(x, x.outcome.value) : sendErrbacks(x);
}

async function sendSuccessors(x: Execution, value: unknown): Promise<void> {
  const { callbacks, chain } = x.continuation;
  const result = value ?? null;
  await Promise.all(callbacks.map(callback => send(x, callback, [result])));
  const next = chain.at(-1);
  if (next) await send(x, next, [result], { chain: chain.slice(0, -1) });
}

async function sendErrbacks(x: Execution): Promise<void> {
  const { outcome } = x;
  if (outcome.kind !== 'failure') return;
  const { errbacks, chain } = x.continuation;
  const group = errbacks.length > 0 ? x.ports.newId() : null;
  await Promise.all(errbacks.map(errback => callOrSend(x, outcome, errback, group)));
  if (!x.ports.storesResults) return;
  await Promise.all(
    chain.map(async ({ options: { task_id: id, reply_to: replyTo } }) => {
      if (typeof id !== 'string') return;
      const waiting = typeof replyTo === 'string' ? replyTo : x.headers.replyTo;
      await x.ports.store(inheritedFailureMeta(x, outcome, id), waiting);
    }),
  );
}

/** An errback that wants to see the error is called here; the others get the id in a message. */
async function callOrSend(
  x: Execution,
  { error, traceback }: FailureOutcome,
  errback: SignatureData,
  group: string | null,
): Promise<void> {
  const call = x.ports.errback?.(errback.task);
  if (!call) return send(x, errback, [x.headers.id], { group });
  const seen = errback.immutable ? [] : [x.request, error, traceback];
  try {
    await call([...seen, ...errback.args], errback.kwargs);
  } catch (failure) {
    x.ports.logger.error(
      `Task ${label(x)}: the errback ${errback.task} failed: ${exceptionRepr(failure)}`,
    );
  }
}

async function send(
  x: Execution,
  signature: SignatureData,
  partial: readonly unknown[],
  extra: Partial<TaskCall> = {},
): Promise<void> {
  const call = signatureCall(signature, partial, {
    rootId: x.headers.rootId,
    parentId: x.headers.id,
    newId: () => x.ports.newId(),
    now: x.ports.clock.now(),
  });
  // inside, so that it can inherit the priority
  await runInContext(x.context, () =>
    x.ports.publish({ ...call, ...extra }, signatureRoute(signature)),
  );
  x.request.children.push([[call.id, null], null]);
}

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
