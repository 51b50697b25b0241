/** @file Colours: how they may be given, torchvision's palette, and one in which neighbouring classes are easy to tell apart. */

import { ArgumentError } from '@edgeai/torch';
import { COLOUR_NAMES } from './colour-names.ts';

/** Red, green and blue, 0 … 255. */
export type Rgb = readonly [red: number, green: number, blue: number];

/** A colour by its numbers, as `#rgb` or `#rrggbb`, or by its name in CSS. */
export type Colour = Rgb | string;

/** One for all, or one for each. */
export type Colours = Colour | readonly Colour[];

/** The numbers of a colour. @throws {ArgumentError} for what is none */
export function toRgb(colour: Colour): Rgb {
  if (typeof colour !== 'string') {
    const whole = colour.length === 3 && colour.every((part) => Number.isInteger(part) && part >= 0 && part <= 255);
    if (!whole) throw ArgumentError.expected('colour', 'three whole numbers from 0 to 255', `[${colour.join(', ')}]`);
    return colour;
  }
  const digits = COLOUR_NAMES.get(colour.toLowerCase()) ?? /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(colour)?.[1];
  if (digits === undefined) throw ArgumentError.expected('colour', '#rgb, #rrggbb or a name that CSS has', colour);
  const size = digits.length / 3;
  const part = (i: number) => Number.parseInt(digits.slice(i * size, (i + 1) * size).repeat(3 - size), 16);
  return [part(0), part(1), part(2)];
}

/** The colours that torchvision gives to `count` objects; the first one is black. */
export function colourPalette(count: number): Rgb[] {
  return Array.from({ length: count }, (_, i) => [i % 255, (i * 127) % 255, (i * 31) % 255]);
}

/** A colour for each of `count` objects: the given one, the first of the given ones, or torchvision's palette. */
export function coloursFor(count: number, given: Colours | undefined): Rgb[] {
  if (given === undefined) return colourPalette(count);
  if (!isList(given)) return new Array<Rgb>(count).fill(toRgb(given));
  if (given.length < count) throw ArgumentError.expected('colors', `at least ${count} colours`, given);
  return given.slice(0, count).map(toRgb);
}

/** Whether several colours are given, rather than one. */
export function isList(colours: Colours): colours is readonly Colour[] {
  return typeof colours !== 'string' && typeof colours[0] !== 'number';
}

/** Turns the hue by the golden angle from class to class, so that none of the first dozens look alike. */
export function classColours(count: number): Rgb[] {
  return Array.from({ length: count }, (_, i) => {
    const brightness = [1, 0.78, 0.9][i % 3] ?? 1;
    const saturation = [0.85, 0.7, 0.55, 0.95][i % 4] ?? 1;
    return fromHsv((i * 137.508) % 360, saturation, brightness);
  });
}

function fromHsv(hue: number, saturation: number, value: number): Rgb {
  const channel = (offset: number) => {
    const k = (offset + hue / 60) % 6;
    return Math.round(255 * (value - value * saturation * Math.max(0, Math.min(k, 4 - k, 1))));
  };
  return [channel(5), channel(3), channel(1)];
}
