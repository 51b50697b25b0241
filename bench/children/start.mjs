/** @file From process start to the result of a first forward pass: what a user waits for. `children/start.py` does the same. */

import { randn } from '@edgeai/torch';
import { getModel } from '@edgeai/vision';

const output = getModel('mobilenet_v2').eval()(randn([1, 3, 64, 64]));
if (output.shape[1] !== 1000) process.exitCode = 1;
