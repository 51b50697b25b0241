/** @file The images that a command is given: files and folders, read one after the other, and names for what is made of them. */

import { readdirSync, statSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import type { Tensor } from '@edgeai/torch';
import { io } from '@edgeai/vision';

import { FailureError } from '../errors.ts';

const EXTENSIONS = new Set([
  '.jpg',
  '.jpeg',
  '.png',
  '.webp',
  '.gif',
  '.tif',
  '.tiff',
  '.bmp',
  '.ppm',
  '.pgm',
  '.avif',
]);

/** The images that paths name: files as they are, folders with all images in them and below, sorted. */
export function listImages(paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    if (!statSync(path).isDirectory()) return [path];
    const names = readdirSync(path, { recursive: true, encoding: 'utf8' });
    const images = names.filter((name) => EXTENSIONS.has(extname(name).toLowerCase())).sort();
    if (images.length === 0) throw new FailureError('NO_IMAGES', `--input ${path}: there are no images in the folder`);
    return images.map((name) => join(path, name));
  });
}

/** An image that could not be read, with the reason, which names the file. */
export interface FailedImage {
  file: string;
  error: string;
}

/** Reads an image as uint8 `(3, H, W)`; one that cannot be read is an answer, not an error, so that the rest goes on. */
export async function readImage(file: string): Promise<Tensor | FailedImage> {
  try {
    return await io.readImage(file, 'RGB');
  } catch (error) {
    return { file, error: error instanceof Error ? error.message : String(error) };
  }
}

/** A name without ending for each file, all different. */
export function outputNames(files: readonly string[]): string[] {
  const taken = new Set<string>();
  return files.map((file) => {
    const stem = basename(file, extname(file));
    let name = stem;
    for (let count = 2; taken.has(name); count++) name = `${stem}-${count}`;
    taken.add(name);
    return name;
  });
}
