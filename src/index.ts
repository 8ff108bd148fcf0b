/** The public names of tscelery. */
import { provideWorkers } from './app/workers/app-worker.ts';

export { Celery, type CeleryOptions, type TaskRegistry } from './app/app.ts';
export type { DispatcherOptions, Events } from './app/events.ts';
export { AppNotFound, ModuleLoadError } from './app/loading/errors.ts';
export type {
  BeatEntry,
  BeatSchedule,
  EntrySchedule,
  PeriodicOptions,
} from './app/options/beat-schedule.ts';
export type {
  CommandArguments,
  ControlState,
  OwnCommandOptions,
} from './app/options/own-commands.ts';
export type { Priority, PriorityName } from './app/options/priority-names.ts';
export type {
  RouteFunction,
  RouteOptions,
  RouterObject,
  RouteTarget,
  TaskRoutes,
} from './app/options/route-types.ts';
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
} from './app/options/task-options.ts';
export { resultFromTuple } from './app/result-from-tuple.ts';
export { AsyncResult } from './app/results/async-result.ts';
export { DependencyGraph } from './app/results/dependency-graph.ts';
export { EagerResult } from './app/results/eager-result.ts';
export { IncompleteStream, SyncSubtask } from './app/results/errors.ts';
export { GroupResult } from './app/results/group-result.ts';
export type { ResultHandle } from './app/results/handle.ts';
export type { GroupResults } from './app/results/handles.ts';
export type {
  DependencyOptions,
  GetOptions,
  JoinOptions,
  ResultBounds,
} from './app/results/result-options.ts';
export { ResultSet } from './app/results/result-set.ts';
export { QueueNotFound } from './app/routing/errors.ts';
export type { QueueDeclaration, TaskQueues } from './app/routing/queues.ts';
export type { PeriodicTaskOptions } from './app/schedules/periodic-tasks.ts';
export type { ListOptions, PeriodicEntry, Schedules } from './app/schedules/schedules.ts';
export type { LoadOptions } from './app/settings/configuration.ts';
export type { SecurityOptions } from './app/settings/security.ts';
export { Settings } from './app/settings/settings.ts';
export type { CeleryConfig, SettingName, SettingValues } from './app/settings/tables/table.ts';
export type { ConnectOptions, Sender } from './app/signals/signal-options.ts';
export type {
  PublishEvent,
  Receiver,
  Signal,
  SignalEvents,
  SignalName,
  Signals,
  TaskEvent,
} from './app/signals/signals.ts';
export { chain } from './app/signatures/chain.ts';
export { chord } from './app/signatures/chord.ts';
export type { Chunks } from './app/signatures/chunks-signature.ts';
export { group } from './app/signatures/group.ts';
export type { Group } from './app/signatures/group-signature.ts';
export type { SignatureMode } from './app/signatures/part-types.ts';
export {
  type AnySignature,
  type FreezeOptions,
  type FrozenSignature,
  Signature,
  type SignatureSections,
} from './app/signatures/signature.ts';
export { ClassTask, TaskBase } from './app/tasks/base-class.ts';
export type { TaskFunction } from './app/tasks/definition.ts';
export { AlreadyRegistered, NotRegistered, TaskRevokedError } from './app/tasks/errors.ts';
export type { AnyTask, Args, Task } from './app/tasks/task.ts';
export { AppWorker } from './app/workers/app-worker.ts';
export type { AutoscaleLoad, StopOptions, WorkerOptions } from './app/workers/worker-options.ts';
export {
  BackendError,
  BackendGetMetaError,
  BackendStoreError,
  TimeoutError,
} from './backends/errors.ts';
export { CeleryError, ImproperlyConfigured, SecurityError } from './base/errors.ts';
export type { Logger, LogLevel } from './base/logger.ts';
export type { RetryPolicy } from './base/time/backoff.ts';
export { type Run, Scheduler, type SchedulerOptions } from './beat/scheduler.ts';
export type { SignatureData } from './canvas/signature.ts';
export { Control } from './control/control.ts';
export type {
  CallOptions,
  RequestOptions,
  RevokeOptions,
  SendOptions,
} from './control/control-options.ts';
export type { Inspect } from './control/inspect.ts';
export type {
  ErrorReply,
  ExchangeInfo,
  OkReply,
  QueriedTasks,
  QueueInfo,
  Replies,
  ScheduledTask,
  TaskInfo,
  WorkerStats,
} from './control/replies.ts';
export type { PurgeOptions } from './control/waiting.ts';
export {
  AccessRefused,
  ChannelError,
  ConnectionClosed,
  KombuError,
  LimitExceeded,
  OperationalError,
  Unroutable,
} from './drivers/errors.ts';
export type { EventDispatcher } from './events/dispatcher.ts';
export type {
  CaptureOptions,
  EventHandlers,
  EventReceiver,
  ReceivedEvent,
  ReceiverOptions,
} from './events/receiver.ts';
export type { Camera } from './events/snapshot.ts';
export type { EventState, StateOptions, TaskQuery } from './events/state.ts';
export type { EventTask } from './events/task-record.ts';
export type { EventWorker } from './events/worker-record.ts';
export {
  ChordError,
  Ignore,
  MaxRetriesExceededError,
  Reject,
  Retry,
  TaskPredicate,
} from './execute/errors.ts';
export type { TaskHandlers } from './execute/handlers.ts';
export type { TaskLogger } from './execute/logs/task-logger.ts';
export type { TaskReply } from './execute/outcome.ts';
export type { DeliveryInfo, TaskRequest } from './execute/request.ts';
export type { RetryOptions } from './execute/retry-options.ts';
export type { StateUpdate } from './execute/state-update.ts';
export { currentTask, getTaskLogger, TaskContext } from './execute/task-context.ts';
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
  PoolError,
  PoolFailure,
  SoftTimeLimitExceeded,
  Terminated,
  TimeLimitExceeded,
  WorkerLostError,
} from './pool/errors.ts';
export { AddressInUse } from './process/health/errors.ts';
export type { EntryRun, ScheduleStore } from './schedule-stores/contract.ts';
export type {
  CatchUp,
  Entry,
  EntryState,
  Overlap,
  StoredEntry,
} from './schedule-stores/entry.ts';
export { LeadershipLost } from './schedule-stores/errors.ts';
export { BeatLazy, beatLazy } from './schedule-stores/lazy.ts';
export type { ScheduleStoreOptions } from './schedule-stores/open.ts';
export { BaseSchedule } from './schedules/base-schedule.ts';
export { ClockedSchedule, clocked } from './schedules/clocked.ts';
export type {
  CrontabData,
  DueState,
  Schedule,
  ScheduleContext,
  ScheduleData,
} from './schedules/contract.ts';
export { type CronOptions, CronSchedule, cron } from './schedules/cron.ts';
export { type CrontabOptions, CrontabSchedule, crontab } from './schedules/crontab.ts';
export type { CrontabValue } from './schedules/crontab-field.ts';
export { InvalidSchedule, ParseException } from './schedules/errors.ts';
export type { ScheduleValue } from './schedules/from-value.ts';
export {
  type IntervalOptions,
  IntervalSchedule,
  interval as schedule,
} from './schedules/interval.ts';
export { type SolarEvent, SolarSchedule, solar } from './schedules/solar.ts';
export { registerSerializer, type Serializer } from './wire/content.ts';
export {
  ContentDisallowed,
  DecodeError,
  EncodeError,
  InvalidTaskError,
  SerializerNotInstalled,
} from './wire/errors.ts';
export type { ControlReply } from './wire/messages/control.ts';
export { RemoteTaskError } from './wire/results/exception.ts';
export type { ResultMeta } from './wire/results/result-meta.ts';
export * as states from './wire/results/states.ts';
export { registerType } from './wire/serializers/registered-types.ts';
export { Request, type RequestState } from './worker/request.ts';

// The worker is above the app and large; only a program that starts one loads it.
provideWorkers(async () => (await import('./worker/embedded.ts')).createWorker);
