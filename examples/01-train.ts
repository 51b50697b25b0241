/** @file Trains a MobileNetV2 on Fashion-MNIST with a loop of one's own: `npx tsx examples/01-train.ts`. */

import { data, manualSeed, nn, optim, scope } from '@edgeai/torch';
import { datasets, getModel, transforms } from '@edgeai/vision';

manualSeed(0);
const { Compose, Pad, ConvertImageDtype, Normalize } = transforms;
const transform = new Compose([new Pad(2), new ConvertImageDtype('float32'), new Normalize([0.286], [0.353])]);
const train = new datasets.FashionMNIST(undefined, { train: true, transform });
const model = getModel('mobilenet_v2', { numClasses: 10 });
const optimizer = new optim.SGD(model.parameters(), { lr: 0.05, momentum: 0.9, weightDecay: 4e-5 });
const criterion = new nn.CrossEntropyLoss();

let step = 0;
for await (const [images, labels] of new data.DataLoader(train, { batchSize: 64, shuffle: true })) {
  const loss = scope(() => {
    const loss = criterion(model(images.expand([-1, 3, -1, -1])), labels);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    return loss.item();
  });
  if (step++ % 20 === 0) console.log(`step ${step}  loss ${loss.toFixed(3)}`);
  if (step > 200) break;
}
