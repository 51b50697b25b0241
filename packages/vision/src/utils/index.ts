/** @file The `utils` namespace: drawing what networks find. */

export { type Colour, type Colours, classColours, colourPalette, type Rgb, toRgb } from './colours.ts';
export { type DrawBoxesOptions, drawBoundingBoxes } from './draw-boxes.ts';
export { type DrawKeypointsOptions, drawKeypoints } from './draw-keypoints.ts';
export { type DrawMasksOptions, drawSegmentationMasks } from './draw-masks.ts';
export { flowToImage } from './flow-image.ts';
export { type GridOptions, makeGrid, saveImage } from './grid.ts';
export { addFlowLegend, addLegend, type LegendEntry } from './legend.ts';
