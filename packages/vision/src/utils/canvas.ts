/** @file An image to draw on: rectangles, discs, lines and text, pixel for pixel as Pillow's ImageDraw sets them. */

import type { Tensor } from '@edgeai/torch';
import { imageToTensor, tensorToImage } from '../io/decoded-image.ts';
import type { Rgb } from './colours.ts';
import { forEachDot, textDots } from './font.ts';

/** Rounds halves away from zero, and towards it. */
const roundUp = (value: number) => Math.sign(value) * Math.floor(Math.abs(value) + 0.5);
const roundDown = (value: number) => Math.sign(value) * Math.ceil(Math.abs(value) - 0.5);

/** A side of a polygon, from its upper to its lower end. */
interface Edge {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
  readonly x: number;
  readonly y: number;
  /** Change of x from row to row. */
  readonly slope: number;
}

export class Canvas {
  readonly width: number;
  readonly height: number;
  readonly #data: Uint8Array;

  /** @param image uint8 [1 or 3, height, width]; it is copied */
  constructor(image: Tensor) {
    const { data, height, width, channels } = tensorToImage(image);
    this.width = width;
    this.height = height;
    this.#data = channels === 3 ? data : new Uint8Array(3 * width * height);
    if (channels === 1) for (let i = 0; i < this.#data.length; i++) this.#data[i] = data[Math.floor(i / 3)] as number;
  }

  /** uint8 [3, height, width] */
  toTensor(): Tensor {
    return imageToTensor({ data: this.#data, height: this.height, width: this.width, channels: 3 });
  }

  /** A row of pixels; both ends belong to it. @param opacity 0 … 255 */
  row(x0: number, y: number, x1: number, colour: Rgb, opacity = 255): void {
    if (y < 0 || y >= this.height) return;
    for (let x = Math.max(0, x0); x <= Math.min(x1, this.width - 1); x++) {
      const at = (y * this.width + x) * 3;
      for (let c = 0; c < 3; c++) {
        const sum = (this.#data[at + c] as number) * (255 - opacity) + (colour[c] as number) * opacity + 128;
        // A rounded division by 255.
        this.#data[at + c] = ((sum >> 8) + sum) >> 8;
      }
    }
  }

  /** Corners belong to it. */
  rectangle(x0: number, y0: number, x1: number, y1: number, colour: Rgb, opacity = 255): void {
    for (let y = Math.max(0, y0); y <= Math.min(y1, this.height - 1); y++) this.row(x0, y, x1, colour, opacity);
  }

  /** The border of a rectangle, within it. @param width of the border, in pixels */
  frame(x0: number, y0: number, x1: number, y1: number, colour: Rgb, width: number): void {
    for (let i = 0; i < width; i++) {
      this.row(x0, y0 + i, x1, colour);
      this.row(x0, y1 - i, x1, colour);
    }
    this.rectangle(x0, y0, x0 + width - 1, y1, colour);
    this.rectangle(x1 - width + 1, y0, x1, y1, colour);
  }

  /** A filled circle; nothing for a radius below 1. */
  disc(x: number, y: number, radius: number, colour: Rgb): void {
    if (radius < 1) return;
    // Along a quarter of the circle, in steps of half pixels: whichever neighbour is closest to the curve.
    const diameter = 2 * radius;
    const distance = (px: number, py: number) => Math.abs(px * px + py * py - diameter * diameter);
    let [px, py] = [diameter, 0];
    for (let drawn = -1; ; ) {
      if (py !== drawn) {
        drawn = py;
        this.row(x - px / 2, y + py / 2, x + px / 2, colour);
        this.row(x - px / 2, y - py / 2, x + px / 2, colour);
      }
      if (px === 0 && py === diameter) return;
      let next: readonly [number, number] = [px, py + 2];
      if (px > 1)
        for (const candidate of [[px - 2, py + 2] as const, [px - 2, py] as const])
          if (distance(...candidate) < distance(...next)) next = candidate;
      [px, py] = next;
    }
  }

  /** @param width in pixels */
  line(x0: number, y0: number, x1: number, y1: number, colour: Rgb, width: number): void {
    const [dx, dy] = [x1 - x0, y1 - y0];
    if (width <= 1 || (dx === 0 && dy === 0)) {
      this.#thinLine(x0, y0, x1, y1, colour);
      return;
    }
    const half = (width - 1) / 2;
    const length = Math.hypot(dx, dy);
    const [less, more] = [roundDown(half) / length, roundUp(half) / length];
    const [left, right] = [roundDown(less * dy), roundUp(more * dy)];
    const [up, down] = [roundDown(less * dx), roundUp(more * dx)];
    const corners = [
      [x0 - left, y0 + down],
      [x1 - left, y1 + down],
      [x1 + right, y1 - up],
      [x0 + right, y0 - up],
    ] as const;
    this.#fill(edgesOf(corners), colour);
  }

  /** Bresenham's. */
  #thinLine(x0: number, y0: number, x1: number, y1: number, colour: Rgb): void {
    const [dx, dy] = [Math.abs(x1 - x0), Math.abs(y1 - y0)];
    const [stepX, stepY] = [Math.sign(x1 - x0), Math.sign(y1 - y0)];
    const [long, short] = dx > dy ? [dx, dy] : [dy, dx];
    let [x, y, error] = [x0, y0, 2 * short - long];
    for (let i = 0; i < long; i++) {
      this.row(x, y, x, colour);
      if (error >= 0 && short > 0) {
        if (dx > dy) y += stepY;
        else x += stepX;
        error -= 2 * long;
      }
      error += 2 * short;
      if (dx > dy) x += stepX;
      else y += stepY;
    }
    this.row(x1, y1, x1, colour);
  }

  /** Fills a polygon row by row, between the places where its sides cross the row. */
  #fill(edges: readonly Edge[], colour: Rgb): void {
    const last = Math.max(...edges.map(({ bottom }) => bottom));
    for (const { top, bottom, left, right } of edges) if (top === bottom) this.row(left, top, right, colour);
    for (let y = Math.min(...edges.map(({ top }) => top)); y <= last; y++) {
      const crossings: number[] = [];
      for (const { top, bottom, x, y: start, slope } of edges) {
        if (top === bottom || y < top || y > bottom) continue;
        const at = Math.fround((y - start) * slope + x);
        crossings.push(at);
        if (y === bottom && y < last) crossings.push(at);
      }
      crossings.sort((a, b) => a - b);
      for (let i = 1; i < crossings.length; i += 2)
        this.row(roundUp(crossings[i - 1] as number), y, roundDown(crossings[i] as number), colour);
    }
  }

  /** A line of text. @param scale pixels a dot of the font */
  text(x: number, y: number, text: string, colour: Rgb, scale: number): void {
    forEachDot(text, (column, line) => {
      const [left, top] = [x + column * scale, y + line * scale];
      this.rectangle(left, top, left + scale - 1, top + scale - 1, colour);
    });
  }

  /** Width and height of a line of text, in pixels. */
  static textSize(text: string, scale: number): { width: number; height: number } {
    const { width, height } = textDots(text);
    return { width: width * scale, height: height * scale };
  }
}

function edgesOf(corners: readonly (readonly [x: number, y: number])[]): Edge[] {
  return corners.map(([x, y], i) => {
    const [x2, y2] = corners[(i + 1) % corners.length] as readonly [number, number];
    const slope = y === y2 ? 0 : Math.fround((x2 - x) / (y2 - y));
    const [top, bottom, left, right] = [Math.min(y, y2), Math.max(y, y2), Math.min(x, x2), Math.max(x, x2)];
    return { top, bottom, left, right, x, y, slope };
  });
}
