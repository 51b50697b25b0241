/** @file What surfaces look like: patterns, light and haze. Colours are from 0 to 1. */

import { valueNoise } from './random.ts';
import type { Light, Solid, Street } from './world.ts';
import { roadCentre } from './world.ts';

/** Multiplies the colour of a solid at a point of its surface, in metres. */
export function solidShade(pattern: Solid['pattern'], u: number, v: number, seed: number): number {
  switch (pattern) {
    case 'windows': {
      const column = u / 2.4 - Math.floor(u / 2.4);
      const row = v / 2.9 - Math.floor(v / 2.9);
      const isWindow = column > 0.3 && column < 0.75 && row > 0.35 && row < 0.8;
      return isWindow
        ? 0.35 + 0.25 * valueNoise(Math.floor(u / 2.4), Math.floor(v / 2.9), seed)
        : 0.9 + 0.2 * valueNoise(u * 3, v * 3, seed);
    }
    case 'leaves':
      return 0.55 + 0.7 * valueNoise(u * 5, v * 5, seed) * (0.6 + 0.6 * valueNoise(u * 1.3, v * 1.3, seed + 1));
    case 'cloth':
      return 0.8 + 0.4 * valueNoise(u * 12, v * 8, seed);
    case 'metal':
      return 0.92 + 0.16 * valueNoise(u * 1.5, v * 2.5, seed);
    case 'plain':
      return 0.9 + 0.2 * valueNoise(u * 6, v * 6, seed);
  }
}

/** Which part of the ground a point belongs to. */
export type Ground = 'road' | 'sidewalk' | 'terrain';

export function groundAt(street: Street, x: number, z: number): Ground {
  const offset = Math.abs(x - roadCentre(street, z));
  if (offset < street.roadHalf) return 'road';
  return offset < street.roadHalf + street.sidewalk ? 'sidewalk' : 'terrain';
}

/** The colour of the ground, written to `out`. */
export function groundColour(street: Street, part: Ground, x: number, z: number, out: Float64Array): void {
  const seed = street.seed;
  const offset = x - roadCentre(street, z);
  const base = part === 'road' ? street.roadColour : part === 'sidewalk' ? street.sidewalkColour : street.terrainColour;
  let shade = 0.8 + 0.25 * valueNoise(x * 6, z * 6, seed) + 0.2 * valueNoise(x * 0.7, z * 0.4, seed + 1);
  if (
    part === 'sidewalk' &&
    (Math.abs(x * 1.6 - Math.round(x * 1.6)) < 0.06 || Math.abs(z * 1.6 - Math.round(z * 1.6)) < 0.06)
  )
    shade *= 0.8;
  const middle = Math.abs(offset) < 0.08 && z / 6 - Math.floor(z / 6) < 0.5;
  const edge = Math.abs(Math.abs(offset) - street.roadHalf + 0.25) < 0.07;
  if (part === 'road' && (middle || edge)) {
    out[0] = out[1] = out[2] = 0.85 * shade;
    return;
  }
  out[0] = base[0] * shade;
  out[1] = base[1] * shade;
  out[2] = base[2] * shade;
}

/** Lights a colour on a surface that faces `normal` at a depth, in place. */
export function illuminate(
  light: Light,
  nx: number,
  ny: number,
  nz: number,
  depth: number,
  colour: Float64Array,
): void {
  const { direction, horizon } = light;
  const facing = Math.max(0, nx * direction[0] + ny * direction[1] + nz * direction[2]);
  const brightness = light.ambient + light.strength * facing;
  const clear = Math.exp(-light.haze * depth);
  const kept = brightness * clear;
  const veil = 1 - clear;
  colour[0] = (colour[0] as number) * kept + horizon[0] * veil;
  colour[1] = (colour[1] as number) * kept + horizon[1] * veil;
  colour[2] = (colour[2] as number) * kept + horizon[2] * veil;
}

/** The sky in a direction, written to `out`. */
export function skyColour(light: Light, direction: Float64Array, seed: number, out: Float64Array): void {
  const dx = direction[0] as number;
  const dy = direction[1] as number;
  const dz = direction[2] as number;
  const height = Math.max(0, dy / Math.hypot(dx, dy, dz));
  const share = Math.min(1, height * 3);
  const cloud = height > 0.01 ? Math.max(0, valueNoise((dx / dy) * 1.2, (dz / dy) * 1.2, seed) - 0.55) * 1.2 : 0;
  for (let i = 0; i < 3; i++) {
    const clear = (light.horizon[i] as number) * (1 - share) + (light.sky[i] as number) * share;
    out[i] = clear * (1 - cloud) + cloud;
  }
}
