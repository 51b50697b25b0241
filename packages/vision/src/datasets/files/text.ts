/** @file Reads lists and JSON of data sets; what is missing or malformed is an error that names the file. */

import { readFileSync } from 'node:fs';
import { DatasetError } from '../errors.ts';

/** The text of a file. @throws {DatasetError} naming the file */
export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const reason = missing ? 'there is no such file' : (error as Error).message;
    throw new DatasetError(missing ? 'DATASET_NOT_FOUND' : 'DATASET_INVALID', path, `${path}: ${reason}`, {
      cause: error,
    });
  }
}

/** The lines of a file that are not blank, trimmed. @throws {DatasetError} naming the file */
export function readLines(path: string): string[] {
  return readText(path)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** The value in a JSON file. @throws {DatasetError} naming the file */
export function readJson(path: string): unknown {
  const text = readText(path);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalid(path, `it is not readable as JSON: ${(error as Error).message}`, error);
  }
}

/** An error about the content of a file of a data set. */
export function invalid(path: string, reason: string, cause?: unknown): DatasetError {
  return new DatasetError('DATASET_INVALID', path, `${path}: ${reason}`, cause === undefined ? undefined : { cause });
}

/** A whole number in a text file. @throws {DatasetError} naming file and value */
export function wholeNumber(text: string | undefined, path: string, what: string): number {
  if (text === undefined || !/^-?\d+$/.test(text))
    throw invalid(
      path,
      `expected a whole number as ${what} but found ${text === undefined ? 'nothing' : JSON.stringify(text)}`,
    );
  return Number(text);
}

/** The number of a class name. @throws {DatasetError} naming file and class */
export function classNumber(classes: ReadonlyMap<string, number>, name: string, path: string): number {
  const found = classes.get(name);
  if (found === undefined) throw invalid(path, `${JSON.stringify(name)} is none of the ${classes.size} classes`);
  return found;
}

/** Names by number as a map the other way round. */
export function numbered(names: readonly string[]): ReadonlyMap<string, number> {
  return new Map(names.map((name, i) => [name, i]));
}
