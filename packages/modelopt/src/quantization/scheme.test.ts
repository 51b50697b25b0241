/** @file Schemes are data: names, targets and rules give the schemes that the documentation promises. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ArgumentError } from '@edgeai/torch';
import { mixedPrecision, resolveConfig, schemeFor } from './config.ts';
import { getQConfig, qconfigNames } from './qconfig.ts';
import { defineScheme, describeScheme, quantLimits } from './scheme.ts';
import { getTarget, quantizationTargets } from './targets.ts';

test('limits follow from bits and sign', () => {
  assert.deepEqual(quantLimits(8, true), { quantMin: -128, quantMax: 127 });
  assert.deepEqual(quantLimits(8, true, true), { quantMin: -127, quantMax: 127 });
  assert.deepEqual(quantLimits(8, false), { quantMin: 0, quantMax: 255 });
  assert.deepEqual(quantLimits(4, true), { quantMin: -8, quantMax: 7 });
  assert.deepEqual(quantLimits(16, false), { quantMin: 0, quantMax: 65535 });
});

test('schemes that cannot be are refused with what was expected', () => {
  assert.throws(() => defineScheme({ bits: 1 }), /integer 2 … 16 for bits but received 1/);
  assert.throws(() => defineScheme({ fixedRange: [1, 2] }), ArgumentError);
  assert.throws(() => defineScheme({ granularity: { groupSize: 0 } }), ArgumentError);
  assert.throws(() => defineScheme({ widths: 3 } as object), /has no 'widths'/);
  assert.throws(() => getQConfig('WC9_AT9'), /one of WC8_AT8, /);
});

test('every type of the original goes by its name', () => {
  const described = Object.fromEntries(
    qconfigNames.map((name) => {
      const { weight, activation } = getQConfig(name);
      return [name, `${describeScheme(weight)} / ${describeScheme(activation)}`];
    }),
  );
  assert.deepEqual(described, {
    WC8_AT8: 'int8 per-channel / uint8 affine',
    MSA_WC8_AT8: 'int8 per-channel / uint8 affine',
    DEFAULT: 'int8 per-channel / uint8 affine',
    WT8SYMP2_AT8SYMP2: 'int8 pow2 / int8/uint8 pow2',
    WC8SYMP2_AT8SYMP2: 'int8 per-channel pow2 / int8/uint8 pow2',
    WC8SYMP2_AT8SYMP2R4: 'int8 per-channel pow2 / int8/uint8 pow2',
    WC8P2_AT8P2: 'int8 per-channel pow2 / uint8 affine pow2',
    MSA_WC8P2_AT8P2: 'int8 per-channel pow2 / uint8 affine pow2',
    WC4_AT8: 'int4 per-channel / uint8 affine',
    WC4M4_AT8: 'int4 per-channel / uint8 affine',
    WC16_AT16: 'int16 per-channel / uint16 affine',
    WT8SP2_AT8SP2: 'int8 pow2 / int8/uint8 pow2',
    WC4R4_AT8: 'int4 per-channel / uint8 affine',
    WC4_AT4: 'int4 per-channel / uint4 affine',
    WC4R4_AT4R4: 'int4 per-channel / uint4 affine',
  });
  assert.deepEqual(getQConfig('WC8SYMP2_AT8SYMP2R4').activation.fixedRange, [-4, 4]);
  assert.equal(getQConfig('WC4M4_AT8').weight.rangeLimit, 4);
});

test('targets are profiles', () => {
  assert.deepEqual(quantizationTargets, ['generic-int8', 'tidl', 'tidl-pow2', 'esp32']);
  const pow2 = getTarget('tidl-pow2').qconfig;
  assert.ok(pow2.weight.powerOfTwo && pow2.activation.powerOfTwo);
  assert.equal(pow2.weight.granularity, 'tensor');
  assert.equal(pow2.activation.symmetric, true);
  assert.equal(getTarget('esp32').qconfig.activation.signed, true);
  assert.throws(() => getTarget('dsp'), /one of generic-int8, tidl, tidl-pow2, esp32 for target but received "dsp"/);
});

test('rules by path and operator change schemes, later ones last', () => {
  const config = resolveConfig({
    target: 'tidl',
    overrides: [
      { layers: 'features.*', weight: { bits: 4 } },
      { layers: '**.fc', weight: { bits: 16 }, activation: { bits: 16 } },
      { operators: ['gelu'], activation: null },
    ],
  });
  const weight = (path: string) => schemeFor(config, 'weight', { path, operator: 'conv2d' })?.bits;
  assert.equal(weight('features.0'), 4);
  assert.equal(weight('features.0.1'), 8);
  assert.equal(weight('head.fc'), 16);
  const activation = (operator: string) => schemeFor(config, 'activation', { path: 'x', operator });
  assert.equal(activation('conv2d')?.symmetric, false);
  assert.equal(activation('max_pool')?.symmetric, true);
  assert.equal(activation('gelu'), null);
});

test('a second type for input, first and last layer becomes rules', () => {
  const { qconfig, overrides } = mixedPrecision('WC4_AT8+WC16_AT16', { input: 'x', first: 'conv1', last: 'fc' });
  const config = resolveConfig({ qconfig, overrides });
  const bits = (path: string) => schemeFor(config, 'weight', { path, operator: 'conv2d' })?.bits;
  assert.deepEqual([bits('conv1'), bits('layer1.conv1'), bits('fc')], [16, 4, 16]);
  assert.equal(schemeFor(config, 'activation', { path: 'x', operator: 'input' })?.bits, 16);
  assert.throws(() => resolveConfig({ qconfig: 'A+B' }), /mixedPrecision/);
});

test('an option that is not there is named', () => {
  assert.throws(() => resolveConfig({ bits: 4 } as object), /no option 'bits'/);
});
