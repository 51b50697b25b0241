/** @file Ctrl-C: first a request, then the end; handlers are gone afterwards. A real process is signalled once. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Interrupt } from './interrupt.ts';

test('the first signal asks, the second ends with 130', () => {
  const source = new EventEmitter();
  const events: string[] = [];
  const interrupt = new Interrupt({
    source,
    exit: (code) => events.push(`exit ${code}`),
    onRequest: (signal) => events.push(`request ${signal}`),
    onForce: () => events.push('force'),
  });
  assert.equal(interrupt.requested, false);
  assert.equal(interrupt.reason, undefined);
  source.emit('SIGTERM', 'SIGTERM');
  assert.equal(interrupt.requested, true);
  assert.equal(interrupt.signal.aborted, true);
  assert.equal(interrupt.reason, 'SIGTERM');
  source.emit('SIGINT', 'SIGINT');
  assert.equal(interrupt.reason, 'SIGTERM');
  assert.deepEqual(events, ['request SIGTERM', 'force', 'exit 130']);
  interrupt.close();
  interrupt.close();
  assert.equal(source.listenerCount('SIGINT') + source.listenerCount('SIGTERM'), 0);
});

test('the process ends even where tidying up throws', () => {
  const source = new EventEmitter();
  const codes: number[] = [];
  const interrupt = new Interrupt({
    source,
    exit: (code) => codes.push(code),
    onForce: () => {
      throw new Error('broken terminal');
    },
  });
  source.emit('SIGINT', 'SIGINT');
  assert.throws(() => source.emit('SIGINT', 'SIGINT'), /broken terminal/);
  assert.deepEqual(codes, [130]);
  interrupt.close();
});

test('handlers of others stay', () => {
  const before = process.listenerCount('SIGINT');
  const interrupt = new Interrupt();
  assert.equal(process.listenerCount('SIGINT'), before + 1);
  interrupt[Symbol.dispose]();
  assert.equal(process.listenerCount('SIGINT'), before);
});

test('a real process: one signal stops its loop, two end it', async () => {
  const module = fileURLToPath(new URL('./interrupt.ts', import.meta.url));
  const script = `
    import { Interrupt } from ${JSON.stringify(module)};
    const interrupt = new Interrupt({ onRequest: () => console.log('asked') });
    console.log('ready');
    const timer = setInterval(() => {
      if (!interrupt.requested || process.argv.includes('stubborn')) return;
      clearInterval(timer);
      interrupt.close();
      console.log('saved');
    }, 5);`;
  for (const stubborn of [false, true]) {
    const args = ['--import', 'tsx', '--input-type=module', '-e', script, '--', stubborn ? 'stubborn' : 'obedient'];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.setEncoding('utf8');
    child.stdout.on('data', (text: string) => {
      output += text;
      if (text.includes('ready')) child.kill('SIGINT');
      if (text.includes('asked') && stubborn) child.kill('SIGINT');
    });
    const [code] = await once(child, 'close');
    assert.equal(code, stubborn ? 130 : 0);
    assert.equal(output, stubborn ? 'ready\nasked\n' : 'ready\nasked\nsaved\n');
  }
});
