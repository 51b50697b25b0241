/** @file What torchvision's operators decode is decoded alike; all formats are written and read; samples of PNG files come as stored. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { expectNoLeaks, fromTypedArray, keep, scope, type Tensor, zeros } from '@edgeai/torch';
import sharp from 'sharp';
import {
  decodeFrames,
  decodeImage,
  decodePixels,
  encodeImage,
  encodeJpeg,
  type ImageFormat,
  ImageReadError,
  type ImageReadMode,
  loadImage,
  readFile,
  readFrames,
  readImage,
  readPngSamples,
  writeFile,
  writeImage,
} from './index.ts';
import { decodePngSamples } from './png.ts';

interface Case {
  file: string;
  mode: ImageReadMode;
  shape: number[];
  values?: string;
  even?: number[];
}
const golden: {
  files: Record<string, string>;
  cases: Case[];
  jpeg: { quality: number; bytes: number; values: string };
} = JSON.parse(readFileSync(new URL('./fixtures/decoded.json', import.meta.url), 'utf8'));

let folder: string;
before(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), 'vision-formats-'));
});
after(() => fs.rm(folder, { recursive: true, force: true }));

const values = (tensor: Tensor) => scope(() => Array.from(tensor.contiguous().toTypedArray(), Number));
const farthest = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length
    ? a.reduce((most, x, i) => Math.max(most, Math.abs(x - (b[i] ?? 0))), 0)
    : Number.POSITIVE_INFINITY;

describe('decoding agrees with torchvision’s operators', () => {
  for (const { file, mode, shape, values: data, even } of golden.cases) {
    it(`${file} as ${mode}`, async () => {
      const image = await decodeImage(Buffer.from(golden.files[file] ?? '', 'base64'), mode);
      assert.deepEqual(image.shape, shape);
      let got = values(image);
      if (even !== undefined) got = even.map((_, i) => got[Math.floor((i * (got.length - 1)) / 63)] ?? -1);
      let wanted = even ?? [...Buffer.from(data ?? '', 'base64')];
      if (file.startsWith('p-') && mode.endsWith('ALPHA')) {
        // torchvision leaves much of the memory of palettes with alpha unset.
        [got, wanted] = [[], []];
        assert.ok(values(image.select(0, image.size(0) - 1)).every((alpha) => alpha === 255));
      }
      // libpng truncates where Pillow, whose grey we give, rounds.
      const tolerance = mode.startsWith('GRAY') && file.startsWith('rgb') && file.endsWith('png') ? 1 : 0;
      assert.ok(farthest(got, wanted) <= tolerance, `${farthest(got, wanted)}`);
      image.dispose();
    });
  }

  it('JPEGs of quality 75 are libjpeg’s', async () => {
    const smooth = Uint8Array.from({ length: 3 * 24 * 32 }, (_, i) => {
      const [y, x] = [Math.floor(i / 32) % 24, i % 32];
      return ([4 * y + 3 * x, 2 * y + 5 * x, 7 * y + x][Math.floor(i / (24 * 32))] ?? 0) % 256;
    });
    const image = fromTypedArray(smooth, [3, 24, 32]);
    const bytes = await encodeJpeg(image, { quality: golden.jpeg.quality });
    const again = await decodeImage(bytes);
    assert.ok(farthest(values(again), [...Buffer.from(golden.jpeg.values, 'base64')]) === 0);
    assert.ok(bytes.length <= golden.jpeg.bytes, 'and smaller: with Huffman tables of their own');
  });
});

const smooth = (channels: number, height = 24, width = 30) =>
  keep(
    fromTypedArray(
      Uint8Array.from({ length: channels * height * width }, (_, i) => ((i % width) * 5 + Math.floor(i / width)) % 256),
      [channels, height, width],
    ),
  );

describe('writing', () => {
  it('every format gives the image back, as nearly as it can', async () => {
    const formats: [ImageFormat, number[], number][] = [
      ['png', [1, 2, 3, 4], 0],
      ['tiff', [1, 2, 3, 4], 0],
      ['webp', [3, 4], 0],
      ['bmp', [1, 3], 0],
      ['jpeg', [1, 3], 60],
      ['gif', [3], 40],
      ['avif', [3], 60],
    ];
    for (const [format, allowed, tolerance] of formats)
      for (const channels of allowed) {
        const image = smooth(channels);
        const bytes = await encodeImage(image, format, format === 'webp' ? { lossless: true } : {});
        const mode = (['GRAY', 'GRAY_ALPHA', 'RGB', 'RGB_ALPHA'] as const)[channels - 1];
        const again = await decodeImage(bytes, mode);
        const distance = farthest(values(again), values(image));
        assert.ok(distance <= tolerance, `${format} of ${channels} channels differs by ${distance}`);
        image.dispose();
        again.dispose();
      }
  });

  it('the extension of a file names its format', async () => {
    const image = smooth(3);
    for (const name of ['a.PNG', 'a.tif', 'a.bmp']) {
      await writeImage(image, join(folder, name));
      const again = await readImage(join(folder, name), 'RGB');
      assert.deepEqual(values(again), values(image));
      again.dispose();
    }
    await assert.rejects(writeImage(image, join(folder, 'a.xyz')), /ends in one of \.png, \.jpg, .* for path/);
    await assert.rejects(encodeImage(image, 'tga' as 'png'), /one of png, jpeg, webp, gif, tiff, avif, bmp/);
    image.dispose();
  });

  it('whole files are tensors of bytes', async () => {
    const path = join(folder, 'bytes.bin');
    await expectNoLeaks(async () => {
      const data = keep(fromTypedArray(Uint8Array.of(3, 1, 4, 1, 5), [5]));
      await writeFile(path, data);
      const again = await readFile(path);
      assert.deepEqual([again.dtype, again.toArray()], ['uint8', [3, 1, 4, 1, 5]]);
      data.dispose();
      again.dispose();
    });
    await assert.rejects(writeFile(path, zeros([2])), /uint8 tensor \[size\]/);
  });
});

describe('samples of PNG files come as they are stored', () => {
  const [width, height] = [13, 11];

  it('indices of palettes of 1 to 8 bits, interlaced or not', async () => {
    for (const colours of [2, 4, 16, 200])
      for (const progressive of [false, true]) {
        const pixels = new Uint8Array(width * height * 3);
        for (let i = 0; i < width * height; i++) {
          const index = (i * 7) % colours;
          pixels.set([index, (index * 3) % 256, 255 - index], i * 3);
        }
        const raw = sharp(pixels, { raw: { width, height, channels: 3 } });
        const bytes = await raw.png({ palette: true, colours, progressive, dither: 0, effort: 1 }).toBuffer();
        const indices = await decodePixels(bytes, 'UNCHANGED');
        assert.equal(indices.channels, 1);
        const shown = await decodePixels(bytes, 'RGB');
        // Pixels of one colour have one index, and the reverse.
        const seen = new Map<number, string>();
        for (let i = 0; i < width * height; i++) {
          const colour = shown.data.subarray(i * 3, i * 3 + 3).join();
          const index = indices.data[i] ?? -1;
          assert.equal(seen.get(index) ?? colour, colour);
          seen.set(index, colour);
        }
        assert.equal(new Set(seen.values()).size, seen.size);
        assert.ok(seen.size >= Math.min(colours, 2));
      }
  });

  it('16 bits, of 1 to 4 channels; readImage shows the upper 8', async () => {
    for (const channels of [1, 2, 3, 4] as const)
      for (const progressive of [false, true]) {
        const data = Uint16Array.from({ length: width * height * channels }, (_, i) => (i * 2711) % 65536);
        const raw = sharp(data, { raw: { width, height, channels } });
        const space = channels <= 2 ? 'grey16' : 'rgb16';
        const path = join(folder, `deep-${channels}.png`);
        await fs.writeFile(
          path,
          await raw.toColourspace(space).png({ progressive, adaptiveFiltering: true }).toBuffer(),
        );
        const samples = await readPngSamples(path);
        assert.deepEqual([samples.dtype, samples.shape], ['int32', [channels, height, width]]);
        const stored = (await decodePngSamples(await fs.readFile(path))).data;
        assert.deepEqual([...stored], [...data]);
        assert.deepEqual(
          values(samples.select(0, 0)),
          [...data].filter((_, i) => i % channels === 0),
        );
        const shown = await loadImage(path);
        assert.deepEqual(
          [...shown.data],
          [...data].map((value) => value >> 8),
        );
        samples.dispose();
      }
  });

  it('damaged ones are refused', async () => {
    const image = smooth(3);
    const path = join(folder, 'cut.png');
    const bytes = await encodeImage(image, 'png');
    await fs.writeFile(path, bytes.subarray(0, bytes.length - 20));
    await assert.rejects(readPngSamples(path), (error) => {
      assert.ok(error instanceof ImageReadError);
      assert.match(error.message, /cut\.png is not a readable image: it ends after/);
      return true;
    });
    await fs.writeFile(path, 'no picture');
    await assert.rejects(readPngSamples(path), /it is not a PNG file/);
    image.dispose();
  });
});

describe('several frames', () => {
  it('of an animation are all read, complete', async () => {
    const frames = Buffer.alloc(3 * 8 * 6 * 3);
    frames.fill(200, 0, 144).fill(60, 144, 288).fill(120, 288);
    for (const format of ['gif', 'webp'] as const) {
      const animated = sharp(frames, { raw: { width: 6, height: 24, channels: 3, pageHeight: 8 } });
      const bytes = await (format === 'gif' ? animated.gif({ loop: 0 }) : animated.webp({ lossless: true })).toBuffer();
      await expectNoLeaks(async () => {
        const all = await decodeFrames(bytes, 'GRAY');
        assert.deepEqual(all.shape, [3, 1, 8, 6]);
        assert.deepEqual(
          scope(() => all.select(3, 2).select(2, 3).flatten().toArray()),
          [200, 60, 120],
        );
        all.dispose();
        const first = await decodeImage(bytes, 'RGB');
        assert.deepEqual(first.shape, [3, 8, 6]);
        assert.equal(
          scope(() => Number(first.select(0, 0).select(0, 0).select(0, 0).item())),
          200,
        );
        first.dispose();
      });
    }
  });

  it('of a still image are one; what is none is refused', async () => {
    const image = smooth(3);
    const path = join(folder, 'still.bmp');
    await writeImage(image, path);
    const frames = await readFrames(path);
    assert.deepEqual([frames.shape, values(frames)], [[1, 3, 24, 30], values(image)]);
    image.dispose();
    frames.dispose();
    await assert.rejects(readFrames(join(folder, 'missing.gif')), { code: 'IMAGE_NOT_FOUND' });
    await fs.writeFile(path, 'GIF89a but no more');
    await assert.rejects(readFrames(path), /still\.bmp is not a readable image/);
    await assert.rejects(decodeFrames(new Uint8Array(0)), /it is empty/);
    await assert.rejects(decodeFrames(Uint8Array.of(1), 'UNCHANGED' as 'RGB'), /other than UNCHANGED/);
  });
});

it('the smallest and large images are decoded', async () => {
  const dot = fromTypedArray(Uint8Array.of(7, 8, 9), [3, 1, 1]);
  for (const format of ['png', 'bmp', 'tiff', 'jpeg', 'avif', 'webp'] as const) {
    const again = await decodeImage(await encodeImage(dot, format), 'RGB');
    assert.deepEqual(again.shape, [3, 1, 1], format);
    again.dispose();
  }
  // 40 megapixels.
  const wide = await sharp({ create: { width: 8000, height: 5000, channels: 3, background: '#123456' } })
    .jpeg()
    .toBuffer();
  const large = await decodePixels(wide, 'RGB');
  assert.deepEqual([large.width, large.height, large.data.length], [8000, 5000, 120_000_000]);
});
