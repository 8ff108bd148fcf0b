import { EXIT } from '../../process/exit-codes.ts';
import { CommandError } from '../parsing/command-error.ts';

/** @throws CommandError when the package is not installed */
export async function svgOf(dot: string): Promise<string> {
  const viz = await import('@viz-js/viz').catch(cause => {
    throw new CommandError(
      'SVG needs a package that is not installed: npm install @viz-js/viz. Graphviz itself does, too: tscelery graph … | dot -Tsvg',
      EXIT.failure,
      { cause },
    );
  });
  return (await viz.instance()).renderString(dot, { format: 'svg' });
}
