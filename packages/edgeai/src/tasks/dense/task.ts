/** @file Dense prediction as a task of the training loop: samples, network, losses of several maps weighed against each other, figures. */

import { type data, dispose, inferenceMode, keep, type nn, scope, type Tensor } from '@edgeai/torch';
import { datasets, losses, type transforms, models as xmodels } from '@edgeai/xvision';

import type { DenseConfig } from '../../recipes/dense-options.ts';
import type { Json } from '../../recipes/kinds.ts';
import type { EvaluationTask, Placement, StepResult, Task, TaskFacts } from '../../training/task.ts';
import type { TaskLog } from '../classification/build-model.ts';
import { loaderOf, openSamples, pipelineOf } from './data.ts';
import { factsOf } from './facts.ts';
import { kindsOf, makeLosses, type TaskLoss } from './maps.ts';
import { DECISIVE, DenseMeter, toSizeOf } from './meter.ts';
import { buildNetwork, networkOptions, runNetwork } from './network.ts';
import { type NamedPicture, picturesOf } from './pictures.ts';

type Batches = data.DataLoader<transforms.DenseSample, datasets.DenseBatch>;
type Output = readonly Tensor[];

/** What an auxiliary head's loss counts. */
const AUXILIARY = 0.5;

/** Opens the data, then builds the network for its maps. */
export async function openDenseTask(
  name: string,
  config: DenseConfig,
  log: TaskLog,
): Promise<Task<datasets.DenseBatch, Output>> {
  const train = openSamples(config, 'train');
  const evaluation = openSamples(config, 'val');
  log.info(`data: ${train.length} samples to train, ${evaluation.length} to evaluate`);
  const options = networkOptions(config, train.targets, config.quantization !== null);
  const model = await buildNetwork(config, options, { exact: false, log });
  return new DenseTask({ name, config, options, model, train, evaluation });
}

/** Opens only what an evaluation needs; the weights must fit the network exactly. */
export async function openDenseEvaluation(config: DenseConfig, log: TaskLog): Promise<DenseNetwork> {
  const evaluation = openSamples(config, 'val');
  const model = await buildNetwork(config, networkOptions(config, evaluation.targets), { exact: true, log });
  if (config.weights === null) log.warn('no --weights: these are the figures of an untrained network');
  return new DenseNetwork(config, model, evaluation);
}

/** A network and samples to measure it on. */
export class DenseNetwork implements EvaluationTask<datasets.DenseBatch, Output> {
  readonly model: nn.AnyModule;
  readonly evaluation: Batches;
  readonly weighting: losses.TaskWeighting;
  protected readonly targets: readonly datasets.TargetInfo[];
  readonly #losses: readonly TaskLoss[];

  constructor(config: DenseConfig, model: nn.AnyModule, evaluation: datasets.DenseDataset) {
    this.model = model;
    this.targets = evaluation.targets;
    this.evaluation = loaderOf(config, evaluation, false);
    this.#losses = makeLosses(config, evaluation.targets);
    const factors = config.multiTaskFactors;
    this.weighting = losses.makeTaskWeighting(config.multiTaskType, evaluation.targets.length, { factors });
    if (model instanceof xmodels.Pixel2PixelNet && evaluation.targets.length > 1)
      model.splitFeatures = (features, decoders) => this.weighting.split(features, decoders);
  }

  sizeOf({ targets }: datasets.DenseBatch): number {
    return targets[0]?.size(0) ?? 0;
  }

  place({ images, targets }: datasets.DenseBatch, { device, memoryFormat }: Placement): datasets.DenseBatch {
    return {
      images: images.map((image) => image.to({ device, memoryFormat })),
      targets: targets.map((target) => target.to({ device })),
    };
  }

  step(model: nn.AnyModule, { images, targets }: datasets.DenseBatch): StepResult<Output> {
    const { maps, auxiliary } = runNetwork(model, images);
    const loss = this.lossOf(model, maps, targets);
    if (auxiliary === null) return { loss, output: maps };
    const extra = this.#lossOf(0, auxiliary, targets[0] as Tensor);
    return { loss: extra === null ? loss : loss.add(extra.mul(AUXILIARY)), output: maps };
  }

