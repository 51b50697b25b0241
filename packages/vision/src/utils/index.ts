/** @file The `utils` namespace: drawing what networks find. */

export { type Colour, classColours, colourPalette, type Rgb, toRgb } from './colours.ts';
export { type DrawMasksOptions, drawSegmentationMasks } from './draw-masks.ts';
export { flowToImage } from './flow-image.ts';
export { addFlowLegend, addLegend, type LegendEntry } from './legend.ts';
