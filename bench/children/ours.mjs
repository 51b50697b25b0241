/**
 * @file The product's side of a comparison: answers each line `{"task": …}` on standard input with one line of JSON.
 *
 * Plain JavaScript on the compiled packages, so that what is measured is what is shipped. `children/theirs.py` answers the same tasks.
 */

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { exportOnnx } from '@edgeai/onnx';
import {
  data,
  fx,
  manualSeed,
  memory,
  nn,
  noGrad,
  optim,
  randint,
  randn,
  scope,
  setNumThreads,
  tensor,
  zeros,
} from '@edgeai/torch';
import { datasets, getModel, models, transforms } from '@edgeai/vision';

const seconds = (fn) => {
  const start = process.hrtime.bigint();
  fn();
  return Number(process.hrtime.bigint() - start) / 1e9;
};

/** Peak and current resident memory in MiB. */
function resident() {
  const status = readFileSync('/proc/self/status', 'utf8');
  const read = (key) => Number(new RegExp(`${key}:\\s+(\\d+)`).exec(status)?.[1]) / 1024;
  return { peakMiB: read('VmHWM'), rssMiB: read('VmRSS') };
}

let four;
let state;

/** A network with its optimiser and one fixed batch. */
function prepare({ model, batch, size, channelsLast, classes = 1000 }) {
  manualSeed(0);
  const network = getModel(model, { numClasses: classes });
  const format = channelsLast ? { memoryFormat: 'channels_last' } : undefined;
  if (format !== undefined) network.to(format);
  const plain = randn([batch, 3, size, size]);
  const images = format === undefined ? plain : plain.contiguous(format);
  const labels = randint(0, classes, [batch]);
  const optimizer = new optim.SGD(network.parameters(), { lr: 0.01, momentum: 0.9, weightDecay: 1e-4 });
  state = { network, images, labels, optimizer, criterion: new nn.CrossEntropyLoss(), ...format };
}

const photoTransform = () =>
  new transforms.Compose([
    new transforms.RandomResizedCrop(224),
    new transforms.RandomHorizontalFlip(),
    new transforms.ToTensor(),
    new transforms.Normalize(transforms.IMAGENET_MEAN, transforms.IMAGENET_STD),
  ]);

function trainStep(images = state.images, labels = state.labels) {
  const { network, optimizer, criterion, memoryFormat } = state;
  return scope(() => {
    const input = memoryFormat === undefined ? images : images.contiguous(memoryFormat);
    const loss = criterion(network(input), labels);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    return loss.item();
  });
}

const tasks = {
  threads: ({ count }) => {
    setNumThreads(count);
    return {};
  },
  add: ({ count }) => {
    four ??= tensor([1, 2, 3, 4], { dtype: 'float32' });
    const rounds = count / 500;
    const time = seconds(() => {
      for (let i = 0; i < rounds; i++)
        scope(() => {
          for (let k = 0; k < 500; k++) four.add(four);
        });
    });
    return { seconds: time / count };
  },
  backward: ({ count }) => {
    const x = tensor([1, 2, 3, 4], { dtype: 'float32', requiresGrad: true });
    const time = seconds(() => {
      for (let i = 0; i < count; i++) scope(() => x.mul(x).sum().backward());
    });
    x.dispose();
    return { seconds: time / count };
  },
  prepare: (options) => {
    prepare(options);
    return {};
  },
  train: ({ count }) => {
    state.network.train();
    let loss = 0;
    const time = seconds(() => {
      for (let i = 0; i < count; i++) loss = trainStep();
    });
    return { seconds: time / count, loss };
  },
  infer: ({ count }) => {
    state.network.eval();
    const time = seconds(() => {
      for (let i = 0; i < count; i++)
        scope(() => {
          noGrad(() => state.network(state.images));
        });
    });
    return { seconds: time / count };
  },
  /** Captures every classifier once at its own size; the slowest. */
  captureAll: () => {
    const slowest = { seconds: 0, name: '' };
    for (const name of models.listModels({ task: 'classification' })) {
      const network = models.getModel(name).eval();
      const time = scope(() => {
        const inputs = models.getModelInfo(name).inputShapes.map((shape) => zeros([...shape]));
        return seconds(() => fx.capture(network, inputs).dispose());
      });
      network.dispose();
      if (time > slowest.seconds) Object.assign(slowest, { seconds: time, name });
    }
    return slowest;
  },
  exportOnnx: ({ model, size }) => {
    const network = models.getModel(model).eval();
    const time = scope(() => {
      const inputs = [zeros([1, 3, size, size])];
      return seconds(() => exportOnnx(network, inputs));
    });
    network.dispose();
    return { seconds: time };
  },
  /** Passes over a folder of photos with persistent workers, after `warm` passes that do not count. */
  load: async ({ folder, workers, batch, packed, warm, passes }) => {
    const file = `${folder}.pack`;
    if (packed) await datasets.packDataset(new datasets.ImageFolder(folder), file);
    const transform = photoTransform();
    const set = packed
      ? new datasets.PackedDataset(file, { transform })
      : new datasets.ImageFolder(folder, { transform });
    const options = { batchSize: batch, shuffle: true, workers, persistentWorkers: true };
    const loader = new data.DataLoader(set, options);
    let images = 0;
    let begin = 0n;
    for (let pass = 0; pass < warm + passes; pass++) {
      if (pass === warm) [images, begin] = [0, process.hrtime.bigint()];
      for await (const [pictures] of loader) images += pictures.size(0);
    }
    const time = Number(process.hrtime.bigint() - begin) / 1e9;
    await loader.close();
    return { images, seconds: time };
  },
  trainFromPhotos: async ({ folder, workers, batch, count }) => {
    state.network.train();
    const set = new datasets.ImageFolder(folder, { transform: photoTransform() });
    const loader = new data.DataLoader(set, { batchSize: batch, shuffle: true, dropLast: true, workers });
    let done = -1;
    let begin = 0n;
    for await (const [images, labels] of loader) {
      // The first step waits for the first images.
      if (done === 0) begin = process.hrtime.bigint();
      trainStep(images, labels);
      if (++done === count) break;
    }
    return { seconds: Number(process.hrtime.bigint() - begin) / 1e9 / count };
  },
  resident: () => ({ ...resident(), tensors: memory().tensors }),
  /** Many steps of a small network: what is alive and resident must not grow. */
  endurance: ({ steps }) => {
    const network = new nn.Sequential(
      new nn.Conv2d(3, 8, 3),
      new nn.BatchNorm2d(8),
      new nn.ReLU(),
      new nn.Flatten(),
      new nn.Linear(8 * 36, 10),
    );
    const optimizer = new optim.SGD(network.parameters(), { lr: 0.01, momentum: 0.9 });
    const criterion = new nn.CrossEntropyLoss();
    const images = randn([16, 3, 8, 8]);
    const labels = randint(0, 10, [16]);
    const readings = [];
    for (let step = 1; step <= steps; step++) {
      scope(() => {
        optimizer.zeroGrad();
        criterion(network(images), labels).backward();
        optimizer.step();
      });
      if (step % (steps / 10) === 0) readings.push({ step, rssMiB: resident().rssMiB, tensors: memory().tensors });
    }
    return { readings };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  process.stdout.write(`${JSON.stringify(await tasks[request.task](request))}\n`);
}
