/**
 * @file Imports and runs ONNX's own test models (`apt install libonnx-testdata`) and says what fraction gives the expected results.
 *
 *     node --import tsx --conditions=source packages/onnx/scripts/check-onnx-testdata.ts [--all]
 */

import { existsSync } from 'node:fs';
import { NOT_RELEVANT, type Outcome, runTest, TESTDATA, testNames } from '../src/import/testdata.ts';

if (!existsSync(TESTDATA)) {
  console.error(`${TESTDATA} is not there: apt install libonnx-testdata`);
  process.exit(1);
}

let missed = false;
for (const [kind, wanted] of [
  ['node', 0.95],
  ['pytorch-converted', 1],
  ['pytorch-operator', 1],
] as const) {
  const outcomes = testNames(kind).map((name) => runTest(kind, name));
  const relevant = outcomes.filter(({ status }) => status !== 'not relevant');
  const of = (status: Outcome['status']) => relevant.filter((outcome) => outcome.status === status);
  const share = of('passed').length / relevant.length;
  missed ||= share < wanted;
  console.log(
    `${kind}: ${of('passed').length} of ${relevant.length} passed (${(100 * share).toFixed(1)} %), ${of('failed').length} failed, ${of('unsupported').length} unsupported, ${outcomes.length - relevant.length} not relevant`,
  );
  for (const { name, status, detail } of relevant)
    if (status !== 'passed') console.log(`  ${status}: ${name}: ${detail}`);
  if (kind === 'node') {
    for (const [, reason] of NOT_RELEVANT)
      console.log(
        `  not relevant, ${reason}: ${outcomes.filter((outcome) => outcome.detail === reason && outcome.status === 'not relevant').length}`,
      );
  }
}
process.exitCode = missed ? 1 : 0;
