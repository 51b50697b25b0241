/** @file ONNX's own test models, where Debian's `libonnx-testdata` is installed. */

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, it } from 'node:test';
import { runTest, TESTDATA, testNames } from './testdata.ts';

const skip = existsSync(TESTDATA) ? false : 'apt install libonnx-testdata';

/** Failures that stay, and why. */
const KNOWN: Readonly<Record<string, string>> = {
  // The file wants 2.4 pixels for the size that align_corners divides by; onnxruntime and this importer take the 2 there are.
  test_resize_downsample_scales_cubic_align_corners: 'failed',
  test_resize_downsample_scales_linear_align_corners: 'failed',
  // The operator's definition written out as a loop.
  test_range_float_type_positive_delta_expanded: 'unsupported',
  test_range_int32_type_negative_delta_expanded: 'unsupported',
};

describe('test models of ONNX', { skip }, () => {
  it('at least 95 % of the node tests that concern vision networks give the expected values', () => {
    const outcomes = testNames('node')
      .map((name) => runTest('node', name))
      .filter(({ status }) => status !== 'not relevant');
    const failed = outcomes.filter(({ status }) => status !== 'passed');
    assert.ok(
      failed.length / outcomes.length < 0.05,
      failed.map(({ name, detail }) => `${name}: ${detail}`).join('\n'),
    );
    // torch's bfloat16 is there, but these files hold it as type 4, which is uint16.
    const others = failed.filter(({ name, detail }) => KNOWN[name] === undefined && !detail.includes('element type 4'));
    assert.deepEqual(others, []);
  });

  for (const kind of ['pytorch-converted', 'pytorch-operator']) {
    it(`all of ${kind} give the expected values`, () => {
      const outcomes = testNames(kind).map((name) => runTest(kind, name));
      assert.deepEqual(
        outcomes.filter(({ status }) => status !== 'passed'),
        [],
      );
    });
  }
});
