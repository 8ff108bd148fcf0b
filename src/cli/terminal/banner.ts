/** What a worker shows when it starts, in the shape of Celery's. */
import os from 'node:os';
import type { LogLevel } from '../../base/logger.ts';
import { maskUrl } from '../../base/text/mask-url.ts';
import type { Queue } from '../../messaging/entities.ts';
import { versionLine } from './version.ts';

export interface BannerFacts {
  readonly node: string;
  /** Name of the app and, if there is one, what followed `-A`. */
  readonly app: string;
  readonly brokerUrl: string;
  readonly resultBackend: string | null;
  readonly embedded: boolean;
  readonly concurrency: number;
  /** Bounds instead of that. */
  readonly autoscale?: { readonly min: number; readonly max: number } | undefined;
  readonly slots: number;
  readonly pool: string;
  readonly sendsEvents: boolean;
  readonly queues: readonly Queue[];
  readonly tasks: readonly string[];
  readonly logLevel: LogLevel;
}

/** 12 rows of 15 columns, as wide and high as the text beside it needs. */
const ORNAMENT = [
  '  \\\\|   |   |//',
  ' \\\\\\| \\|/ |/// ',
  '  \\\\\\ \\|/ ///  ',
  '    \\\\\\|///    ',
  '     |||||     ',
  '     |||||     ',
  '     |||||     ',
  '     |||||     ',
  '     |||||     ',
  '     |||||     ',
  '    /|||||\\    ',
  ' ------------- ',
];
const ORNAMENT_COLUMNS = 15;
const QUEUE_COLUMNS = 16;

export function banner(facts: BannerFacts): string {
  const text = [...headLines(facts), ...configLines(facts), '', ...queueLines(facts)];
  const rows = text.map((line, i) => {
    const left = ORNAMENT[i] ?? '';
    return `${left.padEnd(ORNAMENT_COLUMNS)} ${line}`.trimEnd();
  });
  return [' ', ...rows, ...taskLines(facts), '', ''].join('\n');
}

function headLines({ node }: BannerFacts): string[] {
  const platform = `${os.type()}-${os.release()}-${os.machine()} Node-${process.versions.node}`;
  return [`${node} v${versionLine()}`, '', `${platform} ${localNow()}`, ''];
}

export function localNow(): string {
  const now = new Date();
  const local = new Date(now.getTime() - now.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19).replace('T', ' ');
}

function configLines(facts: BannerFacts): string[] {
  const { brokerUrl, resultBackend, embedded, sendsEvents } = facts;
  const note = embedded ? ' (embedded: set broker_url to use a server)' : '';
  return [
    '[config]',
    `.> app:         ${facts.app}`,
    `.> transport:   ${maskUrl(brokerUrl)}${note}`,
    `.> results:     ${resultBackend === null ? 'disabled://' : maskUrl(resultBackend)}`,
    `.> concurrency: ${poolText(facts)}`,
    `.> task events: ${sendsEvents ? 'ON' : 'OFF'}`,
  ];
}

function poolText({ concurrency, autoscale, slots, pool }: BannerFacts): string {
  const children = autoscale ? `{min=${autoscale.min}, max=${autoscale.max}}` : concurrency;
  return slots === 1 ? `${children} (${pool})` : `${children} x ${slots} slots (${pool})`;
}

function queueLines({ queues }: BannerFacts): string[] {
  const sorted = [...queues].sort((a, b) => (a.name < b.name ? -1 : 1));
  const lines = sorted.map(({ name, exchange, routingKey }) => {
    const target = exchange.name || name;
    return `.> ${name.padEnd(QUEUE_COLUMNS)} exchange=${target}(${exchange.type}) key=${routingKey}`;
  });
  return ['[queues]', ...lines];
}

/** Only when the log is chatty; Celery's own tasks only when it is very chatty. */
function taskLines({ tasks, logLevel }: BannerFacts): string[] {
  if (logLevel !== 'info' && logLevel !== 'debug') return [''];
  const shown = tasks.filter(name => logLevel === 'debug' || !name.startsWith('celery.'));
  return ['', '[tasks]', ...[...shown].sort().map(name => `  . ${name}`)];
}
