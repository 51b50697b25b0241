import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { expectNoLeaks, fromTypedArray, keep, scope, type Tensor, zeros } from '@edgeai/torch';
import { decodeImage, decodePixels, loadImage, readImage } from './decode.ts';
import { type DecodedImage, type ImageReadMode, imageToTensor, tensorToImage, toMode } from './decoded-image.ts';
import { encodeJpeg, encodePng, writeJpeg, writePng } from './encode.ts';
import { ImageReadError } from './errors.ts';
import { jpegHeader } from './jpeg-header.ts';

interface Case {
  file: string;
  size: [number, number];
  rgb: string;
  grey: string;
  rgba: string;
}

// Written by scripts/make-image-fixtures.py with Pillow.
const cases: Record<string, Case> = JSON.parse(
  readFileSync(new URL('./fixtures/images.json', import.meta.url), 'utf8'),
);
const bytesOf = (name: string) => Buffer.from(cases[name]?.file ?? '', 'base64');
const sha1 = (image: DecodedImage) => createHash('sha1').update(image.data).digest('hex');

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vision-io-'));
});
after(() => rm(folder, { recursive: true, force: true }));

describe('decoding gives Pillow’s pixels', () => {
  for (const [name, expected] of Object.entries(cases)) {
    it(name, async () => {
      const image = await decodePixels(bytesOf(name), 'RGB');
      assert.deepEqual([image.width, image.height, image.channels], [...expected.size, 3]);
      assert.equal(sha1(image), expected.rgb);
      assert.equal(sha1(await decodePixels(bytesOf(name), 'GRAY')), expected.grey);
      assert.equal(sha1(await decodePixels(bytesOf(name), 'RGB_ALPHA')), expected.rgba);
    });
  }

  it('keeps the file’s channels where none are asked for', async () => {
    const channels = {
      'rgb.png': 3,
      'rgba.png': 4,
      'grey.png': 1,
      'grey-alpha.png': 2,
      'bits.png': 1,
      'rgb.jpg': 3,
      'grey.jpg': 1,
      'cmyk.jpg': 4,
      'grey.bmp': 1,
      'rgb.ppm': 3,
    };
    for (const [name, count] of Object.entries(channels)) {
      const image = await decodePixels(bytesOf(name));
      assert.equal(image.channels, count, name);
      assert.equal(image.data.length, image.width * image.height * count);
    }
  });

  it('turns by the EXIF orientation only when asked', async () => {
    const stored = await decodePixels(bytesOf('exif.jpg'), 'RGB');
    const turned = await decodePixels(bytesOf('exif.jpg'), 'RGB', { applyExifOrientation: true });
    assert.deepEqual([turned.width, turned.height], [stored.height, stored.width]);
    // Orientation 6: what is stored at the bottom left belongs to the top left.
    assert.deepEqual(
      [...turned.data.subarray(0, 3)],
      [...stored.data.subarray((stored.height - 1) * stored.width * 3).subarray(0, 3)],
    );
  });
});

describe('tensors', () => {
  it('are uint8 [channels, height, width], and go back to the same bytes', async () => {
    const image = await decodePixels(bytesOf('rgb.png'));
    await expectNoLeaks(() =>
      scope(() => {
        const tensor = imageToTensor(image);
        assert.deepEqual([tensor.dtype, tensor.shape], ['uint8', [3, 13, 19]]);
        assert.equal(tensor.select(0, 1).select(0, 2).select(0, 3).item(), image.data[(2 * 19 + 3) * 3 + 1]);
        assert.deepEqual(tensorToImage(tensor), { ...image, data: new Uint8Array(image.data) });
      }),
    );
    assert.throws(() => tensorToImage(zeros([3, 2, 2])), /uint8 image/);
  });

  it('readImage and decodeImage agree', async () => {
    const path = join(folder, 'a.png');
    await writeFile(path, bytesOf('rgba.png'));
    const [read, decoded] = [await readImage(path, 'GRAY_ALPHA'), await decodeImage(bytesOf('rgba.png'), 'GRAY_ALPHA')];
    assert.deepEqual(read.shape, [2, 13, 19]);
    assert.deepEqual(read.toArray(), decoded.toArray());
    read.dispose();
    decoded.dispose();
  });
});

