import type { Options, Values } from './option.ts';
import { flag, path, text, url } from './value-type.ts';

const section = 'Options';

export const GLOBAL_OPTIONS = {
  app: {
    flags: ['-A', '--app'],
    type: text,
    section,
    env: ['APP'],
    help: 'The application: module, module:export, dotted.name or path.',
  },
  broker: {
    flags: ['-b', '--broker'],
    type: url,
    section,
    env: ['BROKER_URL'],
    setting: 'broker_url',
    help: 'URL of the message broker.',
  },
  resultBackend: {
    flags: ['--result-backend'],
    type: url,
    section,
    env: ['RESULT_BACKEND'],
    setting: 'result_backend',
    help: 'URL of the result backend.',
  },
  config: {
    flags: ['--config'],
    type: path,
    section,
    env: ['CONFIG_MODULE'],
    help: 'Config file or module, instead of the celeryconfig that is found.',
  },
  workdir: {
    flags: ['--workdir'],
    type: path,
    section,
    help: 'Change to this directory first.',
  },
  noColor: {
    flags: ['-C', '--no-color'],
    type: flag,
    section,
    help: 'No colours. NO_COLOR in the environment does the same.',
  },
  quiet: {
    flags: ['-q', '--quiet'],
    type: flag,
    section,
    help: 'No banner; of replies neither arrows nor their number (status tells that in any case).',
  },
} as const satisfies Options;

export type GlobalValues = Values<typeof GLOBAL_OPTIONS>;
