import type { Declaration } from '../parsing/command.ts';

export const REPORT: Declaration = {
  name: 'report',
  summary: 'Print what a bug report needs: versions and settings, without secrets.',
  arguments: [],
  options: {},
};
