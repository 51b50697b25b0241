/** @file The `visual` namespace: maps as pictures. */

export { chromaBlend } from './chroma-blend.ts';
export { type ColourMapName, colourMap, colourMapNames, colourValues } from './colour-maps.ts';
export { flowColours } from './flow-colours.ts';
