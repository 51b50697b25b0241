/**
 * @file `npm run bench [-- --json FILE] [--rounds N] [NAME …]`: measures speed and memory, beside Python where it has torch.
 *
 * These figures are ratios of medians measured in turn on one machine; absolute times say little about another one.
 */

import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { Child, pythonHasTorch, type Side } from './child.ts';
import type { Comparison, Settings } from './compare.ts';
import { graphs } from './graphs.ts';
import { loading, trainingFromPhotos } from './loading.ts';
import { endurance, peaks } from './memory.ts';
import { defaults, smallOperators, startUp, trainingSteps } from './speed.ts';

const SUITES: Record<string, (settings: Settings) => Promise<Comparison[]>> = {
  'small-ops': smallOperators,
  'train-step': trainingSteps,
  defaults,
  startup: startUp,
  graphs,
  memory: peaks,
  loading,
  'photo-training': trainingFromPhotos,
};

function show(figure: Comparison): string {
  const number = (value: number | null) => (value === null ? '–' : value.toPrecision(4)).padStart(9);
  const target =
    figure.target === null ? '' : 'most' in figure.target ? `≤ ${figure.target.most}` : `≥ ${figure.target.least}`;
  const verdict = figure.met === null ? ' ' : figure.met ? '✓' : '✗';
  return `${verdict} ${figure.name.padEnd(58)}${number(figure.ours)}${number(figure.theirs)} ${figure.unit.padEnd(6)}${(figure.ratio?.toFixed(3) ?? '–').padStart(7)}  ${target}`;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: 'string' }, rounds: { type: 'string', default: '5' } },
  });
  const wanted = (name: string) => positionals.length === 0 || positionals.some((word) => name.includes(word));
  const sides: Side[] = pythonHasTorch() ? ['ours', 'theirs'] : ['ours'];
  const settings: Settings = { sides, rounds: Number(values.rounds) };
  const machine = {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    load: loadavg()[0] ?? 0,
    node: process.version,
  };
  console.log(`${machine.cpu}, ${machine.cores} cores, load ${machine.load.toFixed(2)}, Node ${machine.node}`);
  let python: unknown = null;
  if (sides.includes('theirs')) {
    await using child = new Child('theirs');
    python = await child.ask('version');
    console.log(`beside Python with ${JSON.stringify(python)}`);
  } else console.log('no Python with torch and torchvision here: our figures alone');
  if (machine.load > 1) console.log('The machine is busy: ratios are still fair, times are not.');
  console.log(`\n  ${''.padEnd(58)}${'ours'.padStart(9)}${'Python'.padStart(9)}        ${'ratio'.padStart(7)}  target`);

  const figures: Comparison[] = [];
  for (const [name, suite] of Object.entries(SUITES)) {
    if (!wanted(name)) continue;
    for (const figure of await suite(settings)) {
      figures.push(figure);
      console.log(show(figure));
    }
  }
  const lasting = wanted('endurance') ? await endurance() : null;
  if (lasting !== null) {
    console.log(
      `${lasting.met ? '✓' : '✗'} ${lasting.steps} training steps: ${lasting.tensorsAtTenth} → ${lasting.tensorsAtEnd} live tensors, ${lasting.rssAtTenth.toFixed(0)} → ${lasting.rssAtEnd.toFixed(0)} MiB resident`,
    );
  }
  if (values.json !== undefined) {
    writeFileSync(
      values.json,
      `${JSON.stringify({ date: new Date().toISOString(), machine, python, figures, endurance: lasting }, null, 2)}\n`,
    );
    console.log(`\nwritten to ${values.json}`);
  }
}

await main();
