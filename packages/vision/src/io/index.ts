/** @file The `io` namespace: reading and writing images. */

export { type DecodeOptions, decodeImage, decodePixels, loadImage, readImage } from './decode.ts';
export { type DecodedImage, ImageReadMode, imageToTensor, tensorToImage } from './decoded-image.ts';
export { encodeJpeg, encodePng, type JpegOptions, type PngOptions, writeJpeg, writePng } from './encode.ts';
export { ImageReadError } from './errors.ts';
