/** @file Pascal VOC's annotations: XML as nested records, and as the tensors that detectors learn from. */

import { invalid } from '../files/text.ts';
import { parseXml, type XmlElement } from '../files/xml.ts';
import { type DetectedObject, type DetectionTarget, detectionTarget } from './detection-target.ts';

/** Text, or fields by name; fields that occur several times are arrays. */
export type VocValue = string | VocRecord | readonly VocValue[];
export interface VocRecord {
  readonly [field: string]: VocValue;
}

/** An annotation as torchvision gives it: `{ annotation: { size: { width: '500', … }, object: [ … ] } }`; all values are text. */
export interface VocAnnotation {
  readonly annotation: VocRecord & { readonly object: readonly VocRecord[] };
}

/** @param path what to call the file in errors @throws {FileFormatError} for what is not XML @throws {DatasetError} for another root */
export function parseVoc(text: string, path: string): VocAnnotation {
  const root = parseXml(text, path);
  if (root.name !== 'annotation') throw invalid(path, `its root element is <${root.name}>, expected <annotation>`);
  const content = recordOf(root);
  const record = typeof content === 'string' ? {} : content;
  const { object = [] } = record;
  const objects = (Array.isArray(object) ? object : [object]) as readonly VocValue[];
  return { annotation: { ...record, object: objects.filter((item): item is VocRecord => isRecord(item)) } };
}

function isRecord(value: VocValue | undefined): value is VocRecord {
  return typeof value === 'object' && !Array.isArray(value);
}

function recordOf(element: XmlElement): string | VocRecord {
  if (element.children.length === 0) return element.text;
  const fields: Record<string, VocValue[]> = {};
  for (const child of element.children) {
    fields[child.name] ??= [];
    fields[child.name]?.push(recordOf(child));
  }
  return Object.fromEntries(
    Object.entries(fields).map(([name, list]) => [name, list.length === 1 ? (list[0] as VocValue) : list]),
  );
}

/** One object of an annotation. */
export interface VocObject {
  readonly name: string;
  /** Left, top, right, bottom, as the file counts pixels: from 1. */
  readonly box: readonly [number, number, number, number];
  readonly difficult: boolean;
}

/** The objects of an annotation. @throws {DatasetError} for one without a name or a box of numbers */
export function vocObjects({ annotation }: VocAnnotation, path: string): VocObject[] {
  return annotation.object.map((object, i) => {
    const { name, bndbox, difficult } = object;
    if (typeof name !== 'string' || !isRecord(bndbox)) throw invalid(path, `object ${i + 1} lacks a name or a bndbox`);
    const [left, top, right, bottom] = ['xmin', 'ymin', 'xmax', 'ymax'].map((side) => {
      const text = bndbox[side];
      const value = typeof text === 'string' && text !== '' ? Number(text) : Number.NaN;
      if (!Number.isFinite(value))
        throw invalid(path, `object ${i + 1} (${name}) has ${JSON.stringify(text)} as ${side}`);
      return value;
    }) as [number, number, number, number];
    return { name, box: [left, top, right, bottom], difficult: difficult === '1' };
  });
}

/** Which objects are used, and how classes are counted. */
export interface VocTargetOptions {
  /** Number of the picture in its data set. Default 0. */
  imageId?: number;
  /** Default true. */
  difficult?: boolean;
}

/**
 * The tensors for an annotation. Corners are taken as the file has them; the class is a name's place in `classes`, from 1 on,
 * since 0 is the ground.
 *
 * @throws {DatasetError} for a name that is not among the classes
 */
export function vocTarget(
  annotation: VocAnnotation,
  classes: readonly string[],
  path: string,
  options: VocTargetOptions = {},
): DetectionTarget {
  const objects = vocObjects(annotation, path)
    .filter(({ difficult }) => (options.difficult ?? true) || !difficult)
    .map(({ name, box, difficult }): DetectedObject => {
      const label = classes.indexOf(name) + 1;
      if (label === 0) throw invalid(path, `${JSON.stringify(name)} is none of the classes ${classes.join(', ')}`);
      return { box, label, iscrowd: difficult };
    });
  const { kept: _, ...target } = detectionTarget(objects, options.imageId ?? 0);
  return target;
}
