/**
 * The programs in a page of the documentation.
 *
 * A code block with `file=NAME` is a file (or, with a name its project has, more of it); one with
 * `run` is a program that uses the files, and a `text` block after it is what it prints, where
 * `…` stands for anything. A heading begins a new project; one of level three has the files of
 * the text under its heading of level two, too.
 */
import { readFileSync } from 'node:fs';

export interface DocProgram {
  readonly code: string;
  /** Undefined when the page does not show it. */
  prints: string | undefined;
  readonly line: number;
}

export interface DocProject {
  readonly title: string;
  readonly files: Map<string, string>;
  /** Names of those files that come from the section above. */
  readonly inherited: Set<string>;
  readonly programs: DocProgram[];
}

export interface DocPage {
  readonly projects: readonly DocProject[];
  /** Code blocks that say neither which file they are nor that they run. */
  readonly unmarked: readonly string[];
}

const FENCE = /^```(\w*) *(.*)$/;

export function readPage(path: string): DocPage {
  const projects: DocProject[] = [];
  const unmarked: string[] = [];
  let parent = new Map<string, string>();
  let project = newProject('', parent);
  const lines = readFileSync(path, 'utf8').split('\n');
  for (let at = 0; at < lines.length; at++) {
    const heading = /^(#{1,3}) (.*)$/.exec(lines[at]!);
    if (heading) {
      if (heading[1] === '##') parent = new Map();
      const isPart = heading[1] === '###';
      project = newProject(heading[2]!, isPart ? new Map(parent) : parent);
      if (isPart) for (const name of parent.keys()) project.inherited.add(name);
      projects.push(project);
    }
    const fence = FENCE.exec(lines[at]!);
    if (!fence) continue;
    const end = lines.indexOf('```', at + 1);
    const code = `${lines.slice(at + 1, end).join('\n')}\n`;
    const [, language = '', info = ''] = fence;
    const file = /\bfile=(\S+)/.exec(info)?.[1];
    if (file) addFile(project, file, code);
    else if (info === 'run') project.programs.push({ code, prints: undefined, line: at + 1 });
    else if (language === 'text') addOutput(project, code);
    else if (language === 'ts' || language === 'js') unmarked.push(`${path}:${at + 1}`);
    at = end;
  }
  return { projects, unmarked };
}

function newProject(title: string, files: Map<string, string>): DocProject {
  return { title, files, inherited: new Set(), programs: [] };
}

function addFile({ files, inherited }: DocProject, name: string, code: string): void {
  const before = inherited.delete(name) ? '' : (files.get(name) ?? '');
  files.set(name, before + code);
}

function addOutput({ programs }: DocProject, text: string): void {
  const program = programs.at(-1);
  if (program) program.prints ??= text;
}

/** Whether a program printed what its page shows. */
export function printsAsShown(printed: string, shown: string): boolean {
  const pattern = shown
    .trimEnd()
    .split('…')
    .map(part => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
    .join('[^]*?');
  return new RegExp(`^${pattern}$`).test(printed.trimEnd());
}
