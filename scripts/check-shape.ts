/**
 * Checks the shape of functions under src/: how long they are, how many parameters they take and
 * how many ways lead through them. Too much of one says that an idea is missing.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const MOST_LINES = 45;
const MOST_PARAMETERS = 4;
/** Cyclomatic complexity: one, and one more for each condition, loop, case and catch. */
const MOST_WAYS = 12;

/** Tables and parsers that happen to be functions: rows, not decisions. */
const TABLES: Readonly<Record<string, string>> = {
  'app/settings/tables/setting.ts (no name)': 'a row of the settings table, read in columns',
  'app/tasks/definition.ts resolveOptions': 'one row for each option',
  'canvas/signature.ts signatureCall': 'one row for each option of a signature',
  'wire/messages/envelope.ts messageProperties': 'one case for each property',
  'wire/messages/task-message.ts protocol2Headers': 'one row for each header',
};

export interface Shape {
  readonly name: string;
  readonly line: number;
  readonly lines: number;
  readonly parameters: number;
  readonly ways: number;
}

const LOGICAL = new Set([
  ts.SyntaxKind.AmpersandAmpersandToken,
  ts.SyntaxKind.BarBarToken,
  ts.SyntaxKind.QuestionQuestionToken,
  ts.SyntaxKind.AmpersandAmpersandEqualsToken,
  ts.SyntaxKind.BarBarEqualsToken,
  ts.SyntaxKind.QuestionQuestionEqualsToken,
]);

const FORKS = new Set([
  ts.SyntaxKind.IfStatement,
  ts.SyntaxKind.ConditionalExpression,
  ts.SyntaxKind.ForStatement,
  ts.SyntaxKind.ForInStatement,
  ts.SyntaxKind.ForOfStatement,
  ts.SyntaxKind.WhileStatement,
  ts.SyntaxKind.DoStatement,
  ts.SyntaxKind.CaseClause,
  ts.SyntaxKind.CatchClause,
]);

/** Every function of a source that has a body. */
export function shapesOf(source: string): Shape[] {
  const file = ts.createSourceFile('source.ts', source, ts.ScriptTarget.Latest, true);
  const shapes: Shape[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body) shapes.push(shapeOf(node, file));
    ts.forEachChild(node, visit);
  };
  visit(file);
  return shapes;
}

function shapeOf(node: ts.SignatureDeclaration, file: ts.SourceFile): Shape {
  const lineAt = (position: number) => file.getLineAndCharacterOfPosition(position).line + 1;
  const line = lineAt(node.getStart(file));
  return {
    name: nameOf(node, file),
    line,
    lines: lineAt(node.end) - line + 1,
    parameters: node.parameters.filter(({ name }) => name.getText(file) !== 'this').length,
    ways: 1 + forksIn(node),
  };
}

function nameOf(node: ts.SignatureDeclaration, file: ts.SourceFile): string {
  if (node.name) return node.name.getText(file);
  if (ts.isConstructorDeclaration(node)) return 'constructor';
  const { parent } = node;
  const isNamed = ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent);
  return isNamed ? parent.name.getText(file) : '(no name)';
}

/** What is inside a function of its own counts there. */
function forksIn(node: ts.Node): number {
  let count = 0;
  ts.forEachChild(node, child => {
    if (ts.isFunctionLike(child)) return;
    const isLogical = ts.isBinaryExpression(child) && LOGICAL.has(child.operatorToken.kind);
    if (isLogical || FORKS.has(child.kind)) count += 1;
    count += forksIn(child);
  });
  return count;
}

/** What is wrong with a shape, in words. */
export function faultsOf({ lines, parameters, ways }: Shape): string[] {
  const faults: string[] = [];
  if (lines > MOST_LINES) faults.push(`${lines} lines (at most ${MOST_LINES})`);
  if (parameters > MOST_PARAMETERS) {
    faults.push(`${parameters} parameters (at most ${MOST_PARAMETERS}; the rest in one object)`);
  }
  if (ways > MOST_WAYS) faults.push(`${ways} ways through it (at most ${MOST_WAYS})`);
  return faults;
}

function main(): void {
  const src = fileURLToPath(new URL('../src', import.meta.url));
  const unused = new Set(Object.keys(TABLES));
  let count = 0;
  const report = (text: string) => {
    count += 1;
    console.error(text);
  };
  for (const path of readdirSync(src, { recursive: true, encoding: 'utf8' }).sort()) {
    if (!path.endsWith('.ts')) continue;
    for (const shape of shapesOf(readFileSync(join(src, path), 'utf8'))) {
      const faults = faultsOf(shape);
      if (faults.length === 0) continue;
      const key = `${path} ${shape.name}`;
      if (key in TABLES) unused.delete(key);
      else report(`src/${path}:${shape.line} ${shape.name}: ${faults.join(', ')}`);
    }
  }
  for (const key of unused) report(`scripts/check-shape.ts: ${key} needs no exception`);
  if (count > 0) process.exit(1);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