  /** The losses of all maps together. @param model its mode says how they are weighed */
  lossOf(model: nn.AnyModule, maps: readonly Tensor[], targets: readonly Tensor[]): Tensor {
    return this.#combine(
      model,
      maps.map((map, i) => this.#lossOf(i, map, targets[i] as Tensor)),
    );
  }

  /** `null` where nothing in the batch is known of the task. */
  #lossOf(task: number, map: Tensor, target: Tensor): Tensor | null {
    const kind = this.targets[task]?.kind ?? 'segmentation';
    const loss = (this.#losses[task] as TaskLoss)(toSizeOf(map, target, kind), target);
    return Number.isNaN(loss.item()) && this.#isEmpty(task, target) ? null : loss;
  }

  #isEmpty(task: number, target: Tensor): boolean {
    const info = this.targets[task];
    const unknown = info !== undefined && datasets.isClasses(info) ? target.eq(datasets.IGNORE) : target.eq(0);
    return Boolean(unknown.all().item());
  }

  /** Evaluations add the losses as they are: weights that training learned would make epochs incomparable. */
  #combine(model: nn.AnyModule, parts: readonly (Tensor | null)[]): Tensor {
    if (model.training) return this.weighting(parts);
    const known = parts.filter((part): part is Tensor => part !== null);
    const [first, ...rest] = known;
    if (first === undefined) return this.weighting(parts);
    return rest.reduce((sum, part) => sum.add(part), first);
  }

  meter(): DenseMeter {
    return new DenseMeter(this.targets);
  }
}

interface Parts {
  name: string;
  config: DenseConfig;
  options: Readonly<Record<string, Json>>;
  model: nn.AnyModule;
  train: datasets.DenseDataset;
  evaluation: datasets.DenseDataset;
}

class DenseTask extends DenseNetwork implements Task<datasets.DenseBatch, Output> {
  readonly name: string;
  readonly decisive: (typeof DECISIVE)[keyof typeof DECISIVE];
  readonly facts: TaskFacts;
  readonly training: Batches;
  readonly companion?: nn.AnyModule;
  readonly #evaluationData: datasets.DenseDataset;
  readonly #pipeline: transforms.DensePipelineOptions;
  /** Evaluation samples that are drawn for TensorBoard. */
  readonly #shown: number;

  constructor({ name, config, options, model, train, evaluation }: Parts) {
    super(config, model, evaluation);
    const kinds = kindsOf(config);
    this.name = name;
    this.decisive = DECISIVE[config.pivotTask ?? kinds[0] ?? 'segmentation'];
    this.training = loaderOf(config, train, true);
    if (kinds.length > 1) this.companion = this.weighting;
    this.#evaluationData = evaluation;
    this.#pipeline = pipelineOf(config);
    this.#shown = config.tensorboardNumImgs;
    this.facts = factsOf(name, config, options, this.targets);
  }

  get modelName(): string {
    return this.facts.model;
  }

  beginEpoch(epoch: number): void {
    if (epoch > 0) this.weighting.endEpoch();
  }

  async pictures(model: nn.AnyModule, placement: Placement): Promise<NamedPicture[]> {
    const found: NamedPicture[] = [];
    for (let i = 0; i < Math.min(this.#shown, this.#evaluationData.length); i++) {
      const sample = await this.#evaluationData.get(i);
      found.push(
        ...inferenceMode(() =>
          scope(() => {
            const batch = sample.images.map(({ map }) =>
              map.unsqueeze(0).to({ device: placement.device, memoryFormat: placement.memoryFormat }),
            );
            const { maps } = runNetwork(model, batch);
            return picturesOf(sample, this.targets, maps, this.#pipeline, i);
          }),
        ),
      );
      dispose([...sample.images, ...sample.targets].map(({ map }) => map));
    }
    return found;
  }

  async samples(count: number): Promise<Tensor[][]> {
    const found: Tensor[][] = [];
    for (let i = 0; i < Math.min(count, this.#evaluationData.length); i++) {
      const sample = await this.#evaluationData.get(i);
      found.push(scope(() => sample.images.map(({ map }) => keep(map.unsqueeze(0)))));
      dispose(sample.targets.map(({ map }) => map));
    }
    return found;
  }
}
