/** @file How long graphs take: the capture of every classifier at its own size, and an export to ONNX. Python has no counterpart that does the same. */

import { Child } from './child.ts';
import { type Comparison, compare, type Settings } from './compare.ts';

/** The slowest capture of all, and the export of one network without its verification. */
export async function graphs({ rounds }: Settings): Promise<Comparison[]> {
  await using child = new Child('ours');
  await child.ask('threads', { count: 2 });
  let slowest = '';
  return [
    await compare({
      name: 'capture of the slowest classifier',
      unit: 's',
      rounds,
      sides: ['ours'],
      measure: async () => {
        const found = await child.ask<{ seconds: number; name: string }>('captureAll');
        slowest = found.name;
        return found.seconds;
      },
    }).then((figure) => ({ ...figure, name: `${figure.name} (${slowest})` })),
    await compare({
      name: 'ONNX export of mobilenet_v2 (224 px)',
      unit: 's',
      rounds,
      sides: ['ours'],
      measure: async () => (await child.ask('exportOnnx', { model: 'mobilenet_v2', size: 224 })).seconds ?? Number.NaN,
    }),
  ];
}
