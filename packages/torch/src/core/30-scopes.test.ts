/** @file 30 · Scopes: what is released when a block ends, and what leaves it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ArgumentError } from '../errors.ts';
import { expectNoLeaks, memory, TensorLeakError } from '../runtime/memory.ts';
import { ones, tensor, zeros } from './creation.ts';
import { dispose, eachTensor, keep, releaseIfOwned, Scope, scope } from './scope.ts';
import type { Tensor } from './tensor.ts';

/** Live handles that `fn` adds. */
function added(fn: () => unknown): number {
  const before = memory().tensors;
  fn();
  return memory().tensors - before;
}

test('a scope releases what was made inside, and the result lives on', () => {
  let inside: Tensor | undefined;
  const result = scope(() => {
    inside = ones([2]);
    return inside.add(1);
  });
  assert.deepEqual([inside?.isAlive, result.isAlive], [false, true]);
  assert.deepEqual(result.toArray(), [2, 2]);
  assert.throws(() => inside?.add(1), { code: 'TENSOR_DISPOSED' });
  result.dispose();
});

test('the result may be an array, object, map, set, or any nesting of them, with cycles', () => {
  class Pair {
    readonly left = zeros([1]);
    readonly right = zeros([1]);
  }
  const shapes: [() => unknown, number][] = [
    [() => [zeros([1]), [zeros([1])]], 2],
    [() => ({ a: zeros([1]), deep: { b: [zeros([1])] } }), 2],
    [() => new Map([['a', zeros([1])]]), 1],
    [() => new Set([zeros([1])]), 1],
    [() => new Pair(), 2],
    [() => [1, 'x', null, undefined, new Float32Array(3), () => zeros([1])], 0],
    [
      () => {
        const ring: Record<string, unknown> = { t: zeros([1]) };
        ring.self = ring;
        return ring;
      },
      1,
    ],
    [
      () => {
        let list: { next: unknown; t: Tensor } | undefined;
        for (let i = 0; i < 20_000; i++) list = { next: list, t: zeros([]) };
        return list;
      },
      20_000,
    ],
  ];
  for (const [make, expected] of shapes) {
    let result: unknown;
    assert.equal(
      added(() => {
        result = scope(() => {
          zeros([5]);
          return make();
        });
      }),
      expected,
      String(make),
    );
    let counted = 0;
    eachTensor(result, (t) => {
      counted += t.isAlive ? 1 : 0;
    });
    assert.equal(counted, expected);
    assert.equal(
      added(() => dispose(result)),
      0 - expected,
    );
  }
});

test('an inner scope’s result joins the outer one', () => {
  assert.equal(
    added(() =>
      scope(() => {
        const a = scope(() => scope(() => ones([2]).add(1)));
        assert.equal(a.isAlive, true);
      }),
    ),
    0,
  );
});

test('returning a tensor of an outer scope, or one made outside, moves nothing', () => {
  const outside = zeros([1]);
  scope(() => {
    const outer = zeros([1]);
    assert.equal(
      scope(() => outer),
      outer,
    );
    assert.equal(
      scope(() => outside),
      outside,
    );
    assert.ok(outer.isAlive);
  });
  assert.ok(outside.isAlive);
  outside.dispose();
});

test('keep carries out of every scope; dispose ends it', () => {
  let kept: Tensor | undefined;
  assert.equal(
    added(() =>
      scope(() =>
        scope(() => {
          kept = keep(ones([1]));
          keep({ again: [kept] });
        }),
      ),
    ),
    1,
  );
  assert.equal(
    added(() => kept?.dispose()),
    -1,
  );
  assert.equal(
    added(() => kept?.dispose()),
    0,
  );
});

test('an exception releases everything and passes through', () => {
  const thrown = new Error('mine');
  let seen: unknown;
  assert.equal(
    added(() => {
      try {
        scope(() => {
          ones([1]);
          scope(() => {
            ones([1]);
            throw thrown;
          });
        });
      } catch (error) {
        seen = error;
      }
    }),
    0,
  );
  assert.equal(seen, thrown);
  // The books are right afterwards: new tensors are outside again.
  const after = ones([1]);
  scope(() => undefined);
  assert.ok(after.isAlive);
  after.dispose();
});

test('a result that cannot be walked still leaves nothing behind', () => {
  const trap = {
    get value(): never {
      throw new RangeError('trap');
    },
  };
  assert.equal(
    added(() => assert.throws(() => scope(() => [ones([1]), trap][1]), /trap/)),
    0,
  );
});

test('asynchronous functions are refused, and what they made before is released', () => {
  assert.equal(
    added(() => {
      assert.throws(
        () =>
          scope(async () => {
            ones([1]);
          }),
        (e) => e instanceof ArgumentError && /scope\(\) takes a synchronous function/.test(e.message),
      );
    }),
    0,
  );
  const held = new Scope();
  assert.throws(() => held.run(async () => undefined), ArgumentError);
  held.dispose();
});

