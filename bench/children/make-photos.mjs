/**
 * @file Makes photos for benchmarks of data loading: `make-photos.mjs FOLDER COUNT`. 500 × 375 JPEGs in two classes, with smooth
 * areas, edges and grain, so that they weigh about what photographs do.
 */

import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { manualSeed, nn, rand, randn, scope } from '@edgeai/torch';
import { io } from '@edgeai/vision';

const [folder, count] = process.argv.slice(2);
manualSeed(0);

/** Noise of several scales, each half as strong as the coarser one before, with a few hard edges. */
function photo() {
  return scope(() => {
    let image = randn([1, 3, 375, 500]).mul(0.06);
    for (const [size, strength] of [
      [3, 0.4],
      [12, 0.25],
      [48, 0.12],
      [180, 0.05],
    ]) {
      const noise = randn([1, 3, size, Math.round((size * 4) / 3)]);
      image = image.add(nn.functional.interpolate(noise, { size: [375, 500], mode: 'bicubic' }).mul(strength));
    }
    const shape = nn.functional.interpolate(rand([1, 1, 6, 8]), { size: [375, 500], mode: 'bicubic' }).gt(0.55);
    return image.add(shape.float().mul(0.35)).mul(64).add(118).clamp(0, 255).to('uint8').squeeze(0);
  });
}

for (let i = 0; i < Number(count); i++) {
  const target = join(folder, i % 2 === 0 ? 'even' : 'odd');
  mkdirSync(target, { recursive: true });
  const path = join(target, `${i}.jpg`);
  if (existsSync(path)) continue;
  const image = photo();
  await io.writeJpeg(image, path, { quality: 90 });
  image.dispose();
}
