/** @file What networks cost: parameters, multiply-accumulates, memory. */

export { type ChartOptions, complexityChart, short } from './chart.ts';
export { type Complexity, graphComplexity, groupLayers, type LayerCost, measureComplexity } from './complexity.ts';
export { countMacs } from './count-macs.ts';
export { isConvolution, isTransposed, layerMacs, operatorMacs } from './layer-macs.ts';
export { type PeakMemory, peakMemory } from './memory.ts';
