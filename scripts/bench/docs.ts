/** Puts the tables of a report between the marks in docs/performance.md. */
import { readFile, writeFile } from 'node:fs/promises';
import type { Report } from './report.ts';
import type { Suite } from './suites/suite.ts';
import { tables } from './table.ts';

const PAGE = new URL('../../docs/performance.md', import.meta.url);
const BEGIN = '<!-- measured: written by scripts/bench/run --write-docs -->';
const END = '<!-- end of measured -->';

/** @throws Error when the page has lost its marks */
export async function writeDocs(report: Report, suites: readonly Suite[]): Promise<void> {
  const page = await readFile(PAGE, 'utf8');
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`docs/performance.md has no "${BEGIN}" … "${END}"`);
  const measured = `${BEGIN}\n\n${about(report)}\n\n${tables(report, suites)}\n\n`;
  await writeFile(PAGE, page.slice(0, begin) + measured + page.slice(end));
}

function about({ startedAt, machine, quick, leftOut, failures }: Report): string {
  const { processor, processors, memoryGb, kernel, node, redis, python, celery, bullmq } = machine;
  const rabbitmq = machine.rabbitmq ? `, RabbitMQ ${machine.rabbitmq}` : '';
  const load = machine.load.map(value => value.toFixed(2)).join(', ');
  const lines = [
    `Measured on ${startedAt.slice(0, 10)}: ${processor}, ${processors} processors, ${memoryGb} GB, Linux ${kernel}; load at the start ${load}.`,
    `Node ${node}, Redis ${redis}${rabbitmq}, Python ${python} with Celery ${celery}, BullMQ ${bullmq}, tscelery ${machine.tscelery}.`,
  ];
  if (quick) lines.push('**A quick look (`--quick`): do not quote these numbers.**');
  const missing = [...leftOut, ...failures];
  if (missing.length > 0) lines.push(`Not measured: ${missing.join('; ')}.`);
  return lines.join('\n');
}