test('a Scope is held across await and entered for each synchronous part', async () => {
  await expectNoLeaks(async () => {
    using held = new Scope();
    const a = held.run(() => ones([2]));
    await new Promise((resolve) => setImmediate(resolve));
    const elsewhere = ones([1]);
    const b = held.run(() => a.add(1));
    assert.deepEqual(b.toArray(), [2, 2]);
    held.adopt(elsewhere);
    const result = held.run(() => scope(() => b.mul(2)));
    keep(result);
    held.dispose();
    assert.deepEqual(
      [a, b, elsewhere, result].map((t) => t.isAlive),
      [false, false, false, true],
    );
    result.dispose();
  });
});

test('two scopes that interleave across await stay apart', async () => {
  await expectNoLeaks(async () => {
    const work = async (value: number) => {
      const held = new Scope();
      let sum = held.run(() => zeros([1]));
      for (let i = 0; i < 5; i++) {
        await new Promise((resolve) => setImmediate(resolve));
        sum = held.run(() => sum.add(value));
      }
      const result = sum.item();
      held.dispose();
      return result;
    };
    assert.deepEqual(await Promise.all([work(1), work(10)]), [5, 50]);
  });
});

test('`using` disposes a tensor at the end of its block', () => {
  let outside: Tensor | undefined;
  {
    using t = ones([1]);
    outside = t;
  }
  assert.equal(outside.isAlive, false);
});

test('releaseIfOwned lets go of what the current scope owns, and of nothing else', () => {
  const foreign = ones([1]);
  scope(() => {
    const own = ones([1]);
    const kept = keep(ones([1]));
    for (const t of [own, kept, foreign]) releaseIfOwned(t);
    assert.deepEqual(
      [own, kept, foreign].map((t) => t.isAlive),
      [false, true, true],
    );
    kept.dispose();
  });
  foreign.dispose();
});

test('what is released stays alive where libtorch still needs it: views, graphs', () => {
  scope(() => {
    const base = tensor([1, 2, 3]).float();
    const view = base.index(1);
    base.dispose();
    assert.equal(view.item(), 2);
    const w = tensor([2], { dtype: 'float32', requiresGrad: true });
    const loss = scope(() => w.mul(w).mul(w));
    loss.backward();
    assert.deepEqual(w.grad?.toArray(), [12]);
  });
});

test('expectNoLeaks says how many were left', async () => {
  let left: Tensor | undefined;
  await assert.rejects(
    expectNoLeaks(() => {
      left = ones([1]);
    }),
    (e) => e instanceof TensorLeakError && /^1 tensor left alive/.test(e.message),
  );
  left?.dispose();
  await expectNoLeaks(() => {
    left = ones([1]);
  }, 1);
  left?.dispose();
});

/** A random program over scopes, and what it should leave alive. */
type Step =
  | { do: 'make' }
  | { do: 'dispose'; which: number }
  | { do: 'keep'; which: number }
  | { do: 'nest'; body: Step[]; returned: number[] };

const steps = fc.letrec<{ steps: Step[]; step: Step }>((tie) => ({
  steps: fc.array(tie('step'), { maxLength: 6 }),
  step: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.record({ do: fc.constant('make' as const) }),
    fc.record({ do: fc.constant('dispose' as const), which: fc.nat(20) }),
    fc.record({ do: fc.constant('keep' as const), which: fc.nat(20) }),
    fc.record({
      do: fc.constant('nest' as const),
      body: tie('steps'),
      returned: fc.array(fc.nat(20), { maxLength: 3 }),
    }),
  ),
})).steps;

/** Where the model thinks that a tensor belongs: a depth, kept, or gone. */
interface Life {
  owner: number | 'kept' | 'gone';
}

function runProgram(program: readonly Step[], depth: number, all: [Tensor, Life][]): void {
  for (const step of program) {
    const chosen = step.do === 'dispose' || step.do === 'keep' ? all[step.which % Math.max(all.length, 1)] : undefined;
    if (step.do === 'make') all.push([zeros([1]), { owner: depth }]);
    else if (step.do === 'nest') {
      scope(() => {
        runProgram(step.body, depth + 1, all);
        const returned = step.returned.flatMap((which) => all.slice(which % Math.max(all.length, 1)).slice(0, 1));
        for (const [, life] of returned) if (life.owner === depth + 1) life.owner = depth;
        for (const [, life] of all) if (life.owner === depth + 1) life.owner = 'gone';
        return returned.map(([t]) => t);
      });
    } else if (chosen !== undefined) {
      const [t, life] = chosen;
      if (step.do === 'dispose') {
        t.dispose();
        life.owner = 'gone';
      } else {
        keep(t);
        if (life.owner !== 'gone') life.owner = 'kept';
      }
    }
  }
}

test('random programs leave exactly the tensors that the rules say', () => {
  fc.assert(
    fc.property(steps, (program) => {
      const before = memory().tensors;
      const all: [Tensor, Life][] = [];
      scope(() => runProgram(program, 0, all));
      for (const [, life] of all) if (life.owner === 0) life.owner = 'gone';
      const expected = all.filter(([, life]) => life.owner === 'kept').length;
      assert.deepEqual(
        all.map(([t]) => t.isAlive),
        all.map(([, life]) => life.owner === 'kept'),
      );
      assert.equal(memory().tensors - before, expected);
      for (const [t] of all) t.dispose();
      assert.equal(memory().tensors, before);
    }),
    { numRuns: 300, seed: 11 },
  );
});
