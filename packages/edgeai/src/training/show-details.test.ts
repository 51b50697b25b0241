/** @file Confusion matrices as pictures: dark where classes are taken for others, and by shares of each row. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectNoLeaks, scope } from '@edgeai/torch';

import { drawMatrix } from './show-details.ts';

test('a matrix is drawn in square cells by shares of its rows', () =>
  expectNoLeaks(() =>
    scope(() => {
      const picture = drawMatrix([
        [3, 1],
        [0, 0],
      ]);
      const [channels, height = 0, width = 0] = picture.shape;
      assert.deepEqual([channels, height], [3, width]);
      const at = (row: number, column: number) =>
        picture
          .select(2, (column * 2 + 1) * (width / 4))
          .select(1, (row * 2 + 1) * (height / 4))
          .toArray();
      assert.deepEqual(at(0, 0), [70, 100, 144]);
      assert.deepEqual(at(0, 1), [193, 203, 218]);
      // Nothing is of the second class.
      assert.deepEqual(
        [at(1, 0), at(1, 1)],
        [
          [255, 255, 255],
          [255, 255, 255],
        ],
      );
    }),
  ));