describe('encoding', () => {
  const image = (channels: number): Tensor =>
    keep(
      fromTypedArray(
        Uint8Array.from({ length: channels * 12 * 10 }, (_, i) => (i * 7) % 256),
        [channels, 12, 10],
      ),
    );

  it('PNG is lossless for 1 to 4 channels', async () => {
    for (const channels of [1, 2, 3, 4]) {
      const original = image(channels);
      const decoded = await decodeImage(await encodePng(original));
      assert.deepEqual(decoded.toArray(), original.toArray());
      original.dispose();
      decoded.dispose();
    }
  });

  it('JPEG comes close, and closer with more quality', async () => {
    const smooth = keep(
      fromTypedArray(
        Uint8Array.from({ length: 3 * 32 * 32 }, (_, i) => (i % 32) * 6),
        [3, 32, 32],
      ),
    );
    const errors: number[] = [];
    for (const quality of [30, 75, 100]) {
      const decoded = await decodeImage(await encodeJpeg(smooth, { quality }));
      errors.push(scope(() => decoded.float().sub(smooth).abs().mean().item()));
      decoded.dispose();
    }
    assert.ok((errors[2] ?? 9) < 1 && (errors[1] ?? 9) < 4 && (errors[0] ?? 0) > (errors[2] ?? 0), String(errors));
    assert.deepEqual(jpegHeader(await encodeJpeg(smooth)), { components: 3, adobe: false });
    smooth.dispose();
  });

  it('writes files, and refuses what has no place in them', async () => {
    const [grey, two] = [image(1), image(2)];
    await writePng(grey, join(folder, 'g.png'), { compressionLevel: 9 });
    await writeJpeg(grey, join(folder, 'g.jpg'));
    assert.equal((await loadImage(join(folder, 'g.png'))).channels, 1);
    assert.equal((await loadImage(join(folder, 'g.jpg'))).channels, 1);
    await assert.rejects(encodeJpeg(two), /1 or 3 channels but received 2/);
    await assert.rejects(encodeJpeg(grey, { quality: 0 }), /between 1 and 100/);
    grey.dispose();
    two.dispose();
  });
});

describe('what is no image', () => {
  const write = async (name: string, bytes: string | Uint8Array) => {
    await writeFile(join(folder, name), bytes);
    return join(folder, name);
  };
  const rejects = (path: string, reason: RegExp, code = 'UNREADABLE_IMAGE') =>
    assert.rejects(readImage(path, 'RGB'), (error) => {
      assert.ok(error instanceof ImageReadError);
      assert.deepEqual([error.path, error.code], [path, code]);
      assert.ok(error.message.startsWith(path));
      assert.match(error.message, reason);
      return true;
    });

  it('is named with the reason', async () => {
    await rejects(join(folder, 'missing.jpg'), /no such file/, 'IMAGE_NOT_FOUND');
    await rejects(folder, /is not a readable image: it is a folder/);
    await rejects(await write('empty.jpg', ''), /is not a readable image: it is empty \(0 bytes\)/);
    await rejects(await write('text.jpg', 'this is text, not an image'), /format is unknown/);
    await rejects(await write('cut.jpg', bytesOf('rgb.jpg').subarray(0, 650)), /is not a readable image: /);
    await rejects(await write('cut.png', bytesOf('rgb.png').subarray(0, 120)), /is not a readable image: /);
    await rejects(await write('cut.ppm', bytesOf('rgb.ppm').subarray(0, 120)), /it ends after 120 of/);
    await rejects(await write('cut.bmp', bytesOf('rgb.bmp').subarray(0, 120)), /it ends after 120 of/);
    await rejects(await write('odd.pgm', 'P2 3 x'), /number for the height/);
    await assert.rejects(decodeImage(bytesOf('rgb.png'), 'BGR' as ImageReadMode), /one of UNCHANGED/);
    await assert.rejects(decodeImage(new Uint8Array(0)), /The given data is not a readable image/);
  });
});

it('toMode drops and adds channels', () => {
  const image = { data: Uint8Array.of(10, 20, 30, 40), height: 1, width: 1, channels: 4 };
  assert.deepEqual([...toMode(image, 'RGB').data], [10, 20, 30]);
  assert.deepEqual([...toMode(image, 'GRAY_ALPHA').data], [18, 40]);
  assert.deepEqual([...toMode({ ...image, data: Uint8Array.of(9), channels: 1 }, 'RGB_ALPHA').data], [9, 9, 9, 255]);
});
