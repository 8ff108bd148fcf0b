/** The public names of tscelery. */
import { provideWorkers } from './app/app-worker.ts';

export { Celery, type CeleryOptions, type TaskRegistry } from './app/app.ts';
export { AppWorker } from './app/app-worker.ts';
export { AsyncResult } from './app/async-result.ts';
export type { LoadOptions } from './app/configuration.ts';
export { EagerResult } from './app/eager-result.ts';
export {
  AlreadyRegistered,
  AppNotFound,
  ModuleLoadError,
  NotRegistered,
  QueueNotFound,
  TaskRevokedError,
} from './app/errors.ts';
export type { Priority, PriorityName } from './app/priority-names.ts';
export type { QueueDeclaration, TaskQueues } from './app/queues.ts';
export type { GetOptions, ResultBounds } from './app/result-options.ts';
export type {
  RouteFunction,
  RouteOptions,
  RouterObject,
  RouteTarget,
  TaskRoutes,
} from './app/route-types.ts';
export type { SecurityOptions } from './app/security.ts';
export { Settings } from './app/settings.ts';
export type { CeleryConfig, SettingName, SettingValues } from './app/settings-table.ts';
export type { ConnectOptions, Sender } from './app/signal-options.ts';
export type {
  PublishEvent,
  Receiver,
  Signal,
  SignalEvents,
  SignalName,
  Signals,
  TaskEvent,
} from './app/signals.ts';
export type { AnyTask, Args, Task } from './app/task.ts';
export { ClassTask, TaskBase } from './app/task-base.ts';
export type { TaskFunction } from './app/task-definition.ts';
export type {
  ApplyOptions,
  EagerOptions,
  ErrorClass,
  ErrorTest,
  LinkedCall,
  RetryDeclaration,
  RetryShorthand,
  SchemaIssue,
  SchemaResult,
  StandardSchema,
  TaskBehaviour,
  TaskOptions,
} from './app/task-options.ts';
export type { StopOptions, WorkerOptions } from './app/worker-options.ts';
export {
  BackendError,
  BackendGetMetaError,
  BackendStoreError,
  TimeoutError,
} from './backends/errors.ts';
export type { RetryPolicy } from './base/backoff.ts';
export { CeleryError, ImproperlyConfigured, SecurityError } from './base/errors.ts';
export type { Logger, LogLevel } from './base/logger.ts';
export type { SignatureData } from './canvas/signature.ts';
export { Control } from './control/control.ts';
export type { CallOptions, RequestOptions, RevokeOptions } from './control/control-options.ts';
export type { PurgeOptions } from './control/waiting.ts';
export { Ignore, MaxRetriesExceededError, Reject, Retry, TaskPredicate } from './execute/errors.ts';
export type { TaskHandlers } from './execute/handlers.ts';
export type { TaskReply } from './execute/outcome.ts';
export type { DeliveryInfo, TaskRequest } from './execute/request.ts';
export type { RetryOptions } from './execute/retry-options.ts';
export {
  currentTask,
  getTaskLogger,
  type StateUpdate,
  TaskContext,
} from './execute/task-context.ts';
export type { TaskLogger } from './execute/task-logger.ts';
export {
  binding,
  broadcast,
  type Exchange,
  type ExchangeType,
  exchange,
  type Queue,
  type QueueBinding,
  queue,
  workerDirect,
} from './messaging/entities.ts';
export {
  AccessRefused,
  ChannelError,
  ConnectionClosed,
  KombuError,
  LimitExceeded,
  OperationalError,
  Unroutable,
} from './messaging/errors.ts';
export {
  PoolError,
  SoftTimeLimitExceeded,
  Terminated,
  TimeLimitExceeded,
  WorkerLostError,
} from './pool/errors.ts';
export { registerSerializer, type Serializer } from './wire/content.ts';
export type { ControlReply } from './wire/control.ts';
export {
  ContentDisallowed,
  DecodeError,
  EncodeError,
  InvalidTaskError,
  SerializerNotInstalled,
} from './wire/errors.ts';
export { RemoteTaskError } from './wire/exception.ts';
export { registerType } from './wire/registered-types.ts';
export type { ResultMeta } from './wire/result-meta.ts';
export * as states from './wire/states.ts';
export { Request, type RequestState } from './worker/request.ts';

// The worker is above the app and large; only a program that starts one loads it.
provideWorkers(async () => (await import('./worker/embedded.ts')).createWorker);
