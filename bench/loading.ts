/** @file How fast data comes: photos decoded and augmented by two workers, the same packed, and what loading costs a training. */

import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Child, type Side } from './child.ts';
import { type Comparison, compare, type Settings } from './compare.ts';

const PHOTOS = 256;
const WORKERS = 2;

/** Photos made by script, kept for the next time. `BENCH_PHOTOS` names a folder of others: `<class>/<photo>.jpg`. */
function photos(): string {
  const given = process.env.BENCH_PHOTOS;
  if (given !== undefined) return given;
  const folder = join(tmpdir(), 'edgeai-bench-photos');
  mkdirSync(folder, { recursive: true });
  const script = fileURLToPath(new URL('./children/make-photos.mjs', import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, [script, folder, String(PHOTOS)]);
  if (status !== 0) throw new Error(`the photos could not be made:\n${stderr}`);
  return folder;
}

/** Passes that start the workers, compile their code and bring the files into memory, on both sides; they do not count. */
const WARM_PASSES = 3;
/** Passes that count: a second or two of either side. */
const passesOf = (side: Side, packed: boolean) => (packed ? 20 : side === 'ours' ? 6 : 3);

/** Images a second of one side, over whole passes of workers that are warm. */
async function rate(side: Side, folder: string, packed: boolean): Promise<number> {
  await using child = new Child(side);
  await child.ask('threads', { count: 1 });
  const { images, seconds } = await child.ask('load', {
    folder,
    workers: WORKERS,
    batch: 64,
    packed,
    warm: WARM_PASSES,
    passes: passesOf(side, packed),
  });
  return (images ?? Number.NaN) / (seconds ?? Number.NaN);
}

/** The same photos through torchvision's usual training transforms, beside Python's DataLoader and Pillow. */
export async function loading({ sides, rounds }: Settings): Promise<Comparison[]> {
  const folder = photos();
  const figures: Comparison[] = [];
  for (const [name, packed, target] of [
    [`photos, ${WORKERS} workers (crop, resize, flip, normalise to 224 px)`, false, { least: 2 }],
    [`the same packed as pixels, beside Python's photos`, true, { least: 10 }],
  ] as const) {
    figures.push(
      await compare({
        name,
        unit: 'img/s',
        target,
        rounds,
        sides,
        measure: (side) => rate(side, folder, packed && side === 'ours'),
      }),
    );
  }
  return figures;
}

/** Training from photos as a share of the speed of training from memory; 1 where loading costs nothing. */
export async function trainingFromPhotos({ sides, rounds }: Settings): Promise<Comparison[]> {
  const folder = photos();
  const measure = async (side: Side) => {
    await using child = new Child(side);
    await child.ask('threads', { count: 2 });
    const options = { model: 'mobilenet_v2', batch: 16, size: 224, channelsLast: true };
    await child.ask('prepare', options);
    await child.ask('train', { count: 1 });
    const { seconds: memory = Number.NaN } = await child.ask('train', { count: 4 });
    const { seconds: files = Number.NaN } = await child.ask('trainFromPhotos', {
      folder,
      workers: side === 'ours' ? 0 : WORKERS,
      batch: 16,
      count: 8,
    });
    return memory / files;
  };
  return [
    await compare({
      name: 'mobilenet_v2 training from photos ÷ from memory (batch 16)',
      unit: 'ratio',
      rounds,
      sides,
      measure,
      note: 'at least 0.95 wanted of ours; ours decodes in the background, Python with 2 workers',
    }),
  ];
}
