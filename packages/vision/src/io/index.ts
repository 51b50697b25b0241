/** @file The `io` namespace: reading and writing images and videos. */

export {
  type DecodeOptions,
  decodeFrames,
  decodeImage,
  decodePixels,
  type FramesReadMode,
  loadImage,
  loadPhoto,
  readFrames,
  readImage,
  readPngSamples,
} from './decode.ts';
export { type DecodedImage, ImageReadMode, imageToTensor, tensorToImage } from './decoded-image.ts';
export {
  type EncodeOptions,
  encodeImage,
  encodeJpeg,
  encodePng,
  type ImageFormat,
  type JpegOptions,
  type PngOptions,
  writeImage,
  writeJpeg,
  writePng,
} from './encode.ts';
export { ImageReadError } from './errors.ts';
export { VideoError, type VideoOptions } from './ffmpeg.ts';
export { readFile, writeFile } from './files.ts';
export {
  type ReadVideo,
  type ReadVideoOptions,
  readVideo,
  type WriteVideoOptions,
  writeVideo,
  writeVideoFrames,
} from './video.ts';
export { probeVideo, readVideoTimestamps, type VideoMetadata } from './video-probe.ts';
export { type VideoFrame, VideoReader, type VideoReaderOptions } from './video-reader.ts';
