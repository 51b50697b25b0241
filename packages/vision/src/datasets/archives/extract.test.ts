import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fixture, put, temporaryFolder } from '../testing.ts';
import { bunzip2 } from './bunzip.ts';
import { ArchiveError, extractArchive } from './extract.ts';
import { checkIntegrity, md5Of, requireIntegrity } from './integrity.ts';

/** An archive in a folder of its own, below a folder that nothing may leave. */
function archive(name: string, content: Uint8Array = fixture(name)): { path: string; folder: string; above: string } {
  const above = temporaryFolder();
  return { path: put(above, name, content), folder: join(above, 'inner', 'out'), above };
}

describe('archives', () => {
  for (const name of ['good.zip', 'good.tar', 'good.tar.gz', 'good.tar.bz2', 'good.tar.xz'])
    it(`${name} is unpacked, and joins what is there`, async () => {
      const { path, folder } = archive(name);
      put(folder, 'set/kept.txt', 'kept');
      put(folder, 'set/deep/b.txt', 'old');
      await extractArchive(path, folder, { removeFinished: true });
      assert.equal(readFileSync(join(folder, 'set', 'a.txt'), 'utf8'), 'alpha'.repeat(400));
      assert.equal(readFileSync(join(folder, 'set', 'deep', 'b.txt'), 'utf8'), 'beta');
      assert.deepEqual(readdirSync(folder), ['set']);
      assert.deepEqual(readdirSync(join(folder, 'set')).sort(), ['a.txt', 'deep', 'kept.txt']);
      assert.equal(existsSync(path), false);
    });

  for (const name of ['evil.zip', 'evil.tar', 'absolute.tar', 'link.tar'])
    it(`${name}, which would write outside, is refused whole`, async () => {
      const { path, folder, above } = archive(name);
      await assert.rejects(
        extractArchive(path, folder),
        (error) => error instanceof ArchiveError && /leads outside of the folder/.test(error.message),
      );
      assert.deepEqual(readdirSync(folder), []);
      assert.deepEqual(readdirSync(above).sort(), [name, 'inner'].sort());
    });

  it('a damaged one leaves nothing behind', async () => {
    for (const name of ['good.zip', 'good.tar.gz', 'good.tar.xz', 'good.tar.bz2']) {
      const whole = fixture(name);
      const { path, folder } = archive(name, whole.subarray(0, Math.floor(whole.length / 2)));
      await assert.rejects(
        extractArchive(path, folder),
        (error) => error instanceof ArchiveError && error.path === path,
        name,
      );
      assert.deepEqual(readdirSync(folder), [], name);
    }
    const { path, folder } = archive('nothing.tar', Buffer.from('hello'));
    await assert.rejects(extractArchive(path, folder), ArchiveError);
  });

  it('a single compressed file loses its ending; an unknown kind is named', async () => {
    const { path, folder } = archive('usps.bz2');
    await extractArchive(path, folder);
    assert.match(readFileSync(join(folder, 'usps'), 'latin1'), /^3 1:-1\.0 2:-0\.4 /);
    assert.deepEqual(readFileSync(join(folder, 'usps')), bunzip2(fixture('usps.bz2')));
    const { path: rar } = archive('x.rar', Buffer.from('Rar!'));
    await assert.rejects(extractArchive(rar, folder), /x\.rar: is no archive that can be unpacked: expected \.zip/);
    assert.throws(() => bunzip2(Buffer.from('BZh9 not really'), 'x.bz2'), /x\.bz2: cannot be decompressed/);
  });
});

it('MD5 sums name the file that is damaged', () => {
  const path = put(temporaryFolder(), 'a.txt', 'hello');
  assert.equal(md5Of(path), '5d41402abc4b2a76b9719d911017c592');
  assert.equal(checkIntegrity(path), true);
  assert.equal(checkIntegrity(path, 'abc'), false);
  assert.equal(checkIntegrity(`${path}x`), false);
  assert.throws(
    () => requireIntegrity(path, 'abc', 'Set'),
    /a\.txt is damaged or not the file of Set: expected MD5 abc/,
  );
});
